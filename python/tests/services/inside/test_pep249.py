"""The DB-API, PEP 249: both faces of the driver, for every kind of caller that each has."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Generator
from typing import Any

import psycopg2
import pytest
from puff import postgres
from services.inside_modes import MODES

Steps = Generator[Any, Any, Any]

DSN = f"host={os.environ['POSTGRES_HOST']} user=postgres dbname=postgres"

# psycopg2 is no coroutine's: it blocks a loop, as it does elsewhere.
CALLERS = [
    (psycopg2, "thread"),
    (psycopg2, "greenlet"),
    (postgres, "thread"),
    (postgres, "greenlet"),
    (postgres, "asyncio"),
]

EXCEPTIONS: dict[str, type[BaseException] | str] = {
    "Warning": Exception,
    "Error": Exception,
    "InterfaceError": "Error",
    "DatabaseError": "Error",
    "DataError": "DatabaseError",
    "OperationalError": "DatabaseError",
    "IntegrityError": "DatabaseError",
    "InternalError": "DatabaseError",
    "ProgrammingError": "DatabaseError",
    "NotSupportedError": "DatabaseError",
}


def each(checks: Callable[[Any], Steps]) -> Any:
    """A test of every face and kind of caller, with a table of its own called items."""

    @pytest.mark.parametrize(("face", "caller"), CALLERS)
    def test(face: Any, caller: str) -> None:
        MODES[caller](_with_table(face, checks))

    test.__name__, test.__doc__ = checks.__name__, checks.__doc__
    return test


def _with_table(face: Any, checks: Callable[[Any], Steps]) -> Steps:
    admin = yield face.connect(DSN)
    cur = admin.cursor()
    yield cur.execute("set lock_timeout to '10s'")  # a test that failed may hold it still
    yield cur.execute("drop table if exists items")
    yield cur.execute("create table items (id int primary key, name text)")
    yield admin.commit()
    try:
        yield from checks(face)
    finally:
        yield admin.close()


# The module.


@pytest.mark.parametrize("face", [psycopg2, postgres])
def test_the_globals_of_the_module_are_there(face: Any) -> None:
    assert (face.apilevel, face.threadsafety, face.paramstyle) == ("2.0", 2, "pyformat")
    assert callable(face.connect)


@pytest.mark.parametrize("face", [psycopg2, postgres])
def test_the_exceptions_are_one_tree(face: Any) -> None:
    for name, base in EXCEPTIONS.items():
        found = getattr(face, name)
        assert found.__bases__ == (getattr(face, base) if isinstance(base, str) else base,), name


@each
def test_the_exceptions_are_attributes_of_a_connection(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    for name in EXCEPTIONS:
        assert getattr(conn, name) is getattr(face, name)
    cur = conn.cursor()
    with pytest.raises(conn.ProgrammingError):
        yield cur.execute("select nope")
    yield conn.close()


ERRORS = {
    "select 1/0": "DataError",
    "insert into items values (1, 'twice')": "IntegrityError",
    "insert into items values (null, 'x')": "IntegrityError",
    "select * from nowhere_at_all": "ProgrammingError",
    "selec": "ProgrammingError",
    "select 'x'::int": "DataError",
    "commit prepared 'nobody'": "ProgrammingError",
    "set transaction isolation level nonsense": "ProgrammingError",
}


@each
def test_what_the_server_refuses_is_an_error_of_its_kind(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    cur = conn.cursor()
    yield cur.execute("insert into items values (1, 'once')")
    yield conn.commit()
    for sql, kind in ERRORS.items():
        if sql.startswith("commit prepared"):
            yield conn.rollback()
            yield conn.set_session(autocommit=True)
        with pytest.raises(face.DatabaseError) as caught:
            yield cur.execute(sql)
        assert isinstance(caught.value, getattr(face, kind)), sql
        assert (cur.description, cur.rowcount) == (None, -1), sql
        if not conn.autocommit:
            with pytest.raises(face.InternalError, match="aborted"):
                yield cur.execute("select 1")
            yield conn.rollback()
        else:
            yield conn.set_session(autocommit=False)
    yield conn.close()


# Types.


@pytest.mark.parametrize("face", [psycopg2, postgres])
def test_the_constructors_of_types_make_parameters(face: Any) -> None:
    conn = psycopg2.connect(DSN)
    cur = conn.cursor()
    ticks = 1_700_000_000.25
    local = datetime.datetime.fromtimestamp(ticks)
    for made, want in (
        (face.Date(2002, 12, 25), datetime.date(2002, 12, 25)),
        (face.Time(13, 45, 30), datetime.time(13, 45, 30)),
        (face.Timestamp(2002, 12, 25, 13, 45, 30), datetime.datetime(2002, 12, 25, 13, 45, 30)),
        (face.DateFromTicks(ticks), local.date()),
        (face.TimeFromTicks(ticks), local.time()),
        (face.TimestampFromTicks(ticks), local.astimezone()),
        (None, None),
    ):
        cur.execute("select %s", (made,))
        assert cur.fetchone() == (want,)
    cur.execute("select %s", (face.Binary(b"\0\xff'\\"),))
    assert bytes(cur.fetchone()[0]) == b"\0\xff'\\"
    conn.close()


@pytest.mark.parametrize("face", [psycopg2, postgres])
def test_seconds_that_round_up_stay_within_their_minute(face: Any) -> None:
    made = (face.Time(1, 2, 59.9999999), face.Timestamp(2000, 1, 1, 1, 2, 59.9999999))
    assert [str(m.adapted.microsecond) for m in made] == ["999999"] * 2
    assert face.TimeFromTicks(59.9999999).adapted.microsecond == 0


@each
def test_the_objects_of_types_equal_the_types_of_columns(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    cur = conn.cursor()
    yield cur.execute(
        "select 1, 1.5::numeric, 1.5::float8, 'x', 'x'::varchar,"
        " now()::timestamp, 'x'::bytea, 1::oid, true"
    )
    types = [face.NUMBER, face.NUMBER, face.NUMBER, face.STRING, face.STRING]
    types += [face.DATETIME, face.BINARY, face.ROWID]
    for column, want in zip(cur.description, types, strict=False):
        codes = {face.STRING, face.BINARY, face.NUMBER, face.DATETIME, face.ROWID}
        assert [t for t in codes if t == column[1]] == [want]
    assert not any(t == cur.description[-1][1] for t in codes)
    yield conn.close()


# Connections.


@each
def test_a_connection_that_is_closed_can_not_be_used(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    cur = conn.cursor()
    assert not conn.closed
    yield conn.close()
    yield conn.close()
    assert conn.closed
    assert cur.closed
    for use in (conn.commit, conn.rollback, cur.fetchone, cur.fetchall, cur.fetchmany):
        with pytest.raises(face.InterfaceError):
            yield use()
    with pytest.raises(face.InterfaceError):
        conn.cursor()
    with pytest.raises(face.InterfaceError):
        yield cur.execute("select 1")
    with pytest.raises(face.InterfaceError):
        yield cur.executemany("select %s", [(1,)])
    yield cur.close()


@each
def test_closing_undoes_what_was_not_committed(face: Any) -> Steps:
    for where in ({"dsn": DSN}, {"name": "default"}) if face is postgres else ({"dsn": DSN},):
        conn = yield face.connect(**where)
        yield conn.cursor().execute("insert into items values (1, 'x')")
        yield conn.close()
    conn = yield face.connect(DSN)
    cur = conn.cursor()
    yield cur.execute("select * from items")
    assert (yield cur.fetchall()) == []
    yield conn.close()


@each
def test_two_connections_see_what_the_other_has_committed(face: Any) -> Steps:
    one = yield face.connect(DSN)
    two = yield face.connect(DSN)
    mine, its = one.cursor(), two.cursor()
    yield mine.execute("insert into items values (1, 'one')")
    yield its.execute("select * from items")
    assert (yield its.fetchall()) == []
    yield one.commit()
    yield its.execute("select * from items")
    assert (yield its.fetchall()) == [(1, "one")], "the default is READ COMMITTED"
    yield mine.execute("update items set name = 'undone'")
    yield one.rollback()
    yield its.execute("select name from items")
    assert (yield its.fetchone()) == ("one",)
    yield one.close()
    yield two.close()


@each
def test_cursors_of_one_connection_see_what_the_others_do(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    one, two = conn.cursor(), conn.cursor()
    assert one.connection is two.connection is conn
    yield one.execute("insert into items values (1, 'one')")
    yield two.execute("select * from items")
    yield one.execute("delete from items")
    assert (yield two.fetchall()) == [(1, "one")]
    yield conn.close()


@each
def test_a_repeatable_read_stays_what_it_was(face: Any) -> Steps:
    one = yield face.connect(DSN)
    two = yield face.connect(DSN)
    yield two.set_session(isolation_level="repeatable read")
    its = two.cursor()
    yield its.execute("select count(*) from items")
    yield one.cursor().execute("insert into items values (1, 'one')")
    yield one.commit()
    yield its.execute("select count(*) from items")
    assert (yield its.fetchone()) == (0,)
    yield two.commit()
    yield its.execute("select count(*) from items")
    assert (yield its.fetchone()) == (1,)
    yield one.close()
    yield two.close()


@each
def test_serializable_transactions_that_contradict_are_refused(face: Any) -> Steps:
    both = []
    for _ in range(2):
        conn = yield face.connect(DSN)
        yield conn.set_session(isolation_level="serializable")
        both.append((conn, conn.cursor()))
    for number, (_, cur) in enumerate(both):
        yield cur.execute("select count(*) from items")
        yield cur.execute("insert into items values (%s, 'x')", (number,))
    yield both[0][0].commit()
    with pytest.raises(face.OperationalError) as caught:
        yield both[1][0].commit()
    assert caught.value.pgcode == "40001"
    for conn, _ in both:
        yield conn.close()


@each
def test_what_only_reads_can_not_write(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    yield conn.set_session(readonly=True)
    with pytest.raises(face.InternalError, match="read-only"):
        yield conn.cursor().execute("insert into items values (1, 'x')")
    yield conn.close()


@each
def test_autocommit_has_others_see_each_statement(face: Any) -> Steps:
    one = yield face.connect(DSN)
    two = yield face.connect(DSN)
    assert one.autocommit is False
    yield one.set_session(autocommit=True)
    yield one.cursor().execute("insert into items values (1, 'x')")
    cur = two.cursor()
    yield cur.execute("select count(*) from items")
    assert (yield cur.fetchone()) == (1,)
    yield one.close()
    yield two.close()


@each
def test_a_transaction_of_two_phases_survives_its_connection(face: Any) -> Steps:
    one = yield face.connect(DSN)
    for number, kept in ((1, True), (2, False)):
        xid = one.xid(42, f"global {number}", "branch")
        yield one.tpc_begin(xid)
        yield one.cursor().execute("insert into items values (%s, 'x')", (number,))
        for use in (one.commit, one.rollback):
            with pytest.raises(face.ProgrammingError):
                yield use()
        yield one.tpc_prepare()
        yield one.close()
        one = yield face.connect(DSN)
        (found,) = yield one.tpc_recover()
        assert tuple(found) == (42, f"global {number}", "branch")
        yield one.rollback()
        yield one.tpc_commit(found) if kept else one.tpc_rollback(found)
        assert (yield one.tpc_recover()) == []
        yield one.rollback()
    cur = one.cursor()
    yield cur.execute("select id from items")
    assert (yield cur.fetchall()) == [(1,)]
    yield one.close()


# Cursors.

COUNTS = (
    ("create temp table counted (id int)", -1),
    ("insert into counted select generate_series(1, 5)", 5),
    ("update counted set id = id + 1 where id > 3", 2),
    ("update counted set id = 0 where false", 0),
    ("create index on counted (id)", -1),
    ("create temp table copied as select * from counted", 5),
    ("select * from counted", 5),
    ("select * from counted where false", 0),
    ("insert into counted values (9) returning id", 1),
    ("delete from counted where id < 3", 2),
    ("set local work_mem to '4MB'", -1),
    ("truncate counted", -1),
    ("drop table counted", -1),
)


@each
def test_rowcount_says_how_many_there_were(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    cur = conn.cursor()
    assert (cur.rowcount, cur.description) == (-1, None)
    for sql, want in COUNTS:
        yield cur.execute(sql)
        assert cur.rowcount == want, sql
        rows = sql.startswith("select") or "returning" in sql
        assert (cur.description is not None) == rows, sql
        if not rows:
            for fetch in (cur.fetchone, cur.fetchmany, cur.fetchall):
                with pytest.raises(face.ProgrammingError, match="no results"):
                    yield fetch()
    yield conn.close()


@each
def test_a_description_has_seven_items_for_each_column(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    cur = conn.cursor()
    yield cur.execute("select 1::int4 as a, 1::numeric(10,2) as \"B c\", 'x'::varchar(9), now()")
    assert [tuple(c) for c in cur.description] == [
        ("a", 23, None, 4, None, None, None),
        ("B c", 1700, None, 10, 10, 2, None),
        ("varchar", 1043, None, 9, None, None, None),
        ("now", 1184, None, 8, None, None, None),
    ]
    assert [len(c) for c in cur.description] == [7] * 4
    yield conn.close()


@each
def test_rows_are_fetched_one_by_one_or_many_at_a_time(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    cur = conn.cursor()
    with pytest.raises(face.ProgrammingError):
        yield cur.fetchone()
    yield cur.execute("select n from generate_series(1, 10) n")
    assert (cur.arraysize, cur.rownumber) == (1, 0)
    assert (yield cur.fetchone()) == (1,)
    assert (yield cur.fetchmany()) == [(2,)]
    cur.arraysize = 3
    assert (yield cur.fetchmany()) == [(3,), (4,), (5,)]
    assert (yield cur.fetchmany(2)) == [(6,), (7,)]
    assert (yield cur.fetchmany(0)) == []
    assert cur.rownumber == 7
    assert (yield cur.fetchall()) == [(8,), (9,), (10,)]
    assert (yield cur.fetchone()) is None
    assert (yield cur.fetchmany(4)) == (yield cur.fetchall()) == []
    assert cur.rowcount == cur.rownumber == 10
    yield conn.close()


@each
def test_a_cursor_is_iterated_and_scrolled(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    cur = conn.cursor()
    yield cur.execute("select n from generate_series(0, 9) n")
    assert iter(cur) is cur
    assert next(cur) == (0,)
    assert [row[0] for row in cur] == list(range(1, 10))
    yield cur.scroll(-3)
    assert (yield cur.fetchone()) == (7,)
    yield cur.scroll(0, mode="absolute")
    assert (yield cur.fetchone()) == (0,)
    for value, mode in ((20, "relative"), (-2, "relative"), (10, "absolute"), (-1, "absolute")):
        with pytest.raises((face.ProgrammingError, IndexError)):
            yield cur.scroll(value, mode)
    with pytest.raises(face.ProgrammingError):
        yield cur.scroll(0, "sideways")
    assert (yield cur.fetchone()) == (1,)
    yield conn.close()


@each
def test_parameters_are_a_sequence_or_a_mapping(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    cur = conn.cursor()
    for sql, parameters, want in (
        ("select %s, %s", (1, "it's"), (1, "it's")),
        ("select %s, %s", [None, b"\0"], (None, b"\0")),
        ("select %(a)s, %(a)s || %(b)s", {"a": "x", "b": "%"}, ("x", "x%")),
        ("select 'a%%b', %s", (True,), ("a%b", True)),
        ("select 'a%b'", None, ("a%b",)),
    ):
        yield cur.execute(sql, parameters)
        row = yield cur.fetchone()
        assert tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) == want
    for sql, wrong, error in (
        ("select %s, %s", (1,), IndexError),
        ("select %s", (1, 2), TypeError),
        ("select %(a)s", {"b": 1}, KeyError),
        ("select %s", (object(),), face.ProgrammingError),
    ):
        with pytest.raises(error):
            yield cur.execute(sql, wrong)
    yield conn.close()


@each
def test_many_are_executed_and_counted(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    cur = conn.cursor()
    yield cur.executemany("insert into items values (%s, %s)", [])
    assert cur.rowcount == 0
    yield cur.executemany("insert into items values (%s, %s)", ((n, "x") for n in range(5)))
    assert cur.rowcount == 5
    yield cur.executemany("delete from items where id < %(n)s", [{"n": 2}, {"n": 4}])
    assert cur.rowcount == 4
    yield cur.execute("select id from items")
    assert (yield cur.fetchall()) == [(4,)]
    yield conn.close()


@each
def test_rows_of_many_statements_are_not_there(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    cur = conn.cursor()
    yield cur.executemany("insert into items values (%s, 'x') returning id", [(1,), (2,)])
    assert (cur.rowcount, cur.description) == (2, None)
    for fetch in (cur.fetchone, cur.fetchmany, cur.fetchall):
        with pytest.raises(face.ProgrammingError, match="no results"):
            yield fetch()
    yield conn.close()


@each
def test_a_function_is_called(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    cur = conn.cursor()
    parameters = ["LOWER"]
    assert (yield cur.callproc("lower", parameters)) == parameters
    assert (yield cur.fetchall()) == [("lower",)]
    yield cur.callproc("pi")
    assert (yield cur.fetchone())[0] > 3
    yield cur.callproc("make_date", {"month": 2, "day": 3, "year": 2001})
    assert (yield cur.fetchone()) == (datetime.date(2001, 2, 3),)
    yield conn.close()


@each
def test_sizes_are_taken_and_there_is_no_next_set(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    cur = conn.cursor()
    cur.setinputsizes([10])
    cur.setoutputsize(1000)
    cur.setoutputsize(1000, 0)
    yield cur.execute("select 1; select 2")
    assert (yield cur.fetchall()) == [(2,)], "of several statements the last one's rows are there"
    with pytest.raises(face.NotSupportedError):
        cur.nextset()
    assert cur.lastrowid == 0
    yield conn.close()


@each
def test_a_cursor_that_is_closed_can_not_be_used(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    cur = conn.cursor()
    yield cur.execute("select 1")
    yield cur.close()
    yield cur.close()
    assert cur.closed
    for use in (cur.fetchone, cur.fetchmany, cur.fetchall):
        with pytest.raises(face.InterfaceError):
            yield use()
    with pytest.raises(face.InterfaceError):
        yield cur.execute("select 1")
    with pytest.raises(face.InterfaceError):
        iter(cur)
    other = conn.cursor()
    yield other.execute("select 2")
    assert (yield other.fetchone()) == (2,)
    yield conn.close()


@each
def test_blocks_commit_or_undo(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    with conn:
        yield conn.cursor().execute("insert into items values (1, 'kept')")
    with pytest.raises(KeyError), conn:
        yield conn.cursor().execute("insert into items values (2, 'undone')")
        raise KeyError
    assert not conn.closed
    with conn.cursor() as cur:
        yield cur.execute("select name from items")
        assert (yield cur.fetchall()) == [("kept",)]
    assert cur.closed
    yield conn.close()


@each
def test_rows_that_the_server_holds_come_in_parts(face: Any) -> Steps:
    conn = yield face.connect(DSN)
    cur = conn.cursor("held")
    cur.itersize = 4
    yield cur.execute("select n from generate_series(1, 10) n")
    assert (yield cur.fetchone()) == (1,)
    assert (yield cur.fetchmany(2)) == [(2,), (3,)]
    assert cur.rowcount == 2
    assert (yield _next(cur)) == (4,)
    assert cur.rowcount == 4, "as many as itersize came together"
    assert (yield cur.fetchall()) == [(n,) for n in range(8, 11)]
    yield cur.close()
    yield conn.close()


def _next(cur: Any) -> Any:
    """The next row, as a loop over the cursor has it."""
    from puff import _wait

    return cur.__anext__() if _wait.mode() == "asyncio" else next(cur)
