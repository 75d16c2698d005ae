"""Composite types as namedtuples."""

from __future__ import annotations

import re
from collections import namedtuple
from typing import Any

from ._casts import new_array_type, new_type, register_type
from ._errors import DataError, InterfaceError, ProgrammingError

__all__ = ["CompositeCaster", "register_composite"]

_DOUBLED = re.compile(r'(["\\])\1', re.DOTALL)


class CompositeCaster:
    """What makes objects of a composite type; :meth:`make` may be overridden."""

    def __init__(
        self,
        name: str,
        oid: int,
        attrs: list[tuple[str, int]],
        array_oid: int | None = None,
        schema: str | None = None,
    ) -> None:
        self.name = name
        self.schema = schema
        self.oid = oid
        self.array_oid = array_oid
        self.attnames = [a[0] for a in attrs]
        self.atttypes = [a[1] for a in attrs]
        self._create_type(name, self.attnames)
        self.typecaster = new_type((oid,), name, self.parse)
        self.array_typecaster = (
            new_array_type((array_oid,), f"{name}ARRAY", self.typecaster) if array_oid else None
        )

    def parse(self, s: Any, curs: Any) -> Any:
        """The object that s is the text of."""
        if s is None:
            return None
        tokens = self.tokenize(s)
        if len(tokens) != len(self.atttypes):
            raise DataError(
                f"expecting {len(self.atttypes)} components for the type {self.name}, "
                f"{len(tokens)} found instead"
            )
        return self.make([curs.cast(oid, t) for oid, t in zip(self.atttypes, tokens, strict=True)])

    def make(self, values: list[Any]) -> Any:
        """An object of the values."""
        return self._ctor(values)

    @classmethod
    def tokenize(cls, s: str) -> list[str | None]:
        """The texts of the values."""
        found: list[str | None] = []
        at = 1
        while True:
            if s[at : at + 1] == '"':
                end = at + 1
                part = re.compile(r'(?:[^"]|"")*').match(s, end)
                assert part is not None
                end = part.end()
                found.append(_DOUBLED.sub(r"\1", part[0]))
                at = end + 1
            else:
                end = at
                # In a row without quotes only the separator ends a value, and the last ")".
                while end < len(s) and s[end] != "," and not (s[end] == ")" and end == len(s) - 1):
                    end += 1
                found.append(s[at:end] or None)
                at = end
            if at >= len(s):
                raise InterfaceError(f"failed to parse type: {s!r}")
            if s[at] == ",":
                at += 1
                continue
            if s[at] == ")" and at == len(s) - 1:
                return found
            raise InterfaceError(f"failed to parse type: {s!r}")

    def _create_type(self, name: str, attnames: list[str]) -> None:
        self.type = _cached(_clean(name), tuple(_clean(a) for a in attnames))
        self._ctor: Any = self.type._make

    @classmethod
    def _from_db(cls, name: Any, conn_or_curs: Any) -> CompositeCaster:
        from ._lookup import find_type

        rows = find_type(
            conn_or_curs,
            name,
            """SELECT t.oid, t.typarray, a.attname, a.atttypid, ns.nspname, t.typname
            FROM pg_type t JOIN pg_namespace ns ON ns.oid = t.typnamespace
            JOIN pg_attribute a ON a.attrelid = t.typrelid
            WHERE a.attnum > 0 AND NOT a.attisdropped AND {} ORDER BY a.attnum""",
        )
        if not rows:
            raise ProgrammingError(f"PostgreSQL type '{name}' not found")
        return cls(
            rows[0][5],
            rows[0][0],
            [(r[2], r[3]) for r in rows],
            array_oid=rows[0][1],
            schema=rows[0][4],
        )


def _clean(name: str) -> str:
    name = re.sub(r"[^0-9a-zA-Z_]", "_", name)
    return "f" + name if name[:1] == "_" or name[:1].isdigit() else name


_types: dict[Any, Any] = {}


def _cached(name: str, fields: tuple[str, ...]) -> Any:
    found = _types.get((name, fields))
    if found is None:
        if len(_types) >= 512:
            _types.clear()
        found = _types[name, fields] = namedtuple(name, fields, rename=True)
    return found


def register_composite(
    name: str, conn_or_curs: Any, globally: bool = False, factory: Any = None
) -> CompositeCaster:
    """Has a composite type become a namedtuple; what makes it."""
    caster: CompositeCaster = (factory or CompositeCaster)._from_db(name, conn_or_curs)
    scope = None if globally else conn_or_curs
    register_type(caster.typecaster, scope)
    if caster.array_typecaster is not None:
        register_type(caster.array_typecaster, scope)
    return caster
