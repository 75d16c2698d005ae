"""COPY between a table and a file of Python's."""

from __future__ import annotations

import io
from typing import Any

from ._errors import ProgrammingError, make
from ._link import ask
from ._params import as_bytes
from ._underway import waiting

__all__ = ["Copies"]

_PIECE = 1 << 16


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{quoted}'" if "\\" in text else f"'{quoted}'"


class Copies:
    """What of a cursor is about COPY."""

    connection: Any
    name: str | None
    query: bytes | None
    _rowcount: int

    def _check(self) -> None:
        raise NotImplementedError

    def _not_prepared(self, what: str) -> None:
        raise NotImplementedError

    def _clear(self) -> None:
        raise NotImplementedError

    def _take(self, answer: Any) -> None:
        raise NotImplementedError

    def _sql(self, what: str, table: str, sep: str, null: str, columns: Any) -> str:
        names = ""
        if columns is not None:
            quoted = []
            for c in columns:
                if not isinstance(c, str):
                    raise TypeError("the names of columns are strings")
                quoted.append(_name(c))
            if quoted:
                names = f" ({','.join(quoted)})"
        return (
            f"COPY {_name(table)}{names} {what} WITH DELIMITER AS {_literal(sep)} "
            f"NULL AS {_literal(null)}"
        )

    def copy_from(
        self,
        file: Any,
        table: str,
        sep: str = "\t",
        null: str = "\\N",
        size: int = 8192,
        columns: Any = None,
    ) -> None:
        """Reads rows from a file into a table."""
        self._may_copy("copy_from", file, "read")
        self._copy_in(self._sql("FROM stdin", table, sep, null, columns), file, size)

    def copy_to(
        self, file: Any, table: str, sep: str = "\t", null: str = "\\N", columns: Any = None
    ) -> None:
        """Writes the rows of a table to a file."""
        self._may_copy("copy_to", file, "write")
        self._copy_out(self._sql("TO stdout", table, sep, null, columns), file)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        """Runs a COPY with a file at its other end."""
        self._may_copy("copy_expert", None, "")
        if not hasattr(file, "read") and not hasattr(file, "write"):
            raise TypeError(
                "file must be a readable file-like object for COPY FROM; "
                "a writable file-like object for COPY TO."
            )
        text = as_bytes(sql, self.connection, self)
        self._clear()
        self.query = text
        # The server knows which way it goes: ask it with the likelier one first.
        way = self._way(text, file)
        way(text, file, size)

    def _way(self, sql: bytes, file: Any) -> Any:
        words = sql.upper().split()
        out = b"STDOUT" in [w.strip(b";()") for w in words]
        return self._copy_out if out else self._copy_in

    def _may_copy(self, what: str, file: Any, method: str) -> None:
        self._check()
        self.connection._not_async(what)
        if waiting.callback is not None:
            raise ProgrammingError(f"{what} cannot be used with an asynchronous callback.")
        self._not_prepared(what)
        if self.name is not None:
            raise ProgrammingError(f"can't call .{what}() on named cursors")
        if method and not callable(getattr(file, method, None)):
            raise TypeError(f"argument 1 must have a .{method}() method")

    def _begin_copy(self, how: str, sql: Any) -> None:
        conn = self.connection
        self._clear()
        self.query = sql if isinstance(sql, bytes) else sql.encode(conn._codec)
        conn._answered(ask(how, conn._id, conn._begin(), sql), sql, self)

    def _copy_in(self, sql: Any, file: Any, size: int) -> None:
        conn = self.connection
        self._begin_copy("copy_in", sql)
        waiting: list[bytes] = []
        amount = 0
        try:
            while True:
                data = file.read(size)
                if not data:
                    break
                if isinstance(data, str):
                    data = data.encode(conn._codec)
                elif not isinstance(data, (bytes, bytearray, memoryview)):
                    raise TypeError(f"file.read() returned {type(data).__name__}")
                waiting.append(bytes(data))
                amount += len(data)
                if amount >= _PIECE:
                    self._send(waiting)
                    waiting, amount = [], 0
            if waiting:
                self._send(waiting)
        except BaseException as e:
            if conn.closed:
                raise
            reason = f"error in .read() call: {type(e).__name__} {e}"
            answer = ask("copy_end", conn._id, reason)
            if isinstance(e, Exception):
                try:
                    conn._answered(answer, sql, self)
                except Exception as server:
                    raise server from e
            raise
        self._take(conn._answered(ask("copy_end", conn._id, None), sql, self))

    def _send(self, parts: list[bytes]) -> None:
        failure = ask("copy_data", self.connection._id, b"".join(parts))[0]
        if failure is not None:
            self.connection._note("X", None, None)
            raise make(failure)

    def _copy_out(self, sql: Any, file: Any, size: int = 0) -> None:
        conn = self.connection
        self._begin_copy("copy_out", sql)
        text = isinstance(file, io.TextIOBase)
        codec = conn._codec
        left = b""
        while True:
            answer = conn._answered(ask("copy_next", conn._id, False), sql, self)
            data = left + (answer[-1] or b"")
            done = answer[1] != "A"
            try:
                if data:
                    file.write(data.decode(codec) if text else data)
            except BaseException:
                if not done:
                    ask("copy_next", conn._id, True)
                    conn._note(ask("poll", conn._id)[1], None, None)
                raise
            if done:
                break
        tag = answer[4]
        self._take((None, None, None, None, tag, None, 0, None, 0, 1))
