"""Many rows in few trips."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

__all__ = ["execute_batch", "execute_values"]


def _paginate(seq: Any, page_size: int, to_list: bool = False) -> Any:
    it = iter(seq)
    while True:
        page = list(islice(it, page_size))
        if not page:
            return
        yield page


def execute_batch(cur: Any, sql: Any, argslist: Any, page_size: int = 100) -> None:
    """Runs a statement for each of the parameters, page_size of them in a trip."""
    for page in _paginate(argslist, page_size):
        cur.execute(b";".join([cur.mogrify(sql, args) for args in page]))


def execute_values(
    cur: Any,
    sql: Any,
    argslist: Any,
    template: Any = None,
    page_size: int = 100,
    fetch: bool = False,
) -> list[Any] | None:
    """Runs a statement that says VALUES %s once for page_size of the rows; with fetch its rows."""
    from .sql import Composable

    if isinstance(sql, Composable):
        sql = sql.as_string(cur)
    codec = cur.connection._codec
    if isinstance(sql, str):
        sql = sql.encode(codec)
    before, after = _split(sql)
    found: list[Any] | None = [] if fetch else None
    for page in _paginate(argslist, page_size):
        if template is None:
            template = b"(" + b",".join([b"%s"] * len(page[0])) + b")"
        rows = b",".join([cur.mogrify(template, args) for args in page])
        cur.execute(before + rows + after)
        if found is not None:
            found.extend(cur.fetchall())
    return found


def _split(sql: bytes) -> tuple[bytes, bytes]:
    """What stands before and behind the one %s."""
    before: list[bytes] = []
    after: list[bytes] = []
    at = before
    for token in re.split(rb"(%.)", sql):
        if len(token) != 2 or token[:1] != b"%":
            at.append(token)
        elif token[1:] == b"s":
            if at is after:
                raise ValueError("the query contains more than one '%s' placeholder")
            at = after
        elif token[1:] == b"%":
            at.append(b"%")
        else:
            raise ValueError(
                f"unsupported format character: '{token[1:].decode('ascii', 'replace')}'"
            )
    if at is before:
        raise ValueError("the query doesn't contain any '%s' placeholder")
    return b"".join(before), b"".join(after)
