"""Many callers of a PostgreSQL that comes and goes: what each asks, only it can be answered."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import psycopg2
import puff
from puff.postgres import global_postgres

CALLERS = 24


class Record:
    """What happened to the callers."""

    def __init__(self) -> None:
        self.stale: list[str] = []
        self.strange: list[str] = []
        self.unnamed: list[str] = []
        self.slowest = 0.0
        self.failed = 0
        self.left: dict[str, Any] = {}
        self._said = 0.0  # when it was last said that all were answered
        self._answered: set[int] = set()

    def over(self) -> bool:
        """Whether somebody said stop."""
        return os.path.exists("stop")

    def note(self, caller: int, asked: str, began: float, answer: Any) -> bool:
        """Notes an answer or an error; whether it was a good answer."""
        self.slowest = max(self.slowest, time.monotonic() - began)
        if isinstance(answer, BaseException):
            self.failed += 1
            if not isinstance(answer, (psycopg2.OperationalError, psycopg2.InterfaceError)):
                self.strange.append(repr(answer))
            # What a server says when it ends, it says itself.
            last_words = getattr(answer, "pgcode", None) in ("57P01", "57P02")
            if not last_words and 'postgres "default" at postgres://' not in str(answer):
                self.unnamed.append(repr(answer))
            self._answered.clear()
            return False
        if answer != asked:
            self.stale.append(f"{asked}: {answer!r}")
        self._answered.add(caller)
        if len(self._answered) == CALLERS:
            self._answered.clear()
            if time.monotonic() - self._said > 0.05:
                self._said = time.monotonic()
                print("answered", file=sys.stderr, flush=True)
        return True

    def write(self) -> None:
        """Leaves the record for the test."""
        with open("result.json", "w") as f:
            json.dump({k: v for k, v in vars(self).items() if k[0] != "_"}, f)


def in_greenlets(ask: Callable[[str], Any]) -> Record:
    """Has callers in greenlets ask until it is over."""
    record = Record()

    def caller(me: int) -> None:
        n = 0
        while not record.over():
            n += 1
            asked, began = f"{me}-{n}", time.monotonic()
            answer: Any
            try:
                answer = ask(asked)
            except Exception as e:
                answer = e
            if not record.note(me, asked, began, answer):
                puff.sleep(0.01)

    puff.join_all([puff.spawn(caller, i) for i in range(CALLERS)])
    return record


def fetch() -> None:
    """puff.postgres, in greenlets."""
    record = in_greenlets(lambda asked: global_postgres.fetchval("select $1::text", asked))
    stats = global_postgres.stats()
    record.left = {"in_use": stats["in_use"], "waiting": stats["waiting"]}
    record.write()


def transactions() -> None:
    """A transaction each, in greenlets."""

    def ask(asked: str) -> Any:
        with global_postgres.transaction() as tx:
            tx.execute("select 1")
            return tx.fetchval("select $1::text", asked)

    record = in_greenlets(ask)
    stats = global_postgres.stats()
    record.left = {"in_use": stats["in_use"], "waiting": stats["waiting"]}
    record.write()


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

    record = in_greenlets(ask)
    stats = global_postgres.stats()
    record.left = {"in_use": stats["in_use"], "waiting": stats["waiting"]}
    record.write()


async def tasks() -> None:
    """puff.postgres, in tasks."""
    record = Record()

    async def caller(me: int) -> None:
        n = 0
        while not record.over():
            n += 1
            asked, began = f"{me}-{n}", time.monotonic()
            answer: Any
            try:
                answer = await global_postgres.fetchval("select $1::text", asked)
            except Exception as e:
                answer = e
            if not record.note(me, asked, began, answer):
                await asyncio.sleep(0.01)

    await asyncio.gather(*(caller(i) for i in range(CALLERS)))
    stats = await global_postgres.stats()
    record.left = {"in_use": stats["in_use"], "waiting": stats["waiting"]}
    record.write()
