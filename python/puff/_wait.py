"""One way to ask Go, for every kind of caller.

:func:`call` is synchronous in a greenlet (only the greenlet waits), gives an awaitable under
asyncio, and blocks the thread anywhere else. It decides by where it is called, so there is
one name for all three.
"""

from __future__ import annotations

import os
import threading
from asyncio import _get_running_loop
from typing import TYPE_CHECKING, Any

import _puff

from puff._loop import LoopLane, _lanes

if TYPE_CHECKING:
    from collections.abc import Callable

    from puff._hub import Hub

__all__ = ["ask", "call", "hub_here", "in_greenlet", "mode", "post"]


class _Local(threading.local):
    hub: Hub | None = None
    lane: ThreadLane | None = None
    bridge: Callable[[tuple[Any, ...]], Any] | None = None


_local = _Local()


class ThreadLane:
    """The lane of a plain thread: it takes only while the thread waits for an answer."""

    pid = 0  # of the process that opened it: nobody's yet

    def __init__(self) -> None:
        self.lane, _ = _puff.lane()
        self.pid = os.getpid()
        self.taking = False

    # At the end of Python modules are emptied before threads' locals are.
    def __del__(self, close: Any = _puff.close, getpid: Any = os.getpid) -> None:
        if getpid() == self.pid:
            close(self.lane)

    def call(self, request: tuple[Any, ...]) -> Any:
        """Asks Go and blocks this thread until the answer is there."""
        if self.taking:  # by a signal handler, or an object's end, in the middle of a call
            return ThreadLane().call(request)
        mine = _Answer()
        return self._wait(_puff.call(self.lane, request, mine), mine)

    def ask(self, request: tuple[Any, ...]) -> Any:
        """call, for what this thread may do itself."""
        if self.taking:
            return self.call(request)
        mine = _Answer()
        got = _puff.ask(self.lane, request, mine)
        if isinstance(got, tuple):
            if got[0] == _puff.ERROR:
                raise got[1]
            return got[1]
        return self.call(request) if got is None else self._wait(got, mine)

    def _wait(self, ticket: int, mine: _Answer) -> Any:
        try:
            self.taking = True
            while not mine.done:
                for kind, target, _, value in _puff.take(self.lane, -1):
                    target.give(kind, value)
        except BaseException:
            _puff.cancel(ticket)
            raise
        finally:
            self.taking = False
        if mine.error is not None:
            raise mine.error
        return mine.value


class _Answer:
    __slots__ = ("done", "error", "value")

    def __init__(self) -> None:
        self.done = False
        self.value: Any = None
        self.error: BaseException | None = None

    def give(self, kind: int, value: Any) -> None:
        self.done = True
        if kind == _puff.ERROR:
            self.error = value
        else:
            self.value = value


def bridge() -> Callable[[tuple[Any, ...]], Any] | None:
    """What asks Go for synchronous code that puff._bridge runs under asyncio, if it does."""
    return _local.bridge


def hub_here() -> Hub | None:
    """The hub of this thread, whoever asks."""
    return _local.hub


def in_greenlet() -> Hub | None:
    """The hub that the caller, being one of its greenlets, may wait in; or None."""
    hub = _local.hub
    return hub if hub is not None and hub.may_wait() else None


def mode() -> str:
    """``"greenlet"``, ``"asyncio"`` or ``"thread"``: how a call made here waits."""
    if in_greenlet() is not None:
        return "greenlet"
    return "asyncio" if _get_running_loop() is not None else "thread"


def ask(name: str, *args: Any) -> Any:
    """call, for what the thread that asks may do itself while nobody else has to wait."""
    hub = _local.hub
    if hub is not None and hub.may_wait():
        return hub.ask((name, *args))
    loop = _get_running_loop()
    if loop is not None:
        from puff._loop import LoopLane

        return LoopLane.of(loop).call((name, *args))
    lane = _local.lane
    if lane is None or lane.pid != os.getpid():
        lane = _local.lane = ThreadLane()
    return lane.ask((name, *args))


def call(name: str, *args: Any, wrap: Callable[[Any], Any] | None = None) -> Any:
    """Go's answer to name(*args), or under asyncio an awaitable of it; wrap maps the answer.

    With wrap the awaitable is a coroutine, which asks Go when it is started: a task of one
    that is cancelled before leaves nothing behind.
    """
    hub = _local.hub
    if hub is not None and hub.may_wait():
        value = hub.call((name, *args))
        return value if wrap is None else wrap(value)
    loop = _get_running_loop()
    if loop is not None:
        loop_lane = _lanes.get(loop) or LoopLane.of(loop)
        if wrap is None:
            return loop_lane.call((name, *args))
        return _wrapped(loop_lane, (name, *args), wrap)
    lane = _local.lane
    if lane is None or lane.pid != os.getpid():
        lane = _local.lane = ThreadLane()
    value = lane.call((name, *args))
    return value if wrap is None else wrap(value)


async def _wrapped(lane: LoopLane, request: tuple[Any, ...], wrap: Callable[[Any], Any]) -> Any:
    return wrap(await lane.call(request))


class _Nobody:
    """Who gets an answer that is of no use."""

    def switch(self, value: Any) -> None:
        """An answer, in a hub or a loop."""

    def throw(self, error: BaseException) -> None:
        """An error, in a hub or a loop."""

    def give(self, kind: int, value: Any) -> None:
        """Either, in a thread."""


def post(name: str, *args: Any) -> None:
    """Has Go do name(*args) and waits for nothing; for ends of objects, wherever they come."""
    hub, loop = _local.hub, _get_running_loop()
    if hub is not None:
        lane = hub.lane
    elif loop is not None:
        lane = LoopLane.of(loop).lane
    else:
        mine = _local.lane
        if mine is None or mine.pid != os.getpid():
            mine = _local.lane = ThreadLane()
        lane = mine.lane
    _puff.call(lane, (name, *args), _Nobody())
    _puff.wake()
