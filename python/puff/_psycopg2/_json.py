"""JSON: as parameters by :class:`Json`, as values by the types registered here."""

from __future__ import annotations

import json
from typing import Any

from ._adapters import ISQLQuote, QuotedString
from ._casts import Type, new_array_type, new_type, register_type
from ._errors import ProgrammingError

__all__ = ["Json", "register_default_json", "register_default_jsonb", "register_json"]

JSON_OID, JSONARRAY_OID = 114, 199
JSONB_OID, JSONBARRAY_OID = 3802, 3807


class Json:
    """An object that becomes JSON on its way to the server."""

    def __init__(self, adapted: Any, dumps: Any = None) -> None:
        self.adapted = adapted
        self._conn: Any = None
        self._dumps = dumps or json.dumps

    def __conform__(self, proto: Any) -> Any:
        return self if proto is ISQLQuote else None

    def dumps(self, obj: Any) -> str:
        """The text; to be overridden."""
        text: str = self._dumps(obj)
        return text

    def prepare(self, conn: Any) -> None:
        """Has the quotes as conn wants them."""
        self._conn = conn

    def getquoted(self) -> bytes:
        """The object as SQL."""
        quoted = QuotedString(self.dumps(self.adapted))
        if self._conn is not None:
            quoted.prepare(self._conn)
        return quoted.getquoted()

    def __str__(self) -> str:
        return self.getquoted().decode("ascii", "replace")


def register_json(
    conn_or_curs: Any = None,
    globally: bool = False,
    loads: Any = None,
    oid: int | None = None,
    array_oid: int | None = None,
    name: str = "json",
) -> tuple[Type, Type | None]:
    """Has loads make the objects of json; the types that do it."""
    if oid is None:
        oid, array_oid = _get_json_oids(conn_or_curs, name)
    made = _types(oid, array_oid, loads, name.upper())
    for one in made:
        if one is not None:
            register_type(one, None if globally else conn_or_curs)
    return made


def register_default_json(
    conn_or_curs: Any = None, globally: bool = False, loads: Any = None
) -> tuple[Type, Type | None]:
    """register_json for the json of PostgreSQL 9.2 and later."""
    globally = globally or conn_or_curs is None
    return register_json(conn_or_curs, globally, loads, JSON_OID, JSONARRAY_OID)


def register_default_jsonb(
    conn_or_curs: Any = None, globally: bool = False, loads: Any = None
) -> tuple[Type, Type | None]:
    """register_json for jsonb."""
    globally = globally or conn_or_curs is None
    return register_json(conn_or_curs, globally, loads, JSONB_OID, JSONBARRAY_OID, "jsonb")


def _types(oid: int, array_oid: int | None, loads: Any, name: str) -> tuple[Type, Type | None]:
    load = loads or json.loads

    def cast(text: Any, cur: Any) -> Any:
        return None if text is None else load(text)

    made = new_type((oid,), name, cast)
    array = new_array_type((array_oid,), f"{name}ARRAY", made) if array_oid is not None else None
    return made, array


def _get_json_oids(conn_or_curs: Any, name: str = "json") -> tuple[int, int]:
    from ._lookup import solve

    conn, curs = solve(conn_or_curs)
    status = conn.status
    curs.execute("SELECT t.oid, typarray FROM pg_type t WHERE t.typname = %s", (name,))
    found = curs.fetchone()
    if status != 2 and not conn.autocommit:
        conn.rollback()
    if not found:
        raise ProgrammingError(f"{name} data type not found")
    return found[0], found[1]
