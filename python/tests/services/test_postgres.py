"""Postgres under Puff: the tests below `inside` run there, with a server that runs here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Run = Callable[..., "subprocess.CompletedProcess[str]"]

INSIDE = Path(__file__).parent / "inside"


@pytest.mark.parametrize("name", sorted(p.name for p in INSIDE.glob("test_*.py")))
def test_inside(puff: Run, name: str) -> None:
    """The tests of a file pass in a plain thread, in greenlets and under asyncio."""
    ran = puff("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(INSIDE / name))
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert " passed" in ran.stdout
    assert "skipped" not in ran.stdout


def test_psycopg2_is_left_alone_when_the_environment_says_so(puff: Run) -> None:
    """There is no psycopg2 then but what is installed."""
    code = "import importlib.util as u; s = u.find_spec('psycopg2'); print(s and s.origin)"
    assert "/puff/_psycopg2/" in puff("python", "-c", code).stdout
    assert "/puff/_psycopg2/" not in puff("python", "-c", code, PUFF_PSYCOPG2="0").stdout


def test_psycopg2_is_left_alone_when_the_configuration_says_so(puff: Run, tmp_path: Path) -> None:
    """And puff.postgres has its driver all the same."""
    config = tmp_path / "puff.toml"
    config.write_text("psycopg2 = false\n" + config.read_text())
    code = (
        "from puff import postgres; import sys;"
        "print(postgres.Error.__module__, 'psycopg2' in sys.modules);"
        "c = postgres.connect(); k = c.cursor(); k.execute('select 1'); print(k.fetchone())"
    )
    ran = puff("python", "-c", code)
    assert ran.stdout.split("\n")[:2] == ["puff._psycopg2 False", "(1,)"], ran.stderr


def test_psycopg2_can_be_patched_in_after_it_was_turned_off(puff: Run) -> None:
    """Both names are one module then, and its classes one."""
    code = (
        "import puff; puff.patch_psycopg2(); import psycopg2, psycopg2.extras;"
        "from puff import postgres;"
        "print(psycopg2.__puff__, psycopg2.Error is postgres.Error)"
    )
    for switch in ("0", "1"):
        ran = puff("python", "-c", code, PUFF_PSYCOPG2=switch)
        assert ran.stdout == "True True\n", ran.stderr


def test_a_statement_that_takes_too_long_is_ended_by_the_server(puff: Run, tmp_path: Path) -> None:
    """And the connection is as good as it was."""
    config = tmp_path / "puff.toml"
    config.write_text(
        config.read_text().replace("[[postgres]]", '[[postgres]]\nstatement_timeout = "50ms"', 1)
    )
    code = (
        "from puff import postgres; g = postgres.global_postgres; pid = 'select pg_backend_pid()'\n"
        "before = g.fetchval(pid)\n"
        "try: g.fetch('select pg_sleep(600)')\n"
        "except postgres.OperationalError as e: print(e.pgcode, g.fetchval(pid) == before)"
    )
    ran = puff("python", "-c", code)
    assert ran.stdout == "57014 True\n", ran.stderr


def test_reads_share_connections_but_where_the_configuration_says_no(
    puff: Run, tmp_path: Path
) -> None:
    config = tmp_path / "puff.toml"
    code = (
        "import asyncio, sys\n"
        "from puff.postgres import global_postgres as pg\n"
        "async def main():\n"
        "    for _ in range(int(sys.argv[1])):\n"
        "        for _ in range(20): await pg.fetchval('select 1')\n"
        "        async with pg.transaction():\n"
        "            tasks = [asyncio.ensure_future(pg.fetchval('select 1')) for _ in range(8)]\n"
        "            while (await pg.stats())['waiting'] != 8: await asyncio.sleep(0)\n"
        "        await asyncio.gather(*tasks)\n"
        "        if (await pg.stats())['shared']: return True\n"
        "    return False\n"
        "print(asyncio.run(main()))"
    )
    text = config.read_text()
    for share, rounds in (("true", "1000"), ("false", "3")):
        config.write_text(
            text.replace("[[postgres]]", f"[[postgres]]\npool_size = 1\nshare = {share}", 1)
        )
        ran = puff("python", "-c", code, rounds)
        assert ran.stdout == f"{share.title()}\n", ran.stderr
