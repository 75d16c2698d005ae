"""Statements of one client of PostgreSQL: `python postgres_load.py client folder`.

It prints the CPU time of this process for a SELECT of one row, in microseconds, asked by 64 tasks
over 10 connections, or one after the other by psycopg2; and for one of 10,000 rows of 8 columns,
in milliseconds.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

TASKS, EACH = 64, 200
ONE = "select id, name from bench where id = "
MANY = "select * from bench"
TIMES = 10  # of the long one

Client = tuple[Callable[[int], Awaitable[Any]], Callable[[], Awaitable[Any]]]


def cpu() -> float:
    """Seconds of this process so far."""
    return time.process_time()


async def puff(host: str) -> Client:
    """Puff's own calls."""
    from puff.postgres import global_postgres as pg

    return (lambda i: pg.fetchrow(ONE + "$1", i)), (lambda: pg.fetch(MANY))


async def asyncpg(host: str) -> Client:
    """asyncpg with its pool."""
    import asyncpg

    pool = await asyncpg.create_pool(host=host, user="postgres", min_size=10, max_size=10)
    return (lambda i: pool.fetchrow(ONE + "$1", i)), (lambda: pool.fetch(MANY))


async def psycopg(host: str) -> Client:
    """psycopg 3 with its pool."""
    import psycopg_pool

    dsn = f"host={host} user=postgres"
    pool = psycopg_pool.AsyncConnectionPool(dsn, min_size=10, max_size=10, open=False)
    await pool.open(wait=True)

    async def one(i: int) -> Any:
        async with pool.connection() as conn:
            return await (await conn.execute(ONE + "%s", (i,))).fetchone()

    async def many() -> Any:
        async with pool.connection() as conn:
            return await (await conn.execute(MANY)).fetchall()

    return one, many


async def tasks(make: Callable[[str], Awaitable[Client]], host: str) -> None:
    """Many callers, who wait at the same time."""
    one, many = await make(host)

    async def task(n: int) -> None:
        for i in range(n):
            await one(i)

    async def both(each: int, times: int) -> tuple[float, float]:
        start = cpu()
        await asyncio.gather(*(task(each) for _ in range(TASKS)))
        between = cpu()
        for _ in range(times):
            await many()
        return (between - start) / (TASKS * each), (cpu() - between) / times

    await both(20, 1)  # to warm up
    show(*await both(EACH, TIMES))


def dbapi(host: str) -> None:
    """psycopg2, whoever's it is: one statement after the other."""
    import psycopg2

    conn = psycopg2.connect(f"host={host} user=postgres")
    cur = conn.cursor()

    def both(statements: int, times: int) -> tuple[float, float]:
        start = cpu()
        for i in range(statements):
            cur.execute(ONE + "%s", (i,))
            cur.fetchone()
        between = cpu()
        for _ in range(times):
            cur.execute(MANY)
            cur.fetchall()
        return (between - start) / statements, (cpu() - between) / times

    both(500, 1)  # to warm up
    show(*both(5000, TIMES))


def show(one: float, many: float) -> None:
    print(one * 1e6, many * 1e3)


def main() -> None:
    name, host = sys.argv[1:]
    if name.endswith("psycopg2"):
        dbapi(host)
        return
    asyncio.run(tasks({"puff": puff, "asyncpg": asyncpg, "psycopg": psycopg}[name], host))


if __name__ == "__main__":
    main()
