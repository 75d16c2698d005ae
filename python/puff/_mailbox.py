"""The queue of one receiver: an inbox puts into it, and whoever takes from it may wait.

Nothing here is locked, since a lock costs as much as all the rest. Each step on a deque is
whole, and who has added to one of the two, messages and those who wait, looks at the other
afterwards: so one of the two sides always sees both. Who has taken something out of a deque
is the only one who has it.
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
_NOTHING = object()


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
        self._spare: Any = None  # of who waited last, and mostly is the next one
        self._refused = False  # an inbox waits for room
        self._ended = False
        self.inbox: Inbox | None = None

    def put(self, message: Any, here: Any = None) -> bool:
        """Gives a message to who waits first, or keeps it; False: there is no room.

        One thread at a time may put. here is what it runs, if that is a hub or an event loop:
        who waits in there needs no waking.
        """
        waiting, queue = self._waiting, self._queue
        try:
            while waiting and not queue:  # else who waits has yet to see what is first there
                if waiting.popleft().come(message, here):
                    return True
        except IndexError:
            pass  # they have left meanwhile
        if self._ended:
            return True
        if len(queue) >= self._size and not self._make_room():
            return False
        queue.append(message)
        if waiting:
            self._match()
        return True

    def _make_room(self) -> bool:
        if not self._drop:
            self._refused = True
            return len(self._queue) < self._size  # who took one just now has not seen that
        if self._first() is not _NOTHING:
            self.dropped += 1
            if self.inbox is not None:
                self.inbox.dropped += 1
        return True

    def end(self) -> None:
        """Nobody gets anything any more."""
        self._ended = True
        self._match()
        self._unblock()

    def take(self) -> Any:
        """The next message, None after the end; the caller waits for it as it is used to."""
        hub = _local.hub
        if hub is None or (me := getcurrent()) is hub.main:
            loop = _get_running_loop()
            return self._take_thread() if loop is None else self._take_async(loop)
        if self._queue and (message := self._first()) is not _NOTHING:
            return message
        turn, self._spare = self._spare, None
        if turn is None or turn.who is not me:
            turn = _HubTurn(hub, me)
        self._waiting.append(turn)
        if self._queue or self._ended:
            self._match()  # for what came meanwhile
        try:
            hub.successor().switch()
        except BaseException:
            self._give_up(turn)
            raise
        self._spare = turn
        return turn.slot.pop()

    def _take_thread(self) -> Any:
        turn = _ThreadTurn()
        self._waiting.append(turn)
        if self._queue or self._ended:
            self._match()
        try:
            turn.lock.acquire()
        except BaseException:
            self._give_up(turn)
            raise
        return turn.slot.pop()

    async def _take_async(self, loop: asyncio.AbstractEventLoop) -> Any:
        if self._queue and (message := self._first()) is not _NOTHING:
            return message
        turn, self._spare = self._spare, None
        if turn is None or turn.who is not loop:
            turn = _LoopTurn(loop)
        turn.future = loop.create_future()
        self._waiting.append(turn)
        if self._queue or self._ended:
            self._match()
        try:
            message = await turn.future
        except BaseException:
            self._give_up(turn)
            raise
        del turn.future  # which has the message
        self._spare = turn
        return message

    def _first(self) -> Any:
        try:
            message = self._queue.popleft()
        except IndexError:
            return _NOTHING
        if self._refused:
            self._unblock()
        return message

    def _match(self) -> None:
        """Brings those together who wait and what there is for them."""
        waiting = self._waiting
        while waiting and (self._queue or self._ended):
            try:
                turn = waiting.popleft()
            except IndexError:
                return
            message = self._first()
            if message is _NOTHING:
                if self._ended:
                    turn.come(None, None)
                else:
                    waiting.appendleft(turn)
            elif not turn.come(message, None):
                self._queue.appendleft(message)

    def _give_up(self, turn: _Turn) -> None:
        try:
            self._waiting.remove(turn)
        except ValueError:
            message = turn.recall()
            if message is not None:
                self._queue.appendleft(message)
                self._match()

    def _unblock(self) -> None:
        refused, self._refused = self._refused, False
        if refused and self.inbox is not None:
            self.inbox.unblock()


class _Turn:
    """Somebody who waits for a message."""

    __slots__ = ("over", "slot", "who")

    def __init__(self, who: Any = None) -> None:
        self.who = who
        self.over = False  # it never goes on
        self.slot: list[Any] = []  # what it got, as long as it has not gone on with it

    def come(self, message: Any, here: Any) -> bool:
        """Has it go on with a message; False: it never will. here is as for Mailbox.put."""
        if self.over:
            return False
        self.slot.append(message)
        self._wake()
        return not self.over or self._back() is None

    def _wake(self) -> None:
        raise NotImplementedError

    def recall(self) -> Any:
        """Gives up, and back what has come; None: nothing, or it is somebody's already."""
        self.over = True
        return self._back()

    def _back(self) -> Any:
        try:
            return self.slot.pop()
        except IndexError:
            return None


class _HubTurn(_Turn):
    """A greenlet that has left the thread to its hub."""

    __slots__ = ("_add", "_hub", "_item")

    def __init__(self, hub: Hub, greenlet: Any) -> None:
        super().__init__(greenlet)
        self._hub = hub
        self._add = hub.add
        self._item = (_RESULT, greenlet, next(_tickets), None)

    def come(self, message: Any, here: Any) -> bool:
        if here is not self._hub or self.over:
            return super().come(message, here)
        self.slot.append(message)
        self._add(self._item)
        return True

    def _wake(self) -> None:
        self._add(self._item)
        self._hub.nudge()

    def recall(self) -> Any:
        self._hub.forget(self._item[2])
        return super().recall()


class _LoopTurn(_Turn):
    """A task of an event loop, which waits for the future."""

    __slots__ = ("future",)

    future: asyncio.Future[Any]

    def come(self, message: Any, here: Any) -> bool:
        if here is not self.who or self.over:
            return super().come(message, here)
        try:
            self.future.set_result(message)
        except asyncio.InvalidStateError:  # cancelled
            return False
        return True

    def _wake(self) -> None:
        try:
            self.who.call_soon_threadsafe(self._done)
        except RuntimeError:  # the loop is closed
            self.over = True

    def _done(self) -> None:
        if self.slot and not self.future.done():
            self.future.set_result(self.slot.pop())

    def recall(self) -> Any:
        message, future = super().recall(), self.future
        if message is None and future.done() and not future.cancelled():
            return future.result()
        return message


class _ThreadTurn(_Turn):
    """A thread that does nothing else."""

    __slots__ = ("lock",)

    def __init__(self) -> None:
        super().__init__()
        self.lock = _thread.allocate_lock()
        self.lock.acquire()

    def _wake(self) -> None:
        self.lock.release()
