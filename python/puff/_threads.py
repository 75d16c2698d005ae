"""The blocking pool: a bounded number of named threads for Python that blocks.

A thread is started when work comes and none is idle, up to the limit; beyond it work waits
its turn. Work runs in a copy of the caller's contextvars; Puff's functions block there.
"""

from __future__ import annotations

import _thread
import itertools
import threading
from collections import deque
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Pool", "pool", "start_thread"]

_STACK = 16 << 20  # bytes: deep recursion in C overruns the default of some systems
_stack_lock = _thread.allocate_lock()


def start_thread(target: Callable[..., Any], name: str, *args: Any) -> threading.Thread:
    """Starts a daemon thread whose stack is deep enough for Python."""
    thread = threading.Thread(target=target, name=name, args=args, daemon=True)
    with _stack_lock:
        before = threading.stack_size(_STACK)
        try:
            thread.start()
        finally:
            threading.stack_size(before)
    return thread


class Pool:
    """At most `limit` threads; those idle for `keep` seconds end."""

    def __init__(self, limit: int = 40, keep: float = 30.0, name: str = "puff-blocking") -> None:
        self.limit = limit
        self.keep = keep
        self._name = name
        self._work: deque[Callable[[], None]] = deque()
        self._change = threading.Condition(_thread.RLock())
        self._idle = 0
        self._threads = 0
        self._count = itertools.count(1)

    @property
    def threads(self) -> int:
        """How many threads there are."""
        return self._threads

    @property
    def waiting(self) -> int:
        """How much work waits for a thread."""
        return len(self._work)

    def submit(
        self,
        done: Callable[[Any, BaseException | None], None],
        f: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Runs f(*args, **kwargs) on a thread, then done(result, exception) there."""
        context = copy_context()

        def work() -> None:
            try:
                result = context.run(f, *args, **kwargs)
            except BaseException as e:
                done(None, e)
            else:
                done(result, None)

        with self._change:
            self._work.append(work)
            if self._idle >= len(self._work):
                self._change.notify()
                return
            if self._threads >= self.limit:
                return
            self._threads += 1
        start_thread(self._run, f"{self._name}-{next(self._count)}")

    def _run(self) -> None:
        while True:
            with self._change:
                while not self._work:
                    self._idle += 1
                    told = self._change.wait(self.keep)
                    self._idle -= 1
                    if not told and not self._work:
                        self._threads -= 1
                        return
                work = self._work.popleft()
            work()
            del work


pool = Pool()
