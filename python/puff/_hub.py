"""The greenlet lane: synchronous Python, many tasks on one thread.

A :class:`Hub` takes what Go sends, a batch at a time, and hands each item to a greenlet. A
task that waits for Go parks its greenlet only. Greenlets are pooled: making one costs twenty
times what resuming one does. Each task has contextvars of its own, a copy of the hub's.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import _puff
from greenlet import GreenletExit, getcurrent, greenlet

from puff._task import Greenlet
from puff._wait import _local

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Hub"]

_IDLE = 1024  # greenlets kept for later; more than that end when their task does


class _Worker(greenlet):
    """A pooled greenlet. ``ticket`` is what Go calls its task by; 0: nothing of Go's."""

    ticket = 0


class Hub:
    """The lane of one thread; :meth:`run` is that thread's loop."""

    def __init__(self) -> None:
        self.lane, _ = _puff.lane()
        self.thread = threading.current_thread()
        self._greenlet = getcurrent()
        self._idle: list[_Worker] = []
        self._workers: set[_Worker] = set()
        self._ready: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._base = copy_context()
        self._stopping = False

    def run(self) -> None:
        """Runs tasks until Go says stop and all that began are over."""
        self._greenlet = getcurrent()
        self._base = copy_context()
        _local.hub = self
        idle, ready, lane, take = self._idle, self._ready, self.lane, _puff.take
        call, result, error = _puff.CALL, _puff.RESULT, _puff.ERROR
        try:
            while not self._stopping or len(idle) < len(self._workers) or ready:
                for kind, target, ticket, value in take(lane, 0 if ready else -1):
                    if kind == call:
                        worker = idle.pop() if idle else self._worker()
                        worker.switch(target, ticket, value)
                    elif kind == result:
                        target.switch(value)
                    elif kind == error:
                        target.throw(value)
                    else:
                        self._control(kind, ticket)
                for _ in range(len(ready)):
                    f, args = ready.popleft()
                    f(*args)
        finally:
            _local.hub = None
            _puff.close(lane)

    def _control(self, kind: int, ticket: int) -> None:
        if kind == _puff.STOP:
            self._stopping = True
        elif kind == _puff.CANCEL:
            for worker in self._workers:
                if worker.ticket == ticket:
                    worker.throw(GreenletExit)
                    return

    def _worker(self) -> _Worker:
        worker = _Worker(self._work, self._greenlet)
        self._workers.add(worker)
        return worker

    def _work(self, target: Callable[[int, Any], Any], ticket: int, value: Any) -> None:
        me: Any = getcurrent()
        idle, copy, switch = self._idle, self._base.copy, self._greenlet.switch
        try:
            while True:
                me.ticket = ticket
                try:
                    copy().run(target, ticket, value)
                except GreenletExit:
                    pass
                except BaseException:
                    sys.excepthook(*sys.exc_info())
                me.ticket = 0
                if len(idle) >= _IDLE:
                    return
                idle.append(me)
                target = value = None  # type: ignore[assignment]
                target, ticket, value = switch()
        finally:
            self._workers.discard(me)

    @property
    def size(self) -> int:
        """How many greenlets there are, those that are idle included."""
        return len(self._workers)

    def may_wait(self) -> bool:
        """Whether the caller is a greenlet that can leave the thread to others."""
        return getcurrent() is not self._greenlet

    def wait(self) -> Any:
        """Leaves the thread to others until somebody switches back here."""
        return self._greenlet.switch()

    def call(self, request: tuple[Any, ...]) -> Any:
        """Asks Go; only the calling greenlet waits."""
        ticket = _puff.call(self.lane, request, getcurrent())
        try:
            return self._greenlet.switch()
        except BaseException:
            # Either the answer itself, or somebody's throw: then nobody waits any more.
            _puff.cancel(ticket)
            raise

    def soon(self, f: Callable[..., Any], *args: Any) -> None:
        """Has the hub run f(*args) next; from its own thread."""
        self._ready.append((f, args))

    def soon_threadsafe(self, f: Callable[..., Any], *args: Any) -> None:
        """Has the hub run f(*args) next; from any thread."""
        self._ready.append((f, args))
        _puff.nudge(self.lane)

    def start(self, target: Callable[[int, Any], Any]) -> None:
        """Runs target(0, None) in a greenlet; from the hub itself."""
        worker = self._idle.pop() if self._idle else self._worker()
        worker.switch(target, 0, None)

    def spawn(self, f: Callable[..., Any], *args: Any, **kwargs: Any) -> Greenlet:
        """Starts f(*args, **kwargs) in a greenlet of its own and lets it run once."""
        handle = Greenlet(self)
        self._ready.append((self.start, (handle._task(f, args, kwargs),)))
        if self.may_wait():
            self._ready.append((getcurrent().switch, ()))
            self.wait()
        return handle
