"""Parameters into a statement: ``%s`` and ``%(name)s`` become SQL here, not in the server."""

from __future__ import annotations

from typing import Any

from ._adapters import getquoted
from ._errors import InterfaceError, ProgrammingError

__all__ = ["as_bytes", "merge"]


def as_bytes(query: Any, conn: Any, cur: Any) -> bytes:
    """A statement, as str, bytes or something composed, in the encoding of the connection."""
    if isinstance(query, str):
        return query.encode(conn._codec)
    if isinstance(query, (bytes, bytearray)):
        return bytes(query)
    from .sql import Composable

    if isinstance(query, Composable):
        text: str = query.as_string(cur)
        return text.encode(conn._codec)
    raise TypeError("argument 1 must be a string or unicode object")


def merge(query: bytes, args: Any, conn: Any) -> bytes:
    """The statement with its parameters in it."""
    if args is None or b"%" not in query:
        return query
    simple = type(args) is tuple or type(args) is list
    if simple and len(args) == query.count(b"%") == query.count(b"%s"):
        return query % tuple([getquoted(arg, conn) for arg in args])
    out: list[bytes] = []
    at = n = 0
    named = hasattr(args, "keys") or not hasattr(args, "__len__")
    kind: str | None = None
    done: dict[bytes, bytes] = {}
    while True:
        found = query.find(b"%", at)
        if found < 0:
            break
        out.append(query[at:found])
        c = query[found + 1 : found + 2]
        if c == b"%":
            out.append(b"%")
            at = found + 2
            continue
        if c == b"(":
            if kind == "s":
                raise ValueError("argument formats can't be mixed")
            kind = "("
            end = query.find(b")", found)
            if end < 0:
                raise ProgrammingError("incomplete placeholder: '%(' without ')'")
            key = query[found + 2 : end]
            if b"(" in key:
                raise ProgrammingError("incomplete placeholder: '%(' without ')'")
            if not named and not hasattr(args, "__getitem__"):
                raise TypeError("format requires a mapping")
            quoted = done.get(key)
            if quoted is None:
                quoted = done[key] = getquoted(args[key.decode(conn._codec)], conn)
            at = end + 1
            c = query[at : at + 1]
        else:
            if kind == "(":
                raise ValueError("argument formats can't be mixed")
            kind = "s"
            if named and hasattr(args, "keys"):
                raise TypeError("dict is not a sequence")
            quoted = getquoted(args[n], conn)
            n += 1
            at = found + 1
        if c != b"s":
            if c == b"":
                raise ValueError("incomplete format")
            raise ValueError(
                f"unsupported format character '{c.decode('latin1')}' (0x{c[0]:x}) at index {at}"
            )
        out.append(quoted)
        at += 1
    if kind == "s" and n < len(args):
        raise TypeError("not all arguments converted during string formatting")
    out.append(query[at:])
    return b"".join(out)


def check_open(cur: Any) -> None:
    """Raises InterfaceError when a cursor or its connection is closed."""
    if cur._closed:
        raise InterfaceError("cursor already closed")
    if cur.connection.closed:
        raise InterfaceError("connection already closed")
