"""A cursor: statements, and the rows of the last one.

Rows arrive in pieces; those not at hand wait in Go. What Go makes objects of is the same as
what the types of :mod:`._casts` make; for a type that somebody changed Go sends the text.
"""

from __future__ import annotations

import contextlib
import datetime
from typing import Any

from . import _casts
from ._casts import NATIVE, Registry
from ._copy import Copies
from ._errors import InterfaceError, NotSupportedError, ProgrammingError
from ._link import ask, tell
from ._named import Named
from ._params import as_bytes, merge
from ._small import column

__all__ = ["cursor"]

# What was said of columns that nobody wants to be special, by them.
_described: dict[Any, tuple[Any, list[Any], list[Any]]] = {}
_MOST_DESCRIBED = 500


class cursor(Named, Copies):
    """What runs statements; ``conn.cursor()`` makes one."""

    arraysize = 1
    itersize = 2000
    tzinfo_factory: Any = datetime.timezone
    row_factory: Any = None
    connection: Any = None
    name: str | None = None
    _closed = True

    def __init__(self, conn: Any, name: str | None = None) -> None:
        from ._connection import connection

        if not isinstance(conn, connection):
            raise TypeError("argument 1 must be a connection")
        self.connection = conn
        self._closed = False
        self._init_named(name)
        self._string_types: Any = None
        self.query: bytes | None = None
        self._piece_id = 0
        self._clear()

    def _clear(self) -> None:
        """As before the first statement."""
        self.description: Any = None
        self._rowcount = -1
        self.rownumber = 0
        self.lastrowid = 0
        self.statusmessage: str | None = None
        self._rows: list[Any] | None = None
        self._spots: dict[int, list[int]] | None = None
        self._start = 0  # the number of the first row at hand
        self._piece = 0  # the number of the piece at hand
        self._starts: list[int] = [0]
        self._free()
        self._pieces = 1
        self._casters: list[Any] = []
        self._after: list[tuple[int, Any]] = []

    def __del__(self) -> None:
        if getattr(self, "_piece_id", 0) and not self.connection.closed:
            with contextlib.suppress(Exception):  # at the end of Python nobody is there to be told
                tell("free", self.connection._id, self._piece_id)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {id(self):#x}; closed: {int(self.closed)}>"

    @property
    def closed(self) -> bool:
        """Whether it can not be used any more."""
        return self._closed or bool(self.connection.closed)

    def _check(self) -> None:
        if self._closed:
            raise InterfaceError("cursor already closed")
        self.connection._check()

    # Statements.

    def execute(self, query: Any, vars: Any = None) -> None:
        """Runs a statement, with parameters in the places of %s or %(name)s."""
        self._check()
        self._not_prepared("execute")
        conn = self.connection
        conn._not_underway("execute")
        sql = merge(as_bytes(query, conn, self), vars, conn)
        if self.name is not None:
            sql = self._declare(sql)
        self._run(sql)

    def _not_prepared(self, what: str) -> None:
        if self.connection.status == 5:
            raise ProgrammingError(f"{what} cannot be used with a prepared two-phase transaction")

    def _run(self, sql: bytes, keep: bool = False) -> None:
        conn = self.connection
        text = self._as_text()
        if not keep:
            self._clear()
            self.query = sql
        else:
            self._free()
        if conn.async_:
            conn._execute_later(self, sql, text)
            return
        # What holds its rows beyond transactions begins none to give them out.
        first = None if keep and self._withhold else conn._begin()
        self._take(conn._query(first, sql, text, self))

    def _take(self, answer: Any) -> None:
        """Keeps a result."""
        _, _, _, _, tag, columns, rows, piece, number, pieces = answer
        self.statusmessage = tag
        words = tag.split(" ") if tag else [""]
        if columns is None:
            if not tag:
                raise ProgrammingError("can't execute an empty query")
            self.description, self._rows = None, None
            self._rowcount = int(words[-1]) if words[-1].isdigit() else -1
            if words[0] == "INSERT" and len(words) == 3:
                self.lastrowid = int(words[1])
            if words[0] == "SET" or words[0] == "RESET":
                self.connection._encoding_now()
            return
        self._rowcount = rows
        self._piece_id, self._pieces, self._piece = number, pieces, 0
        self._starts, self._start = [0], 0
        self._rows = piece[0]
        self._set_spots(piece[1])
        self._describe(columns)

    def _set_spots(self, spots: Any) -> None:
        self._spots = None
        if spots:
            self._spots = {}
            for row, col in spots:
                self._spots.setdefault(row, []).append(col)

    def _describe(self, columns: Any) -> None:
        conn = self.connection
        utf8 = conn._encoding in ("UTF8", "UNICODE")
        usual = utf8 and not (self._string_types or conn._string_types or self._text_set)
        key = (_casts.string_types.changes, *columns)
        found = _described.get(key) if usual else None
        if found is None:
            found = self._description_of(columns, utf8)
            if usual:
                if len(_described) >= _MOST_DESCRIBED:
                    _described.clear()
                _described[key] = found
        self.description, self._casters, self._after = found

    def _description_of(self, columns: Any, utf8: bool) -> tuple[Any, list[Any], list[Any]]:
        """What is said of the columns, what makes objects of their texts, and what is left to
        do to what Go makes of them: (number of the column, function)."""
        conn = self.connection
        if utf8:
            description = tuple([column(*c) for c in columns])
        else:
            codec = conn._codec
            description = tuple([column(c[0].decode(codec), *c[1:]) for c in columns])
        own, shared, everybody = self._string_types, conn._string_types, _casts.string_types
        text = self._text_set
        casters, after = [], []
        for i, c in enumerate(columns):
            oid = c[1]
            cast = (own and own.get(oid)) or (shared and shared.get(oid)) or everybody.get(oid)
            if cast is None:
                cast = _casts.default
            casters.append(cast)
            if oid in NATIVE and (text is None or oid not in text):
                if cast._post is not None:
                    after.append((i, cast._post))
            elif not (utf8 and getattr(cast, "_native", False) and cast._cast is _casts._str):
                after.append((i, cast))
        return description, casters, after

    def _as_text(self) -> list[int] | None:
        """The types that Go is to leave to us; None: none."""
        text = _casts.overridden()
        changed = self._string_types or self.connection._string_types
        if changed or self.tzinfo_factory is not datetime.timezone:
            found = set(text or ())
            for types in (self.connection._string_types, self._string_types):
                for oid, cast in (types or {}).items():
                    if oid in NATIVE and not getattr(cast, "_native", False):
                        found.add(oid)
            if self.tzinfo_factory is not datetime.timezone:
                found.add(1184)
            text = list(found)
        self._text_set = text
        return text

    _text_set: list[int] | None = None

    def executemany(self, query: Any, vars_list: Any) -> None:
        """Runs a statement for each of the parameters."""
        self._check()
        self.connection._not_async("executemany")
        self._not_prepared("executemany")
        if self.name is not None:
            raise ProgrammingError("can't call .executemany() on named cursors")
        conn = self.connection
        plain = as_bytes(query, conn, self)
        total = 0
        for vars in vars_list:
            self._run(merge(plain, vars, conn))
            if self._rowcount < 0 or total < 0:
                total = -1
            else:
                total += self._rowcount
            self._forget()
        self._rowcount = total

    def _forget(self) -> None:
        """As executemany leaves it: there are no rows to be fetched."""
        self.description, self._rows, self._spots = None, None, None
        self._free()

    def _free(self) -> None:
        """Has Go forget the rows that were not fetched."""
        if self._piece_id:
            tell("free", self.connection._id, self._piece_id)
            self._piece_id = 0

    def mogrify(self, query: Any, vars: Any = None) -> bytes:
        """The statement as execute would send it."""
        return merge(as_bytes(query, self.connection, self), vars, self.connection)

    def callproc(self, procname: str, parameters: Any = None) -> Any:
        """Calls a function of the server; its rows are there to be fetched."""
        if self.name is not None:
            raise ProgrammingError("can't call .callproc() on named cursors")
        if isinstance(parameters, dict):
            names = []
            for name in parameters:
                if not isinstance(name, str):
                    raise TypeError("argument 2 must have string keys")
                names.append('"' + name.replace('"', '""') + '":=%s')
            self.execute(f"SELECT * FROM {procname}({','.join(names)})", list(parameters.values()))
        else:
            marks = ",".join(["%s"] * len(parameters or ()))
            self.execute(f"SELECT * FROM {procname}({marks})", parameters)
        return parameters

    def nextset(self) -> Any:
        """There is never another result."""
        raise NotSupportedError("not supported by PostgreSQL")

    def setinputsizes(self, sizes: Any) -> None:
        """Does nothing, as the DB-API allows."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Does nothing, as the DB-API allows."""

    def cast(self, oid: int, value: Any) -> Any:
        """The object that this cursor makes of a text of a type."""
        for types in (self._string_types, self.connection._string_types, _casts.string_types):
            found = types.get(oid) if types else None
            if found is not None:
                return found(value, self)
        return _casts.default(value, self)

    # Rows.

    @property
    def rowcount(self) -> int:
        """How many rows there are, or were changed; -1: nobody knows."""
        return self._rowcount

    def _has_rows(self) -> None:
        self._check()
        if self._rows is None and self.name is None:
            raise ProgrammingError("no results to fetch")

    def _row(self) -> Any:
        """The next row of the result at hand, or None."""
        rows = self._rows
        if rows is None:
            raise ProgrammingError("no results to fetch")
        at = self.rownumber - self._start
        if at >= len(rows) or at < 0:
            if not self._seek():
                return None
            rows, at = self._rows, self.rownumber - self._start
            assert rows is not None
        row = rows[at]
        self.rownumber += 1
        if self._after or self._spots or self.row_factory is not None:
            return self._made(row, at)
        return row

    def _seek(self) -> bool:
        """Has the piece at hand that the next row is in; False: there is no such row."""
        if self.rownumber >= self._rowcount or self._rows is None:
            return False
        while not self._start <= self.rownumber < self._start + len(self._rows):
            if self.rownumber < self._start:
                want = max(i for i, s in enumerate(self._starts) if s <= self.rownumber)
            else:
                want = self._piece + 1
                if want == len(self._starts):
                    self._starts.append(self._start + len(self._rows))
            piece = ask("piece", self.connection._id, self._piece_id, want)[0]
            if piece is None:
                raise InterfaceError("the result is gone")
            self._rows, self._piece, self._start = piece[0], want, self._starts[want]
            self._set_spots(piece[1])
        return True

    def _made(self, row: Any, at: int) -> Any:
        """The row as the types and the factory want it."""
        if self._after or self._spots:
            values = list(row)
            spots = self._spots.get(at, ()) if self._spots else ()
            for i, cast in self._after:
                if i in spots:
                    continue
                if cast is _casts.view:
                    if values[i] is not None:
                        values[i] = cast(values[i])
                else:
                    values[i] = cast(values[i], self)
            for i in spots:
                values[i] = self._casters[i](values[i], self)
            row = values
        if self.row_factory is not None:
            made = self.row_factory(self)
            for i, value in enumerate(row):
                made[i] = value
            return made
        return tuple(row)

    def fetchone(self) -> Any:
        """The next row, or None."""
        self._has_rows()
        if self.name is not None:
            self._fetch_more("FORWARD 1")
        return self._row()

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """The next rows, arraysize of them."""
        self._has_rows()
        if size is None:
            size = self.arraysize
        if self.name is not None:
            self._fetch_more(f"FORWARD {size}")
        found = []
        for _ in range(size):
            row = self._row()
            if row is None:
                break
            found.append(row)
        return found

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        self._has_rows()
        if self.name is not None:
            self._fetch_more("FORWARD ALL")
        found: list[Any] = []
        plain = not (self._after or self.row_factory is not None)
        while self.rownumber < self._rowcount:
            self._seek()
            at = self.rownumber - self._start
            if plain and not self._spots:
                assert self._rows is not None
                found += self._rows[at:] if at else self._rows
                self.rownumber = self._start + len(self._rows)
            else:
                row = self._row()
                if row is None:
                    break
                found.append(row)
        return found

    def __iter__(self) -> cursor:
        self._check()
        return self

    def __next__(self) -> Any:
        if self.name is not None:
            self._has_rows()
            if self._rows is None or self.rownumber >= self._rowcount:
                self._fetch_more(f"FORWARD {self.itersize}")
            row = self._row()
        else:
            self._has_rows()
            row = self._row()
        if row is None:
            raise StopIteration
        return row

    def scroll(self, value: int, mode: str = "relative") -> None:
        """Moves to another row."""
        self._check()
        if mode not in ("relative", "absolute"):
            raise ProgrammingError("scroll mode must be 'relative' or 'absolute'")
        if self.name is not None:
            self._move(value, mode)
            return
        self._has_rows()
        to = self.rownumber + value if mode == "relative" else value
        if not 0 <= to < self._rowcount:
            raise ProgrammingError("scroll destination out of bounds")
        self.rownumber = to

    def close(self) -> None:
        """Ends it; the rows are gone."""
        if self._closed:
            return
        if self.name is not None:
            self._close_named()
        self._closed = True
        if self._piece_id and not self.connection.closed:
            tell("free", self.connection._id, self._piece_id)
        self._piece_id = 0

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        self.close()

    # Types.

    def _registry(self) -> Any:
        if self._string_types is None:
            self._string_types = Registry()
        return self._string_types

    @property
    def string_types(self) -> Any:
        """The types that only this cursor has."""
        return self._string_types

    @property
    def binary_types(self) -> Any:
        """Nobody has any."""
        return None

    @property
    def typecaster(self) -> Any:
        """Nobody has any."""
        return None

    @property
    def pgresult_ptr(self) -> None:
        """libpq's own result: there is none."""
        return None


def first_piece(conn: Any, answer: Any) -> list[Any]:
    """The rows of a short result, as the types of a new cursor make them."""
    made = cursor(conn)
    made._text_set = None
    made._take(answer)
    return made.fetchall()
