"""Redis, from a greenlet, from asyncio and from a plain thread; runs inside Puff."""

from __future__ import annotations

import asyncio
import builtins
import gc
from collections.abc import Callable, Iterator
from typing import Any

import puff
import pytest
from puff import redis
from puff.redis import global_redis as r

from services.inside_modes import Drive, Steps, drive

__all__ = ["drive"]


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    """Each test begins with no keys and leaves no connection behind."""
    r.flushall()
    yield
    gc.collect()
    for _ in range(200):
        stats = r.stats()
        if stats["held"] == stats["waiting"] == 0:
            break
        puff.sleep_ms(10)
    assert (stats["held"], stats["waiting"]) == (0, 0)


def both(checks: Callable[[], Steps]) -> Callable[[Drive], None]:
    """A test of every kind of caller."""

    def test(drive: Drive) -> None:
        drive(checks())

    test.__name__, test.__doc__ = checks.__name__, checks.__doc__
    return test


def test_the_client_may_be_called_and_named() -> None:
    assert r() is r
    assert redis.named_client().name == "default"
    with pytest.raises(redis.RedisError, match=r"\[\[redis\]\] with name = \"nope\""):
        redis.named_client("nope").get("k")


@both
def test_text() -> Steps:
    assert (yield r.get("k")) is None
    assert (yield r.set("k", "v")) is True
    assert (yield r.get("k")) == b"v"
    assert (yield r.set("k", "w", nx=True)) is None
    assert (yield r.set("none", "w", xx=True)) is None
    assert (yield r.set("k", 7, get=True)) == b"v"
    assert (yield r.set("new", 1, get=True)) is None
    assert (yield r.set("k", 1.5, ex=100)) is True
    assert 0 < (yield r.ttl("k")) <= 100
    assert (yield r.set("k", "x", px=100_000)) is True
    assert 0 < (yield r.ttl("k")) <= 100
    assert (yield r.persist("k")) is True
    assert (yield r.ttl("k")) == -1
    assert (yield r.ttl("none")) == -2
    assert (yield r.expire("k", 10)) is True
    assert (yield r.expire("none", 10)) is False
    assert (yield r.mset({"a": "1", "b": "2"})) is True
    assert (yield r.mset([("a", 3), ("c", 4)], nx=True)) is False
    assert (yield r.mset({"d": 3, "c": 4}, nx=True)) is True
    assert (yield r.mget(["a", "nope", "b"])) == [b"1", None, b"2"]
    assert (yield r.mget(["a"])) == [b"1"]
    assert (yield r.mget("a", "b")) == [b"1", b"2"]
    assert (yield r.incr("n")) == 1
    assert (yield r.incr("n", 5)) == 6
    assert (yield r.decr("n", 2)) == 4
    assert (yield r.incrbyfloat("n", 0.5)) == 4.5
    assert (yield r.exists("a", "b", "none")) == 2
    assert (yield r.delete("a")) is True
    assert (yield r.delete("a")) is False
    assert (yield r.delete("b", "c", "none")) == 2


