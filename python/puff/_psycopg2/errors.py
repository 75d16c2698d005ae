"""One exception for each SQLSTATE: ``except errors.UniqueViolation``."""

from __future__ import annotations

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
    QueryCanceledError,
    TransactionRollbackError,
    Warning,
    sqlstate_errors,
)

__all__ = [
    "DataError",
    "DatabaseError",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "QueryCanceledError",
    "TransactionRollbackError",
    "Warning",
    "lookup",
]

globals().update({cls.__name__: cls for cls in sqlstate_errors.values()})


def lookup(code: str) -> type[Error]:
    """The class of a SQLSTATE. Raises KeyError."""
    return sqlstate_errors[code]


def __getattr__(name: str) -> type[Error]:  # for those who read types; all are there
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
