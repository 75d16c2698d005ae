"""Cursors with a name: the server holds the rows, and sends as many as are asked for."""

from __future__ import annotations

from typing import Any

from ._errors import ProgrammingError

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
        self._mark: int = self.connection._mark

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
        self._mark = conn._mark
        scroll = {None: "", True: "SCROLL ", False: "NO SCROLL "}[self._scrollable]
        hold = "WITH" if self._withhold else "WITHOUT"
        head = f"DECLARE {self._quoted_name} {scroll}CURSOR {hold} HOLD FOR "
        out: bytes = head.encode(conn._codec) + sql
        return out

    def _command(self, words: str) -> None:
        self._run(f"{words} {self._quoted_name}".encode(self.connection._codec), keep=True)

    def _fetch_more(self, what: str) -> None:
        """Has as many more rows at hand."""
        self._valid()
        self._command(f"FETCH {what} FROM")
        self.rownumber = 0

    def _move(self, value: int, mode: str) -> None:
        conn = self.connection
        if conn._autocommit and not conn._entered and not self._withhold:
            raise ProgrammingError("can't use a named cursor outside of transactions")
        self._valid()
        how = f"ABSOLUTE {value}" if mode == "absolute" else str(value)
        self._command(f"MOVE {how} FROM")

    def _close_named(self) -> None:
        conn = self.connection
        if conn.closed or conn._state in ("E", "X"):
            return
        if self._declared:
            if self._mark != conn._mark and not self._withhold:
                return  # it went with its transaction
        else:  # somebody else's, perhaps
            name = str(self.name).replace("'", "''")
            sql = f"SELECT 1 FROM pg_catalog.pg_cursors WHERE name = '{name}'"
            if not conn._query(None, sql)[6]:
                return
        conn._query(None, f"CLOSE {self._quoted_name}")

    def _valid(self) -> None:
        if self._mark != self.connection._mark and not self._withhold:
            raise ProgrammingError("named cursor isn't valid anymore")
