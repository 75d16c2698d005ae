"""Where messages from Go arrive: one inbox for each lane and service.

Go gives an inbox a batch of messages at a time; :meth:`Inbox._deliver` puts each into the
queues of those who have subscribed, and wakes who waits. Nothing of that asks Go. When a
queue is full that blocks, the rest of the batch waits, and Go with it.
"""

from __future__ import annotations

import _thread
import asyncio
import os
import weakref
from asyncio import _get_running_loop
from collections import deque
from typing import TYPE_CHECKING, Any

import _puff

from puff import _lanes, _wait
from puff._task import getcurrent
from puff._wait import _local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from puff._hub import Hub
    from puff._loop import LoopLane

__all__ = ["Inbox", "Mailbox", "Topic"]

Topic = tuple[bool, bytes]  # whether it is a pattern, its name

_inboxes: dict[tuple[int, int, str], Inbox] = {}
_lock = _thread.allocate_lock()


class Inbox:
    """What arrives in a lane for a service; :meth:`here` finds that of the caller's lane."""

    def __init__(self, lane: int, service: str, soon: Callable[[Callable[[], Any]], Any]) -> None:
        self.lane = lane
        self.handle = _puff.handle(self._deliver)
        self.service = service
        self._soon = soon  # has a function called in the lane's thread
        self._readers: dict[Topic, list[weakref.ref[Mailbox]]] = {}
        self._guard = _thread.allocate_lock()
        self._rest: Iterator[tuple[Mailbox, Any]] | None = None  # of the batch at hand
        self._first: tuple[Mailbox, Any] | None = None  # what of it found no room
        self._ticket = 0
        self._dropped = 0  # of the batch at hand: receivers had no room

    @classmethod
    def here(cls, service: str) -> Inbox:
        """The inbox of the caller's lane; a plain thread's is in a lane that others have."""
        hub, loop = _wait.hub_here(), _get_running_loop()
        if hub is None and loop is None:
            try:
                hub = _lanes.greenlet_lane()
            except ImportError:
                return cls._of_loop(_lanes.asyncio_lane(), service)
        if hub is not None:
            return cls._of(hub.lane, service, hub.soon_threadsafe)
        from puff._loop import LoopLane

        assert loop is not None
        return cls._of_loop(LoopLane.of(loop), service)

    @classmethod
    def _of_loop(cls, lane: LoopLane, service: str) -> Inbox:
        return cls._of(lane.lane, service, lane.loop.call_soon_threadsafe)

    @classmethod
    def _of(cls, lane: int, service: str, soon: Callable[[Callable[[], Any]], Any]) -> Inbox:
        key = (os.getpid(), lane, service)
        with _lock:
            inbox = _inboxes.get(key)
            # The number of a lane that has ended is given to the next one.
            if inbox is None or inbox._soon != soon:
                if inbox is not None:
                    _puff.release(inbox.handle)
                inbox = _inboxes[key] = cls(lane, service, soon)
        return inbox

    def add(self, topic: Topic, mailbox: Mailbox) -> None:
        """mailbox gets what comes by topic."""
        with self._guard:
            self._readers[topic] = [
                *(ref for ref in self._readers.get(topic, ()) if ref() is not None),
                weakref.ref(mailbox),
            ]

    def remove(self, topic: Topic, mailbox: Mailbox) -> None:
        """mailbox gets no more of it."""
        with self._guard:
            left = [r for r in self._readers.get(topic, ()) if r() not in (None, mailbox)]
            if left:
                self._readers[topic] = left
            else:
                self._readers.pop(topic, None)

    def _deliver(self, ticket: int, value: tuple[list[tuple[Any, ...]]]) -> None:
        self._ticket = ticket
        self._rest = self._pairs(value[0])
        self._pump()

    def _pairs(self, batch: list[tuple[Any, ...]]) -> Iterator[tuple[Mailbox, Any]]:
        for message in batch:
            pattern, epoch = message[0], message[4]
            topic = (False, message[1]) if pattern is None else (True, pattern)
            kind, made = None, None  # of the receiver before: as a rule all have the same
            for ref in self._readers.get(topic, ()):
                mailbox = ref()
                if mailbox is None:
                    continue
                if mailbox.epoch != epoch:
                    mailbox.epoch = epoch
                    yield mailbox, mailbox.kind(*message[:4], True)
                    continue
                if mailbox.kind is not kind:
                    kind = mailbox.kind
                    made = kind(*message[:4], False)
                yield mailbox, made

    def _pump(self) -> None:
        """Puts what has come where it belongs, as far as there is room."""
        rest, first = self._rest, self._first
        if rest is None:
            return
        self._first = None
        if first is not None and not self._put(*first):
            return
        for mailbox, message in rest:
            if not self._put(mailbox, message):
                return
        self._rest = None
        dropped, self._dropped = self._dropped, 0
        _puff.answer(self._ticket, dropped)

    def _put(self, mailbox: Mailbox, message: Any) -> bool:
        before = mailbox.dropped
        if not mailbox.put(message):
            self._first = (mailbox, message)
            return False
        self._dropped += mailbox.dropped - before
        return True

    def unblock(self) -> None:
        """There is room again in a queue that had none. From any thread."""
        self._soon(self._pump)


