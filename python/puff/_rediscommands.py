"""The commands of Redis as methods: what each sends, and the shape of its reply.

:class:`Commands` knows no connection: the client sends at once what :meth:`Commands._send`
is given, a pipeline keeps it. Names and parameters are those that Python's usual client
has; keys and values are str, bytes or numbers, replies bytes. Sets, sorted sets and streams
are in _rediscollections.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from puff._rediscollections import (
    Collections,
    Key,
    Value,
    _flags,
    _flat,
    _listed,
    _ms,
    _scan_words,
    _seconds,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

__all__ = ["Commands", "Key", "Value"]


class Commands(Collections):
    """The commands; each returns what :meth:`_send` makes of it."""

    def command(self, *args: Any) -> Any:
        """The raw reply to any command: ``command("GET", "key")`` or ``command(["GET", "key"])``.

        int, bytes, None or a list of these; True for OK, str for other status lines.
        """
        if len(args) == 1 and isinstance(args[0], (list, tuple)):
            args = tuple(args[0])
        return self._send("raw", *args)

    execute_command = command

    # Text

    def get(self, key: Key) -> Any:
        """The value, or None."""
        return self._send("bytes", "GET", key)

    def set(
        self,
        key: Key,
        value: Value,
        nx: bool | None = None,
        ex: int | timedelta | None = None,
        px: int | timedelta | None = None,
        xx: bool | None = None,
        get: bool | None = None,
        *,
        keepttl: bool = False,
        exat: int | None = None,
        pxat: int | None = None,
    ) -> Any:
        """True when set, None when nx or xx refused; with get the old value or None.

        ex is the seconds until it goes, px milliseconds; nx sets only what is not there, xx only
        what is.
        """
        words: list[Any] = ["SET", key, value]
        if ex is not None:
            words += ["EX", _seconds(ex)]
        if px is not None:
            words += ["PX", _ms(px)]
        if exat is not None:
            words += ["EXAT", exat]
        if pxat is not None:
            words += ["PXAT", pxat]
        words += [w for w, on in (("NX", nx), ("XX", xx), ("KEEPTTL", keepttl), ("GET", get)) if on]
        return self._send("bytes" if get else "ok", *words)

    def setex(self, key: Key, time: int | timedelta, value: Value) -> Any:
        """True; the value goes after so many seconds."""
        return self._send("ok", "SETEX", key, _seconds(time), value)

    def setnx(self, key: Key, value: Value) -> Any:
        """Whether it was set: only what is not there is."""
        return self._send("bool", "SETNX", key, value)

    def getset(self, key: Key, value: Value) -> Any:
        """The old value, or None."""
        return self._send("bytes", "GETSET", key, value)

    def getdel(self, key: Key) -> Any:
        """The value, which goes with it; or None."""
        return self._send("bytes", "GETDEL", key)

    def getex(self, key: Key, ex: int | timedelta | None = None, persist: bool = False) -> Any:
        """The value, whose time it changes; or None."""
        words = ["EX", _seconds(ex)] if ex is not None else ["PERSIST"] if persist else []
        return self._send("bytes", "GETEX", key, *words)

    def mset(
        self, mapping: Mapping[Any, Value] | Iterable[tuple[Any, Value]], nx: bool | None = None
    ) -> Any:
        """True; with nx whether they were set: all, or none if one is there."""
        if nx:
            return self._send("bool", "MSETNX", *_flat(mapping))
        return self._send("ok", "MSET", *_flat(mapping))

    def msetnx(self, mapping: Mapping[Any, Value]) -> Any:
        """Whether they were set: all, or none if one is there."""
        return self._send("bool", "MSETNX", *_flat(mapping))

    def mget(self, keys: Key | Iterable[Key], *more: Key) -> Any:
        """A list of the values, None where there is none."""
        return self._send("list", "MGET", *_listed(keys, more))

    def incr(self, key: Key, delta: int = 1) -> Any:
        """The number after adding delta."""
        return self._send("raw", "INCRBY", key, delta)

    incrby = incr

    def decr(self, key: Key, delta: int = 1) -> Any:
        """The number after taking delta off."""
        return self._send("raw", "DECRBY", key, delta)

    decrby = decr

    def incrbyfloat(self, key: Key, amount: float = 1.0) -> Any:
        """The number after adding amount, a float."""
        return self._send("float", "INCRBYFLOAT", key, amount)

    def append(self, key: Key, value: Value) -> Any:
        """The length after appending."""
        return self._send("raw", "APPEND", key, value)

    def strlen(self, key: Key) -> Any:
        """The length of the value, 0 if there is none."""
        return self._send("raw", "STRLEN", key)

    def getrange(self, key: Key, start: int, end: int) -> Any:
        """A part of the value."""
        return self._send("bytes", "GETRANGE", key, start, end)

    def setrange(self, key: Key, offset: int, value: Value) -> Any:
        """The length after overwriting from offset on."""
        return self._send("raw", "SETRANGE", key, offset, value)

    # Keys

    def delete(self, *keys: Key) -> Any:
        """How many there were; of one key, whether."""
        return self._send("bool" if len(keys) == 1 else "raw", "DEL", *keys)

    def unlink(self, *keys: Key) -> Any:
        """How many there were; their memory is freed later."""
        return self._send("raw", "UNLINK", *keys)

    def exists(self, *keys: Key) -> Any:
        """How many of the keys there are."""
        return self._send("raw", "EXISTS", *keys)

    def persist(self, key: Key) -> Any:
        """Whether it had a time to go, which it has no more."""
        return self._send("bool", "PERSIST", key)

    def expire(self, key: Key, seconds: int | timedelta, nx: bool = False, xx: bool = False) -> Any:
        """Whether it is there and goes after so many seconds now."""
        return self._send("bool", "EXPIRE", key, _seconds(seconds), *_flags(NX=nx, XX=xx))

    def pexpire(self, key: Key, ms: int | timedelta) -> Any:
        """expire in milliseconds."""
        return self._send("bool", "PEXPIRE", key, _ms(ms))

    def expireat(self, key: Key, when: int) -> Any:
        """expire at a Unix time in seconds."""
        return self._send("bool", "EXPIREAT", key, when)

    def ttl(self, key: Key) -> Any:
        """The seconds until it goes; -1: it stays, -2: it is not there."""
        return self._send("raw", "TTL", key)

    def pttl(self, key: Key) -> Any:
        """ttl in milliseconds."""
        return self._send("raw", "PTTL", key)

    def type(self, key: Key) -> Any:
        """What kind it is, as b"string"; b"none" if it is not there."""
        return self._send("bytes", "TYPE", key)

    def keys(self, pattern: Key = "*") -> Any:
        """A list of all keys that match; scan_iter does not hold up others."""
        return self._send("list", "KEYS", pattern)

    def rename(self, src: Key, dst: Key) -> Any:
        """True."""
        return self._send("ok", "RENAME", src, dst)

    def scan(self, cursor: int = 0, match: Key | None = None, count: int | None = None) -> Any:
        """(where to go on, some keys); 0: that was all."""
        return self._send("scan", "SCAN", cursor, *_scan_words(match, count))

    # Lists

    def lpush(self, key: Key, *values: Value) -> Any:
        """The length after putting values in front."""
        return self._send("raw", "LPUSH", key, *values)

    def rpush(self, key: Key, *values: Value) -> Any:
        """The length after appending values."""
        return self._send("raw", "RPUSH", key, *values)

    def lpop(self, key: Key, count: int = 1) -> Any:
        """A list of at most count elements from the front, None when there are none."""
        return self._send("popped", "LPOP", key, *([count] if count != 1 else []))

    def rpop(self, key: Key, count: int = 1) -> Any:
        """A list of at most count elements from the end, None when there are none."""
        return self._send("popped", "RPOP", key, *([count] if count != 1 else []))

    def rpoplpush(self, src: Key, dst: Key) -> Any:
        """The last element of src, now the first of dst; or None."""
        return self._send("bytes", "RPOPLPUSH", src, dst)

    def lmove(self, src: Key, dst: Key, wherefrom: str = "LEFT", whereto: str = "RIGHT") -> Any:
        """The element that was moved, or None."""
        return self._send("bytes", "LMOVE", src, dst, wherefrom, whereto)

    def llen(self, key: Key) -> Any:
        """The length."""
        return self._send("raw", "LLEN", key)

    def lrange(self, key: Key, start: int, end: int) -> Any:
        """The elements from start to end, which counts in."""
        return self._send("list", "LRANGE", key, start, end)

    def lindex(self, key: Key, index: int) -> Any:
        """One element, or None."""
        return self._send("bytes", "LINDEX", key, index)

    def lset(self, key: Key, index: int, value: Value) -> Any:
        """True."""
        return self._send("ok", "LSET", key, index, value)

    def lrem(self, key: Key, count: int, value: Value) -> Any:
        """How many were removed."""
        return self._send("raw", "LREM", key, count, value)

    def ltrim(self, key: Key, start: int, end: int) -> Any:
        """True; what is outside is gone."""
        return self._send("ok", "LTRIM", key, start, end)

    # Hashes

    def hset(
        self,
        name: Key,
        key: Value | None = None,
        value: Value | None = None,
        mapping: Mapping[Any, Value] | None = None,
    ) -> Any:
        """How many fields are new."""
        words: list[Any] = [] if key is None else [key, value]
        return self._send("raw", "HSET", name, *words, *_flat(mapping or {}))

    def hsetnx(self, name: Key, key: Value, value: Value) -> Any:
        """Whether the field was set: only what is not there is."""
        return self._send("bool", "HSETNX", name, key, value)

    def hget(self, name: Key, key: Value) -> Any:
        """The field's value, or None."""
        return self._send("bytes", "HGET", name, key)

    def hgetall(self, name: Key) -> Any:
        """A dict of all fields."""
        return self._send("dict", "HGETALL", name)

    def hmget(self, name: Key, keys: Any, *more: Value) -> Any:
        """A list of the fields' values, None where there is none."""
        return self._send("list", "HMGET", name, *_listed(keys, more))

    def hmset(self, name: Key, mapping: Mapping[Any, Value]) -> Any:
        """True."""
        return self._send("ok", "HMSET", name, *_flat(mapping))

    def hdel(self, name: Key, *keys: Value) -> Any:
        """How many fields there were."""
        return self._send("raw", "HDEL", name, *keys)

    def hincrby(self, name: Key, key: Value, amount: int = 1) -> Any:
        """The field's number after adding amount."""
        return self._send("raw", "HINCRBY", name, key, amount)

    def hincrbyfloat(self, name: Key, key: Value, amount: float = 1.0) -> Any:
        """The field's number after adding amount, a float."""
        return self._send("float", "HINCRBYFLOAT", name, key, amount)

    def hexists(self, name: Key, key: Value) -> Any:
        """Whether there is the field."""
        return self._send("bool", "HEXISTS", name, key)

    def hlen(self, name: Key) -> Any:
        """How many fields there are."""
        return self._send("raw", "HLEN", name)

    def hkeys(self, name: Key) -> Any:
        """A list of the fields."""
        return self._send("list", "HKEYS", name)

    def hvals(self, name: Key) -> Any:
        """A list of their values."""
        return self._send("list", "HVALS", name)

    # The server

    def publish(self, channel: Key, message: Value) -> Any:
        """How many got the message; puff.pubsub says more of whom it is from."""
        return self._send("raw", "PUBLISH", channel, message)

    def ping(self) -> Any:
        """True."""
        return self._send("pong", "PING")

    def echo(self, value: Value) -> Any:
        """The value."""
        return self._send("bytes", "ECHO", value)

    def dbsize(self) -> Any:
        """How many keys there are."""
        return self._send("raw", "DBSIZE")

    def flushdb(self) -> Any:
        """True; the database is empty."""
        return self._send("ok", "FLUSHDB")

    def flushall(self) -> Any:
        """True; all databases are empty."""
        return self._send("ok", "FLUSHALL")

    def eval(self, script: str, numkeys: int, *keys_and_args: Value) -> Any:
        """What a program in Lua returns."""
        return self._send("raw", "EVAL", script, numkeys, *keys_and_args)

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Value) -> Any:
        """eval by the digest of a program that Redis knows."""
        return self._send("raw", "EVALSHA", sha, numkeys, *keys_and_args)
