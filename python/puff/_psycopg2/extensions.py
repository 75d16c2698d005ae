"""What goes beyond the DB-API: types, adapters, isolation levels, states, dsn."""

from __future__ import annotations

from typing import Any

from . import _casts
from ._adapters import (
    SQL_IN,
    AsIs,
    Binary,
    Boolean,
    DateFromPy,
    Float,
    Int,
    IntervalFromPy,
    ISQLQuote,
    NoneAdapter,
    QuotedString,
    TimeFromPy,
    TimestampFromPy,
    adapt,
    adapters,
    register_adapter,
)
from ._casts import binary_types, new_array_type, new_type, register_type, string_types
from ._connection import connection
from ._cursor import cursor
from ._dsn import make_dsn, parse_dsn
from ._encodings import encodings
from ._errors import Diagnostics, QueryCanceledError, TransactionRollbackError
from ._info import ConnectionInfo
from ._json import register_default_json, register_default_jsonb
from ._psycopg import (
    _ALIASES,
    encrypt_password,
    libpq_version,
    quote_ident,
)
from ._range import Range
from ._small import Column, Notify
from ._underway import get_wait_callback, set_wait_callback
from ._xid import Xid

__all__ = [
    "AsIs",
    "Binary",
    "Boolean",
    "Column",
    "ConnectionInfo",
    "DateFromPy",
    "Diagnostics",
    "Float",
    "ISQLQuote",
    "Int",
    "IntervalFromPy",
    "NoneAdapter",
    "Notify",
    "QueryCanceledError",
    "QuotedString",
    "Range",
    "SQL_IN",
    "TimeFromPy",
    "TimestampFromPy",
    "TransactionRollbackError",
    "Xid",
    "adapt",
    "adapters",
    "binary_types",
    "connection",
    "cursor",
    "encodings",
    "encrypt_password",
    "get_wait_callback",
    "libpq_version",
    "lobject",
    "make_dsn",
    "new_array_type",
    "new_type",
    "parse_dsn",
    "quote_ident",
    "register_adapter",
    "register_type",
    "set_wait_callback",
    "string_types",
]

ISOLATION_LEVEL_AUTOCOMMIT = 0
ISOLATION_LEVEL_READ_UNCOMMITTED = 4
ISOLATION_LEVEL_READ_COMMITTED = 1
ISOLATION_LEVEL_REPEATABLE_READ = 2
ISOLATION_LEVEL_SERIALIZABLE = 3
ISOLATION_LEVEL_DEFAULT = None

STATUS_SETUP = 0
STATUS_READY = 1
STATUS_BEGIN = 2
STATUS_SYNC = 3
STATUS_ASYNC = 4
STATUS_PREPARED = 5
STATUS_IN_TRANSACTION = STATUS_BEGIN

POLL_OK = 0
POLL_READ = 1
POLL_WRITE = 2
POLL_ERROR = 3

TRANSACTION_STATUS_IDLE = 0
TRANSACTION_STATUS_ACTIVE = 1
TRANSACTION_STATUS_INTRANS = 2
TRANSACTION_STATUS_INERROR = 3
TRANSACTION_STATUS_UNKNOWN = 4


class lobject:
    """Large objects are not supported; the class is here for isinstance."""


_types = {name: value for name, value in vars(_casts).items() if isinstance(value, _casts.Type)}
globals().update({name: value for name, value in _types.items() if name.isupper()})
globals().update({name: _types[real] for name, real in _ALIASES.items()})

JSON, JSONARRAY = register_default_json()
JSONB, JSONBARRAY = register_default_jsonb()


def __getattr__(name: str) -> Any:  # for those who read types; all are there
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
