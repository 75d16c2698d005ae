"""The queue of one receiver: an inbox puts into it, and whoever takes from it may wait.

Who waits gets its message with the wake, and looks for nothing.
"""

from __future__ import annotations

import _thread
import asyncio
import itertools
from asyncio import _get_running_loop
from collections import deque
from typing import TYPE_CHECKING, Any

import _puff

from puff._task import getcurrent
from puff._wait import _local

if TYPE_CHECKING:
    from collections.abc import Callable

    from puff._hub import Hub
    from puff._inbox import Inbox

__all__ = ["Mailbox"]

_RESULT = _puff.RESULT
_tickets = itertools.count(-2, -1)  # Go's are positive


class Mailbox:
    """The queue of one receiver, with a limit."""

    def __init__(self, kind: Callable[..., Any], size: int, drop: bool) -> None:
        self.kind = kind  # what is made of a message, one for all whose kind it is
        self.epoch: int | None = None
        self.dropped = 0
        self._size = size
        self._drop = drop
        self._queue: deque[Any] = deque()
        self._waiting: deque[_Turn] = deque()
        self._spare: _HubTurn | None = None  # of who waited last, and mostly is the next one
        self._refused = False  # an inbox waits for room
        self._ended = False
        self._mutex = _thread.RLock()  # an object's end may come in the middle
        self.inbox: Inbox | None = None

    def put(self, message: Any) -> bool:
        """Gives a message to who waits first, or keeps it; False: there is no room."""
        with self._mutex:
            # Nobody waits while there is something in the queue.
            waiting = self._waiting
            while waiting:
                if waiting.popleft().come(message):
                    return True
            if self._ended:
                return True
            if len(self._queue) >= self._size:
                if not self._drop:
                    self._refused = True
                    return False
                self._queue.popleft()
                self.dropped += 1
                if self.inbox is not None:
                    self.inbox.dropped += 1
            self._queue.append(message)
        return True

    def end(self) -> None:
        """Nobody gets anything any more."""
        with self._mutex:
            self._ended = True
            turns, self._waiting = list(self._waiting), deque()
        for turn in turns:
            turn.come(None)
        self._unblock()

    def take(self) -> Any:
        """The next message, None after the end; the caller waits for it as it is used to."""
        hub = _local.hub
        if hub is None or (me := getcurrent()) is hub.main:
            loop = _get_running_loop()
            return self._take_thread() if loop is None else self._take_async(loop)
        # In this one frame, since a switch of greenlets costs more with each.
        with self._mutex:
            if self._queue or self._ended:
                return self._first()
            turn, self._spare = self._spare, None
            if turn is None or turn.greenlet is not me:
                turn = _HubTurn(hub, me)
            self._waiting.append(turn)
        try:
            message = hub.wait()
        except BaseException:
            self._give_up(turn)
            raise
        turn.message = None
        self._spare = turn
        return message

    def _take_thread(self) -> Any:
        with self._mutex:
            if self._queue or self._ended:
                return self._first()
            turn = _ThreadTurn()
            self._waiting.append(turn)
        try:
            return turn.wait()
        except BaseException:
            self._give_up(turn)
            raise

    async def _take_async(self, loop: asyncio.AbstractEventLoop) -> Any:
        with self._mutex:
            if self._queue or self._ended:
                return self._first()
            turn = _LoopTurn(loop)
            self._waiting.append(turn)
        try:
            return await turn.future
        except BaseException:
            self._give_up(turn)
            raise

    def _first(self) -> Any:
        """What is first in the queue. The caller holds the mutex."""
        message = self._queue.popleft() if self._queue else None
        if self._refused:
            self._unblock()
        return message

    def _give_up(self, turn: _Turn) -> None:
        with self._mutex:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return
            turn.recall()
            message, waiting = turn.message, self._waiting
            if message is None:
                return
            while waiting:
                if waiting.popleft().come(message):
                    return
            self._queue.appendleft(message)

    def _unblock(self) -> None:
        refused, self._refused = self._refused, False
        if refused and self.inbox is not None:
            self.inbox.unblock()


class _Turn:
    """Somebody who waits for a message."""

    __slots__ = ("message",)

    def __init__(self) -> None:
        self.message: Any = None  # what it got, as long as it has not gone on with it

    def come(self, message: Any) -> bool:
        """Has it go on with a message; False: it never will. From any thread."""
        raise NotImplementedError

    def recall(self) -> None:
        """What came is not for it any more."""


class _HubTurn(_Turn):
    """A greenlet in its hub's wait, which the message comes out of."""

    __slots__ = ("_add", "_hub", "_ticket", "greenlet")

    def __init__(self, hub: Hub, greenlet: Any) -> None:
        self.greenlet = greenlet
        self.message = None
        self._hub = hub
        self._add = hub.add
        self._ticket = next(_tickets)

    def come(self, message: Any) -> bool:
        self.message = message
        self._add((_RESULT, self.greenlet, self._ticket, message))
        if _local.hub is not self._hub:
            self._hub.nudge()
        return True

    def recall(self) -> None:
        self._hub.forget(self._ticket)


class _LoopTurn(_Turn):
    __slots__ = ("_loop", "future")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.message = None

    def come(self, message: Any) -> bool:
        if _get_running_loop() is self._loop:
            try:
                self.future.set_result(message)
            except asyncio.InvalidStateError:  # cancelled
                return False
            self.message = message
            return True
        if self._loop.is_closed():
            return False
        self.message = message
        self._loop.call_soon_threadsafe(self._done)
        return True

    def _done(self) -> None:
        if not self.future.done():
            self.future.set_result(self.message)


class _ThreadTurn(_Turn):
    __slots__ = ("_lock",)

    def __init__(self) -> None:
        super().__init__()
        self._lock = _thread.allocate_lock()
        self._lock.acquire()

    def come(self, message: Any) -> bool:
        self.message = message
        self._lock.release()
        return True

    def wait(self) -> Any:
        """The message, once it has come."""
        self._lock.acquire()
        return self.message
