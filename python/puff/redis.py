"""Redis, through connections that all callers share.

A method is synchronous in a greenlet and awaitable under asyncio::

    from puff.redis import global_redis

    def view(environ, start_response):
        global_redis.set("answer", 42, ex=60)
        global_redis.get("answer")  # b"42"

    async def handler(request):
        await global_redis.get("answer")

The service is opened when it is first used. The exceptions::

    RedisError
    ├── ConnectionError   not reached, or lost before the reply: then the outcome is unknown
    ├── TimeoutError      no reply in time; the outcome is unknown
    ├── ResponseError     Redis objects
    └── WatchError        a watched key changed: the transaction did nothing
"""

from __future__ import annotations

import builtins
import hashlib
import itertools
import sys
from typing import TYPE_CHECKING, Any

from puff._rediscollections import Key, Value, _listed, _scan_words
from puff._rediscommands import Commands
from puff.errors import PuffError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

__all__ = [
    "ConnectionError",
    "Pipeline",
    "RedisClient",
    "RedisError",
    "ResponseError",
    "Script",
    "TimeoutError",
    "WatchError",
    "global_redis",
    "named_client",
]


class RedisError(PuffError):
    """What every error of Redis is."""


class ConnectionError(RedisError, builtins.ConnectionError):
    """Redis was not reached, or was lost before it replied: then the outcome is unknown."""


class TimeoutError(RedisError, builtins.TimeoutError):
    """There was no reply in time; the outcome is unknown."""


class ResponseError(RedisError):
    """Redis objects to the command."""


class WatchError(RedisError):
    """A watched key changed: the transaction did nothing."""


# What of a reply Python has and Go has not.
_FINISH: dict[str, Callable[[Any], Any]] = {
    "set": lambda v: set(v) if isinstance(v, list) else v,
    "pong": lambda v: v == "PONG" or v,
}
# The shape that Go gives it.
_SHAPE = {"set": "list", "pong": "raw"}

_numbers = itertools.count(1)  # of connections that pipelines hold


def _call(name: str, *args: Any, wrap: Callable[[Any], Any] | None = None) -> Any:
    # The first call replaces this by the real one, which plain Python has not.
    global _call
    from puff._wait import call

    _call = call
    return call(name, *args, wrap=wrap)


class RedisClient(Commands):
    """A Redis of puff.toml. Safe to share; calling it gives itself."""

    def __init__(self, name: str = "default") -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<puff.redis.RedisClient {self._name!r}>"

    def __call__(self) -> RedisClient:
        return self

    @property
    def name(self) -> str:
        """The name in puff.toml."""
        return self._name

    def _send(self, shape: str, *words: Any) -> Any:
        finish = _FINISH.get(shape)
        if finish is None:
            return _call("redis", self._name, shape, *words)
        return _call("redis", self._name, _SHAPE[shape], *words, wrap=finish)

    def blpop(self, key: Any, timeout: float = 0) -> Any:
        """(key, element) from the front of the first list that has one; None after timeout s.

        0 waits as long as it takes. Who waits has a connection of its own.
        """
        return self._send("tuple", "BLPOP", *_listed(key), _tidy(timeout))

    def brpop(self, key: Any, timeout: float = 0) -> Any:
        """blpop from the end."""
        return self._send("tuple", "BRPOP", *_listed(key), _tidy(timeout))

    def blmove(
        self, src: Key, dst: Key, timeout: float, wherefrom: str = "LEFT", whereto: str = "RIGHT"
    ) -> Any:
        """The element that was moved, or None after timeout seconds."""
        return self._send("bytes", "BLMOVE", src, dst, wherefrom, whereto, _tidy(timeout))

    def bzpopmin(self, key: Any, timeout: float = 0) -> Any:
        """(key, member, score) with the lowest score; None after timeout seconds."""
        return self._send("tuple", "BZPOPMIN", *_listed(key), _tidy(timeout))

    def bzpopmax(self, key: Any, timeout: float = 0) -> Any:
        """(key, member, score) with the highest score; None after timeout seconds."""
        return self._send("tuple", "BZPOPMAX", *_listed(key), _tidy(timeout))

    def scan_iter(self, match: Key | None = None, count: int | None = None) -> Scan:
        """All keys that match, for `for` or `async for`, a part of them at a time."""
        return Scan(self, ("SCAN",), match, count)

    def sscan_iter(self, name: Key, match: Key | None = None, count: int | None = None) -> Scan:
        """All members of a set that match."""
        return Scan(self, ("SSCAN", name), match, count)

    def hscan_iter(self, name: Key, match: Key | None = None, count: int | None = None) -> Scan:
        """(field, value) of all fields of a hash that match."""
        return Scan(self, ("HSCAN", name), match, count, pairs=True)

    def zscan_iter(self, name: Key, match: Key | None = None, count: int | None = None) -> Scan:
        """(member, score) of all members of a sorted set that match."""
        return Scan(self, ("ZSCAN", name), match, count, pairs=True)

    def register_script(self, script: str) -> Script:
        """A function of a program in Lua, of which Redis gets the text once."""
        return Script(self, script)

    def pipeline(self, transaction: bool = True) -> Pipeline:
        """Commands that travel together; a transaction: all or none, nobody else's between."""
        return Pipeline(self, transaction)

    def execute(self) -> RedisClient:
        """Itself: what is sent at once has been."""
        return self

    def stats(self) -> Any:
        """A dict of what it has done and holds."""
        return _call("redis.stats", self._name)


