"""Questions to the catalog, on whatever connection or cursor a caller has."""

from __future__ import annotations

from typing import Any

from ._cursor import cursor as _cursor
from ._errors import Error

__all__ = ["find_type", "look_up", "solve"]


def solve(conn_or_curs: Any) -> tuple[Any, Any]:
    """The connection, and a plain cursor of it, of either."""
    if hasattr(conn_or_curs, "execute"):
        conn = conn_or_curs.connection
        return conn, conn.cursor(cursor_factory=_cursor)
    return conn_or_curs, conn_or_curs.cursor(cursor_factory=_cursor)


def look_up(conn_or_curs: Any, sql: str, args: Any) -> list[Any]:
    """The rows; none when what is asked for does not exist. The transaction is as before."""
    conn, curs = solve(conn_or_curs)
    inside = conn.status == 2
    if inside and not conn.autocommit:
        curs.execute("SAVEPOINT puff_lookup")
    try:
        curs.execute(sql, args)
        rows: list[Any] = curs.fetchall()
    except Error as e:
        if e.pgcode is None:
            raise
        if inside and not conn.autocommit:
            curs.execute("ROLLBACK TO SAVEPOINT puff_lookup")
        rows = []
    if not inside and not conn.autocommit:
        conn.rollback()
    return rows


def find_type(conn_or_curs: Any, name: str, sql: str) -> list[Any]:
    """The rows of sql for the type of that name: as it is, with its schema, or as SQL has it."""
    if '"' not in name:
        visible = "t.typname = %s AND pg_type_is_visible(t.oid)"
        rows = look_up(conn_or_curs, sql.format(visible), (name,))
        schema, dot, plain = name.partition(".")
        if not rows and dot:
            place = "t.typname = %s AND ns.nspname = %s"
            rows = look_up(conn_or_curs, sql.format(place), (plain, schema))
        if rows:
            return rows
    return look_up(conn_or_curs, sql.format("t.oid = %s::regtype"), (name,))
