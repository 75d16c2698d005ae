"""CPython's own tests of locks and locals, in a thread and in a greenlet; runs inside Puff."""

from __future__ import annotations

import threading
import unittest
from typing import Any

import puff
import pytest

lock_tests: Any = pytest.importorskip("test.lock_tests")
local_tests: Any = pytest.importorskip("test.test_threading_local")

SUITES = {
    "Lock": (lock_tests.LockTests, "locktype"),
    "RLock": (lock_tests.RLockTests, "locktype"),
    "Event": (lock_tests.EventTests, "eventtype"),
    "Condition": (lock_tests.ConditionTests, "condtype"),
    "Semaphore": (lock_tests.SemaphoreTests, "semtype"),
    "BoundedSemaphore": (lock_tests.BoundedSemaphoreTests, "semtype"),
    "Barrier": (lock_tests.BarrierTests, "barriertype"),
    "local": (local_tests.BaseLocalTest, "_local"),
}
# A local that is in a ring with what it holds goes with its task, not before.
NOT_IN_TASKS = "test_cycle_collection"
# Those measure time, and want it short.
MEASURES = "timeout"


pytestmark = pytest.mark.usefixtures("patched")


@pytest.mark.parametrize("where", ["thread", "greenlet"])
@pytest.mark.parametrize("name", SUITES)
def test_suite(name: str, where: str) -> None:
    base, attribute = SUITES[name]
    bases = (base,) if issubclass(base, unittest.TestCase) else (base, unittest.TestCase)
    kind = type(name, bases, {attribute: staticmethod(getattr(threading, name))})
    suite: Any = unittest.defaultTestLoader.loadTestsFromTestCase(kind)
    left_out = [MEASURES] if where == "thread" else [MEASURES, NOT_IN_TASKS]
    tests = [t for t in suite if not any(word in t.id() for word in left_out)]
    result = unittest.TestResult()

    def run() -> None:
        unittest.TestSuite(tests).run(result)

    if where == "thread":
        run()
    else:
        puff.spawn(run).join()
    assert result.testsRun > 3
    assert [trace for _, trace in result.errors + result.failures] == []
