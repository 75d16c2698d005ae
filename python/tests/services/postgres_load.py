"""Callers of a PostgreSQL that comes and goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg2
from puff.postgres import global_postgres

from services import load

if TYPE_CHECKING:
    from collections.abc import Callable


def unfit(e: BaseException) -> str:
    """What is wrong with an error."""
    if not isinstance(e, (psycopg2.OperationalError, psycopg2.InterfaceError)):
        return "no error of a lost connection"
    # What a server says when it ends, it says itself.
    last_words = getattr(e, "pgcode", None) in ("57P01", "57P02")
    if not last_words and 'postgres "default" at postgres://' not in str(e):
        return "it does not name the service"
    return ""


def _greenlets(ask: Callable[[str], Any]) -> None:
    record = load.Record(unfit)
    load.greenlets(record, ask)
    stats = global_postgres.stats()
    record.left = {"in_use": stats["in_use"], "waiting": stats["waiting"]}
    record.write()


def fetch() -> None:
    """puff.postgres, in greenlets."""
    _greenlets(lambda asked: global_postgres.fetchval("select $1::text", asked))


def transactions() -> None:
    """A transaction each, in greenlets."""

    def ask(asked: str) -> Any:
        with global_postgres.transaction() as tx:
            tx.execute("select 1")
            return tx.fetchval("select $1::text", asked)

    _greenlets(ask)


def dbapi() -> None:
    """psycopg2 with connections of the pool, in greenlets; also such as find it broken."""

    def ask(asked: str) -> Any:
        conn = psycopg2.connect()
        try:
            with conn.cursor() as cursor:
                cursor.execute("select %s", (asked,))
                row = cursor.fetchone()
                conn.commit()
                return row[0]
        finally:
            conn.close()

    _greenlets(ask)


async def tasks() -> None:
    """puff.postgres, in tasks."""
    record = load.Record(unfit)

    async def ask(asked: str) -> Any:
        return await global_postgres.fetchval("select $1::text", asked)

    await load.tasks(record, ask)
    stats = await global_postgres.stats()
    record.left = {"in_use": stats["in_use"], "waiting": stats["waiting"]}
    record.write()
