"""What is not of the DB-API but that every program uses."""

from __future__ import annotations

import json
import logging as _logging
import os as _os
import re as _re
import time as _time
from typing import Any

from . import extensions as _ext
from ._adapters import QuotedString
from ._composite import CompositeCaster, register_composite
from ._connection import connection as _connection
from ._cursor import cursor as _cursor
from ._errors import NotSupportedError, OperationalError
from ._fast import _paginate, execute_batch, execute_values
from ._hstore import HstoreAdapter, register_hstore
from ._ipaddress import register_ipaddress
from ._json import Json, register_default_json, register_default_jsonb, register_json
from ._psycopg import quote_ident
from ._range import (
    DateRange,
    DateTimeRange,
    DateTimeTZRange,
    NumericRange,
    Range,
    RangeAdapter,
    RangeCaster,
    register_range,
)
from ._rows import (
    DictConnection,
    DictCursor,
    DictCursorBase,
    DictRow,
    NamedTupleConnection,
    NamedTupleCursor,
    RealDictConnection,
    RealDictCursor,
    RealDictRow,
    _cached_make_nt,
)

__all__ = [
    "CompositeCaster",
    "DateRange",
    "DateTimeRange",
    "DateTimeTZRange",
    "DictConnection",
    "DictCursor",
    "DictCursorBase",
    "DictRow",
    "HstoreAdapter",
    "Inet",
    "Json",
    "LoggingConnection",
    "LoggingCursor",
    "MinTimeLoggingConnection",
    "MinTimeLoggingCursor",
    "NamedTupleConnection",
    "NamedTupleCursor",
    "NumericRange",
    "Range",
    "RangeAdapter",
    "RangeCaster",
    "RealDictConnection",
    "RealDictCursor",
    "RealDictRow",
    "UUID_adapter",
    "_cached_make_nt",
    "_paginate",
    "execute_batch",
    "execute_values",
    "json",
    "quote_ident",
    "register_composite",
    "register_default_json",
    "register_default_jsonb",
    "register_hstore",
    "register_inet",
    "register_ipaddress",
    "register_json",
    "register_range",
    "register_uuid",
    "wait_select",
]

REPLICATION_PHYSICAL = 12345678
REPLICATION_LOGICAL = 87654321


class LoggingConnection(_connection):
    """A connection that writes its statements to a file or a logger."""

    _logobj: Any

    def initialize(self, logobj: Any) -> None:
        """Says where to."""
        self._logobj = logobj
        self.log: Any = (
            self._logtologger if isinstance(logobj, _logging.Logger) else self._logtofile
        )

    def filter(self, msg: Any, curs: Any) -> Any:
        """What of a statement is written; to be overridden."""
        return msg

    def _logtofile(self, msg: Any, curs: Any) -> None:
        msg = self.filter(msg, curs)
        if msg:
            if isinstance(msg, bytes):
                msg = msg.decode(self._codec, "replace")
            self._logobj.write(msg + _os.linesep)

    def _logtologger(self, msg: Any, curs: Any) -> None:
        msg = self.filter(msg, curs)
        if msg:
            if isinstance(msg, bytes):
                msg = msg.decode(self._codec, "replace")
            self._logobj.debug(msg)

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """As connection has it."""
        if not hasattr(self, "_logobj"):
            raise self.ProgrammingError("LoggingConnection object has not been initialize()d")
        kwargs.setdefault("cursor_factory", self.cursor_factory or LoggingCursor)
        return super().cursor(*args, **kwargs)


class LoggingCursor(_cursor):
    """A cursor of a LoggingConnection."""

    def execute(self, query: Any, vars: Any = None) -> Any:
        """As cursor has it."""
        try:
            return super().execute(query, vars)
        finally:
            self.connection.log(self.query, self)

    def callproc(self, procname: str, vars: Any = None) -> Any:
        """As cursor has it."""
        try:
            return super().callproc(procname, vars)
        finally:
            self.connection.log(self.query, self)


class MinTimeLoggingConnection(LoggingConnection):
    """A LoggingConnection that writes only what took long."""

    def initialize(self, logobj: Any, mintime: int = 0) -> None:
        """Says where to, and from how many milliseconds."""
        LoggingConnection.initialize(self, logobj)
        self._mintime = mintime

    def filter(self, msg: Any, curs: Any) -> Any:
        """What is written of what took long."""
        t = (_time.time() - curs.timestamp) * 1000
        if t > self._mintime:
            if isinstance(msg, bytes):
                msg = msg.decode(self._codec, "replace")
            return f"{msg}{_os.linesep}  (execution time: {t} ms)"
        return None

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """As connection has it."""
        kwargs.setdefault("cursor_factory", self.cursor_factory or MinTimeLoggingCursor)
        return LoggingConnection.cursor(self, *args, **kwargs)


