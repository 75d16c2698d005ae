"""SQL put together from parts, so that names and values are quoted as they must be.

>>> SQL("select {} from {}").format(Identifier("name"), Identifier("public", "people"))
"""

from __future__ import annotations

import string
from typing import Any

from . import extensions as ext

__all__ = [
    "Composable",
    "Composed",
    "DEFAULT",
    "Identifier",
    "Literal",
    "NULL",
    "Placeholder",
    "SQL",
]


class Composable:
    """A part of a statement."""

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._wrapped!r})"

    def as_string(self, context: Any) -> str:
        """The text, for a connection or cursor."""
        raise NotImplementedError

    def __add__(self, other: Any) -> Composed:
        if isinstance(other, Composed):
            return Composed([self]) + other
        if isinstance(other, Composable):
            return Composed([self]) + Composed([other])
        return NotImplemented

    def __mul__(self, n: int) -> Composed:
        return Composed([self] * n)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._wrapped == other._wrapped

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]


class Composed(Composable):
    """Several parts, one after the other."""

    def __init__(self, seq: Any) -> None:
        parts = []
        for part in seq:
            if not isinstance(part, Composable):
                raise TypeError(f"Composed elements must be Composable, got {part!r} instead")
            parts.append(part)
        super().__init__(parts)

    @property
    def seq(self) -> list[Composable]:
        """The parts."""
        return list(self._wrapped)

    def as_string(self, context: Any) -> str:
        """The text, for a connection or cursor."""
        return "".join(part.as_string(context) for part in self._wrapped)

    def __iter__(self) -> Any:
        return iter(self._wrapped)

    def __add__(self, other: Any) -> Composed:
        if isinstance(other, Composed):
            return Composed(self._wrapped + other._wrapped)
        if isinstance(other, Composable):
            return Composed([*self._wrapped, other])
        return NotImplemented

    def join(self, joiner: Any) -> Composed:
        """The parts with something between them."""
        if isinstance(joiner, str):
            joiner = SQL(joiner)
        elif not isinstance(joiner, SQL):
            raise TypeError("Composed.join() argument must be a string or an SQL")
        made: Composed = joiner.join(self)
        return made


class SQL(Composable):
    """A piece of the statement itself: never something that a user typed."""

    def __init__(self, string: str) -> None:
        if not isinstance(string, str):
            raise TypeError("SQL values must be strings")
        super().__init__(string)

    @property
    def string(self) -> str:
        """The text."""
        text: str = self._wrapped
        return text

    def as_string(self, context: Any) -> str:
        """The text, for a connection or cursor."""
        return self.string

    def format(self, *args: Any, **kwargs: Any) -> Composed:
        """The text with parts in the places of {}, {0} and {name}."""
        out: list[Composable] = []
        automatic: int | None = 0
        for before, name, spec, conversion in string.Formatter().parse(self._wrapped):
            if spec:
                raise ValueError("no format specification supported by SQL")
            if conversion:
                raise ValueError("no format conversion supported by SQL")
            if before:
                out.append(SQL(before))
            if name is None:
                continue
            if name.isdigit():
                if automatic:
                    raise ValueError("cannot switch from automatic field numbering to manual")
                automatic = None
                out.append(args[int(name)])
            elif not name:
                if automatic is None:
                    raise ValueError("cannot switch from manual field numbering to automatic")
                out.append(args[automatic])
                automatic += 1
            else:
                out.append(kwargs[name])
        return Composed(out)

    def join(self, seq: Any) -> Composed:
        """The parts of seq with this between them."""
        out: list[Composable] = []
        for part in seq:
            if out:
                out.append(self)
            out.append(part)
        return Composed(out)


class Identifier(Composable):
    """A name, or several with dots between them, between quotes."""

    def __init__(self, *strings: str) -> None:
        if not strings:
            raise TypeError("Identifier cannot be empty")
        for s in strings:
            if not isinstance(s, str):
                raise TypeError("SQL identifier parts must be strings")
        super().__init__(strings)

    @property
    def strings(self) -> tuple[str, ...]:
        """The names."""
        names: tuple[str, ...] = self._wrapped
        return names

    @property
    def string(self) -> str:
        """The name, if it is one."""
        if len(self._wrapped) != 1:
            raise AttributeError("the Identifier wraps more than one than one string")
        name: str = self._wrapped[0]
        return name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._wrapped))})"

    def as_string(self, context: Any) -> str:
        """The text, for a connection or cursor."""
        return ".".join(ext.quote_ident(s, context) for s in self._wrapped)


class Literal(Composable):
    """A value."""

    @property
    def wrapped(self) -> Any:
        """The value."""
        return self._wrapped

    def as_string(self, context: Any) -> str:
        """The text, for a connection or cursor."""
        if isinstance(context, ext.connection):
            conn: Any = context
        elif isinstance(context, ext.cursor):
            conn = context.connection
        else:
            raise TypeError("context must be a connection or a cursor")
        adapted = ext.adapt(self._wrapped)
        if hasattr(adapted, "prepare"):
            adapted.prepare(conn)
        text = adapted.getquoted()
        return text.decode(conn._codec) if isinstance(text, bytes) else text


class Placeholder(Composable):
    """The place of a parameter, %s or %(name)s."""

    def __init__(self, name: str | None = None) -> None:
        if isinstance(name, str):
            if ")" in name:
                raise ValueError(f"invalid name: {name!r}")
        elif name is not None:
            raise TypeError(f"expected string or None as name, got {name!r}")
        super().__init__(name)

    @property
    def name(self) -> str | None:
        """The name, if it has one."""
        name: str | None = self._wrapped
        return name

    def __repr__(self) -> str:
        return f"Placeholder({self._wrapped!r})" if self._wrapped is not None else "Placeholder()"

    def as_string(self, context: Any) -> str:
        """The text, for a connection or cursor."""
        return f"%({self._wrapped})s" if self._wrapped is not None else "%s"


NULL = SQL("NULL")
DEFAULT = SQL("DEFAULT")
