"""The asyncio lane: what an event loop takes from Go.

Any running loop gets a lane when it first talks to Go; the loop is woken once per batch.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import _puff

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

__all__ = ["LoopLane", "new_event_loop", "start_task"]

_lanes: dict[asyncio.AbstractEventLoop, LoopLane] = {}


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop of uvloop's where that is installed, else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


if sys.version_info >= (3, 12):

    def start_task(
        coro: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Task[Any]:
        """A task that has run up to its first wait; one that never waits is done."""
        return asyncio.Task(coro, loop=loop, eager_start=True)

else:

    def start_task(
        coro: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Task[Any]:
        """A task that runs in the loop's next turn."""
        return asyncio.Task(coro, loop=loop)


class LoopLane:
    """The lane of an event loop; its methods are for the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.lane, self._fd = _puff.lane()
        self.loop = loop
        self.tasks: dict[int, asyncio.Task[Any]] = {}
        self.stopped: asyncio.Future[None] = loop.create_future()
        self.held = False  # not parked before the loop's next turn: it has much to do
        self._items: Iterator[tuple[int, Any, int, Any]] | None = None  # of the batch at hand
        loop.add_reader(self._fd, self._drain)
        loop.call_soon(self._drain)

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> LoopLane:
        """The loop's lane, made when first asked for."""
        lane = _lanes.get(loop)
        if lane is None:
            for other in [lane for lane in _lanes.values() if lane.loop.is_closed()]:
                other.close()
            lane = _lanes[loop] = LoopLane(loop)
        return lane

    def close(self) -> None:
        """Takes nothing any more."""
        if not self.loop.is_closed():
            self.loop.remove_reader(self._fd)
        _lanes.pop(self.loop, None)
        _puff.close(self.lane)

    def call(self, request: tuple[Any, ...]) -> asyncio.Future[Any]:
        """Asks Go; cancelling the future tells Go that nobody waits."""
        answer = _Answer(loop=self.loop)
        answer.ticket = _puff.call(self.lane, request, answer)
        return answer

    def _drain(self) -> None:
        lane = self.lane
        call, result = _puff.CALL, _puff.RESULT
        idle, answers = False, 0
        try:
            if self._items is None:
                self._items = iter(_puff.take(lane, 0))
            for kind, target, ticket, value in self._items:
                if kind == call:
                    target(ticket, value)
                elif kind == result:
                    answers += 1
                    target.switch(value)
                else:
                    self._control(kind, target, ticket, value)
            self._items = None
            # Who got an answer runs in the loop's next turn, and what several ask then is
            # one batch if the lane is not parked before.
            idle = answers < 2 and not self.held and _puff.park(lane)
            self.held = False
        finally:
            # Also when a signal handler of the program's raised: the rest of the batch is
            # not lost with it.
            if not idle and _lanes.get(self.loop) is self:
                self.loop.call_soon(self._drain)

    def _control(self, kind: int, target: Any, ticket: int, value: Any) -> None:
        if kind == _puff.ERROR:
            target.throw(value)
        elif kind == _puff.CANCEL:
            task = self.tasks.get(ticket)
            if task is not None:
                task.cancel()
        elif kind == _puff.STOP and not self.stopped.done():
            self.stopped.set_result(None)


class _Answer(asyncio.Future[Any]):
    """What an answer of Go's is given to; cancelling it tells Go."""

    __slots__ = ("ticket",)

    ticket: int

    def switch(self, value: Any) -> None:
        if not self.done():
            self.set_result(value)

    def throw(self, error: BaseException) -> None:
        if self.done():
            return
        if isinstance(error, asyncio.CancelledError):
            super().cancel(str(error))
        elif isinstance(error, StopIteration):
            self.set_exception(RuntimeError(str(error)))
        else:
            self.set_exception(error)

    def cancel(self, msg: Any = None) -> bool:
        cancelled = super().cancel(msg)
        if cancelled:
            _puff.cancel(self.ticket)
        return cancelled
