"""Cursors with a name: the server holds the rows, and sends as many as are asked for."""

from __future__ import annotations

from typing import Any

from ._errors import Error, ProgrammingError
from ._link import ask

__all__ = ["Named"]


class Named:
    """What of a cursor is about its name."""

    connection: Any
    rownumber: int
    _rowcount: int
    _rows: Any
    _closed: bool

    def _init_named(self, name: str | None) -> None:
        self.name = name
        self._scrollable: bool | None = None
        self._withhold = False
        self._declared = False

    def _run(self, sql: bytes, keep: bool = False) -> None:
        raise NotImplementedError

    @property
    def withhold(self) -> bool:
        """Whether it outlives its transaction."""
        return self._withhold

    @withhold.setter
    def withhold(self, value: Any) -> None:
        if self.name is None:
            raise ProgrammingError("trying to set .withhold on unnamed cursor")
        self._withhold = bool(value)

    @property
    def scrollable(self) -> bool | None:
        """Whether it can go back; None leaves that to the server."""
        return self._scrollable

    @scrollable.setter
    def scrollable(self, value: Any) -> None:
        if self.name is None:
            raise ProgrammingError("trying to set .scrollable on unnamed cursor")
        self._scrollable = None if value is None else bool(value)

    @property
    def _quoted_name(self) -> str:
        assert self.name is not None
        return '"' + self.name.replace('"', '""') + '"'

    def _declare(self, sql: bytes) -> bytes:
        conn = self.connection
        if self._declared:
            raise ProgrammingError("can't call .execute() on named cursors more than once")
        if conn._autocommit and not conn._entered and not self._withhold:
            raise ProgrammingError("can't use a named cursor outside of transactions")
        self._declared = True
        scroll = {None: "", True: "SCROLL ", False: "NO SCROLL "}[self._scrollable]
        hold = "WITH" if self._withhold else "WITHOUT"
        head = f"DECLARE {self._quoted_name} {scroll}CURSOR {hold} HOLD FOR "
        out: bytes = head.encode(conn._codec) + sql
        return out

    def _has_rows(self) -> None:
        """The statement is the server's to know."""
        raise NotImplementedError

    def _command(self, words: str) -> None:
        self._run(f"{words} {self._quoted_name}".encode(self.connection._codec), keep=True)

    def _fetch_more(self, what: str) -> None:
        """Has as many more rows at hand."""
        self._command(f"FETCH {what} FROM")
        self.rownumber = 0

    def _move(self, value: int, mode: str) -> None:
        conn = self.connection
        if conn._autocommit and not conn._entered and not self._withhold:
            raise ProgrammingError("can't use a named cursor outside of transactions")
        how = f"ABSOLUTE {value}" if mode == "absolute" else str(value)
        self._command(f"MOVE {how} FROM")

    def _close_named(self) -> None:
        conn = self.connection
        if not self._declared or conn.closed or conn._state in ("E", "X"):
            return
        # It may be gone with its transaction, and CLOSE would fail this one.
        if conn._state != "T" or not self._withhold:
            try:
                answer = ask(
                    "query",
                    conn._id,
                    None,
                    "SELECT 1 FROM pg_catalog.pg_cursors WHERE name = "
                    + "'"
                    + str(self.name).replace("'", "''")
                    + "'",
                    None,
                )
            except Error:
                return
            if answer[0] is not None or answer[6] == 0:
                return
        conn._query(None, f"CLOSE {self._quoted_name}")
