"""The command `bench/services`: what clients of Redis cost, Puff's and their peers."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import machine, packages, tables
from .paths import APPS, BENCH, PUFF
from .servers import PYTHON
from .trouble import Trouble, note

# What is measured: callers, how many values or messages, and the clients, the first one's peers
# behind it.
LOADS = {
    "get": (64, 60_000, ("puff-greenlets", "puff-tasks", "redis-py-tasks", "redis-py-threads")),
    "pubsub": (100, 40_000, ("puff-greenlets", "puff-tasks", "redis-py-tasks")),
}
WHAT = {
    "get": "`GET` of 32 bytes by 64 callers, µs of CPU per value",
    "pubsub": "32 bytes to 100 receivers of one process, µs of CPU per message received",
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/services", description="Measure clients of Redis beside their peers."
    )
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="rounds, the clients in turn (default 5)")
    add("--python", metavar="PATH", help="the CPython for all clients (default: 3.13 if found)")
    add("--write", action="store_true", help="put the table into bench/README.md")
    return parser.parse_args()


@contextmanager
def redis_server() -> Iterator[str]:
    """A Redis on a socket, with nothing on disk; its URL."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        raise Trouble("find redis-server: install Debian's package of that name")
    with tempfile.TemporaryDirectory(prefix="puff-bench-") as folder:
        path = f"{folder}/s"
        command = [program, "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
            try:
                wait_for(path)
                yield f"unix://{path}"
            finally:
                server.terminate()


def wait_for(path: str) -> None:
    for _ in range(1000):
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(path)
                return
            except OSError:
                time.sleep(0.01)
    raise Trouble("start redis-server: it does not answer")


def measure(kind: str, client: str, url: str) -> tuple[float, float]:
    """CPU microseconds for each, and how many a second."""
    callers, count, _ = LOADS[kind]
    words = [str(APPS / "redis_load.py"), kind, client, str(callers), str(count)]
    start = [str(PYTHON)]
    if client.startswith("puff"):
        start = [str(PUFF), "--python", str(PYTHON), "python"]
    env = {**os.environ, "PUFF_DEFAULT_REDIS_URL": url, "PUFF_DEFAULT_PUBSUB_URL": url}
    done = subprocess.run(
        [*start, *words], env=env, cwd=Path("/"), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Trouble(f"run {client}: {done.stderr[-2000:]}")
    cost, rate = done.stdout.split()
    return float(cost), float(rate)


def main() -> int:
    args = arguments()
    packages.prepare(args.python)
    if not PUFF.exists():
        raise Trouble("measure puff: it is not built; make build")
    parts = [machine.markdown(machine.describe())]
    if warning := machine.load_warning():
        parts.append(warning)
    with redis_server() as url:
        for kind, (_, _, clients) in LOADS.items():
            rounds: dict[str, list[tuple[float, float]]] = {client: [] for client in clients}
            for number in range(args.rounds):
                for client in clients:
                    note(f"{kind}, round {number + 1}: {client}")
                    rounds[client].append(measure(kind, client, url))
            parts.append(table(kind, rounds))
    text = "\n\n".join(parts)
    print(text)
    if args.write:
        tables.put_between(BENCH / "README.md", "services", text)
    return 0


def ratio(mine: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> str:
    """The median of what mine cost by what theirs did, round by round."""
    return f"{statistics.median(m[0] / t[0] for m, t in zip(mine, theirs, strict=True)):.2f}"


def table(kind: str, rounds: dict[str, list[tuple[float, float]]]) -> str:
    """The table of one load: medians, and puff's cost by each peer's in the same round."""
    lines = [
        tables.row([WHAT[kind], "median", "min–max", "a second", "greenlets÷it", "tasks÷it"]),
        tables.row(["---", *["---:"] * 5]),
    ]
    for client, got in rounds.items():
        costs = [cost for cost, _ in got]
        ratios = ["", ""]
        if not client.startswith("puff"):
            ratios = [ratio(rounds[mine], got) for mine in ("puff-greenlets", "puff-tasks")]
        rate = statistics.median(rate for _, rate in got)
        cells = [f"{statistics.median(costs):.2f}", f"{min(costs):.2f}–{max(costs):.2f}"]
        lines.append(tables.row([client, *cells, f"{rate:,.0f}".replace(",", " "), *ratios]))
    return "\n".join(lines)
