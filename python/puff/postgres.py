"""PostgreSQL: pools that Go holds, used by greenlets, coroutines and threads alike.

::

    from puff.postgres import global_postgres as pg

    row = pg.fetchrow("select id, name from items where id = $1", 7)    # in a greenlet
    row = await pg.fetchrow("select id, name from items where id = $1", 7)
    row.name, row["name"], row[1]

    with pg.transaction(isolation="serializable") as tx:
        tx.execute("update items set n = n + 1 where id = $1", 7)

:func:`connect` is the DB-API's; under asyncio what it and its connections and cursors return
is awaitable.
"""

from __future__ import annotations

import functools
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from puff import _bridge, _wait
from puff._driver import driver
from puff._pgclient import Listener, Pipeline, PostgresClient, Row, Transaction
from puff._pgtypes import Interval, Range

if TYPE_CHECKING:
    from collections.abc import Callable

Warning = driver.Warning
Error = driver.Error
InterfaceError = driver.InterfaceError
DatabaseError = driver.DatabaseError
DataError = driver.DataError
OperationalError = driver.OperationalError
IntegrityError = driver.IntegrityError
InternalError = driver.InternalError
ProgrammingError = driver.ProgrammingError
NotSupportedError = driver.NotSupportedError

Binary = driver.Binary
Date = driver.Date
DateFromTicks = driver.DateFromTicks
Time = driver.Time
TimeFromTicks = driver.TimeFromTicks
Timestamp = driver.Timestamp
TimestampFromTicks = driver.TimestampFromTicks
STRING = driver.STRING
BINARY = driver.BINARY
NUMBER = driver.NUMBER
DATETIME = driver.DATETIME
ROWID = driver.ROWID

apilevel = "2.0"
threadsafety = 2
paramstyle = "pyformat"

ISOLATION_LEVEL_AUTOCOMMIT = 0
ISOLATION_LEVEL_READ_COMMITTED = 1
ISOLATION_LEVEL_REPEATABLE_READ = 2
ISOLATION_LEVEL_SERIALIZABLE = 3
ISOLATION_LEVEL_READ_UNCOMMITTED = 4
ISOLATION_LEVEL_DEFAULT = None

__all__ = [
    "BINARY",
    "Binary",
    "DATETIME",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "Interval",
    "Listener",
    "NUMBER",
    "NotSupportedError",
    "OperationalError",
    "Pipeline",
    "PostgresClient",
    "PostgresConnection",
    "PostgresCursor",
    "ProgrammingError",
    "ROWID",
    "Range",
    "Row",
    "STRING",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Transaction",
    "Warning",
    "apilevel",
    "connect",
    "connection_override",
    "global_postgres",
    "named_client",
    "paramstyle",
    "set_connection_override",
    "threadsafety",
]

global_postgres = PostgresClient("default")
"""The pool named default."""

connection_override: ContextVar[Any] = ContextVar("connection_override", default=None)
"""What connect returns instead of a connection of its own."""


def named_client(name: str) -> PostgresClient:
    """The pool of that name in puff.toml."""
    return PostgresClient(name)


def set_connection_override(connection: Any) -> Any:
    """Has connect return that connection in this context; None ends it."""
    return connection_override.set(connection)


def _dual(f: Callable[..., Any]) -> Callable[..., Any]:
    """f, and under asyncio an awaitable of it."""

    @functools.wraps(f)
    def method(*args: Any, **kwargs: Any) -> Any:
        if _wait.bridge() is None and _wait.mode() == "asyncio":
            return _bridge.run(f, *args, **kwargs)
        return f(*args, **kwargs)

    return method


class _Dual:
    """What makes `with` and `async with` do the same."""

    async def __aenter__(self) -> Any:
        return await _bridge.run(self.__enter__)  # type: ignore[attr-defined]

    async def __aexit__(self, kind: Any, value: Any, trace: Any) -> None:
        await _bridge.run(self.__exit__, kind, value, trace)  # type: ignore[attr-defined]


class PostgresCursor(_Dual, driver.extensions.cursor):
    """A cursor of the DB-API; under asyncio its methods return awaitables."""

    def __aiter__(self) -> PostgresCursor:
        return self

    async def __anext__(self) -> Any:
        row = await _bridge.run(next, super().__iter__(), None)
        if row is None:
            raise StopAsyncIteration
        return row

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        driver.extensions.cursor.close(self)


class PostgresConnection(_Dual, driver.extensions.connection):
    """A connection of the DB-API; under asyncio its methods return awaitables."""

    def __init__(self, dsn: str = "", **kwargs: Any) -> None:
        super().__init__(dsn, **kwargs)
        self.cursor_factory = PostgresCursor

    def set_autocommit(self, value: bool) -> Any:
        """Says whether each statement is a transaction of its own."""
        return _dual(driver.extensions.connection.autocommit.fset)(self, value)  # type: ignore[attr-defined]

    def __enter__(self) -> Any:
        return driver.extensions.connection.__enter__(self)

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        base = driver.extensions.connection
        self._entered = False
        if kind is None:
            base.commit(self)
        elif not self.closed:
            base.rollback(self)


_METHODS = {
    PostgresCursor: (
        "execute executemany callproc fetchone fetchmany fetchall scroll close copy_from copy_to "
        "copy_expert"
    ),
    PostgresConnection: (
        "commit rollback close cancel reset set_session set_isolation_level set_client_encoding "
        "get_parameter_status poll tpc_begin tpc_prepare tpc_commit tpc_rollback tpc_recover"
    ),
}
for _class, _names in _METHODS.items():
    for _name in _names.split():
        setattr(_class, _name, _dual(getattr(_class, _name)))


@_dual
def connect(
    dsn: str | None = None,
    *,
    name: str | None = None,
    autocommit: bool = False,
    isolation_level: Any = None,
    readonly: bool | None = None,
    **kwargs: Any,
) -> Any:
    """A connection of the DB-API.

    Without arguments it is one of the default pool, with name one of that pool; a dsn, or
    libpq's keywords, say where else.
    """
    override = connection_override.get()
    if override is not None:
        return override
    text = driver.extensions.make_dsn(dsn, **kwargs)
    pool = name if name is not None else (None if text else "default")
    made = PostgresConnection(text, _pool=pool)
    if autocommit or isolation_level is not None or readonly is not None:
        driver.extensions.connection.set_session(
            made, isolation_level=isolation_level, readonly=readonly, autocommit=autocommit
        )
    return made
