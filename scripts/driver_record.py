"""Runs tests of unittest and writes what became of each: driver_record.py RESULTS NAME...

scripts/driver-tests has the Python it tests run this. RESULTS gets a JSON object of the names of
tests, each with a pair: how it ended and what it said. Of a test that ends more than once, in
subtests say, the worst counts.
"""

from __future__ import annotations

import json
import os
import sys
import unittest
from pathlib import Path
from typing import Any

ORDER = ["passed", "skipped", "failed", "error"]


class Recording(unittest.TextTestResult):
    """Keeps the outcomes of tests in ended."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.ended: dict[str, tuple[str, str]] = {}

    def _end(self, test: unittest.TestCase, outcome: str, said: str = "") -> None:
        before, _ = self.ended.get(test.id(), ("passed", ""))
        if ORDER.index(outcome) >= ORDER.index(before):
            self.ended[test.id()] = (outcome, said)

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self._end(test, "passed")

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self._end(test, "error", self.errors[-1][1])

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self._end(test, "failed", self.failures[-1][1])

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self._end(test, "skipped", reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addExpectedFailure(test, err)
        self._end(test, "passed")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        self._end(test, "failed", "it was expected to fail")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            failed = err[0] is not None and issubclass(err[0], test.failureException)
            kept = self.failures if failed else self.errors
            self._end(test, "failed" if failed else "error", kept[-1][1] if kept else str(err[1]))

    def write(self, results: str | Path) -> None:
        """Writes the file of results."""
        Path(results).write_text(json.dumps(self.ended))


def main() -> None:
    results, *names = sys.argv[1:]
    # As with -m unittest: the tests are in the folder this runs in.
    sys.path.insert(0, os.getcwd())
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    ran = unittest.TextTestRunner(resultclass=Recording, verbosity=2).run(suite)
    assert isinstance(ran, Recording)
    ran.write(results)


if __name__ == "__main__":
    main()