@both
def test_keys_and_values_are_any_bytes_and_any_text() -> Steps:
    value = bytes(range(256)) * 40
    for key in (b"\x00\xff\r\n", "naïve ключ 鍵 🔑", b"", "a b"):
        assert (yield r.set(key, value)) is True
        assert (yield r.get(key)) == value
    assert (yield r.set("text", "é")) is True
    assert (yield r.get(b"text")) == "é".encode()
    for wrong in (None, True, [], {}, object()):
        with pytest.raises(TypeError):
            yield r.set("k", wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Expected str or bytes, got NoneType"):
        yield r.get(None)  # type: ignore[arg-type]


@both
def test_lists() -> Steps:
    assert (yield r.rpush("l", 1, 2, 3)) == 3
    assert (yield r.lpush("l", 0)) == 4
    assert (yield r.lpop("l")) == [b"0"]
    assert (yield r.rpop("l", 2)) == [b"3", b"2"]
    assert (yield r.rpoplpush("l", "m")) == b"1"
    assert (yield r.rpoplpush("l", "m")) is None
    assert (yield r.lpop("l")) is None
    assert (yield r.lrange("m", 0, -1)) == [b"1"]
    assert (yield r.blpop("m", 1)) == (b"m", b"1")
    assert (yield r.blpop("m", 0.01)) is None
    assert (yield r.brpop(["x", "m"], timeout=0.01)) is None


@both
def test_hashes() -> Steps:
    assert (yield r.hset("h", "f", 1)) == 1
    assert (yield r.hset("h", mapping={"f": 2, "g": "x"})) == 1
    assert (yield r.hget("h", "f")) == b"2"
    assert (yield r.hget("h", "none")) is None
    assert (yield r.hgetall("h")) == {b"f": b"2", b"g": b"x"}
    assert (yield r.hgetall("none")) == {}
    assert (yield r.hmget("h", ["f", "none"])) == [b"2", None]
    assert (yield r.hincrby("h", "f", 3)) == 5
    assert (yield r.hexists("h", "f")) is True
    assert (yield r.hexists("h", "none")) is False
    assert (yield r.hlen("h")) == 2
    assert (yield r.hdel("h", "f", "none")) == 1


@both
def test_sets() -> Steps:
    assert (yield r.sadd("s", 1, 2)) == 2
    assert (yield r.smembers("s")) == {b"1", b"2"}
    assert (yield r.sismember("s", 1)) is True
    assert (yield r.sismember("s", 9)) is False
    assert (yield r.scard("s")) == 2
    assert (yield r.srem("s", 1, 9)) == 1
    assert (yield r.zadd("z", {"a": 1, "b": 2.5})) == 2
    assert (yield r.zrange("z", 0, -1)) == [b"a", b"b"]
    assert (yield r.zrange("z", 0, -1, withscores=True)) == [(b"a", 1.0), (b"b", 2.5)]
    assert (yield r.zscore("z", "b")) == 2.5
    assert (yield r.zscore("z", "none")) is None
    assert (yield r.zrangebyscore("z", "-inf", 2)) == [b"a"]
    assert (yield r.zincrby("z", 2, "a")) == 3.0
    assert (yield r.zcard("z")) == 2
    assert (yield r.zrem("z", "a")) == 1


@both
def test_streams() -> Steps:
    first = yield r.xadd("x", {"a": 1})
    assert (yield r.xlen("x")) == 1
    assert (yield r.xrange("x")) == [(first, {b"a": b"1"})]
    assert (yield r.xread({"x": 0}, count=5)) == [[b"x", [(first, {b"a": b"1"})]]]
    assert (yield r.xread({"x": "$"}, block=10)) == []


@both
def test_any_command_and_its_raw_reply() -> Steps:
    assert (yield r.command("SET", "k", "v")) is True
    assert (yield r.command(["GET", b"k"])) == b"v"
    assert (yield r.command("PING")) == "PONG"
    assert (yield r.command("TYPE", "k")) == "string"
    assert (yield r.command("GET", "none")) is None
    assert (yield r.command("INCR", "n")) == 1
    assert (yield r.command("MGET", "k", "none")) == [b"v", None]
    assert (yield r.ping()) is True
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        yield r.command("LPUSH", "k", 1)
    with pytest.raises(redis.ResponseError, match="unknown command"):
        yield r.command("NONSENSE")
    for refused in ("MULTI", "SELECT", "SUBSCRIBE"):
        with pytest.raises(redis.RedisError, match="share"):
            yield r.command(refused, "1")


@both
def test_scripts() -> Steps:
    script = r.register_script("return {KEYS[1], ARGV[1], 7}")
    for _ in range(2):
        assert (yield script(keys=["k"], args=[b"\xff"])) == [b"k", b"\xff", 7]
    yield r.command("SCRIPT", "FLUSH")
    assert (yield script(keys=["k"], args=["a"])) == [b"k", b"a", 7]


@both
def test_pipelines() -> Steps:
    pipe = r.pipeline()
    assert pipe.set("k", 1).incr("k").get("k").smembers("s").zscore("z", "m") is pipe
    assert (yield pipe.execute()) == [True, 2, b"2", set(), None]
    assert len(pipe) == 0
    assert (yield pipe.execute()) == []
    pipe.incr("k").lpop("k").get("k")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        yield pipe.execute()
    results = yield r.pipeline(transaction=False).lpop("k").get("k").execute(raise_on_error=False)
    assert isinstance(results[0], redis.ResponseError)
    assert results[1] == b"3"


@both
def test_a_transaction_fails_when_a_watched_key_changes() -> Steps:
    yield r.set("n", 1)
    pipe = r.pipeline()
    yield pipe.watch("n")
    assert (yield pipe.get("n")) == b"1"
    pipe.multi()
    assert (yield pipe.set("n", 2).execute()) == [True]
    yield pipe.watch("n", "other")
    yield r.set("n", 100)
    pipe.multi()
    pipe.set("n", 3)
    with pytest.raises(redis.WatchError):
        yield pipe.execute()
    assert (yield r.get("n")) == b"100"
    yield pipe.watch("n")
    yield pipe.reset()


def test_context_managers_and_iterators() -> None:
    r.mset({f"k{i}": i for i in range(50)})

    def greenlet() -> None:
        with r.pipeline() as pipe:
            pipe.watch("k1")
            assert pipe.get("k1") == b"1"
        assert sorted(r.scan_iter("k*", count=7)) == sorted(b"k%d" % i for i in range(50))
        r.hset("h", mapping={"a": 1, "b": 2})
        assert dict(r.hscan_iter("h")) == {b"a": b"1", b"b": b"2"}

    puff.spawn(greenlet).join()

    async def coroutine() -> None:
        async with r.pipeline() as pipe:
            await pipe.watch("k1")
            assert await pipe.get("k1") == b"1"
        found = [key async for key in r.scan_iter(match="k*")]
        assert len(found) == 50
        await r.zadd("z", {"a": 1.5})
        assert [pair async for pair in r.zscan_iter("z")] == [(b"a", 1.5)]

    asyncio.run(coroutine())


def test_a_pipeline_that_is_dropped_gives_its_connection_back() -> None:
    def greenlet() -> None:
        for _ in range(50):  # more than there are connections
            pipe = r.pipeline()
            pipe.watch("k")
            del pipe

    puff.spawn(greenlet).join()


@both
def test_a_hundred_megabytes() -> Steps:
    value = b"\x00\xff12345678" * 10_000_000
    assert (yield r.set("big", value)) is True
    assert (yield r.get("big")) == value
    yield r.delete("big")


def test_a_hundred_thousand_commands() -> None:
    def greenlet() -> None:
        pipe = r.pipeline(transaction=False)
        for _ in range(100_000):
            pipe.incr("n")
        assert pipe.execute() == list(range(1, 100_001))

    puff.spawn(greenlet).join()


def test_who_gives_up_leaves_a_clean_connection() -> None:
    def greenlet() -> None:
        waiting = [puff.spawn(r.blpop, f"q{i}", 0) for i in range(20)]
        reading = [puff.spawn(r.get, "k") for _ in range(100)]
        for task in waiting + reading:
            task.kill()
        assert [r.echo(str(i)) for i in range(100)] == [str(i).encode() for i in range(100)]

    puff.spawn(greenlet).join()

    async def coroutine() -> None:
        async def one(word: str) -> Any:
            return await r.echo(word)

        tasks = [asyncio.create_task(one(str(i))) for i in range(200)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert results[1::2] == [str(i).encode() for i in range(1, 200, 2)]
        assert all(isinstance(e, asyncio.CancelledError) for e in results[::2])
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(r.blpop("never", 0), 0.05)

    asyncio.run(coroutine())


def test_a_wait_does_not_hold_up_others() -> None:
    def greenlet() -> None:
        waiting = [puff.spawn(r.blpop, "queue", 0) for _ in range(30)]
        assert r.ping() is True
        for i in range(30):
            r.rpush("queue", i)
        got = puff.join_all(waiting)
        assert sorted(int(value) for _, value in got) == list(range(30))

    puff.spawn(greenlet).join()


def test_the_errors_are_python_s_own_too() -> None:
    assert issubclass(redis.ConnectionError, builtins.ConnectionError)
    assert issubclass(redis.TimeoutError, builtins.TimeoutError)
    for error in (
        redis.ConnectionError,
        redis.TimeoutError,
        redis.ResponseError,
        redis.WatchError,
    ):
        assert issubclass(error, redis.RedisError)
