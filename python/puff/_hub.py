"""The greenlet lane: synchronous Python, many tasks on one thread.

A :class:`Hub` takes what Go sends, a batch at a time. One of its greenlets, the *runner*, is
in charge of the loop and runs each task itself: a task that never waits costs no switch of
greenlets. When a task waits, its greenlet leaves the loop to another one from the pool; when
it goes on later and ends, it finds a runner in charge and joins the pool.

Each task has contextvars of its own, a copy of the hub's.
"""

from __future__ import annotations

import sys
import threading
from contextvars import copy_context
from operator import length_hint
from typing import TYPE_CHECKING, Any

import _puff
from greenlet import GreenletExit, getcurrent, greenlet

from puff._task import Greenlet
from puff._wait import _local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Item = tuple[int, Any, int, Any]  # as _puff.take has it

__all__ = ["Hub"]

_IDLE = 1024  # greenlets kept for later; more than that end when their task does
_SOON = -1  # a kind of our own: call target(*value)


class _Worker(greenlet):
    """A pooled greenlet. ``ticket`` is what Go calls its task by; 0: nothing of Go's."""

    ticket = 0
    locals: Any = None  # the task's, see puff._locks


class Hub:
    """The lane of one thread; :meth:`run` is that thread's loop."""

    def __init__(self) -> None:
        self.lane, _ = _puff.lane()
        self.thread = threading.current_thread()
        self.main: Any = None  # the greenlet that called run, which can not wait
        self._runner: Any = None
        self._in_task = False  # the runner is inside a task: the loop is unattended
        self._items: Iterator[Item] = iter(())  # of the batch at hand; any runner goes on
        self._ready: list[Item] = []
        self.add = self._ready.append  # what to do next, from any thread; another's nudges after
        self._idle: list[_Worker] = []
        self._workers: set[_Worker] = set()
        self._base = copy_context()
        self._late: set[int] = set()  # answers in the batch at hand that nobody waits for
        self._thrown = 0  # whose error is on its way to who waits for it
        self._stopping = False
        self._over = False

    def run(self) -> None:
        """Runs tasks until Go says stop and all that began are over."""
        self.main = getcurrent()
        self._base = copy_context()
        _local.hub = self
        try:
            while not self._over:
                # Greenlets begin here, where the stack is shallow: one that began inside
                # a task would have that task's stack below its own.
                self._runner = _Worker(self._loop, self.main)
                self._workers.add(self._runner)
                self._runner.switch()
        finally:
            _local.hub = None
            _puff.close(self.lane)

    def _loop(self) -> None:
        me: Any = getcurrent()
        copy, late = self._base.copy, self._late
        call, result, error = _puff.CALL, _puff.RESULT, _puff.ERROR
        try:
            while True:
                for kind, target, ticket, value in self._items:
                    if kind == call:
                        me.ticket = ticket
                        self._in_task = True
                        try:
                            me.gr_context = copy()
                            target(ticket, value)
                        except GreenletExit:
                            pass
                        except BaseException:
                            sys.excepthook(*sys.exc_info())
                        me.ticket = 0
                        me.locals = None
                        if self._runner is not me:
                            target = value = None
                            if not self._park(me):
                                return
                            break  # to the batch that is at hand now
                        self._in_task = False
                    elif late and ticket in late:
                        late.discard(ticket)
                    elif kind == result:
                        target.switch(value)
                    elif kind == error:
                        self._thrown = ticket
                        target.throw(value)
                    else:
                        self._control(kind, target, ticket, value)
                else:
                    me.gr_context = None  # nothing is kept of the last task while we sleep
                    if not self._more():
                        self._over = True
                        return
        finally:
            self._workers.discard(me)

    def _more(self) -> bool:
        """Fetches the next batch; False: Go said stop, and no task is left."""
        ready = self._ready
        if ready:
            # Those from other threads may come in between, behind what is there now.
            batch = ready[:]
            del ready[: len(batch)]
            batch.extend(_puff.take(self.lane, 0))
            self._items = iter(batch)
            return True
        if self._stopping and len(self._workers) - len(self._idle) == 1:
            return False
        try:
            self._items = iter(_puff.take(self.lane, -1))
        except Exception:  # of a signal handler of the program's: no task is at fault
            sys.excepthook(*sys.exc_info())
        return True

    def _park(self, me: _Worker) -> bool:
        """Waits in the pool; True: me is the runner now. False: the pool is full."""
        if len(self._idle) >= _IDLE:
            me.parent = self._runner  # who gets the thread when me ends
            return False
        me.gr_context = None
        self._idle.append(me)
        self._runner.switch()
        return True

    def _control(self, kind: int, target: Any, ticket: int, value: Any) -> None:
        if kind == _SOON:
            target(*value)
        elif kind == _puff.STOP:
            self._stopping = True
        elif kind == _puff.CANCEL:
            for worker in self._workers:
                if worker.ticket == ticket:
                    worker.throw(GreenletExit)
                    return

    @property
    def size(self) -> int:
        """How many greenlets there are, those that are idle included."""
        return len(self._workers)

    def may_wait(self) -> bool:
        """Whether the caller is a greenlet that can leave the thread to others."""
        return getcurrent() is not self.main

    def between_tasks(self) -> bool:
        """Whether the caller is the hub's own loop, which waits for work or is about to."""
        return getcurrent() is self._runner and not self._in_task

    def wait(self) -> Any:
        """Leaves the thread to others until somebody switches back here."""
        return self.successor().switch()

    def successor(self) -> Any:
        """The greenlet to switch to now, to leave the thread to others.

        Who waits switches to it by itself, since a switch costs more with each frame.
        """
        if self._in_task:
            # The loop is unattended: its runner is inside the task that waits.
            self._in_task = False
            if not self._idle:
                return self.main  # which makes another
            self._runner = self._idle.pop()
        return self._runner

    def call(self, request: tuple[Any, ...]) -> Any:
        """Asks Go; only the calling greenlet waits."""
        return self._answer(_puff.call(self.lane, request, getcurrent()))

    def ask(self, request: tuple[Any, ...]) -> Any:
        """call, for what this thread may do itself: while no other task has to wait."""
        if self._ready or length_hint(self._items):
            return self.call(request)
        got = _puff.ask(self.lane, request, getcurrent())
        if isinstance(got, tuple):
            if got[0] == _puff.ERROR:
                raise got[1]
            return got[1]
        return self.call(request) if got is None else self._answer(got)

    def _answer(self, ticket: int) -> Any:
        try:
            return self.successor().switch()
        except BaseException:
            # Either the answer itself, or somebody's throw: then nobody waits any more. An
            # answer that is in the batch at hand would reach the greenlet in its next task.
            if not _puff.cancel(ticket) and ticket != self._thrown:
                self._late.add(ticket)
            raise

    def soon(self, f: Callable[..., Any], *args: Any) -> None:
        """Has the runner call f(*args) next; f switches to a greenlet, or returns at once.

        From the hub's own thread.
        """
        self._ready.append((_SOON, f, 0, args))

    def forget(self, ticket: int) -> None:
        """What was added under a ticket and is not done is not to be; from the hub's thread."""
        self._late.add(ticket)

    def nudge(self) -> None:
        """Has the hub look what there is to do; from any thread."""
        _puff.nudge(self.lane)

    def soon_threadsafe(self, f: Callable[..., Any], *args: Any) -> None:
        """soon, from any thread."""
        self._ready.append((_SOON, f, 0, args))
        _puff.nudge(self.lane)

    def start(self, target: Callable[[int, Any], Any]) -> None:
        """Has target(0, None) run as a task next; from the hub's own thread."""
        self._ready.append((_puff.CALL, target, 0, None))

    def start_threadsafe(self, target: Callable[[int, Any], Any]) -> None:
        """start, from any thread."""
        self._ready.append((_puff.CALL, target, 0, None))
        _puff.nudge(self.lane)

    def spawn(self, f: Callable[..., Any], *args: Any, **kwargs: Any) -> Greenlet:
        """Starts f(*args, **kwargs) in a greenlet of its own and lets it run once."""
        handle = Greenlet(self)
        self.start(handle._task(f, args, kwargs))
        if self.may_wait():
            me, waiting = getcurrent(), True
            self.soon(lambda: me.switch() if waiting else None)
            try:
                self.wait()
            finally:
                waiting = False
        return handle
