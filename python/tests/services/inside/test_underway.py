"""psycopg2's asynchronous connections, and connections that a program's own function waits for."""

from __future__ import annotations

import asyncio
import gc
import os
import select
import threading
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extras
import pytest
from psycopg2 import extensions as ext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DSN = f"host={os.environ['POSTGRES_HOST']} user=postgres dbname=postgres"
wait = psycopg2.extras.wait_select


@pytest.fixture
def conn() -> Iterator[Any]:
    made = psycopg2.connect(DSN, async_=1)
    wait(made)
    yield made
    made.close()


@pytest.fixture
def waited() -> Iterator[list[Any]]:
    """The connections that the callback was called with."""
    calls: list[Any] = []

    def callback(conn: Any) -> None:
        calls.append(conn)
        wait(conn)

    ext.set_wait_callback(callback)
    yield calls
    ext.set_wait_callback(None)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_connecting_is_something_to_wait_for() -> None:
    conn = psycopg2.connect(DSN, **{"async": True})
    assert conn.async_ == 1 and getattr(conn, "async") == 1
    assert conn.isexecuting() and not conn.closed
    with pytest.raises(psycopg2.OperationalError, match="underway"):
        conn.cursor()
    before = conn.fileno()
    wait(conn)
    assert conn.fileno() == before, "an event loop may have it still"
    assert not conn.isexecuting() and conn.autocommit and conn.status == ext.STATUS_READY
    conn.close()
    conn.close()
    assert conn.closed == 1


def test_a_statement_is_there_when_the_descriptor_is_readable(conn: Any) -> None:
    cur = conn.cursor()
    cur.execute("select n from generate_series(1, %s) n", (50000,))
    assert conn.isexecuting()
    assert conn.info.transaction_status == ext.TRANSACTION_STATUS_ACTIVE
    for again in (cur.execute, conn.cursor().execute):
        with pytest.raises(psycopg2.ProgrammingError, match="underway"):
            again("select 1")
    with pytest.raises(psycopg2.ProgrammingError):
        cur.fetchone()
    assert select.select([conn], [], [], 20)[0], "nothing happens"
    assert conn.poll() == ext.POLL_OK
    assert not select.select([conn], [], [], 0)[0], "it is readable without an end"
    assert sum(n for (n,) in cur) == 50000 * 50001 // 2
    assert conn.info.transaction_status == ext.TRANSACTION_STATUS_IDLE


def test_what_needs_an_answer_at_once_is_refused(conn: Any) -> None:
    cur = conn.cursor()
    for name, f in (
        ("commit", conn.commit),
        ("rollback", conn.rollback),
        ("reset", conn.reset),
        ("tpc_recover", conn.tpc_recover),
        ("set_session", lambda: conn.set_session(readonly=True)),
        ("set_isolation_level", lambda: conn.set_isolation_level(1)),
        ("set_client_encoding", lambda: conn.set_client_encoding("LATIN1")),
        ("executemany", lambda: cur.executemany("select %s", [(1,)])),
        ("copy_to", lambda: cur.copy_to(None, "pg_class")),
        ("named cursor", lambda: conn.cursor("name")),
    ):
        with pytest.raises(psycopg2.ProgrammingError, match=name):
            f()


def test_errors_come_out_of_poll(conn: Any) -> None:
    cur = conn.cursor()
    cur.execute("select 1/0")
    with pytest.raises(psycopg2.errors.DivisionByZero) as raised:
        wait(conn)
    assert raised.value.cursor is cur
    cur.execute("select 'as good as before'")
    wait(conn)
    assert cur.fetchone() == ("as good as before",)


def test_a_server_that_can_not_be_reached_is_told_by_poll() -> None:
    before = descriptors()
    for dsn in (f"{DSN} port=1", "host=/nonexistent", DSN.replace("dbname=", "dbname=no")):
        conn = psycopg2.connect(dsn, async_=1)
        with pytest.raises(psycopg2.OperationalError):
            wait(conn)
        assert conn.closed
        conn.close()
        del conn
    gc.collect()
    psycopg2.connect(DSN).close()  # what objects say at their end was heard by then
    assert descriptors() <= before + 6, "descriptors stay open"


def test_a_cursor_that_is_gone_is_missed(conn: Any) -> None:
    conn.cursor().execute("select n from generate_series(1, 100000) n")
    gc.collect()
    with pytest.raises(psycopg2.InterfaceError, match="disappeared"):
        wait(conn)
    cur = conn.cursor()
    cur.execute("select 1")
    wait(conn)
    assert cur.fetchone() == (1,)


def test_a_statement_can_be_cancelled_and_cut_off(conn: Any) -> None:
    cur = conn.cursor()
    cur.execute("select pg_sleep(60)")
    assert conn.poll() == ext.POLL_READ
    pid = conn.info.backend_pid
    other = psycopg2.connect(DSN)
    other.autocommit = True
    o = other.cursor()
    active = "select count(*) from pg_stat_activity where pid = %s and state = 'active'"

    def works() -> bool:
        o.execute(active, (pid,))
        return bool(o.fetchone() == (1,))

    while not works():
        assert conn.poll() == ext.POLL_READ
    conn.cancel()
    with pytest.raises(ext.QueryCanceledError):
        wait(conn)
    cur.execute("select pg_sleep(60)")
    while not works():
        assert conn.poll() == ext.POLL_READ
    conn.close()
    assert not works(), "the server still works for nobody"
    other.close()


