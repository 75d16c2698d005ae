"""Reads of many tasks that wait for the one connection there is, and share it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import puff
import pytest
from puff import postgres
from puff.postgres import global_postgres, named_client

if TYPE_CHECKING:
    from collections.abc import Callable

pg = named_client("one")
two = named_client("two")
ECHO = "select $1::text"
DIVIDE = "select 6 / $1::int"
ROWS = "select n, 'row ' || n as text, n * 1.5::numeric as d from generate_series(1, $1::int) as n"


async def known(*statements: str) -> None:
    """Has the pool know statements as quick, but on the slowest of days."""
    for sql in statements:
        for _ in range(20):
            await pg.fetch(sql, *(["1"] if sql == ECHO else [1] * sql.count("$")))


async def until(what: str, number: int) -> None:
    """Waits for a number among the pool's."""
    while (await pg.stats())[what] != number:
        await asyncio.sleep(0)


async def shared(calls: Callable[[], list[Any]], *statements: str) -> list[Any]:
    """The answers to calls that all had to wait, and of which some shared trips."""
    while True:
        await known(*statements)
        before = (await pg.stats())["shared"]
        async with pg.transaction():
            tasks = [asyncio.ensure_future(c) for c in calls()]
            await until("waiting", len(tasks))
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        if (await pg.stats())["shared"] > before:
            return answers


async def locked(name: str) -> Any:
    """A transaction in which nobody else can read a new table."""
    await global_postgres.execute(f"drop table if exists {name}")
    await global_postgres.execute(f"create table {name} as select 7 as n")
    for _ in range(20):
        await pg.fetch(f"select n from {name}")
        await asyncio.gather(*(two.fetch(f"select n from {name}") for _ in range(2)))
    tx = global_postgres.transaction()
    await tx.__aenter__()
    await tx.execute(f"lock table {name} in access exclusive mode")
    return tx


async def blocked(name: str, number: int) -> None:
    """Waits until as many wait to read a table."""
    sql = "select count(*) from pg_locks where relation = $1::regclass and not granted"
    while await global_postgres.fetchval(sql, name) != number:
        await asyncio.sleep(0)


def test_each_task_gets_its_own_answer() -> None:
    async def main() -> None:
        want = [f"ž{i}" for i in range(40)]
        assert await shared(lambda: [pg.fetchval(ECHO, v) for v in want], ECHO) == want

    asyncio.run(main())


def test_each_greenlet_gets_its_own_answer() -> None:
    def main() -> Any:
        before = pg.stats()["shared"]
        while True:
            for _ in range(20):
                pg.fetchval(ECHO, "1")
            with pg.transaction():
                tasks = [puff.spawn(lambda i=i: pg.fetchval(ECHO, f"ž{i}")) for i in range(16)]
                while pg.stats()["waiting"] != 16:
                    puff.sleep(0)
            answers = [t.join() for t in tasks]
            if pg.stats()["shared"] > before:
                return answers

    assert puff.spawn(main).join() == [f"ž{i}" for i in range(16)]


def test_every_call_and_every_size_of_answer_shares() -> None:
    async def main() -> None:
        answers = await shared(
            lambda: [
                *(pg.fetch(ROWS, n) for n in (0, 5, 9000)),
                *(pg.execute(ROWS, 3), pg.fetchrow(ROWS, 2), pg.fetchval(ECHO, None)),
            ],
            *(ECHO, ROWS),
        )
        assert [len(a) for a in answers[:3]] == [0, 5, 9000]
        assert answers[2][8999].text == "row 9000" and str(answers[2][8999].d) == "13500.0"
        assert answers[3] == "SELECT 3"
        assert answers[4].text == "row 1"
        assert answers[5] is None

    asyncio.run(main())


def test_an_error_is_that_of_one() -> None:
    async def main() -> None:
        values: list[tuple[Any, ...]] = [(2,), (0,), ("six",), (), ({},), (3,)]
        answers = await shared(lambda: [pg.fetchval(DIVIDE, *v) for v in values], DIVIDE)
        assert (answers[0], answers[5]) == (3, 2)
        assert [a.pgcode for a in answers[1:3]] == ["22012", "22P02"]
        assert [type(a) for a in answers[3:5]] == [TypeError, TypeError]

    asyncio.run(main())


