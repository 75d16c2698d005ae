"""Greenlet's own suite, by unittest: writes the outcome of each test to the file that is named."""

from __future__ import annotations

import json
import os
import sys
import unittest
from typing import Any, ClassVar

import greenlet.tests  # type: ignore[import-not-found]

ORDER = ["passed", "skipped", "failed", "error"]
METHODS = {
    "addSuccess": "passed",
    "addExpectedFailure": "passed",
    "addSkip": "skipped",
    "addFailure": "failed",
    "addUnexpectedSuccess": "failed",
    "addError": "error",
}


class Result(unittest.TextTestResult):
    """Notes the worst outcome of each test."""

    outcomes: ClassVar[dict[str, str]] = {}

    def put(self, test: unittest.TestCase, outcome: str) -> None:
        """Notes an outcome."""
        name = test.id()
        self.outcomes[name] = max(outcome, self.outcomes.get(name, "passed"), key=ORDER.index)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        """A part of a test that failed is a failure of the test."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.put(test, "failed")


def recording(method: str, outcome: str) -> Any:
    """A method of Result: the inherited one, which notes the outcome as well."""
    inherited = getattr(unittest.TextTestResult, method)

    def record(self: Result, test: unittest.TestCase, *details: Any) -> None:
        inherited(self, test, *details)
        self.put(test, outcome)

    return record


def main() -> int:
    for method, outcome in METHODS.items():
        setattr(Result, method, recording(method, outcome))
    folder = os.path.dirname(str(greenlet.tests.__file__))
    top = os.path.dirname(os.path.dirname(folder))
    suite = unittest.defaultTestLoader.discover(folder, top_level_dir=top)
    runner: Any = unittest.TextTestRunner
    done = runner(resultclass=Result, verbosity=2).run(suite)
    with open(sys.argv[1], "w") as f:
        json.dump(Result.outcomes, f)
    return 0 if done.wasSuccessful() else 2


if __name__ == "__main__":
    sys.exit(main())
