"""A connection of the DB-API: Go holds the real one, by a number."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from . import _errors
from ._casts import Registry
from ._encodings import clean, codec
from ._errors import (
    Error,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    make,
)
from ._facts import Facts, masked
from ._link import ask, caller, tell
from ._session import Session
from ._small import Notify
from ._tpc import TwoPhase
from ._underway import Underway, waiting

__all__ = ["connection"]

READY, BEGIN, PREPARED = 1, 2, 5
_MOST_NOTICES = 50


class connection(Underway, Session, TwoPhase, Facts):
    """A connection; ``connection(dsn)`` opens one, ``connection(dsn, async_=1)`` begins to."""

    Warning = _errors.Warning
    Error = _errors.Error
    InterfaceError = _errors.InterfaceError
    DatabaseError = _errors.DatabaseError
    DataError = _errors.DataError
    OperationalError = _errors.OperationalError
    IntegrityError = _errors.IntegrityError
    InternalError = _errors.InternalError
    ProgrammingError = _errors.ProgrammingError
    NotSupportedError = _errors.NotSupportedError

    _id = 0
    _pid_of_process = 0
    closed = 1
    _string_types: Registry | None
    _last_error: str | None
    _mark: int
    _about: dict[str, str]
    _state: str

    def __new__(cls, *args: Any, **kwargs: Any) -> connection:
        made = super().__new__(cls)
        made._string_types = None
        made._about = {}
        made._state = "X"
        made.status = 0
        made._last_error = "there is no connection"
        made._mark = 0
        return made

    def __init__(self, dsn: str, async_: Any = False, **kwargs: Any) -> None:
        from ._dsn import resolve

        pool = kwargs.get("_pool")
        self.async_ = 1 if async_ or kwargs.get("async") else 0
        self._dsn = str(dsn)
        self.notices: Any = []
        self.notifies: Any = []
        self.cursor_factory: Any = None
        self._init_session()
        self._xid: Any = None
        self._entered = False
        if pool is None and not dsn and _default_pool():
            pool = "default"
        text = None if pool is not None else resolve(self._dsn)
        self._pid_of_process = os.getpid()
        self._pid = 0
        self._encoding, self._codec = "", "utf-8"
        self._pooled = pool is not None
        where = (text, pool or "", caller())
        if self.async_:
            self._autocommit = True
            self._connect_later(*where)
            return
        green = waiting.callback is not None
        answer = self._connect_and_wait(*where) if green else ask("connect", *where)
        for sql in self._connected(answer):
            self._simple(sql)

    def _connected(self, answer: Any) -> list[str]:
        """Takes what Go says of connecting; the statements to begin with are returned."""
        if answer[0] is not None:
            self.closed = 2
            if self._gate >= 0:
                tell("close", self._id)
            error = make(answer[0])
            if len(answer[0]) > 2 and not self._pooled:  # of the server; libpq says where, too
                kind = type(error) if isinstance(error, OperationalError) else OperationalError
                error = kind(f"connection to server failed: {error.pgerror}")
            self._last_error = str(error)
            raise error
        _, self._id, self._pid, about, notices = answer
        self._about = about
        self.closed = 0
        self._last_error = None
        self.status = READY
        self._state = "I"
        self._encoding_is(about.get("client_encoding", "UTF8"))
        self._note("I", notices, None)
        setup = []
        if not about.get("DateStyle", "ISO").startswith("ISO"):
            setup.append("SET DateStyle TO 'ISO'")
        if self._encoding == "SQLASCII" and about.get("client_encoding") == "":
            setup.append("SET client_encoding TO 'UTF8'")
        return setup

    def __del__(self) -> None:
        if self._id and not self.closed and self._pid_of_process == os.getpid():
            self.closed = 1
            with contextlib.suppress(Exception):  # at the end of Python nobody is there to be told
                tell("close", self._id)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} object at {id(self):#x}; "
            f"dsn: '{masked(self._dsn)}', closed: {self.closed}>"
        )

    # What goes to the server.

    def _check(self) -> None:
        if self.closed:
            raise InterfaceError("connection already closed")
        if self._pid_of_process != os.getpid():
            raise InterfaceError(
                "the connection belongs to the process that this one was forked from"
            )

    def _query(self, first: str | None, sql: Any, text: Any = None, cursor: Any = None) -> Any:
        """Runs sql; what Go answers, or its error raised."""
        if waiting.callback is None:
            answer = ask("query", self._id, first, sql, text)
        else:
            answer = self._ask("query", first, sql, text)
        return self._answered(answer, sql, cursor)

    def _answered(self, answer: Any, sql: Any, cursor: Any = None) -> Any:
        if len(answer) == 1:
            self._raise(answer[0], sql, cursor)
        failure, state, notices, notifications = answer[:4]
        self._note(state, notices, notifications)
        if failure is not None:
            self._raise(failure, sql, cursor)
        return answer

    def _note(self, state: str, notices: Any, notifications: Any) -> None:
        self._state = state
        if state == "X" and not self.closed:
            self.closed = 2
            tell("close", self._id)
        if notices:
            with contextlib.suppress(Exception):  # whatever the program made of the attribute
                for fields in notices:
                    self.notices.append(_errors.full_text(fields, None))
                if type(self.notices) is list:
                    del self.notices[:-_MOST_NOTICES]
        if notifications:
            with contextlib.suppress(Exception):  # as above
                for pid, channel, payload in notifications:
                    self.notifies.append(Notify(pid, channel, payload))

    def _raise(self, failure: Any, sql: Any, cursor: Any = None) -> None:
        text = sql.decode(self._codec, "replace") if isinstance(sql, bytes) else sql
        error = make(failure, text)
        if self._state == "X" and self.closed != 1 and len(failure) == 2:
            error = OperationalError(f"{error}\nserver closed the connection unexpectedly")
        error.cursor = cursor
        self._last_error = error.pgerror or str(error)
        raise error

    def _simple(self, sql: str, begin: bool = False) -> Any:
        """Runs a statement of our own."""
        return self._query(self._begin() if begin else None, sql)

    # Cursors.

    def cursor(
        self,
        name: str | None = None,
        cursor_factory: Any = None,
        withhold: bool = False,
        scrollable: bool | None = None,
    ) -> Any:
        """A new cursor; with a name the server holds its rows."""
        self._check()
        self._is_there()
        if name is not None:
            self._not_async("a named cursor")
        from ._cursor import cursor

        factory = cursor_factory or self.cursor_factory or cursor
        if name is not None and not isinstance(name, str):
            raise TypeError("the name of a cursor is a string")
        made = factory(self, name=name) if name is not None else factory(self)
        if not isinstance(made, cursor):
            raise TypeError("cursor factory must be subclass of psycopg2.extensions.cursor")
        if withhold:
            made.withhold = withhold
        if scrollable is not None:
            made.scrollable = scrollable
        return made

    # The transaction.

    def commit(self) -> None:
        """Makes what was done last."""
        self._check()
        self._not_async("commit")
        self._not_in_tpc("commit")
        self._end("COMMIT")

    def rollback(self) -> None:
        """Undoes what was done since the last commit."""
        self._check()
        self._not_async("rollback")
        self._not_in_tpc("rollback")
        self._end("ROLLBACK")

    def _end(self, sql: str) -> None:
        if self.status != BEGIN:
            return
        self.status = READY
        self._xid = None
        self._mark += 1
        self._answered(self._ask("end", sql), sql)

    def close(self) -> None:
        """Ends the connection; what was not committed is undone."""
        if self.closed == 1:
            return
        was, self.closed = self.closed, 1
        self._state = "X"
        if was == 0 and self._pid_of_process == os.getpid():
            ask("close", self._id)

    def cancel(self) -> None:
        """Has the server give up what it is doing for this connection. For other threads."""
        self._check()
        if self.status == PREPARED:
            raise ProgrammingError("cancel cannot be used with a prepared two-phase transaction")
        self._is_there()
        failure = ask("cancel", self._id)[0]
        if failure is not None:
            raise make(failure)

    def reset(self) -> None:
        """Rolls back, and sets the session to what it was at the beginning."""
        self._check()
        self._not_async("reset")
        self._query(None, "ABORT; RESET ALL; SET SESSION AUTHORIZATION DEFAULT;")
        self.status = READY
        self._xid = None
        self._init_session()
        self._encoding_now()

    def __enter__(self) -> connection:
        self._check()
        if self.status == PREPARED:
            raise ProgrammingError("with cannot be used with a prepared two-phase transaction")
        if self._entered:
            raise ProgrammingError("the connection cannot be re-entered recursively")
        self._entered = True
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        self._entered = False
        if kind is None:
            self.commit()
        elif not self.closed:
            try:
                self.rollback()
            except Error:
                if not self.closed:
                    raise

    # The encoding.

    def _encoding_is(self, name: str) -> None:
        try:
            self._codec = codec(name)
        except KeyError:
            raise OperationalError(f"can't find Python's codec for the encoding '{name}'") from None
        self._encoding = clean(name)

    def _encoding_now(self) -> None:
        self._encoding_is(ask("param", self._id, "client_encoding")[1] or "UTF8")

    @property
    def encoding(self) -> str:
        """The server's name of the encoding that text goes through."""
        return self._encoding

    def set_client_encoding(self, encoding: str) -> None:
        """Changes the encoding that text goes through; rolls back."""
        self._check()
        self._not_async("set_client_encoding")
        if self.status == PREPARED:
            raise ProgrammingError(
                "set_client_encoding cannot be used with a prepared two-phase transaction"
            )
        name = clean(encoding)
        if name == self._encoding:
            return
        self.rollback()
        self._simple(f"SET client_encoding TO '{name}'")
        self._encoding_now()

    @property
    def _escapes(self) -> bool:
        """Whether a backslash between quotes means more than itself."""
        return bool(self._about.get("standard_conforming_strings") == "off")


setattr(
    connection, "async", property(lambda self: self.async_)
)  # its name when that was no keyword


def _default_pool() -> bool:
    try:
        ask("stats", "default")
    except LookupError:
        return False
    return True