def _tidy(timeout: float) -> Value:
    """Whole seconds as an integer, which every Redis understands."""
    return int(timeout) if timeout == int(timeout) else timeout


class Scan:
    """What a scan finds, for `for` and `async for`."""

    def __init__(
        self,
        client: RedisClient,
        words: tuple[Any, ...],
        match: Key | None,
        count: int | None,
        pairs: bool = False,
    ) -> None:
        self._client = client
        self._words = words
        self._options = _scan_words(match, count)
        self._pairs = pairs

    def _page(self, cursor: Any) -> Any:
        return self._client._send("scan", *self._words, cursor, *self._options)

    def _items(self, found: list[Any]) -> Iterator[Any]:
        if not self._pairs:
            return iter(found)
        seconds = map(float, found[1::2]) if self._words[0] == "ZSCAN" else found[1::2]
        return zip(found[::2], seconds, strict=True)

    def __iter__(self) -> Iterator[Any]:
        cursor: Any = 0
        while True:
            cursor, found = self._page(cursor)
            yield from self._items(found)
            if not cursor:
                return

    async def __aiter__(self) -> AsyncIterator[Any]:
        cursor: Any = 0
        while True:
            cursor, found = await self._page(cursor)
            for item in self._items(found):
                yield item
            if not cursor:
                return


class Script:
    """A program in Lua: ``script(keys=["a"], args=[1])`` is what it returns."""

    def __init__(self, client: RedisClient, script: str) -> None:
        self.script = script
        self.sha = hashlib.sha1(script.encode()).hexdigest()
        self._client = client

    def __call__(
        self, keys: Any = (), args: Any = (), client: RedisClient | Pipeline | None = None
    ) -> Any:
        """What it returns, with KEYS and ARGV; client may be a pipeline."""
        keys, args = _listed(keys), _listed(args)
        if isinstance(client, Pipeline):
            return client._send("raw", "EVAL", self.script, len(keys), *keys, *args)
        return _call("redis.script", (client or self._client)._name, self.script, keys, args)


class Pipeline(Commands):
    """Commands that are kept until :meth:`execute` sends them in one trip.

    As a context manager, of `with` or `async with`, it may watch keys::

        with global_redis.pipeline() as pipe:
            pipe.watch("n")
            n = int(pipe.get("n"))  # at once
            pipe.multi()
            pipe.set("n", n + 1)
            pipe.execute()  # WatchError when somebody else changed it
    """

    def __init__(self, client: RedisClient, transaction: bool) -> None:
        self._client = client
        self._transaction = transaction
        self._queue: list[tuple[Any, ...]] = []
        self._held = 0  # the number of the connection that watches
        self._immediate = False

    def __len__(self) -> int:
        return len(self._queue)

    def __bool__(self) -> bool:
        return True

    def _send(self, shape: str, *words: Any) -> Any:
        if self._immediate:
            finish = _FINISH.get(shape)
            return _call("redis.held", self._held, _SHAPE.get(shape, shape), *words, wrap=finish)
        self._queue.append((shape, *words))
        return self

    def watch(self, *keys: Key) -> Any:
        """True; execute will raise WatchError if one of the keys changes until then."""
        if self._held and not self._immediate:
            raise RedisError("watch: multi() has begun the transaction already")
        if self._queue:
            raise RedisError("watch: commands are queued already; watch keys first")
        if not self._held:
            self._held = next(_numbers)
        self._immediate = True
        return _call("redis.watch", self._client._name, self._held, *keys)

    def unwatch(self) -> Any:
        """Watches nothing any more."""
        return self.reset()

    def multi(self) -> None:
        """From here on commands are kept for execute."""
        if self._queue and not self._immediate:
            raise RedisError("multi: the transaction has begun already")
        self._immediate = False

    def execute(self, raise_on_error: bool = True) -> Any:
        """The replies of the queued commands, in order, and none is queued any more.

        Raises the first error that Redis replied with, or leaves it in its place.
        """
        queue, self._queue = self._queue, []
        held, self._held, self._immediate = self._held, 0, False
        shapes = [command[0] for command in queue]

        def finish(replies: list[Any] | None) -> list[Any]:
            return _finished(shapes, replies or [], raise_on_error)

        commands = [(_SHAPE.get(c[0], c[0]), *c[1:]) for c in queue]
        if held:
            return _call("redis.exec", held, commands, wrap=finish)
        return _call("redis.pipeline", self._client._name, self._transaction, commands, wrap=finish)

    def reset(self) -> Any:
        """Forgets what is queued and watches nothing."""
        self._queue = []
        held, self._held, self._immediate = self._held, 0, False
        return _call("redis.release", held)

    discard = reset

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._held:
            self.reset()

    async def __aenter__(self) -> Pipeline:
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._held:
            await self.reset()

    # At the end of Python modules are emptied before objects are.
    def __del__(self, finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if self._held and not finalizing():
            from puff._wait import post

            post("redis.release", self._held)


def _finished(shapes: list[str], replies: list[Any], raise_on_error: bool) -> list[Any]:
    for i, shape in enumerate(shapes):
        if isinstance(replies[i], Exception):
            if raise_on_error:
                raise replies[i]
        elif shape in _FINISH:
            replies[i] = _FINISH[shape](replies[i])
    return replies


global_redis = RedisClient()
"""The Redis named default."""


def named_client(name: str = "default") -> RedisClient:
    """The Redis of that name in puff.toml."""
    return RedisClient(name)
