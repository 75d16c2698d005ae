"""Where messages from Go arrive: one inbox for each lane and service.

Go gives an inbox a batch of messages at a time; :meth:`Inbox._deliver` puts each into the
queues of those who have subscribed, and wakes who waits. Nothing of that asks Go. When a
queue is full that blocks, the rest of the batch waits, and Go with it.
"""

from __future__ import annotations

import _thread
import os
import weakref
from asyncio import _get_running_loop
from typing import TYPE_CHECKING, Any

import _puff

from puff import _lanes, _wait
from puff._loop import LoopLane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from puff._hub import Hub
    from puff._mailbox import Mailbox

__all__ = ["Inbox", "Topic"]

Topic = tuple[bool, bytes]  # whether it is a pattern, its name

_inboxes: dict[tuple[int, int, str], Inbox] = {}
_lock = _thread.allocate_lock()


class Inbox:
    """What arrives in a lane for a service; :meth:`here` finds that of the caller's lane."""

    def __init__(
        self, of: Hub | LoopLane, service: str, soon: Callable[[Callable[[], Any]], Any]
    ) -> None:
        self.lane = of.lane
        self._loop = of if isinstance(of, LoopLane) else None
        self._here = of.loop if isinstance(of, LoopLane) else of  # what delivers
        self.handle = _puff.handle(self._deliver)
        self.service = service
        self._soon = soon  # has a function called in the lane's thread
        self._readers: dict[Topic, list[weakref.ref[Mailbox]]] = {}
        self._guard = _thread.allocate_lock()
        self.dropped = 0  # of the batch at hand: receivers had no room
        # Of the batch at hand: the messages after the one at hand, those whom that is for and
        # have not got it, and who of them had no room.
        self._batch: Iterator[tuple[Any, ...]] | None = None
        self._message: tuple[Any, ...] = ()
        self._refs: Iterator[weakref.ref[Mailbox]] = iter(())
        self._full: tuple[Mailbox, Any] | None = None
        self._ticket = 0

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
            return cls._of(hub, service, hub.soon_threadsafe)
        assert loop is not None
        return cls._of_loop(LoopLane.of(loop), service)

    @classmethod
    def _of_loop(cls, lane: LoopLane, service: str) -> Inbox:
        return cls._of(lane, service, lane.loop.call_soon_threadsafe)

    @classmethod
    def _of(
        cls, of: Hub | LoopLane, service: str, soon: Callable[[Callable[[], Any]], Any]
    ) -> Inbox:
        key = (os.getpid(), of.lane, service)
        with _lock:
            inbox = _inboxes.get(key)
            # The number of a lane that has ended is given to the next one.
            if inbox is None or inbox._soon != soon:
                if inbox is not None:
                    _puff.release(inbox.handle)
                inbox = _inboxes[key] = cls(of, service, soon)
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
        self._batch = iter(value[0])
        if self._loop is None:
            self._pump()
        else:
            # Those who get something run in the loop's next turn: Go is woken once, for this
            # answer and what they ask. A hub gains nothing by that.
            self._loop.held = True
            self._pump(_puff.answer_late)

    def _pump(self, answer: Callable[[int, int], None] = _puff.answer) -> None:
        """Puts what has come where it belongs, as far as there is room."""
        batch, full = self._batch, self._full
        if batch is None:
            return
        if full is not None:
            self._full = None
            if not self._put(*full):
                return
        if not self._spread():
            return
        readers = self._readers
        for message in batch:
            pattern = message[0]
            topic = (False, message[1]) if pattern is None else (True, pattern)
            self._message, self._refs = message, iter(readers.get(topic, ()))
            if not self._spread():
                return
        self._batch, dropped, self.dropped = None, self.dropped, 0
        answer(self._ticket, dropped)

    def _spread(self) -> bool:
        """Gives the message at hand to who is left; False: one of them has no room."""
        message = self._message
        kind, made, epoch = None, None, message[4] if message else 0
        here = self._here
        for ref in self._refs:
            mailbox = ref()
            if mailbox is None:
                continue
            if mailbox.epoch != epoch:
                mailbox.epoch = epoch
                if not self._put(mailbox, mailbox.kind(*message[:4], True)):
                    return False
                continue
            if mailbox.kind is not kind:  # as a rule all have the same
                kind = mailbox.kind
                made = kind(*message[:4], False)
            if not mailbox.put(made, here):
                self._full = (mailbox, made)
                return False
        return True

    def _put(self, mailbox: Mailbox, message: Any) -> bool:
        if mailbox.put(message, self._here):
            return True
        self._full = (mailbox, message)
        return False

    def unblock(self) -> None:
        """There is room again in a queue that had none. From any thread."""
        self._soon(self._pump)
