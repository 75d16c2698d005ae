"""The commands of Redis for sets, sorted sets and streams; see _rediscommands.py."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Collections", "Key", "Value"]

Key = str | bytes
Value = str | bytes | int | float


def _listed(keys: Any, more: tuple[Any, ...] = ()) -> list[Any]:
    """keys as a list, whether one or several were given."""
    if isinstance(keys, (str, bytes, int, float)):
        return [keys, *more]
    return [*keys, *more]


def _seconds(time: Any) -> Any:
    return int(time.total_seconds()) if isinstance(time, timedelta) else time


def _ms(time: Any) -> Any:
    return int(time.total_seconds() * 1000) if isinstance(time, timedelta) else time


def _flat(mapping: Any) -> list[Any]:
    pairs = mapping.items() if hasattr(mapping, "items") else mapping
    return [word for pair in pairs for word in pair]


class Collections:
    """Sets, sorted sets and streams; each returns what :meth:`_send` makes of it."""

    def _send(self, shape: str, *words: Any) -> Any:
        raise NotImplementedError

    # Sets

    def sadd(self, name: Key, *values: Value) -> Any:
        """How many are new."""
        return self._send("raw", "SADD", name, *values)

    def smembers(self, name: Key) -> Any:
        """A set of all members."""
        return self._send("set", "SMEMBERS", name)

    def sismember(self, name: Key, value: Value) -> Any:
        """Whether it is a member."""
        return self._send("bool", "SISMEMBER", name, value)

    def srem(self, name: Key, *values: Value) -> Any:
        """How many were members."""
        return self._send("raw", "SREM", name, *values)

    def scard(self, name: Key) -> Any:
        """How many members there are."""
        return self._send("raw", "SCARD", name)

    def spop(self, name: Key, count: int | None = None) -> Any:
        """A member that is none any more, or None; with count a list."""
        if count is None:
            return self._send("bytes", "SPOP", name)
        return self._send("list", "SPOP", name, count)

    def srandmember(self, name: Key, number: int | None = None) -> Any:
        """A member, or None; with number a list."""
        if number is None:
            return self._send("bytes", "SRANDMEMBER", name)
        return self._send("list", "SRANDMEMBER", name, number)

    def sinter(self, keys: Any, *more: Key) -> Any:
        """A set of what all have."""
        return self._send("set", "SINTER", *_listed(keys, more))

    def sunion(self, keys: Any, *more: Key) -> Any:
        """A set of what one of them has."""
        return self._send("set", "SUNION", *_listed(keys, more))

    def sdiff(self, keys: Any, *more: Key) -> Any:
        """A set of what only the first has."""
        return self._send("set", "SDIFF", *_listed(keys, more))

    # Sorted sets

    def zadd(
        self,
        name: Key,
        mapping: Mapping[Any, float],
        nx: bool = False,
        xx: bool = False,
        ch: bool = False,
        incr: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Any:
        """How many members are new; with incr the new score, or None."""
        words = [word for member, score in mapping.items() for word in (score, member)]
        flags = _flags(NX=nx, XX=xx, GT=gt, LT=lt, CH=ch, INCR=incr)
        return self._send("float" if incr else "raw", "ZADD", name, *flags, *words)

    def zrange(
        self, name: Key, start: Any, end: Any, desc: bool = False, withscores: bool = False
    ) -> Any:
        """Members from start to end, which counts in; withscores: (member, score) each."""
        shape, words = _scored(withscores)
        return self._send(shape, "ZRANGE", name, start, end, *_flags(REV=desc), *words)

    def zrevrange(self, name: Key, start: int, end: int, withscores: bool = False) -> Any:
        """zrange from the highest score down."""
        shape, words = _scored(withscores)
        return self._send(shape, "ZREVRANGE", name, start, end, *words)

    def zrangebyscore(
        self,
        name: Key,
        min: Value,
        max: Value,
        start: int | None = None,
        num: int | None = None,
        withscores: bool = False,
    ) -> Any:
        """Members with scores from min to max; start and num choose among them."""
        shape, words = _scored(withscores)
        if start is not None and num is not None:
            words += ["LIMIT", start, num]
        return self._send(shape, "ZRANGEBYSCORE", name, min, max, *words)

    def zscore(self, name: Key, value: Value) -> Any:
        """The score, a float, or None."""
        return self._send("float", "ZSCORE", name, value)

    def zrank(self, name: Key, value: Value) -> Any:
        """How many have a lower score, or None."""
        return self._send("raw", "ZRANK", name, value)

    def zcount(self, name: Key, min: Value, max: Value) -> Any:
        """How many have scores from min to max."""
        return self._send("raw", "ZCOUNT", name, min, max)

    def zrem(self, name: Key, *values: Value) -> Any:
        """How many were members."""
        return self._send("raw", "ZREM", name, *values)

    def zcard(self, name: Key) -> Any:
        """How many members there are."""
        return self._send("raw", "ZCARD", name)

    def zincrby(self, name: Key, amount: float, value: Value) -> Any:
        """The score after adding amount."""
        return self._send("float", "ZINCRBY", name, amount, value)

    def zpopmin(self, name: Key, count: int | None = None) -> Any:
        """A list of (member, score), lowest first, which are no members any more."""
        return self._send("pairs", "ZPOPMIN", name, *([] if count is None else [count]))

    def zpopmax(self, name: Key, count: int | None = None) -> Any:
        """zpopmin, highest first."""
        return self._send("pairs", "ZPOPMAX", name, *([] if count is None else [count]))

    def zremrangebyscore(self, name: Key, min: Value, max: Value) -> Any:
        """How many were removed."""
        return self._send("raw", "ZREMRANGEBYSCORE", name, min, max)

    # Streams

    def xadd(
        self,
        name: Key,
        fields: Mapping[Any, Value],
        id: Value = "*",
        maxlen: int | None = None,
        approximate: bool = True,
        nomkstream: bool = False,
    ) -> Any:
        """The entry's id. maxlen keeps the stream about, or exactly, that long."""
        words: list[Any] = ["NOMKSTREAM"] if nomkstream else []
        if maxlen is not None:
            words += ["MAXLEN", "~" if approximate else "=", maxlen]
        return self._send("bytes", "XADD", name, *words, id, *_flat(fields))

    def xrange(
        self, name: Key, min: Value = "-", max: Value = "+", count: int | None = None
    ) -> Any:
        """A list of (id, fields)."""
        words = [] if count is None else ["COUNT", count]
        return self._send("entries", "XRANGE", name, min, max, *words)

    def xrevrange(
        self, name: Key, max: Value = "+", min: Value = "-", count: int | None = None
    ) -> Any:
        """xrange from the last one back."""
        words = [] if count is None else ["COUNT", count]
        return self._send("entries", "XREVRANGE", name, max, min, *words)

    def xlen(self, name: Key) -> Any:
        """How many entries there are."""
        return self._send("raw", "XLEN", name)

    def xdel(self, name: Key, *ids: Value) -> Any:
        """How many were deleted."""
        return self._send("raw", "XDEL", name, *ids)

    def xtrim(self, name: Key, maxlen: int, approximate: bool = True) -> Any:
        """How many were deleted to make it that long."""
        return self._send("raw", "XTRIM", name, "MAXLEN", "~" if approximate else "=", maxlen)

    def xread(
        self, streams: Mapping[Any, Value], count: int | None = None, block: int | None = None
    ) -> Any:
        """[[name, [(id, fields), …]], …] after the ids; waits at most block milliseconds."""
        words = _stream_words(count, block)
        return self._send("streams", "XREAD", *words, "STREAMS", *streams, *streams.values())

    def xgroup_create(
        self, name: Key, groupname: Value, id: Value = "$", mkstream: bool = False
    ) -> Any:
        """True."""
        return self._send("ok", "XGROUP", "CREATE", name, groupname, id, *_flags(MKSTREAM=mkstream))

    def xreadgroup(
        self,
        groupname: Value,
        consumername: Value,
        streams: Mapping[Any, Value],
        count: int | None = None,
        block: int | None = None,
    ) -> Any:
        """xread for a consumer of a group; ">" is what no other one has got."""
        words = _stream_words(count, block)
        return self._send(
            "streams", "XREADGROUP", "GROUP", groupname, consumername, *words, "STREAMS",
            *streams, *streams.values(),
        )  # fmt: skip

    def xack(self, name: Key, groupname: Value, *ids: Value) -> Any:
        """How many are acknowledged now."""
        return self._send("raw", "XACK", name, groupname, *ids)


def _flags(**flags: bool) -> list[str]:
    return [name for name, on in flags.items() if on]


def _scored(withscores: bool) -> tuple[str, list[Any]]:
    return ("pairs", ["WITHSCORES"]) if withscores else ("list", [])


def _scan_words(match: Any, count: int | None) -> list[Any]:
    words = [] if match is None else ["MATCH", match]
    return words if count is None else [*words, "COUNT", count]


def _stream_words(count: int | None, block: int | None) -> list[Any]:
    words: list[Any] = [] if count is None else ["COUNT", count]
    return words if block is None else [*words, "BLOCK", block]
