"""Messages between processes, over channels of Redis.

::

    from puff.pubsub import global_pubsub

    def listen():
        with global_pubsub.connection() as conn:
            conn.subscribe("news")
            for message in conn:
                print(message.channel, message.text)

    def tell():
        global_pubsub.publish("news", "hello")

Under asyncio the same is `async with`, `await` and `async for`. One connection to Redis
listens for the whole process. Errors are those of :mod:`puff.redis`.
"""

from __future__ import annotations

import itertools
import json
import sys
import uuid
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from puff._inbox import Topic
    from puff._mailbox import Mailbox

__all__ = [
    "PubSubClient",
    "PubSubConnection",
    "PubSubMessage",
    "global_pubsub",
    "named_client",
]

_numbers = itertools.count(1)  # of connections


class PubSubMessage:
    """What somebody published."""

    __slots__ = ("_channel", "_from", "_pattern", "body", "gap")

    body: bytes
    """What was published."""
    gap: bool
    """Something may have been missed before this one: the connection was lost meanwhile."""

    def __init__(
        self,
        pattern: bytes | None,
        channel: bytes,
        body: bytes,
        sender: uuid.UUID | None,
        gap: bool = False,
    ) -> None:
        self._pattern, self._channel, self._from = pattern, channel, sender
        self.body, self.gap = body, gap

    def __repr__(self) -> str:
        return f"<puff.pubsub.PubSubMessage {self.channel!r} {self.body[:40]!r}>"

    @property
    def channel(self) -> str:
        """Where it was published."""
        return self._channel.decode(errors="surrogateescape")

    @property
    def pattern(self) -> str | None:
        """The pattern that it came by, None for a channel's own."""
        found = self._pattern
        return None if found is None else found.decode(errors="surrogateescape")

    @property
    def text(self) -> str | None:
        """The body as text, None if it is none."""
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            return None

    @property
    def from_connection_id(self) -> str | None:
        """Who published it; None: somebody who is no connection of Puff's."""
        return None if self._from is None else str(self._from)

    def json(self) -> Any:
        """The body as JSON. Raises json.JSONDecodeError if it is none."""
        return json.loads(self.body)