class MinTimeLoggingCursor(LoggingCursor):
    """A cursor of a MinTimeLoggingConnection."""

    timestamp = 0.0

    def execute(self, query: Any, vars: Any = None) -> Any:
        """As cursor has it."""
        self.timestamp = _time.time()
        return LoggingCursor.execute(self, query, vars)

    def callproc(self, procname: str, vars: Any = None) -> Any:
        """As cursor has it."""
        self.timestamp = _time.time()
        return LoggingCursor.callproc(self, procname, vars)


class UUID_adapter:
    """What writes a uuid.UUID."""

    def __init__(self, uuid: Any) -> None:
        self._uuid = uuid

    def __conform__(self, proto: Any) -> Any:
        return self if proto is _ext.ISQLQuote else None

    def getquoted(self) -> bytes:
        """The UUID as SQL."""
        return f"'{self._uuid}'::uuid".encode()

    def __str__(self) -> str:
        return f"'{self._uuid}'::uuid"


def register_uuid(oids: Any = None, conn_or_curs: Any = None) -> Any:
    """Has uuid become uuid.UUID, and back; the type that does it."""
    import uuid

    if not oids:
        oid1, oid2 = 2950, 2951
    elif isinstance(oids, (list, tuple)):
        oid1, oid2 = oids
    else:
        oid1, oid2 = oids, 2951

    def cast(data: Any, cursor: Any) -> Any:
        return None if data is None else uuid.UUID(data)

    made = _ext.new_type((oid1,), "UUID", cast)
    array = _ext.new_array_type((oid2,), "UUID[]", made)
    _ext.register_type(made, conn_or_curs)
    _ext.register_type(array, conn_or_curs)
    _ext.register_adapter(uuid.UUID, UUID_adapter)
    return made


class Inet:
    """An address, as older programs know it; register_ipaddress is what new ones use."""

    def __init__(self, addr: str) -> None:
        self.addr = addr
        self._conn: Any = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.addr!r})"

    def prepare(self, conn: Any) -> None:
        """Has the quotes as conn wants them."""
        self._conn = conn

    def getquoted(self) -> bytes:
        """The address as SQL."""
        quoted = QuotedString(self.addr)
        if self._conn is not None:
            quoted.prepare(self._conn)
        return quoted.getquoted() + b"::inet"

    def __conform__(self, proto: Any) -> Any:
        return self if proto is _ext.ISQLQuote else None

    def __str__(self) -> str:
        return str(self.addr)


def register_inet(oid: Any = None, conn_or_curs: Any = None) -> Any:
    """Has inet become Inet; the type that does it."""
    import warnings

    warnings.warn(
        "the inet adapter is deprecated, it's not very useful", DeprecationWarning, stacklevel=2
    )
    if not oid:
        oid1, oid2 = 869, 1041
    elif isinstance(oid, (list, tuple)):
        oid1, oid2 = oid
    else:
        oid1, oid2 = oid, 1041

    def cast(data: Any, cursor: Any) -> Any:
        return None if data is None else Inet(data)

    made = _ext.new_type((oid1,), "INET", cast)
    _ext.register_type(made, conn_or_curs)
    _ext.register_type(_ext.new_array_type((oid2,), "INETARRAY", made), conn_or_curs)
    return made


def wait_select(conn: Any) -> None:
    """Waits until nothing is under way in a connection; Ctrl-C cancels what is."""
    import select

    while True:
        try:
            state = conn.poll()
            if state == _ext.POLL_OK:
                return
            if state == _ext.POLL_READ:
                select.select([conn.fileno()], [], [])
            elif state == _ext.POLL_WRITE:
                select.select([], [conn.fileno()], [])
            else:
                raise OperationalError(f"bad state from poll: {state}")
        except KeyboardInterrupt:
            conn.cancel()  # the server's error ends the loop


class _NoReplication:
    """Replication is not supported; the class is here to be imported."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotSupportedError("replication is not supported by Puff's driver")


class LogicalReplicationConnection(_NoReplication):
    """Replication is not supported."""


class PhysicalReplicationConnection(_NoReplication):
    """Replication is not supported."""


class ReplicationCursor(_NoReplication):
    """Replication is not supported."""


class ReplicationMessage(_NoReplication):
    """Replication is not supported."""


class StopReplication(Exception):
    """Ends consume_stream, which is not supported."""


_re_clean = _re.compile(r"[^0-9a-zA-Z_]")
