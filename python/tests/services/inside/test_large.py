"""Much at once for PostgreSQL: large values, many statements, through both of the drivers."""

from __future__ import annotations

import asyncio
import hashlib
import os

import psycopg2
import puff
from puff.postgres import global_postgres as pg

DSN = f"host={os.environ['POSTGRES_HOST']} user=postgres dbname=postgres"
LARGE = 100 << 20


def test_a_hundred_megabytes_of_bytea_go_both_ways() -> None:
    data = bytes(range(256)) * (LARGE // 256)
    digest = hashlib.sha256(data).hexdigest()

    def work() -> None:
        pg.execute("create table big (a int, b bytea)")
        try:
            pg.execute("insert into big values (1, $1)", data)
            assert pg.fetchval("select encode(sha256(b), 'hex') from big") == digest
            assert pg.fetchval("select b from big") == data
        finally:
            pg.execute("drop table big")

    puff.spawn(work).join()


def test_a_hundred_megabytes_of_bytea_go_both_ways_by_psycopg2() -> None:
    data = bytes(range(256)) * (LARGE // 256)
    conn = psycopg2.connect(DSN)
    try:
        cur = conn.cursor()
        cur.execute("create temp table big (b bytea)")
        cur.execute("insert into big values (%s)", (psycopg2.Binary(data),))
        cur.execute("select b from big")
        assert bytes(cur.fetchone()[0]) == data
    finally:
        conn.close()


def test_a_pipeline_of_a_hundred_thousand_statements() -> None:
    n = 100_000

    def work() -> None:
        p = pg.pipeline()
        for i in range(n):
            p.fetchval("select $1::int", i)
        assert p.run() == list(range(n))

    puff.spawn(work).join()

    async def main() -> None:
        p = pg.pipeline()
        for i in range(n):
            p.fetchval("select $1::int", i)
        assert await p.run() == list(range(n))

    asyncio.run(main())


def test_a_copy_of_a_hundred_megabytes() -> None:
    line = "x" * 1023

    def work() -> None:
        pg.execute("create table lines (t text)")
        try:
            pg.copy_from("lines", ((line,) for _ in range(LARGE >> 10)))
            assert pg.fetchval("select sum(length(t)) from lines") == 1023 * (LARGE >> 10)
            assert len(pg.copy_to("lines")) == LARGE
        finally:
            pg.execute("drop table lines")

    puff.spawn(work).join()
