"""The DB-API: psycopg2 as programs import it, and puff.postgres.connect under asyncio."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import threading
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extras
import puff
import pytest
from puff import postgres

DSN = f"host={os.environ['POSTGRES_HOST']} user=postgres dbname=postgres"


def test_psycopg2_is_ours_and_says_so() -> None:
    assert psycopg2.__puff__ is True
    assert psycopg2.__version__.startswith("2.9")
    assert "Puff" in (psycopg2.__doc__ or "")
    assert psycopg2.Error is postgres.Error


def test_a_greenlet_that_waits_lets_others_run() -> None:
    order: list[str] = []

    def slow() -> None:
        conn = psycopg2.connect(DSN)
        conn.cursor().execute("select pg_sleep(0.2)")
        order.append("slow")
        conn.close()

    def quick() -> None:
        with psycopg2.connect(DSN) as conn:
            conn.cursor().execute("select 1")
        order.append("quick")
        conn.close()

    puff.join_all([puff.spawn(slow), puff.spawn(quick)])
    assert order == ["quick", "slow"]


def test_a_coroutine_that_uses_psycopg2_blocks_as_it_does_elsewhere() -> None:
    async def main() -> Any:
        conn = psycopg2.connect(DSN)
        cur = conn.cursor()
        cur.execute("select 1")
        row = cur.fetchone()
        conn.close()
        return row

    assert asyncio.run(main()) == (1,)


def test_no_arguments_mean_the_default_pool() -> None:
    conn = psycopg2.connect()
    with conn, conn.cursor() as cur:
        cur.execute("select current_database()")
        assert cur.fetchone() == ("postgres",)
    pid = conn.get_backend_pid()
    cur = conn.cursor()
    cur.execute("set timezone to 'Asia/Tokyo'")
    conn.commit()
    conn.close()
    again = postgres.connect(name="default")
    assert again.get_backend_pid() == pid
    cur = again.cursor()
    cur.execute("show timezone")
    assert cur.fetchone() == ("UTC",)
    again.close()


def test_the_dbapi_is_awaitable_under_asyncio() -> None:
    async def main() -> None:
        conn = await postgres.connect(DSN)
        async with conn, conn.cursor() as cur:
            await cur.execute("create temp table t (a int)")
            await cur.executemany("insert into t values (%s)", [(i,) for i in range(5)])
            await cur.execute("select a from t order by a")
            assert cur.rowcount == 5
            assert await cur.fetchone() == (0,)
            assert await cur.fetchmany(2) == [(1,), (2,)]
            assert [row async for row in cur] == [(3,), (4,)]
        with pytest.raises(postgres.ProgrammingError):
            cur = conn.cursor()
            await cur.execute("select nope")
        await conn.rollback()
        sleeping = [conn.cursor().execute("select pg_sleep(0.01)") for _ in range(3)]
        await asyncio.gather(*sleeping)
        await conn.close()
        auto = await postgres.connect(DSN, autocommit=True)
        assert auto.autocommit
        await auto.close()

    asyncio.run(main())


def test_an_override_is_what_connect_returns() -> None:
    conn = postgres.connect(DSN)
    token = postgres.set_connection_override(conn)
    try:
        assert postgres.connect() is conn
    finally:
        postgres.connection_override.reset(token)
    conn.close()


def test_threads_may_share_a_connection() -> None:
    conn = psycopg2.connect(DSN)
    seen: list[Any] = []

    def work(i: int) -> None:
        cur = conn.cursor()
        cur.execute("select %s", (i,))
        seen.append(cur.fetchone()[0])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(10)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(seen) == list(range(10))
    conn.close()


def test_a_handler_of_a_signal_ends_a_statement() -> None:
    conn = psycopg2.connect(DSN)
    cur = conn.cursor()

    def give_up(*_: Any) -> None:
        raise TimeoutError("enough")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(TimeoutError, match="enough"):
            cur.execute("select pg_sleep(60)")
    finally:
        signal.signal(signal.SIGALRM, before)
    conn.rollback()
    cur.execute("select 1")
    assert cur.fetchone() == (1,)
    conn.close()


def test_threads_and_greenlets_ask_at_once() -> None:
    def ask(who: int) -> None:
        conn = psycopg2.connect(DSN)
        cur = conn.cursor()
        for i in range(50):
            cur.execute("select %s, repeat('x', %s)", (who, 100 * i))
            assert cur.fetchone() == (who, "x" * (100 * i))
            if i % 10 == 0:
                conn.commit()
        with pytest.raises(psycopg2.errors.UndefinedTable):
            cur.execute("select * from nowhere_at_all")
        conn.close()

    failed: list[BaseException] = []

    def run(who: int) -> None:
        try:
            ask(who)
        except BaseException as e:
            failed.append(e)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    puff.join_all([puff.spawn(run, 10 + n) for n in range(4)])
    for t in threads:
        t.join()
    assert failed == []


def test_rows_that_are_not_fetched_wait_and_are_forgotten() -> None:
    conn = psycopg2.connect(DSN)
    cur = conn.cursor()
    cur.execute("select n, repeat('x', 100) from generate_series(1, 20000) n")
    assert cur.rowcount == 20000
    other = conn.cursor()
    other.execute("select 1")
    assert other.fetchone() == (1,)
    assert [r[0] for r in cur] == list(range(1, 20001))
    cur.scroll(0, mode="absolute")
    assert cur.fetchone()[0] == 1
    cur.scroll(19998)
    assert cur.fetchone()[0] == 20000
    cur.close()
    conn.close()


def test_parameters_are_written_the_same_in_either_way() -> None:
    class Slow(list[Any]):
        """Parameters that are looked at one by one."""

    conn = psycopg2.connect(DSN)
    cur = conn.cursor()
    values: list[Any] = [1, -1, 0, 2**70, -(2**70), True, None, 1.5, "it's", "\\", "ž%s", b"%", [1]]
    for n in range(len(values)):
        for query in ("%s", "a %s b", "'%%' %s", "%%s %s", "ž %s"):
            args = values[n : n + 1]
            assert cur.mogrify(query, args) == cur.mogrify(query, Slow(args))
            assert cur.mogrify(query, tuple(args)) == cur.mogrify(query, Slow(args))
    marks = ",".join(["%s"] * len(values))
    assert cur.mogrify(marks, values) == cur.mogrify(marks, Slow(values))
    for query, few in (("%s %s", [1]), ("%s", [1, 2]), ("%d", [1]), ("%", [1]), ("%s %", [1, 2])):
        caught = []
        for kind in (list, tuple, Slow):
            with pytest.raises(Exception) as found:
                cur.mogrify(query, kind(few))
            caught.append((type(found.value), str(found.value).replace("list", "tuple")))
        assert len(set(caught)) == 1, caught
    conn.close()


def test_adapters_of_common_types_can_be_replaced() -> None:
    conn = psycopg2.connect(DSN)
    cur = conn.cursor()
    before = dict(psycopg2.extensions.adapters)
    try:
        psycopg2.extensions.register_adapter(int, lambda i: psycopg2.extensions.AsIs(i + 1))
        psycopg2.extensions.register_adapter(str, lambda s: psycopg2.extensions.AsIs(s.upper()))
        assert cur.mogrify("%s %s", (1, "a")) == b"2 A"
    finally:
        psycopg2.extensions.adapters.update(before)
    assert cur.mogrify("%s %s", (1, "a")) == b"1 'a'"
    conn.close()


def test_what_is_said_of_columns_follows_the_types_that_are_registered() -> None:
    conn = psycopg2.connect(DSN)
    shout = psycopg2.extensions.new_type((25,), "SHOUT", lambda v, cur: v and v.upper() + "!")

    def text(registered: Any) -> Any:
        cur = conn.cursor()
        if registered == "cursor":
            psycopg2.extensions.register_type(shout, cur)
        cur.execute("select 'a'::text as t, 1 as n")
        assert [d.name for d in cur.description] == ["t", "n"]
        return cur.fetchall()

    plain, loud = [("a", 1)], [("A!", 1)]
    assert (text(None), text("cursor"), text(None)) == (plain, loud, plain)
    usual = psycopg2.extensions.string_types[25]
    psycopg2.extensions.register_type(shout)
    try:
        assert text(None) == loud
    finally:
        psycopg2.extensions.register_type(usual)
    assert text(None) == plain
    psycopg2.extensions.register_type(shout, conn)
    assert text(None) == loud
    conn.close()


def test_what_the_types_of_python_can_not_hold_raises_when_it_is_fetched() -> None:
    conn = psycopg2.connect(DSN)
    cur = conn.cursor()
    cur.execute("select '10000-01-01'::date, 1 union all select '2000-01-01', 2 order by 2")
    with pytest.raises(ValueError, match="year"):
        cur.fetchone()
    conn.close()


def test_a_connection_that_the_server_ended_says_so() -> None:
    conn, other = psycopg2.connect(DSN), psycopg2.connect(DSN)
    other.autocommit = True
    cur = other.cursor()
    cur.execute("select pg_terminate_backend(%s)", (conn.get_backend_pid(),))
    with pytest.raises(psycopg2.OperationalError, match="terminating connection"):
        conn.cursor().execute("select 1")
    assert conn.closed == 2
    other.close()


def test_a_real_dict_has_the_names() -> None:
    conn = psycopg2.connect(DSN, cursor_factory=psycopg2.extras.RealDictCursor)
    cur = conn.cursor()
    cur.execute("select 1 as a, %(x)s as b", {"x": "y"})
    assert cur.fetchall() == [{"a": 1, "b": "y"}]
    conn.close()


def test_who_finds_no_connection_is_told_where_the_others_were_made() -> None:
    def work() -> None:
        held = postgres.connect(name="small")
        with pytest.raises(postgres.OperationalError) as caught:
            postgres.connect(name="small")
        held.close()
        assert re.search(r"held by inside/test_dbapi\.py:\d+ in work for ", str(caught.value))

    puff.spawn(work).join()
