"""Libraries written for threads, in greenlets: their locks, their pools, and what is a thread's."""

from __future__ import annotations

import os
from typing import Any

import puff
import pytest

puff.patch_libs()  # puff python leaves that to the program

import peewee  # noqa: E402
import psycopg2  # noqa: E402
import psycopg2.pool  # noqa: E402
import sqlalchemy as sa  # noqa: E402
from playhouse import pool as peewee_pool  # type: ignore[import-untyped]  # noqa: E402
from sqlalchemy.orm import scoped_session, sessionmaker  # noqa: E402

HOST = os.environ["POSTGRES_HOST"]
URL = f"postgresql+psycopg2://postgres@/postgres?host={HOST}"
SIZE = 3  # of each pool; more greenlets than that wait for their turn


def together(work: Any, count: int = 20) -> list[Any]:
    """What work(0), work(1)… return, each in a greenlet."""
    return list(puff.join_all([puff.spawn(work, i) for i in range(count)]))


def check(found: list[tuple[int, int]]) -> None:
    assert [i for i, _ in found] == list(range(20)), "nobody got what is another's"
    assert len({pid for _, pid in found}) == SIZE, "all connections of the pool were used"


ASK = "select {}, pg_backend_pid(), pg_sleep(0.002)"


def test_an_engine_of_sqlalchemy_is_used_from_its_first_connection_on() -> None:
    engine = sa.create_engine(URL, pool_size=SIZE, max_overflow=0)

    def work(i: int) -> tuple[int, int]:
        with engine.begin() as conn:
            a = conn.execute(sa.text(ASK.format(":i")), {"i": i}).one()
            b = conn.execute(sa.text(ASK.format(":i")), {"i": i}).one()
        assert a == b
        return a[0], a[1]

    check(together(work))
    engine.dispose()


def test_a_scoped_session_of_sqlalchemy_is_each_greenlets_own() -> None:
    engine = sa.create_engine(URL, pool_size=SIZE, max_overflow=0)
    session = scoped_session(sessionmaker(engine))

    def work(i: int) -> tuple[int, int]:
        mine = session()
        mine.info["who"] = i
        a = session.execute(sa.text(ASK.format(":i")), {"i": i}).one()
        assert session() is mine
        assert session.info["who"] == i
        session.remove()
        return a[0], a[1]

    check(together(work))
    engine.dispose()


def test_a_pool_of_peewee_gives_each_greenlet_a_connection() -> None:
    database = peewee_pool.PooledPostgresqlDatabase(
        "postgres", host=HOST, user="postgres", max_connections=SIZE, timeout=30
    )

    def work(i: int) -> tuple[int, int]:
        with database, database.atomic():
            (a,) = database.execute_sql(ASK.format("%s"), (i,)).fetchall()
            (b,) = database.execute_sql(ASK.format("%s"), (i,)).fetchall()
        assert a == b
        return a[0], a[1]

    check(together(work))
    database.close_all()


def test_a_connection_of_peewee_is_each_greenlets_own() -> None:
    database: Any = peewee.PostgresqlDatabase("postgres", host=HOST, user="postgres")

    def work(i: int) -> Any:
        with database:
            return database.execute_sql(ASK.format("%s"), (i,)).fetchone()[:2]

    found = together(work)
    assert [i for i, _ in found] == list(range(20))
    assert len({pid for _, pid in found}) == 20


def test_a_threaded_pool_of_psycopg2_is_not_held_while_it_connects() -> None:
    pool = psycopg2.pool.ThreadedConnectionPool(0, 20, f"host={HOST} user=postgres")

    def work(i: int) -> Any:
        conn = pool.getconn()
        try:
            cur = conn.cursor()
            cur.execute(ASK.format("%s"), (i,))
            return cur.fetchone()[0]
        finally:
            pool.putconn(conn)

    assert together(work) == list(range(20))
    pool.closeall()
    with pytest.raises(psycopg2.pool.PoolError):
        pool.getconn()