class PubSubConnection:
    """Who subscribes, receives and publishes under an id of its own.

    A context manager of `with` and `async with`, and what `for` and `async for` run over.
    """

    def __init__(self, client: PubSubClient, id: uuid.UUID, queue_size: int, overflow: str) -> None:
        from puff._mailbox import Mailbox

        if overflow not in ("block", "drop_oldest"):
            raise ValueError(f'connection: overflow is "block" or "drop_oldest", not {overflow!r}')
        if queue_size < 1:
            raise ValueError(f"connection: queue_size is at least 1, not {queue_size}")
        self._client = client
        self._id = id
        self._number = next(_numbers)
        self._mailbox: Mailbox = Mailbox(PubSubMessage, queue_size, overflow == "drop_oldest")
        self._topics: set[Topic] = set()

    def __repr__(self) -> str:
        return f"<puff.pubsub.PubSubConnection {self._id}>"

    @property
    def dropped(self) -> int:
        """How many messages were dropped because nobody took them."""
        return self._mailbox.dropped

    def who_am_i(self) -> str:
        """The id that messages published here are from."""
        return str(self._id)

    def subscribe(self, channel: str | bytes) -> Any:
        """True when Redis has confirmed it."""
        return self._join((False, _bytes(channel)))

    def psubscribe(self, pattern: str | bytes) -> Any:
        """subscribe to every channel that matches: ``news.*``."""
        return self._join((True, _bytes(pattern)))

    def unsubscribe(self, channel: str | bytes) -> Any:
        """Whether it was subscribed; nothing of it is received any more."""
        return self._leave_one((False, _bytes(channel)))

    def punsubscribe(self, pattern: str | bytes) -> Any:
        """unsubscribe for a pattern."""
        return self._leave_one((True, _bytes(pattern)))

    def publish(self, channel: str | bytes, text: str | bytes) -> Any:
        """True, when Redis has it."""
        return self._client._publish(self._id, channel, text)

    def publish_bytes(self, channel: str | bytes, body: bytes) -> Any:
        """publish for bytes."""
        return self._client._publish(self._id, channel, body)

    def publish_json(self, channel: str | bytes, obj: Any) -> Any:
        """publish for what JSON can hold."""
        return self._client._publish(self._id, channel, _json(obj))

    def receive(self) -> Any:
        """The next PubSubMessage, as soon as there is one; None once it is closed."""
        return self._mailbox.take()

    def close(self) -> Any:
        """Leaves all channels; who waits in receive gets None."""
        self._mailbox.end()
        topics, self._topics = list(self._topics), set()
        return self._leave(topics)

    def _join(self, topic: Topic) -> Any:
        from puff._inbox import Inbox

        mailbox = self._mailbox
        if mailbox.inbox is None:
            mailbox.inbox = Inbox.here(self._client.name)
        inbox, new = mailbox.inbox, topic not in self._topics
        if new:
            self._topics.add(topic)
            inbox.add(topic, mailbox)
        try:
            answer = _call(
                "pubsub.subscribe", inbox.service, inbox.lane, inbox.handle, self._number, *topic
            )
            if isinstance(answer, int):
                return self._joined(answer)
        except BaseException:
            self._not_joined(topic, new)
            raise
        return self._join_async(answer, topic, new)

    async def _join_async(self, answer: Awaitable[int], topic: Topic, new: bool) -> bool:
        try:
            return self._joined(await answer)
        except BaseException:
            self._not_joined(topic, new)
            raise

    def _joined(self, epoch: int) -> bool:
        if self._mailbox.epoch is None:
            self._mailbox.epoch = epoch
        return True

    def _not_joined(self, topic: Topic, new: bool) -> None:
        if new and topic in self._topics:
            self._topics.discard(topic)
            inbox = self._mailbox.inbox
            assert inbox is not None
            inbox.remove(topic, self._mailbox)
            # Whoever gave up may have done so when it was confirmed already.
            post("pubsub.leave", inbox.service, inbox.lane, inbox.handle, self._number, [topic])

    def _leave_one(self, topic: Topic) -> Any:
        return self._leave([topic], topic in self._topics)

    def _leave(self, topics: list[Topic], was: bool = True) -> Any:
        inbox = self._mailbox.inbox
        wrap = None if was else _no
        if inbox is None:
            return _call("pubsub.leave", self._client.name, 0, 0, 0, [], wrap=wrap)
        for topic in topics:
            self._topics.discard(topic)
            inbox.remove(topic, self._mailbox)
        return _call(
            "pubsub.leave",
            inbox.service,
            inbox.lane,
            inbox.handle,
            self._number,
            topics,
            wrap=wrap,
        )

    def __enter__(self) -> PubSubConnection:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    async def __aenter__(self) -> PubSubConnection:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def __iter__(self) -> Iterator[PubSubMessage]:
        while (message := self.receive()) is not None:
            yield message

    async def __aiter__(self) -> AsyncIterator[PubSubMessage]:
        while (message := await self.receive()) is not None:
            yield message

    # At the end of Python modules are emptied before objects are.
    def __del__(self, finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        mailbox: Mailbox | None = self.__dict__.get("_mailbox")
        if finalizing() or mailbox is None:
            return
        if mailbox.inbox is not None and self._topics:
            mailbox.end()
            inbox, topics = mailbox.inbox, list(self._topics)
            post("pubsub.leave", inbox.service, inbox.lane, inbox.handle, self._number, topics)


class PubSubClient:
    """A service of [[pubsub]]. Safe to share; calling it gives itself."""

    def __init__(self, name: str = "default") -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<puff.pubsub.PubSubClient {self._name!r}>"

    def __call__(self) -> PubSubClient:
        return self

    @property
    def name(self) -> str:
        """The name in puff.toml."""
        return self._name

    def new_connection_id(self) -> str:
        """An id that nobody has."""
        return str(uuid.uuid4())

    def connection(
        self, queue_size: int = 1000, overflow: Literal["block", "drop_oldest"] = "block"
    ) -> PubSubConnection:
        """A connection with an id of its own.

        queue_size is how many messages may wait to be received. One more makes those of all
        receivers wait in Redis ("block"), or drops the oldest, which .dropped counts.
        """
        return PubSubConnection(self, uuid.uuid4(), queue_size, overflow)

    def connection_with_id(
        self,
        connection_id: str,
        queue_size: int = 1000,
        overflow: Literal["block", "drop_oldest"] = "block",
    ) -> PubSubConnection:
        """A connection with that id. Raises TypeError if it is none."""
        return PubSubConnection(self, _id(connection_id), queue_size, overflow)

    def publish(self, channel: str | bytes, text: str | bytes) -> Any:
        """True, when Redis has it. It is from nobody in particular, and anybody can read it."""
        return self._publish(None, channel, text)

    def publish_bytes(self, channel: str | bytes, body: bytes) -> Any:
        """publish for bytes."""
        return self._publish(None, channel, body)

    def publish_json(self, channel: str | bytes, obj: Any) -> Any:
        """publish for what JSON can hold."""
        return self._publish(None, channel, _json(obj))

    def publish_as(self, connection_id: str, channel: str | bytes, text: str | bytes) -> Any:
        """True, when Redis has it; it is from that id."""
        return self._publish(_id(connection_id), channel, text)

    def publish_bytes_as(self, connection_id: str, channel: str | bytes, body: bytes) -> Any:
        """publish_as for bytes."""
        return self._publish(_id(connection_id), channel, body)

    def publish_json_as(self, connection_id: str, channel: str | bytes, obj: Any) -> Any:
        """publish_as for what JSON can hold."""
        return self._publish(_id(connection_id), channel, _json(obj))

    def _publish(self, sender: uuid.UUID | None, channel: str | bytes, body: str | bytes) -> Any:
        who = None if sender is None else sender.bytes
        return _call("pubsub.publish", self._name, who, channel, body)


def _call(name: str, *args: Any, wrap: Any = None) -> Any:
    # The first call replaces this by the real one, which plain Python has not.
    global _call
    from puff._wait import call

    _call = call
    return call(name, *args, wrap=wrap)


def post(name: str, *args: Any) -> None:
    """As _call, for an answer that is of no use."""
    from puff._wait import post

    post(name, *args)


def _no(answer: Any) -> bool:
    return False


def _bytes(text: str | bytes) -> bytes:
    if isinstance(text, str):
        return text.encode(errors="surrogateescape")
    if isinstance(text, bytes):
        return text
    raise TypeError(f"Expected str or bytes, got {type(text).__name__}")


def _json(obj: Any) -> str:
    return json.dumps(obj, separators=(",", ":"), ensure_ascii=False)


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except (ValueError, AttributeError, TypeError):
        raise TypeError("Invalid Connection ID") from None


global_pubsub = PubSubClient()
"""The pub/sub named default."""


def named_client(name: str = "default") -> PubSubClient:
    """The pub/sub of that name in puff.toml."""
    return PubSubClient(name)
