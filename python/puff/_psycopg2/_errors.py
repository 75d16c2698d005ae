"""The exceptions of the DB-API, and how the server's words become one of them.

::

    Exception
    ├── Warning
    └── Error                        .pgcode .pgerror .diag .cursor
        ├── InterfaceError
        └── DatabaseError
            ├── DataError
            ├── OperationalError
            │   ├── QueryCanceledError
            │   └── TransactionRollbackError
            ├── IntegrityError
            ├── InternalError
            ├── ProgrammingError
            └── NotSupportedError

Below these, in :mod:`.errors`, is one class for each SQLSTATE.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from ._sqlstates import CODES, IRREGULAR

if TYPE_CHECKING:
    from ._cursor import cursor

_HOME = __name__.rpartition(".")[0]


class Warning(builtins.Exception):
    """Something worth knowing."""

    __module__ = _HOME


class Error(builtins.Exception):
    """What every error of a database is."""

    __module__ = _HOME
    pgerror: str | None = None
    pgcode: str | None = None
    cursor: cursor | None = None
    _fields: tuple[Any, ...] | None = None

    @property
    def diag(self) -> Diagnostics:
        """What the server said, field by field."""
        return Diagnostics(self)

    def __reduce__(self) -> Any:
        return (
            type(self),
            self.args,
            {"pgerror": self.pgerror, "pgcode": self.pgcode, "_fields": self._fields},
        )

    def __setstate__(self, state: dict[str, Any] | None) -> None:
        self.__dict__.update(state or {})


class InterfaceError(Error):
    """The interface was used in a way that it does not allow."""

    __module__ = _HOME


class DatabaseError(Error):
    """An error of the database."""

    __module__ = _HOME


class DataError(DatabaseError):
    """A value that does not fit."""

    __module__ = _HOME


class OperationalError(DatabaseError):
    """Something about the server that the program need not be at fault for."""

    __module__ = _HOME


class IntegrityError(DatabaseError):
    """A constraint was about to be violated."""

    __module__ = _HOME


class InternalError(DatabaseError):
    """The database is in a state that does not allow it."""

    __module__ = _HOME


class ProgrammingError(DatabaseError):
    """The statement is at fault."""

    __module__ = _HOME


class NotSupportedError(DatabaseError):
    """The server can not do that."""

    __module__ = _HOME


class QueryCanceledError(OperationalError):
    """The statement was cancelled."""

    __module__ = _HOME + ".extensions"


class TransactionRollbackError(OperationalError):
    """The transaction was given up by the server: try it again."""

    __module__ = _HOME + ".extensions"


_FIELDS = [
    "severity",
    "sqlstate",
    "message_primary",
    "message_detail",
    "message_hint",
    "statement_position",
    "internal_position",
    "internal_query",
    "context",
    "schema_name",
    "table_name",
    "column_name",
    "datatype_name",
    "constraint_name",
    "source_file",
    "source_line",
    "source_function",
    "severity_nonlocalized",
]


class Diagnostics:
    """What the server said of an error, field by field; None for what it did not say."""

    severity: str | None
    sqlstate: str | None
    message_primary: str | None
    message_detail: str | None
    message_hint: str | None
    statement_position: str | None
    internal_position: str | None
    internal_query: str | None
    context: str | None
    schema_name: str | None
    table_name: str | None
    column_name: str | None
    datatype_name: str | None
    constraint_name: str | None
    source_file: str | None
    source_line: str | None
    source_function: str | None
    severity_nonlocalized: str | None

    def __init__(self, error: Error) -> None:
        self._error = error

    def __getattr__(self, name: str) -> str | None:
        if name not in _FIELDS:
            raise AttributeError(name)
        fields = self._error._fields
        value = fields[_FIELDS.index(name)] if fields else None
        return None if value is None else str(value)


# What begins a SQLSTATE -> class, the longest first.
_BASES: dict[str, type[Error]] = {
    "57014": QueryCanceledError,
    **dict.fromkeys(("08", "26", "27", "28", "34"), OperationalError),
    **dict.fromkeys(("24", "25", "2B", "2D", "2F", "38", "39", "3B"), InternalError),
    **dict.fromkeys(("20", "21", "3D", "3F", "42", "44"), ProgrammingError),
    "0A": NotSupportedError,
    "22": DataError,
    "23": IntegrityError,
    "40": TransactionRollbackError,
    **dict.fromkeys(("5", "H"), OperationalError),
    **dict.fromkeys(("F", "P", "X"), InternalError),
}


def base_of(code: str | None) -> type[Error]:
    """The class of the DB-API for a SQLSTATE."""
    for n in (5, 2, 1):
        found = _BASES.get((code or "")[:n])
        if found is not None:
            return found
    return DatabaseError


def _classes() -> dict[str, type[Error]]:
    found: dict[str, type[Error]] = {}
    for line in CODES.splitlines():
        code, constant = line.split()
        if code.startswith(("00", "01")) or code == "22020":
            continue
        name = IRREGULAR.get(code) or "".join(
            part.capitalize() for part in constant.strip("_").split("_")
        )
        space = {"__module__": _HOME + ".errors", "__doc__": f"SQLSTATE {code}."}
        found[code] = type(name, (base_of(code),), space)
    return found


sqlstate_errors = _classes()


def _with_line(message: list[str], sql: str, position: int) -> None:
    """The line of the statement that the error is in, and a mark below the place."""
    before = sql[: position - 1]
    number = before.count("\n") + 1
    start = before.rfind("\n") + 1
    end = sql.find("\n", start)
    line = sql[start : end if end >= 0 else len(sql)]
    at = position - 1 - start
    head = f"LINE {number}: "
    if len(line) > 60:  # only what is around the place
        cut = max(0, min(at - 30, len(line) - 60))
        line, at = line[cut : cut + 60], at - cut
        if cut:
            line, at = "..." + line[3:], max(at, 3)
    message.append(head + line.replace("\t", " "))
    message.append(" " * (len(head) + at) + "^")


def full_text(fields: tuple[Any, ...], sql: str | None) -> str:
    """What psql would show."""
    severity, _, primary, detail, hint, position, inner, query, context = fields[:9]
    message = [f"{severity}:  {primary}"]
    if position and sql is not None:
        _with_line(message, sql, int(position))
    elif inner and query:
        _with_line(message, query, int(inner))
    for name, value in (("DETAIL", detail), ("HINT", hint), ("QUERY", query), ("CONTEXT", context)):
        if value:
            message.append(f"{name}:  {value}")
    return "\n".join(message) + "\n"


def server_error(fields: tuple[Any, ...], sql: str | None) -> Error:
    """The exception for an error of the server's."""
    code = fields[1]
    cls = sqlstate_errors.get(code) or base_of(code)
    text = full_text(fields, sql)
    start = len(fields[0]) + 3 if fields[0] in ("ERROR", "FATAL", "PANIC") else 0
    error = cls(text[start:])
    error.pgerror, error.pgcode, error._fields = text, code, fields
    return error


_KINDS: dict[str, tuple[type[Error], str | None]] = {
    "copy_in": (ProgrammingError, "can't execute COPY FROM: use the copy_from() method instead"),
    "copy_out": (ProgrammingError, "can't execute COPY TO: use the copy_to() method instead"),
    "closed": (InterfaceError, "connection already closed"),
}


def make(failure: tuple[Any, ...], sql: str | None = None) -> Error:
    """The exception for what Go says went wrong."""
    if len(failure) > 2:
        return server_error(failure, sql)
    kind, message = failure
    cls, text = _KINDS.get(kind, (OperationalError, None))
    return cls(text if text is not None else message)
