"""COPY, both ways, for every kind of caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from puff import _wait
from puff._driver import driver

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from puff._pgclient import Client

__all__ = ["copy_from", "copy_to"]

_PIECE = 1 << 17
_FORMATS = ("text", "csv", "binary")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _name(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def _line(row: Any) -> bytes:
    """A row in the text format."""
    from puff._pgtypes import plain

    fields = []
    for value in row:
        if value is None:
            fields.append("\\N")
        elif value is True or value is False:
            fields.append("t" if value else "f")
        elif isinstance(value, (bytes, bytearray, memoryview)):
            fields.append("\\\\x" + bytes(value).hex())
        else:
            fields.append(str(plain(value)).translate(_ESCAPES))
    return ("\t".join(fields) + "\n").encode()


def _pieces(source: Any) -> Iterator[bytes]:
    if isinstance(source, str):
        yield source.encode()
    elif isinstance(source, (bytes, bytearray, memoryview)):
        yield bytes(source)
    elif hasattr(source, "read"):
        while data := source.read(_PIECE):
            yield data.encode() if isinstance(data, str) else bytes(data)
    else:
        waiting = bytearray()
        for item in source:
            if isinstance(item, str):
                waiting += item.encode()
            elif isinstance(item, (bytes, bytearray, memoryview)):
                waiting += item
            else:
                waiting += _line(item)
            if len(waiting) >= _PIECE:
                yield bytes(waiting)
                waiting.clear()
        if waiting:
            yield bytes(waiting)


def _checked(answer: Any) -> Any:
    if answer[0] is not None:
        raise driver._errors.make(answer[0])
    return answer


def _opened(client: Client) -> Generator[Any, Any, Any]:
    """The number of a connection, and whether it is ours to give back."""
    if isinstance(client._where, int):
        return client._where, False
    answer = _checked((yield _wait.call("postgres.connect", None, client._pool, "copy")))
    return answer[1], True


def _check(format: str) -> None:
    if format not in _FORMATS:
        raise ValueError(f"the format is one of {', '.join(_FORMATS)}, not {format!r}")


def copy_from(
    client: Client, table: str, source: Any, columns: Any, format: str
) -> Generator[Any, Any, Any]:
    """How many rows were copied into a table."""
    _check(format)
    names = f" ({', '.join(map(_name, columns))})" if columns else ""
    sql = f"COPY {_name(table)}{names} FROM STDIN (FORMAT {format})"
    number, ours = yield from _opened(client)
    try:
        _checked((yield _wait.call("postgres.copy_in", number, None, sql)))
        try:
            for piece in _pieces(source):
                _checked((yield _wait.call("postgres.copy_data", number, piece)))
        except BaseException as e:
            yield _wait.call("postgres.copy_end", number, f"{type(e).__name__}: {e}")
            raise
        answer = _checked((yield _wait.call("postgres.copy_end", number, None)))
        return int(answer[4].split(" ")[-1])
    finally:
        if ours:
            yield _wait.call("postgres.close", number)


def copy_to(client: Client, what: str, to: Any, format: str) -> Generator[Any, Any, Any]:
    """The bytes of a table or a query, or with something to write to how many rows they are."""
    _check(format)
    query = what.lstrip()[:6].lower() in ("select", "with", "values") or " " in what.strip()
    sql = f"COPY {'(' + what + ')' if query else _name(what)} TO STDOUT (FORMAT {format})"
    number, ours = yield from _opened(client)
    found = bytearray()
    try:
        _checked((yield _wait.call("postgres.copy_out", number, None, sql)))
        while True:
            answer = _checked((yield _wait.call("postgres.copy_next", number, False)))
            data, done = answer[5] or b"", answer[1] != "A"
            if to is None:
                found += data
            elif data:
                try:
                    to.write(data)
                except BaseException:
                    if not done:
                        yield _wait.call("postgres.copy_next", number, True)
                    raise
            if done:
                return bytes(found) if to is None else int(answer[4].split(" ")[-1])
    finally:
        if ours:
            yield _wait.call("postgres.close", number)