def test_much_is_sent_as_the_server_takes_it(conn: Any) -> None:
    cur = conn.cursor()
    told = set()
    for size in (1 << 20, 4 << 20, 16 << 20, 32 << 20):
        cur.execute("select length(%s)", ("x" * size,))
        while (state := conn.poll()) != ext.POLL_OK:
            told.add(state)
            ready = select.select(
                [conn] if state == ext.POLL_READ else [],
                [conn] if state == ext.POLL_WRITE else [],
                [],
                20,
            )
            assert any(ready), "nothing goes on"
        assert cur.fetchone() == (size,)
    assert told == {ext.POLL_READ, ext.POLL_WRITE}


def test_notifications_make_the_descriptor_readable(conn: Any) -> None:
    conn.cursor().connection.notifies.clear()
    cur = conn.cursor()
    cur.execute("listen underway")
    wait(conn)
    with psycopg2.connect(DSN) as other:
        for n in range(3):
            other.cursor().execute(f"notify underway, '{n}'")
            other.commit()
            while not conn.notifies:
                assert select.select([conn], [], [], 20)[0], "it was not told"
                assert conn.poll() == ext.POLL_OK
            assert conn.notifies.pop(0).payload == str(n)
    other.close()
    cur.execute("notify underway, 'own'")
    wait(conn)
    while not conn.notifies:
        assert select.select([conn], [], [], 20)[0]
        conn.poll()
    assert conn.notifies.pop().payload == "own"


def test_a_server_that_goes_away_makes_the_descriptor_readable(conn: Any) -> None:
    with psycopg2.connect(DSN) as other:
        other.cursor().execute("select pg_terminate_backend(%s)", (conn.info.backend_pid,))
    other.close()
    assert select.select([conn], [], [], 20)[0]
    with pytest.raises(psycopg2.OperationalError):
        for _ in range(10):  # its last words may come in parts
            wait(conn)
    assert conn.closed == 2


def test_the_connection_of_an_event_loop() -> None:
    """As the libraries do it that have psycopg2 under asyncio."""

    async def ready(conn: Any) -> None:
        loop = asyncio.get_running_loop()
        while conn.poll() != ext.POLL_OK:
            readable = asyncio.Event()
            loop.add_reader(conn.fileno(), readable.set)
            await readable.wait()
            loop.remove_reader(conn.fileno())

    async def one(n: int) -> Any:
        conn = psycopg2.connect(DSN, async_=1)
        await ready(conn)
        cur = conn.cursor()
        cur.execute("select pg_sleep(0.1), %s", (n,))
        await ready(conn)
        conn.close()
        return cur._rows[0][1]

    async def main() -> list[Any]:
        return await asyncio.gather(*[one(n) for n in range(8)])

    assert asyncio.run(main()) == list(range(8))


def test_many_connections_leave_nothing_behind() -> None:
    psycopg2.connect(DSN).close()
    before = descriptors()
    for _ in range(20):
        conn = psycopg2.connect(DSN, async_=1)
        wait(conn)
        conn.cursor().execute("select 1")
        conn.close()
    assert descriptors() <= before + 2


def test_a_callback_waits_for_every_answer(waited: list[Any]) -> None:
    conn = psycopg2.connect(DSN)
    assert waited == [conn]
    with conn, conn.cursor() as cur:
        cur.execute("create temp table green (n int)")
        cur.executemany("insert into green values (%s)", [(1,), (2,)])
        cur.execute("select sum(n) from green")
        assert cur.fetchone() == (3,)
        assert not conn.isexecuting(), "that is of asynchronous connections"
        with pytest.raises(psycopg2.ProgrammingError, match="callback"):
            cur.copy_to(None, "green")
    assert len(waited) == 6  # connecting, four statements, commit
    with conn.cursor("named") as cur:
        cur.execute("select 7")
        assert cur.fetchall() == [(7,)]
    with pytest.raises(psycopg2.errors.DivisionByZero):
        conn.cursor().execute("select 1/0")
    conn.rollback()
    ext.set_wait_callback(None)
    count = len(waited)
    conn.cursor().execute("select 1")
    assert len(waited) == count and ext.get_wait_callback() is None
    conn.close()


def test_a_callback_that_fails_costs_the_connection(waited: list[Any]) -> None:
    conn = psycopg2.connect(DSN)
    ext.set_wait_callback(lambda conn: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        conn.cursor().execute("select pg_sleep(60)")
    assert conn.closed
    with pytest.raises(ZeroDivisionError):
        psycopg2.connect(DSN)
    ext.set_wait_callback(lambda conn: None)
    with pytest.raises(psycopg2.OperationalError, match="returned before"):
        psycopg2.connect(DSN)
    assert waited == [conn]


def test_one_statement_at_a_time_under_a_callback() -> None:
    conn = psycopg2.connect(DSN)
    refused: list[Exception] = []

    def callback(conn: Any) -> None:
        try:
            conn.cursor().execute("select 'the other'")
        except psycopg2.ProgrammingError as e:
            refused.append(e)
        wait(conn)

    ext.set_wait_callback(callback)
    try:
        cur = conn.cursor()
        cur.execute("select 'the one'")
        assert cur.fetchone() == ("the one",)
        assert len(refused) == 1
    finally:
        ext.set_wait_callback(None)
    conn.close()


def test_a_callback_lets_other_threads_share_a_connection_in_turn(waited: list[Any]) -> None:
    found: list[Any] = []

    def work(n: int) -> None:
        conn = psycopg2.connect(DSN)
        cur = conn.cursor()
        for _ in range(10):
            cur.execute("select %s", (n,))
            found.append(cur.fetchone())
        conn.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted([(n,) for n in range(4) for _ in range(10)])
    assert len(waited) == 4 * 11
