"""The command `bench/postgres`: what statements cost, with Puff's clients and their peers."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import machine, packages, tables
from .paths import APPS, BENCH, POSTGRES_VENV, PUFF, ROOT
from .trouble import Trouble, note

if TYPE_CHECKING:
    from services.cluster import Cluster

PYTHON = POSTGRES_VENV / "bin" / "python"
# Puff's client, and its peers behind it.
CLIENTS = (("puff", "asyncpg", "psycopg"), ("puff psycopg2", "psycopg2"))
TABLE = """
create table bench as select n as id, 'name ' || n as name, n * 1.5::float8 as f,
  n::numeric / 7 as d, now() as t, n % 2 = 0 as b, current_date as dd, md5(n::text) as m
from generate_series(1, 10000) n;
create unique index on bench (id);
analyze bench;
"""
HEAD = ("", "µs a row", "min–max", "puff÷it", "ms 10,000 rows", "min–max", "puff÷it")

Costs = Sequence[tuple[float, float]]  # of one row, of many; a round each


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/postgres", description="Measure clients of PostgreSQL beside their peers."
    )
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="rounds, the clients in turn (default 5)")
    add("--python", metavar="PATH", help="the CPython for all clients (default: 3.13 if found)")
    add("--refresh", action="store_true", help="install the newest peers again")
    add("--write", action="store_true", help="put the table into bench/README.md")
    return parser.parse_args()


def measure(client: str, server: Cluster, folder: str) -> tuple[float, float]:
    """CPU microseconds of one row, milliseconds of 10,000."""
    start = [str(PYTHON)]
    if client.startswith("puff"):
        start = [str(PUFF), "--python", str(PYTHON), "python"]
    words = [str(APPS / "postgres_load.py"), client, server.host]
    done = subprocess.run([*start, *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Trouble(f"run {client}: {done.stderr[-2000:]}")
    one, many = done.stdout.split()
    return float(one), float(many)


def column(ours: Sequence[float], costs: Sequence[float], digits: int) -> list[str]:
    """Three cells: the median, the range, and what ours cost by it, round by round."""
    ratio = ""
    if ours is not costs:
        ratio = f"{statistics.median(a / b for a, b in zip(ours, costs, strict=True)):.2f}"
    middle = f"{statistics.median(costs):.{digits}f}"
    return [middle, f"{min(costs):.{digits}f}–{max(costs):.{digits}f}", ratio]


def table(rounds: Mapping[str, Costs]) -> str:
    """The table: each peer's row is beside that of Puff's client which does the same."""
    lines = [tables.row(HEAD), tables.row(["---", *["---:"] * (len(HEAD) - 1)])]
    for group in CLIENTS:
        columns = {name: list(zip(*rounds[name], strict=True)) for name in group}
        ours = columns[group[0]]
        for name in group:
            one, many = columns[name]
            shown = f"**{name}**" if name == group[0] else name
            cells = column(ours[0], one, 1) + column(ours[1], many, 1)
            lines.append(tables.row([shown, *cells]))
    return "\n".join(lines)


def main() -> int:
    args = arguments()
    if args.rounds < 1:
        raise Trouble("measure: --rounds is 1 or more")
    packages.prepare(args.python, args.refresh, packages.POSTGRES)
    if not PUFF.exists():
        raise Trouble("measure puff: it is not built; make build")
    sys.path.insert(0, str(ROOT / "python" / "tests"))
    from services.cluster import cluster

    parts = [machine.markdown(machine.describe(peers=packages.POSTGRES))]
    parts += machine.load_remark()
    names = [name for group in CLIENTS for name in group]
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    with cluster() as server, tempfile.TemporaryDirectory() as folder:
        server.run(TABLE)
        Path(folder, "puff.toml").write_text(f'[[postgres]]\nurl = "{server.url}"\n')
        for number in range(args.rounds):
            for name in names:
                note(f"round {number + 1}: {name}")
                rounds[name].append(measure(name, server, folder))
    parts.append(table(rounds))
    text = "\n\n".join(parts)
    print(text)
    if args.write:
        tables.put_between(BENCH / "README.md", "postgres", text)
    return 0
