"""What the other modules are made of, in one place, as some programs look for it."""

from __future__ import annotations

from typing import Any

from ._adapters import (  # noqa: F401
    AsIs,
    Binary,
    Boolean,
    Date,
    DateFromPy,
    DateFromTicks,
    Decimal,
    Float,
    Int,
    IntervalFromPy,
    ISQLQuote,
    List,
    QuotedString,
    Time,
    TimeFromPy,
    TimeFromTicks,
    Timestamp,
    TimestampFromPy,
    TimestampFromTicks,
    adapt,
    adapters,
)
from ._casts import *  # noqa: F403
from ._casts import binary_types, new_array_type, new_type, register_type, string_types  # noqa: F401
from ._connection import connection
from ._cursor import cursor  # noqa: F401
from ._dsn import parse_dsn  # noqa: F401
from ._encodings import encodings  # noqa: F401
from ._errors import (  # noqa: F401
    DatabaseError,
    DataError,
    Diagnostics,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    QueryCanceledError,
    TransactionRollbackError,
    Warning,
    sqlstate_errors,
)
from ._info import ConnectionInfo  # noqa: F401
from ._small import Column, Notify  # noqa: F401
from ._underway import get_wait_callback, set_wait_callback  # noqa: F401
from ._xid import Xid  # noqa: F401

__version__ = "2.9.13 (puff)"
__libpq_version__ = 160000
apilevel = "2.0"
threadsafety = 2
paramstyle = "pyformat"


def libpq_version() -> int:
    """The version of libpq that this driver is like."""
    return __libpq_version__


def quote_ident(name: Any, scope: Any) -> str:
    """A name as SQL takes it, whatever is in it."""
    if not isinstance(scope, (connection, cursor)):
        raise TypeError("argument 2 must be a connection or a cursor")
    if isinstance(name, bytes):
        name = name.decode()
    if not isinstance(name, str):
        raise TypeError("argument 1 must be a string")
    return '"' + name.replace('"', '""') + '"'


def encrypt_password(
    password: Any, user: Any, scope: Any = None, algorithm: str | None = None
) -> str:
    """A password as the server keeps it, so that it need not travel."""
    from ._password import encrypt

    return encrypt(password, user, scope, algorithm)


def _connect(dsn: str, connection_factory: Any = None, **kwargs: Any) -> Any:
    return (connection_factory or connection)(dsn, **kwargs)


def __getattr__(name: str) -> Any:
    from . import _casts

    try:
        return vars(_casts)[_ALIASES.get(name, name)]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


# Another name of a type -> its own.
_ALIASES = {
    "PYDATE": "DATE",
    "PYDATEARRAY": "DATEARRAY",
    "PYTIME": "TIME",
    "PYTIMEARRAY": "TIMEARRAY",
    "PYDATETIME": "DATETIME",
    "PYDATETIMEARRAY": "DATETIMEARRAY",
    "PYDATETIMETZ": "DATETIMETZ",
    "PYDATETIMETZARRAY": "DATETIMETZARRAY",
    "PYINTERVAL": "INTERVAL",
    "PYINTERVALARRAY": "INTERVALARRAY",
}
