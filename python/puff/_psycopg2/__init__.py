"""Puff's driver for PostgreSQL, under the name that programs know: psycopg2.

Inside Puff ``import psycopg2`` finds this package. It has psycopg2's interface and none of
its code: connections are Go's, a greenlet that waits for one lets others run, and libpq is
not needed. ``__puff__`` tells it from the original; PUFF_PSYCOPG2=0, or ``psycopg2 = false``
in puff.toml, leaves that in its place.

Not there: replication, large objects, pointers into libpq.
"""

from __future__ import annotations

from typing import Any

from . import _psycopg
from ._adapters import (
    Binary,
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
)
from ._casts import BINARY, DATETIME, NUMBER, ROWID, STRING
from ._errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
)
from ._psycopg import _connect

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
    "NUMBER",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "ROWID",
    "STRING",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "__libpq_version__",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]

__puff__ = True
__version__ = _psycopg.__version__
__libpq_version__ = _psycopg.__libpq_version__
apilevel = "2.0"
threadsafety = 2
paramstyle = "pyformat"


def connect(
    dsn: str | None = None,
    connection_factory: Any = None,
    cursor_factory: Any = None,
    **kwargs: Any,
) -> Any:
    """A connection to the server that a dsn or keywords name; with neither, of the default pool.

    >>> conn = connect(host="localhost", dbname="shop")
    """
    kwasync = {}
    if "async" in kwargs:
        kwasync["async"] = kwargs.pop("async")
    if "async_" in kwargs:
        kwasync["async_"] = kwargs.pop("async_")
    dsn = _ext.make_dsn(dsn, **kwargs)
    conn = _connect(dsn, connection_factory=connection_factory, **kwasync)
    if cursor_factory is not None:
        conn.cursor_factory = cursor_factory
    return conn


from . import _json, _range  # noqa: E402, F401
from . import extensions as _ext  # noqa: E402