def test_a_task_that_is_cancelled_ends_its_statement() -> None:
    async def main() -> None:
        await known(ECHO)
        lock = await locked("share_cancelled")
        pid = await pg.fetchval("select pg_backend_pid()")
        async with pg.transaction():
            tasks = [asyncio.ensure_future(pg.fetchval(ECHO, str(i))) for i in range(3)]
            await until("waiting", 3)
            tasks.append(asyncio.ensure_future(pg.fetchval("select n from share_cancelled")))
            await until("waiting", 4)
            tasks[1].cancel()
            await until("waiting", 3)
        await blocked("share_cancelled", 1)
        tasks[3].cancel()
        await blocked("share_cancelled", 0)
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert (answers[0], answers[2]) == ("0", "2")
        assert [type(answers[i]) for i in (1, 3)] == [asyncio.CancelledError] * 2
        await lock.__aexit__(None, None, None)
        assert await pg.fetchval("select pg_backend_pid()") == pid

    asyncio.run(main())


def test_a_greenlet_that_is_killed_ends_its_statement() -> None:
    async def prepare() -> Any:
        await known(ECHO)
        return await locked("share_killed")

    def main(lock: Any) -> Any:
        tx = pg.transaction()
        tx.__enter__()
        tasks = [
            puff.spawn(lambda: pg.fetchval(ECHO, "a")),
            puff.spawn(lambda: pg.fetchval("select n from share_killed")),
        ]
        while pg.stats()["waiting"] != 2:
            puff.sleep(0)
        tx.__exit__(None, None, None)
        count = "select count(*) from pg_locks where relation = 'share_killed'::regclass"
        count += " and not granted"
        while global_postgres.fetchval(count) != 1:
            puff.sleep(0)
        tasks[1].kill()
        while global_postgres.fetchval(count) != 0:
            puff.sleep(0)
        return tasks[0].join()

    lock = asyncio.run(prepare())
    try:
        assert puff.spawn(main, lock).join() == "a"
    finally:
        asyncio.run(_leave(lock))


async def _leave(lock: Any) -> None:
    await lock.__aexit__(None, None, None)


def test_others_do_not_wait_for_one_that_is_slow() -> None:
    async def main() -> None:
        lock = await locked("share_slow")
        for _ in range(20):
            await asyncio.gather(*(two.fetchval(ECHO, "1") for _ in range(2)))
        async with two.transaction(), two.transaction():
            slow = asyncio.ensure_future(two.fetchval("select n from share_slow"))
            quick = [asyncio.ensure_future(two.fetchval(ECHO, c)) for c in "abc"]
            while (await two.stats())["waiting"] != 4:
                await asyncio.sleep(0)
        assert await asyncio.gather(*quick) == ["a", "b", "c"]
        await blocked("share_slow", 1)
        assert not slow.done()
        await lock.__aexit__(None, None, None)
        assert await slow == 7

    asyncio.run(main())


def test_a_connection_that_is_lost_fails_those_on_it_alone() -> None:
    async def main() -> None:
        await known(ECHO)
        lock = await locked("share_lost")
        pid = await pg.fetchval("select pg_backend_pid()")
        async with pg.transaction():
            quick = asyncio.ensure_future(pg.fetchval(ECHO, "quick"))
            await until("waiting", 1)
            slow = asyncio.ensure_future(pg.fetchval("select n from share_lost"))
            await until("waiting", 2)
        await blocked("share_lost", 1)
        await global_postgres.fetch("select pg_terminate_backend($1)", pid)
        with pytest.raises(postgres.OperationalError):
            await slow
        assert await quick == "quick"
        await lock.__aexit__(None, None, None)
        assert await pg.fetchval(ECHO, "again") == "again"

    asyncio.run(main())
