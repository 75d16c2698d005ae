"""Pub/sub, from a greenlet, from asyncio and from a plain thread; runs inside Puff."""

from __future__ import annotations

import asyncio
import gc
import threading
import uuid
from collections.abc import Callable
from typing import Any

import puff
import pytest
from puff import pubsub
from puff._mailbox import Mailbox
from puff._wait import hub_here
from puff.pubsub import global_pubsub as ps
from puff.redis import RedisError
from puff.redis import global_redis as r

from services.inside_modes import Drive, Steps, drive

__all__ = ["drive"]


def both(checks: Callable[[], Steps]) -> Callable[[Drive], None]:
    """A test of every kind of caller."""

    def test(drive: Drive) -> None:
        drive(checks())

    test.__name__, test.__doc__ = checks.__name__, checks.__doc__
    return test


def receivers(channel: str) -> int:
    """How many connections Redis knows for a channel."""
    return int(r.command("PUBSUB", "NUMSUB", channel)[1])


def wait_for(condition: Callable[[], bool]) -> None:
    """Waits until it holds."""
    for _ in range(500):
        if condition():
            return
        puff.sleep_ms(10)
    raise AssertionError("it does not come about")


@both
def test_what_is_published_after_subscribe_arrives() -> Steps:
    conn = ps.connection()
    assert (yield conn.subscribe("a")) is True
    assert (yield conn.subscribe("a")) is True
    assert (yield conn.psubscribe("b*")) is True
    assert (yield conn.publish("a", "héllo")) is True
    message = yield conn.receive()
    assert (message.channel, message.text, message.body) == ("a", "héllo", "héllo".encode())
    assert message.from_connection_id == conn.who_am_i() == str(uuid.UUID(conn.who_am_i()))
    assert message.pattern is None
    assert message.gap is False
    yield conn.publish_bytes("b1", b"\x00\xff")
    message = yield conn.receive()
    assert (message.channel, message.pattern, message.body, message.text) == (
        ("b1", "b*", b"\x00\xff", None)
    )
    yield ps.publish_json("a", {"x": [1, None, "é"]})
    message = yield conn.receive()
    assert message.json() == {"x": [1, None, "é"]}
    assert message.from_connection_id is None
    assert (yield conn.unsubscribe("a")) is True
    assert (yield conn.unsubscribe("a")) is False
    assert (yield conn.punsubscribe("b*")) is True
    yield conn.close()
    assert (yield conn.receive()) is None


@both
def test_publishing_as_somebody() -> Steps:
    me = ps.new_connection_id()
    conn = ps.connection_with_id(me)
    yield conn.subscribe("a")
    assert (yield ps.publish_as(me, "a", "1")) is True
    assert (yield ps.publish_bytes_as(me, "a", b"2")) is True
    assert (yield ps.publish_json_as(me, "a", 3)) is True
    yield r.publish("a", "foreign")
    for body, sender in ((b"1", me), (b"2", me), (b"3", me), (b"foreign", None)):
        message = yield conn.receive()
        assert (message.body, message.from_connection_id) == (body, sender)
    yield conn.close()
    for wrong in ("x", "", None):
        with pytest.raises(TypeError, match="Invalid Connection ID"):
            ps.connection_with_id(wrong)  # type: ignore[arg-type]


def test_the_client_may_be_called_and_named() -> None:
    assert ps() is ps
    assert pubsub.named_client().name == "default"
    with pytest.raises(ValueError, match="overflow"):
        ps.connection(overflow="panic")  # type: ignore[arg-type]


