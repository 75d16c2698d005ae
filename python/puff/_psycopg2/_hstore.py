"""hstore as dict."""

from __future__ import annotations

import re
from typing import Any

from ._adapters import adapt, register_adapter
from ._casts import new_array_type, new_type, register_type
from ._errors import InterfaceError, ProgrammingError

__all__ = ["HstoreAdapter", "register_hstore"]

_PAIR = re.compile(
    r'"((?:[^"\\]|\\.)*)"\s*=>\s*(?:"((?:[^"\\]|\\.)*)"|NULL)\s*(?:,\s*|$)', re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class HstoreAdapter:
    """What writes a dict as hstore, and reads one."""

    def __init__(self, wrapped: dict[str, str | None]) -> None:
        self.wrapped = wrapped
        self.conn: Any = None

    def prepare(self, conn: Any) -> None:
        """Has it as the server of conn knows it."""
        self.conn = conn
        if conn.info.server_version < 90000:
            self.getquoted = self._getquoted_8  # type: ignore[method-assign]

    def _quote(self, text: Any) -> bytes:
        adapter = adapt(text)
        if hasattr(adapter, "prepare") and self.conn is not None:
            adapter.prepare(self.conn)
        quoted: bytes = adapter.getquoted()
        return quoted

    def _getquoted_8(self) -> bytes:
        if not self.wrapped:
            return b"''::hstore"
        pairs = []
        for k, v in self.wrapped.items():
            value = self._quote(v) if v is not None else b"NULL"
            pairs.append(b"(" + self._quote(k) + b" => " + value + b")")
        return b"(" + b"||".join(pairs) + b")"

    def _getquoted_9(self) -> bytes:
        if not self.wrapped:
            return b"''::hstore"
        keys = self._quote(list(self.wrapped.keys()))
        values = self._quote(list(self.wrapped.values()))
        return b"hstore(" + keys + b", " + values + b")"

    def getquoted(self) -> bytes:
        """The dict as SQL."""
        return self._getquoted_9()

    @classmethod
    def parse(cls, s: Any, cur: Any) -> dict[str, str | None] | None:
        """The dict that s is the text of."""
        if s is None:
            return None
        found: dict[str, str | None] = {}
        at = 0
        while at < len(s):
            m = _PAIR.match(s, at)
            if m is None:
                raise InterfaceError(f"error parsing hstore pair at char {at}")
            value = None if m[2] is None else _ESCAPED.sub(r"\1", m[2])
            found[_ESCAPED.sub(r"\1", m[1])] = value
            at = m.end()
        return found

    @classmethod
    def parse_unicode(cls, s: Any, cur: Any) -> dict[str, str | None] | None:
        """As parse."""
        return cls.parse(s, cur)

    @classmethod
    def get_oids(cls, conn_or_curs: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The types called hstore, and those of their arrays, in every schema."""
        from ._lookup import look_up

        rows = look_up(
            conn_or_curs,
            "SELECT t.oid, typarray FROM pg_type t JOIN pg_namespace ns ON typnamespace = ns.oid "
            "WHERE typname = 'hstore'",
            None,
        )
        return tuple(r[0] for r in rows), tuple(r[1] for r in rows if r[1])


def register_hstore(
    conn_or_curs: Any,
    globally: bool = False,
    unicode: bool = False,
    oid: Any = None,
    array_oid: Any = None,
) -> None:
    """Has hstore become dict, and dict hstore. Raises ProgrammingError without the extension."""
    if oid is None:
        oid, array_oid = HstoreAdapter.get_oids(conn_or_curs)
        if not oid:
            raise ProgrammingError(
                "hstore type not found in the database: type CREATE EXTENSION hstore"
            )
    if isinstance(oid, int):
        oid = (oid,)
    if array_oid is not None:
        array_oid = (array_oid,) if isinstance(array_oid, int) else tuple(x for x in array_oid if x)
    made = new_type(oid, "HSTORE", HstoreAdapter.parse)
    register_type(made, None if globally else conn_or_curs)
    register_adapter(dict, HstoreAdapter)
    if array_oid:
        array = new_array_type(array_oid, "HSTOREARRAY", made)
        register_type(array, None if globally else conn_or_curs)
