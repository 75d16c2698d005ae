"""Transactions of many callers at a time: each has a connection, and nobody else's rows."""

from __future__ import annotations

import asyncio
from typing import Any

import puff
import pytest
from puff.postgres import Row, global_postgres

CALLERS, EACH = 40, 5
WHO = "select pg_backend_pid() as pid, pg_current_xact_id()::text as id"
ROWS = "select array_agg(distinct caller), count(*) from ledger"


class Undone(Exception):
    """What a caller gives its transaction up with."""


class Watch:
    """Who has which connection."""

    def __init__(self) -> None:
        self.owner: dict[int, int] = {}
        self.most = 0

    def begins(self, caller: int, who: Row) -> None:
        assert self.owner.setdefault(who["pid"], caller) == caller
        self.most = max(self.most, len(self.owner))

    def checks(self, caller: int, who: Row, now: Row, rows: Row) -> None:
        assert now == who
        assert self.owner[who["pid"]] == caller
        assert rows == ([caller], 3)

    def ends(self, who: Row) -> None:
        del self.owner[who["pid"]]

    def over(self, left: Any, stats: dict[str, Any]) -> None:
        # Those of even numbers were undone.
        assert left == [(caller, EACH * 3) for caller in range(1, CALLERS, 2)]
        assert self.owner == {}
        assert 1 < self.most <= stats["size"]


CREATE = "create table if not exists ledger (caller int)"
INSERT = "insert into ledger values ($1)"
# What a caller sees: its own rows alone, of the transaction that is open.
OWN = ROWS + " where xmin::text::bigint = (pg_current_xact_id()::text::bigint & 4294967295)"
LEFT = "select caller, count(*) from ledger group by caller order by caller"


def test_greenlets_have_a_connection_for_each_transaction() -> None:
    pg, watch = global_postgres, Watch()

    def call(caller: int) -> None:
        for _ in range(EACH):
            try:
                with pg.transaction() as tx:
                    who = tx.fetchrow(WHO)
                    watch.begins(caller, who)
                    for _ in range(3):
                        tx.execute(INSERT, caller)
                    watch.checks(caller, who, tx.fetchrow(WHO), tx.fetchrow(OWN))
                    watch.ends(who)
                    if caller % 2 == 0:
                        raise Undone
            except Undone:
                pass

    def read() -> None:
        for _ in range(EACH * 20):
            assert pg.fetchval("select $1::int", 5) == 5

    def all_of_them() -> None:
        pg.execute(CREATE)
        pg.execute("truncate ledger")
        readers = [puff.spawn(read) for _ in range(CALLERS)]
        for task in [*readers, *(puff.spawn(call, caller) for caller in range(CALLERS))]:
            task.join()
        watch.over([tuple(row) for row in pg.fetch(LEFT)], pg.stats())

    puff.spawn(all_of_them).join()


def test_tasks_have_a_connection_for_each_transaction() -> None:
    pg, watch = global_postgres, Watch()

    async def call(caller: int) -> None:
        for _ in range(EACH):
            try:
                async with pg.transaction() as tx:
                    who = await tx.fetchrow(WHO)
                    watch.begins(caller, who)
                    for _ in range(3):
                        await tx.execute(INSERT, caller)
                        await asyncio.sleep(0)
                    watch.checks(caller, who, await tx.fetchrow(WHO), await tx.fetchrow(OWN))
                    watch.ends(who)
                    if caller % 2 == 0:
                        raise Undone
            except Undone:
                pass

    async def read() -> None:
        for _ in range(EACH * 20):
            assert await pg.fetchval("select $1::int", 5) == 5

    async def all_of_them() -> None:
        await pg.execute(CREATE)
        await pg.execute("truncate ledger")
        readers = [read() for _ in range(CALLERS)]
        await asyncio.gather(*readers, *(call(caller) for caller in range(CALLERS)))
        watch.over([tuple(row) for row in await pg.fetch(LEFT)], await pg.stats())

    asyncio.run(all_of_them())


def test_a_cancelled_transaction_leaves_nothing_to_the_next() -> None:
    pg = global_postgres

    async def call(caller: int, begun: asyncio.Event) -> None:
        async with pg.transaction() as tx:
            await tx.execute(INSERT, caller)
            begun.set()
            await tx.execute("select pg_sleep(600)")

    async def all_of_them() -> None:
        await pg.execute(CREATE)
        await pg.execute("truncate ledger")
        for caller in range(5):
            begun = asyncio.Event()
            task = asyncio.ensure_future(call(caller, begun))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with pg.transaction() as tx:
                assert await tx.fetchval("select count(*) from ledger") == 0

    asyncio.run(all_of_them())
