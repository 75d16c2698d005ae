"""puff.postgres: the same calls in a thread, in greenlets and under asyncio."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import gc
import inspect
import io
import ipaddress
import pickle
import random
import uuid
from typing import TYPE_CHECKING, Any

import _puff
import puff
import pytest
from puff import postgres
from puff._pgclient import Row
from puff.postgres import Interval, Range, global_postgres, named_client

if TYPE_CHECKING:
    from collections.abc import Callable

UTC = datetime.timezone.utc

# (type, value): comes back as it went.
VALUES: list[tuple[str, Any]] = [
    ("bool", True),
    ("int2", -32768),
    ("int4", 2**31 - 1),
    ("int8", -(2**63)),
    ("oid", 4294967295),
    ("float4", 1.5),
    ("float8", -1.7976931348623157e308),
    ("float8", float("inf")),
    ("numeric", decimal.Decimal("-123456789012345678901234567890.0123456789")),
    ("text", "žluťoučký \U0001f40d 'quoted' \\ \n"),
    ("text", ""),
    ("varchar(5)", "abc"),
    ("char(3)", "a  "),
    ("bytea", bytes(range(256))),
    ("bytea", b""),
    ("date", datetime.date(1, 1, 2)),
    ("date", datetime.date.max),
    ("date", datetime.date.min),
    ("time", datetime.time(23, 59, 59, 999999)),
    ("timetz", datetime.time(1, 2, 3, tzinfo=datetime.timezone(datetime.timedelta(hours=-7)))),
    ("timestamp", datetime.datetime(2024, 2, 29, 12, 30, 15, 1)),
    ("timestamp", datetime.datetime.max),
    ("timestamptz", datetime.datetime(1900, 1, 1, 3, 4, 5, 600000, UTC)),
    ("timestamptz", datetime.datetime.min.replace(tzinfo=UTC)),
    ("interval", datetime.timedelta(days=400, seconds=86399, microseconds=999999)),
    ("interval", datetime.timedelta(days=-3, microseconds=1)),
    ("interval", datetime.timedelta(days=400000, seconds=5, microseconds=1)),
    ("interval", -datetime.timedelta(days=999999999)),
    ("interval", Interval(14, -3, 5_000_000)),
    ("uuid", uuid.UUID(int=2**127 + 1)),
    ("inet", ipaddress.ip_address("2001:db8::1")),
    ("inet", ipaddress.ip_interface("10.1.2.3/8")),
    ("cidr", ipaddress.ip_network("192.168.0.0/16")),
    ("json", {"a": [1, 2.5, None, True, {"ž": '\u2028"\\'}]}),
    ("jsonb", "a string"),
    ("jsonb", 17),
    ("jsonb", [1, "x"]),
    ("int4range", Range(1, 10, "[)")),
    ("int4range", Range(empty=True)),
    ("numrange", Range(decimal.Decimal("1.5"), None, "()")),
    ("daterange", Range(datetime.date(2020, 1, 1), datetime.date(2021, 1, 1), "[)")),
    ("tstzrange", Range(datetime.datetime(2020, 1, 1, tzinfo=UTC), None, "[)")),
    ("int4multirange", [Range(1, 3, "[)"), Range(5, 7, "[)")]),
    ("int4[]", [1, None, -3]),
    ("int4[]", [[1, 2], [3, 4]]),
    ("int4[]", []),
    ("text[]", ["", "NULL", None, 'a"b\\c', "d,e{f}", " g "]),
    ("bool[]", [True, False, None]),
    ("float8[]", [0.1, None]),
    ("numeric[]", [decimal.Decimal("0.10")]),
    ("bytea[]", [b"\0\xff", None]),
    ("date[]", [datetime.date(2020, 1, 1)]),
    ("timestamptz[]", [datetime.datetime(2020, 1, 1, tzinfo=UTC)]),
    ("uuid[]", [uuid.UUID(int=5)]),
    ("jsonb[]", [{"a": 1}, [2], "x"]),
    ("inet[]", [ipaddress.ip_address("10.0.0.1")]),
    ("interval[]", [datetime.timedelta(days=1)]),
]


def greenlet(f: Callable[[Any], Any]) -> Any:
    """Runs f(wait) in a greenlet."""

    def work() -> Any:
        coroutine = f(_as_it_is)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value
        raise AssertionError("something waited as only a coroutine does")

    return puff.spawn(work).join()


async def _as_it_is(value: Any) -> Any:
    assert not inspect.isawaitable(value)
    return value


async def _await(value: Any) -> Any:
    assert inspect.isawaitable(value)
    return await value


def loop(f: Callable[[Any], Any]) -> Any:
    """Runs f(wait) under asyncio."""
    return asyncio.run(f(_await))


def plain(f: Callable[[Any], Any]) -> Any:
    """Runs f(wait) in this thread, which has no event loop."""
    coroutine = f(_as_it_is)
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("something waited as only a coroutine does")


@pytest.fixture(params=[plain, greenlet, loop], ids=["thread", "greenlet", "asyncio"])
def mode(request: pytest.FixtureRequest) -> Any:
    """Each kind of caller."""
    return request.param


def test_every_type_comes_back_as_it_went(mode: Any) -> None:
    async def body(wait: Any) -> None:
        for name, value in VALUES:
            if name == "int4multirange":
                got = await wait(global_postgres.fetchval("select '{[1,3),[5,7)}'::int4multirange"))
            else:
                got = await wait(global_postgres.fetchval(f"select $1::{name}", value))
            assert got == value, name
            assert type(got) is type(value), name
            assert await wait(global_postgres.fetchval(f"select $1::{name}", None)) is None

    mode(body)


def test_random_values_survive_both_formats_of_the_driver(mode: Any) -> None:
    rng = random.Random(7)
    texts = [
        "".join(chr(rng.randrange(1, 0xD7FF)) for _ in range(rng.randrange(20))) for _ in range(50)
    ]
    moments = [
        datetime.datetime(1, 1, 2, tzinfo=UTC)
        + datetime.timedelta(microseconds=rng.randrange(3 * 10**17))
        for _ in range(50)
    ]
    numbers = [rng.randrange(-(2**63), 2**63) for _ in range(50)]
    blobs = [rng.randbytes(rng.randrange(50)) for _ in range(50)]
    floats = [rng.uniform(-1, 1) * 10 ** rng.randrange(-300, 300) for _ in range(50)]

    async def body(wait: Any) -> None:
        row = await wait(
            global_postgres.fetchrow(
                "select $1::text[], $2::timestamptz[], $3::int8[], $4::bytea[], $5::float8[]",
                texts,
                moments,
                numbers,
                blobs,
                floats,
            )
        )
        assert row == (texts, moments, numbers, blobs, floats)

    mode(body)


def test_rows_are_read_by_position_and_by_name(mode: Any) -> None:
    async def body(wait: Any) -> None:
        rows = await wait(
            global_postgres.fetch("select 1 as id, 'x' as name, 2 as count, 3 as \"a b\"")
        )
        (row,) = rows
        assert (row[0], row["name"], row.name, row.count, row["a b"], row[-1]) == (
            1,
            "x",
            "x",
            2,
            3,
            3,
        )
        assert tuple(row) == (1, "x", 2, 3)
        assert row.asdict() == {"id": 1, "name": "x", "count": 2, "a b": 3}
        assert pickle.loads(pickle.dumps(row)) == row
        assert {row: 1}[1, "x", 2, 3] == 1, "its hash is that of the tuple"
        assert not gc.is_tracked(row), "there is nothing in it that garbage could be made of"
        with pytest.raises(KeyError):
            row["nope"]
        assert await wait(global_postgres.fetchrow("select 1 where false")) is None
        assert await wait(global_postgres.execute("select 1")) == "SELECT 1"

    mode(body)


def test_rows_that_are_none_are_refused() -> None:
    head = b"\x09\x01\0\0\0"  # a list of one
    assert _puff.rows(head + b"\x0a\x01\0\0\0\0", Row) == [(None,)]
    for bad in (b"", b"\0", head, head + b"\0", head + b"\x0a\xff\0\0\0\0"):
        with pytest.raises(ValueError, match="decode value"):
            _puff.rows(bad, Row)
    for cls in (list, 1):
        with pytest.raises(TypeError):
            _puff.rows(head, cls)  # type: ignore[arg-type,type-var]


def test_types_of_the_database_s_own_are_looked_up(mode: Any) -> None:
    async def body(wait: Any) -> None:
        pg = global_postgres
        await wait(pg.execute("drop type if exists pair, mood cascade"))
        await wait(pg.execute("drop domain if exists small cascade"))
        await wait(pg.execute("create type mood as enum ('ok', 'bad')"))
        await wait(pg.execute("create domain small as int check (value < 10)"))
        await wait(pg.execute("create type pair as (a int, b text, c mood, d date[])"))
        day = datetime.date(2020, 1, 2)
        assert await wait(pg.fetchval("select 'ok'::mood")) == "ok"
        assert await wait(pg.fetchval("select array['ok', 'bad']::mood[]")) == ["ok", "bad"]
        assert await wait(pg.fetchval("select 3::small")) == 3
        got = await wait(
            pg.fetchval("select row(1, 'x, \"y\"', 'bad', array[$1::date])::pair", day)
        )
        assert got == (1, 'x, "y"', "bad", [day])
        pair = (1, 'q "', None, None)
        assert await wait(pg.fetchval("select $1::pair", pair)) == pair
        assert await wait(pg.fetchval("select array[$1::pair]", pair)) == [pair]

    mode(body)


def test_a_big_result_comes_in_pieces_and_a_big_value_whole(mode: Any) -> None:
    async def body(wait: Any) -> None:
        rows = await wait(
            global_postgres.fetch(
                "select n, repeat('x', 100) as t from generate_series(1, 30000) n"
            )
        )
        assert [r.n for r in rows] == list(range(1, 30001))
        assert len(await wait(global_postgres.fetchval("select repeat('x', 100000000)"))) == 10**8
        sent = await wait(global_postgres.fetchval("select length($1::bytea)", bytes(20_000_000)))
        assert sent == 20_000_000

    mode(body)


def test_every_piece_of_a_big_result_has_rows_of_one_kind(mode: Any) -> None:
    async def body(wait: Any) -> None:
        for more in ("", ", '1 mon 2 h'::interval as i", ", '10.0.0.1'::inet as a"):
            rows = await wait(
                global_postgres.fetch(
                    "select n, -n * 1.25 as d, date '2020-01-01' + n as day, repeat('x', 30) as t"
                    f"{more} from generate_series(1, 12000) n"
                )
            )
            assert len({type(r) for r in rows}) == 1
            first = datetime.date(2020, 1, 1)
            for n, row in enumerate(rows, 1):
                assert row.n == row["n"] == n
                assert row.d == decimal.Decimal(n) * decimal.Decimal("-1.25")
                assert row.day == first + datetime.timedelta(n)
                assert row[4:] == rows[0][4:]
        assert row.a == ipaddress.ip_address("10.0.0.1")

    mode(body)


def test_a_pipeline_returns_what_each_statement_would(mode: Any) -> None:
    async def body(wait: Any) -> None:
        p = global_postgres.pipeline()
        p.fetchval("select $1::int + 1", 1).fetch("select generate_series(1, 2) as n")
        p.fetchrow("select 5 as a").execute("select 1 where false")
        got = await wait(p.run())
        assert got == [2, [(1,), (2,)], (5,), "SELECT 0"]
        assert got[1][0].n == 1
        bad = global_postgres.pipeline()
        bad.fetchval("select 1").fetchval("select 1/$1::int", 0)
        with pytest.raises(postgres.DataError) as e:
            await wait(bad.run())
        assert e.value.pgcode == "22012"

    mode(body)


def test_errors_have_the_class_of_their_sqlstate(mode: Any) -> None:
    async def body(wait: Any) -> None:
        with pytest.raises(postgres.ProgrammingError) as e:
            await wait(global_postgres.fetch("select nope"))
        assert (e.value.pgcode, type(e.value).__name__) == ("42703", "UndefinedColumn")
        assert e.value.diag.message_primary == 'column "nope" does not exist'
        assert "LINE 1: select nope" in str(e.value)
        with pytest.raises(TypeError, match="1 parameters, 2 were given"):
            await wait(global_postgres.fetch("select $1::int", 1, 2))
        with pytest.raises(postgres.DataError):
            await wait(global_postgres.fetch("select $1::int", "x"))
        with pytest.raises(LookupError, match="small"):
            await wait(named_client("nobody").fetch("select 1"))

    mode(body)


def test_a_server_that_is_not_there_is_named_without_its_password(mode: Any) -> None:
    async def body(wait: Any) -> None:
        with pytest.raises(postgres.OperationalError) as e:
            await wait(named_client("gone").fetch("select 1"))
        text = str(e.value)
        assert 'postgres "gone" at postgres://u:***@/db' in text
        assert "secret" not in text
        assert "--gone-postgres-url" in text

    mode(body)


def test_transactions_and_savepoints_in_greenlets() -> None:
    def work() -> None:
        pg = global_postgres
        pg.execute("create table if not exists things (n int)")
        pg.execute("delete from things")
        with pg.transaction(isolation="serializable", readonly=False, deferrable=False) as tx:
            assert tx.fetchval("show transaction_isolation") == "serializable"
            tx.execute("insert into things values (1)")
            with pytest.raises(KeyError), tx.transaction() as inner:
                inner.execute("insert into things values (2)")
                raise KeyError
            with tx.transaction() as inner:
                inner.execute("insert into things values (3)")
                with pytest.raises(postgres.DataError), inner.transaction() as third:
                    third.execute("select 1/0")
        assert [r.n for r in pg.fetch("select n from things order by n")] == [1, 3]
        with pytest.raises(ZeroDivisionError), pg.transaction() as tx:
            tx.execute("delete from things")
            raise ZeroDivisionError
        assert pg.fetchval("select count(*) from things") == 2
        with pytest.raises(postgres.InternalError), pg.transaction(readonly=True) as tx:
            tx.execute("delete from things")

    puff.spawn(work).join()


def test_transactions_and_savepoints_under_asyncio() -> None:
    async def work() -> None:
        pg = global_postgres
        await pg.execute("create table if not exists others (n int)")
        await pg.execute("delete from others")
        async with pg.transaction(isolation="repeatable_read") as tx:
            await tx.execute("insert into others values (1)")
            with pytest.raises(KeyError):
                async with tx.transaction() as inner:
                    await inner.execute("insert into others values (2)")
                    raise KeyError
            p = tx.pipeline()
            p.execute("insert into others values (3)")
            assert await p.run() == ["INSERT 0 1"]
        assert [r.n for r in await pg.fetch("select n from others order by n")] == [1, 3]

    asyncio.run(work())


def test_copy_goes_both_ways(mode: Any) -> None:
    async def body(wait: Any) -> None:
        pg = global_postgres
        await wait(pg.execute("create table if not exists copied (a int, b text, c bytea)"))
        await wait(pg.execute("truncate copied"))
        rows = [(1, "tab\there\\ \n", b"\0\xff"), (2, None, None)]
        assert await wait(pg.copy_from("copied", rows)) == 2
        assert await wait(pg.copy_from("copied", io.BytesIO(b"3\tx\t\\N\n"))) == 1
        assert await wait(pg.copy_from("copied", "4,y\n", columns=["a", "b"], format="csv")) == 1
        got = await wait(pg.fetch("select * from copied order by a"))
        assert got == [*rows, (3, "x", None), (4, "y", None)]
        assert (
            await wait(pg.copy_to("select a, b from copied where a > 2 order by a"))
            == b"3\tx\n4\ty\n"
        )
        out = io.BytesIO()
        assert await wait(pg.copy_to("copied", out, format="csv")) == 4
        assert out.getvalue().count(b"\n") >= 4
        big = (f"{i}\t{'x' * 100}\t\\N\n" for i in range(20000))
        assert await wait(pg.copy_from("copied", big)) == 20000
        assert len(await wait(pg.copy_to("copied"))) > 2_000_000
        with pytest.raises(postgres.DataError):
            await wait(pg.copy_from("copied", "no number\t\t\n"))

    mode(body)


def test_notifications_arrive_in_order() -> None:
    def work() -> None:
        with global_postgres.listen("a", "b") as listener:
            for i in range(3):
                global_postgres.execute("select pg_notify($1, $2)", "ab"[i % 2], str(i))
            got = [listener.receive() for _ in range(3)]
        assert [(n.channel, n.payload) for n in got] == [("a", "0"), ("b", "1"), ("a", "2")]
        assert all(n.pid > 0 for n in got)

    puff.spawn(work).join()

    async def main() -> None:
        async with global_postgres.listen("c") as listener:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(listener.receive(), 0.05)
            await global_postgres.execute("notify c, 'later'")
            assert (await listener.receive()).payload == "later"

    asyncio.run(main())


def test_a_pool_that_is_used_up_says_by_whom() -> None:
    def work() -> None:
        small = named_client("small")
        with small.transaction() as tx:
            tx.execute("select 1")
            with pytest.raises(postgres.OperationalError, match="held by transaction for"):
                small.fetch("select 1")
        assert small.fetchval("select 1") == 1

    puff.spawn(work).join()


def test_many_tasks_share_a_pool() -> None:
    async def main() -> None:
        got = await asyncio.gather(
            *(global_postgres.fetchval("select $1::int", i) for i in range(500))
        )
        assert got == list(range(500))
        stats = await global_postgres.stats()
        assert stats["open"] <= 10

    asyncio.run(main())
    tasks = [puff.spawn(global_postgres.fetchval, "select $1::int", i) for i in range(500)]
    assert puff.join_all(tasks) == list(range(500))


def test_cancelling_ends_the_statement_in_the_server() -> None:
    async def main() -> None:
        pg = named_client("small")
        pid = await pg.fetchval("select pg_backend_pid()")
        task = asyncio.ensure_future(pg.execute("select pg_sleep(60)"))
        query = "select count(*) from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'"
        while await global_postgres.fetchval(query, pid) == 0:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while True:
            try:
                again = await pg.fetchval("select pg_backend_pid()")
                break
            except postgres.OperationalError:
                continue
        assert again == pid

    asyncio.run(main())