class Mailbox:
    """The queue of one receiver, with a limit; whoever takes from it may wait."""

    def __init__(self, kind: Callable[..., Any], size: int, drop: bool) -> None:
        self.kind = kind  # what is made of a message, one for all whose kind it is
        self.epoch: int | None = None
        self.dropped = 0
        self._size = size
        self._drop = drop
        self._queue: deque[Any] = deque()
        self._waiting: deque[_Turn] = deque()
        self._refused = False  # an inbox waits for room
        self._ended = False
        self._mutex = _thread.RLock()  # an object's end may come in the middle
        self.inbox: Inbox | None = None

    def put(self, message: Any) -> bool:
        """Gives a message to who waits first, or keeps it; False: there is no room."""
        with self._mutex:
            if self._waiting and self._give(message):
                return True
            if self._ended:
                return True
            if len(self._queue) >= self._size:
                if not self._drop:
                    self._refused = True
                    return False
                self._queue.popleft()
                self.dropped += 1
            self._queue.append(message)
        return True

    def _give(self, message: Any) -> bool:
        """Whether somebody waits who gets it. The caller holds the mutex.

        Nobody waits while there is something in the queue.
        """
        waiting = self._waiting
        while waiting:
            if waiting.popleft().come(message):
                return True
        return False

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
        if hub is not None and not hub.may_wait():
            hub = None
        if hub is None and _get_running_loop() is not None:
            return self._take_async()
        turn: _HubTurn | _ThreadTurn
        with self._mutex:
            if self._queue or self._ended:
                return self._first()
            turn = _ThreadTurn() if hub is None else _HubTurn(hub)
            self._waiting.append(turn)
        try:
            return turn.wait()
        except BaseException:
            self._give_up(turn)
            raise

    async def _take_async(self) -> Any:
        with self._mutex:
            if self._queue or self._ended:
                return self._first()
            turn = _LoopTurn()
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
            elif turn.message is not None and not self._give(turn.message):
                self._queue.appendleft(turn.message)

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


class _HubTurn(_Turn):
    __slots__ = ("_come", "_greenlet", "_hub", "_waits")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._greenlet = getcurrent()
        self._come = self._waits = False
        self.message = None

    def come(self, message: Any) -> bool:
        self.message, self._come = message, True
        if _local.hub is self._hub:
            self._hub.resume(self)
        else:
            self._hub.soon_threadsafe(self.switch, None)
        return True

    def switch(self, value: None) -> None:
        """Goes on, where it still waits: what the hub calls."""
        if self._waits:
            self._greenlet.switch()

    def wait(self) -> Any:
        """The message, once it has come."""
        self._waits = True
        try:
            while not self._come:
                self._hub.wait()
        finally:
            self._waits = False
        return self.message


class _LoopTurn(_Turn):
    __slots__ = ("_loop", "future")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self._loop.create_future()
        self.message = None

    def come(self, message: Any) -> bool:
        if _get_running_loop() is self._loop:
            if self.future.done():  # cancelled
                return False
            self.message = message
            self.future.set_result(message)
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