def test_receivers_of_all_kinds_share_one_connection() -> None:
    got: list[bytes] = []

    def receive() -> None:
        with ps.connection() as conn:
            conn.subscribe("shared")
            ready.release()
            got.append(conn.receive().body)

    async def receive_async() -> None:
        async with ps.connection() as conn:
            await conn.subscribe("shared")
            ready.release()
            got.append((await conn.receive()).body)

    ready = threading.Semaphore(0)
    greenlets = [puff.spawn(receive) for _ in range(20)]
    threads = [threading.Thread(target=receive) for _ in range(3)]
    threads += [threading.Thread(target=asyncio.run, args=(receive_async(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(26):
        ready.acquire()
    assert receivers("shared") == 1
    ps.publish("shared", "x")
    puff.join_all(greenlets)
    for thread in threads:
        thread.join()
    assert got == [b"x"] * 26
    wait_for(lambda: receivers("shared") == 0)


def test_a_connection_that_nobody_has_is_unsubscribed() -> None:
    conn = ps.connection()
    conn.subscribe("dropped")
    assert receivers("dropped") == 1
    del conn
    gc.collect()
    wait_for(lambda: receivers("dropped") == 0)


def test_an_event_loop_that_ended_receives_no_more() -> None:
    kept: list[Any] = []

    async def main() -> None:
        kept.append(ps.connection())
        await kept[0].subscribe("ended")
        assert await r.command("PUBSUB", "NUMSUB", "ended") == [b"ended", 1]

    asyncio.run(main())
    ps.publish("ended", "x")

    async def again() -> None:
        async with ps.connection() as conn:
            await conn.subscribe("ended")
            await ps.publish("ended", "y")
            assert (await conn.receive()).text == "y"

    for _ in range(3):
        asyncio.run(again())


def test_the_oldest_are_dropped_where_that_is_asked_for() -> None:
    def greenlet() -> None:
        conn = ps.connection(queue_size=10, overflow="drop_oldest")
        other = ps.connection()
        conn.subscribe("many")
        other.subscribe("many")
        for i in range(100):
            ps.publish("many", str(i))
        assert [other.receive().text for _ in range(100)] == [str(i) for i in range(100)]
        assert [conn.receive().text for _ in range(10)] == [str(i) for i in range(90, 100)]
        assert conn.dropped == 90
        conn.close()
        other.close()

    puff.spawn(greenlet).join()


@both
def test_a_full_queue_blocks_and_loses_nothing() -> Steps:
    conn = ps.connection(queue_size=1)
    yield conn.subscribe("full")
    for i in range(2000):
        yield ps.publish("full", str(i))
    for i in range(2000):
        assert (yield conn.receive()).text == str(i)
    assert conn.dropped == 0
    yield conn.close()


def test_closing_a_full_connection_frees_the_others() -> None:
    def greenlet() -> None:
        full, other = ps.connection(queue_size=1), ps.connection()
        full.subscribe("two")
        other.subscribe("two")
        for i in range(10):
            ps.publish("two", str(i))
        puff.sleep_ms(20)
        full.close()
        assert [other.receive().text for _ in range(10)] == [str(i) for i in range(10)]
        other.close()

    puff.spawn(greenlet).join()


def test_who_waits_together_is_served_in_turn() -> None:
    got: list[tuple[int, str]] = []

    def greenlet() -> None:
        conn = ps.connection()
        conn.subscribe("turns")

        def receive(i: int) -> None:
            got.append((i, conn.receive().text))

        tasks = [puff.spawn(receive, i) for i in range(5)]
        for i in range(5):
            ps.publish("turns", str(i))
        puff.join_all(tasks)
        conn.close()

    puff.spawn(greenlet).join()
    assert got == [(i, str(i)) for i in range(5)]


def test_who_gives_up_leaves_the_message_to_others() -> None:
    def greenlet() -> None:
        conn = ps.connection()
        conn.subscribe("up")
        for _ in range(20):
            first, second = puff.spawn(conn.receive), puff.spawn(conn.receive)
            ps.publish("up", "x")
            first.kill()
            if first.join() is None or not hasattr(first.result, "text"):
                assert second.join().text == "x"
            else:
                second.kill()
        conn.close()

    puff.spawn(greenlet).join()

    async def coroutine() -> None:
        conn = ps.connection()
        await conn.subscribe("up")
        for _ in range(20):
            first = asyncio.create_task(conn.receive())
            second = asyncio.create_task(conn.receive())
            await ps.publish("up", "x")
            first.cancel()
            done = await asyncio.gather(first, return_exceptions=True)
            if isinstance(done[0], BaseException):
                assert (await second).text == "x"
            else:
                second.cancel()
        await conn.close()

    asyncio.run(coroutine())


def test_a_message_on_its_way_to_who_gives_up_goes_to_the_next() -> None:
    def greenlet() -> None:
        box = Mailbox(str, 10, False)
        for others in (0, 1):
            first = puff.spawn(box.take)
            waiting = [puff.spawn(box.take) for _ in range(others)]
            first.kill()
            box.put("x")
            box.put("y")
            left = [] if first.join() == "x" else ["x"]
            got = [task.join() for task in waiting]
            while len(got) < len(left) + 1:
                got.append(box.take())
            assert sorted(got) == [*left, "y"]

    puff.spawn(greenlet).join()

    async def coroutine() -> None:
        box = Mailbox(str, 10, False)
        for others in (0, 1):
            first = asyncio.create_task(box.take())
            waiting = [asyncio.create_task(box.take()) for _ in range(others)]
            await asyncio.sleep(0)
            box.put("x")
            box.put("y")
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            got = [await task for task in waiting] + [await box.take() for _ in range(2 - others)]
            assert sorted(got) == ["x", "y"]

    asyncio.run(coroutine())


def test_takers_of_every_kind_share_a_queue_and_nothing_is_lost_or_doubled() -> None:
    box, messages = Mailbox(str, 1 << 20, False), 5000
    got: list[list[int]] = []
    ready = threading.Barrier(5)

    def take_all() -> None:
        mine: list[int] = []
        got.append(mine)
        while (message := box.take()) is not None:
            mine.append(message)

    def thread() -> None:
        ready.wait()
        take_all()

    async def give_up_often() -> None:
        mine: list[int] = []
        got.append(mine)
        while True:
            taker = asyncio.create_task(box.take())
            for _ in range(len(mine) % 3):
                await asyncio.sleep(0)
            taker.cancel()
            try:
                message = await taker
            except asyncio.CancelledError:
                message = await box.take()
            if message is None:
                return
            mine.append(message)

    async def loop() -> None:
        ready.wait()
        await asyncio.gather(*(give_up_often() for _ in range(3)))

    def greenlet() -> None:
        mine: list[int] = []
        got.append(mine)
        hub = hub_here()
        ready.wait()
        for i in range(messages):
            assert box.put(i, hub if i % 2 else None)
            if i % 7 == 0:
                taker = puff.spawn(box.take)
                taker.kill()
                taker.join()
                if isinstance(taker.result, int):
                    mine.append(taker.result)
        box.end()

    threads = [threading.Thread(target=thread) for _ in range(3)]
    threads.append(threading.Thread(target=lambda: asyncio.run(loop())))
    for each in threads:
        each.start()
    others = [puff.spawn(take_all) for _ in range(3)]
    puff.spawn(greenlet).join()
    puff.join_all(others)
    for each in threads:
        each.join()
    assert sorted(i for mine in got for i in mine) == list(range(messages))


def test_iterating() -> None:
    def greenlet() -> list[str | None]:
        with ps.connection() as conn:
            conn.subscribe("loop")
            for i in range(3):
                conn.publish("loop", str(i))
            texts = []
            for message in conn:
                texts.append(message.text)
                if message.text == "2":
                    break
            return texts

    assert puff.spawn(greenlet).join() == ["0", "1", "2"]

    async def coroutine() -> list[str | None]:
        async with ps.connection() as conn:
            await conn.subscribe("loop")
            for i in range(3):
                await conn.publish("loop", str(i))
            texts = []
            async for message in conn:
                texts.append(message.text)
                if message.text == "2":
                    await conn.close()
            return texts

    assert asyncio.run(coroutine()) == ["0", "1", "2"]


def test_a_message_that_would_reach_nobody_is_refused() -> None:
    def greenlet() -> bool:
        with ps.connection() as conn:
            conn.subscribe("large")
            conn.publish_bytes("large", bytes(16 << 20))
            message = conn.receive()
            assert (len(message.body), message.gap) == (16 << 20, False)
            with pytest.raises(RedisError, match="104857600 bytes"):
                conn.publish_bytes("large", bytes(100 << 20))
            return True

    assert puff.spawn(greenlet).join()
