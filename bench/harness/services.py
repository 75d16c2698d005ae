"""The command `bench/services`: what clients of Redis and of HTTP cost, Puff's and their peers."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import machine, packages, servers, tables
from .paths import APPS, BENCH, PUFF
from .process import free_port, running
from .servers import PYTHON
from .trouble import Trouble, note

# Beside those of the venv, which are servers.
CLIENTS = ("aiohttp", "httpx")


@dataclass(frozen=True)
class Load:
    """A program of bench/apps, for each of its clients: puff's, then their peers.

    Words are what the program is told; {url} among them is where the server is.
    """

    title: str
    service: str
    script: str
    words: tuple[str, ...]
    callers: int
    count: int
    clients: tuple[str, ...]


REDIS = ("puff-greenlets", "puff-tasks", "redis-py-tasks", "redis-py-threads")
HTTP = ("puff-greenlets", "puff-tasks", "aiohttp-tasks", "httpx-tasks")
LOADS = {
    "get": Load(
        "`GET` of 32 bytes by 64 callers, µs of CPU per value",
        "redis",
        "redis_load.py",
        ("get",),
        64,
        60_000,
        REDIS,
    ),
    "pubsub": Load(
        "32 bytes to 100 receivers of one process, µs of CPU per message received",
        "redis",
        "redis_load.py",
        ("pubsub",),
        100,
        40_000,
        REDIS[:-1],
    ),
    "http": Load(
        "HTTP `GET` of 13 bytes by 64 callers, µs of CPU per answer",
        "http",
        "http_load.py",
        ("{url}/",),
        64,
        32_000,
        HTTP,
    ),
    "http-10k": Load(
        "HTTP `GET` of 10 KB by 64 callers, µs of CPU per answer",
        "http",
        "http_load.py",
        ("{url}/10k",),
        64,
        32_000,
        HTTP,
    ),
}
# A peer that costs a multiple of the others is measured with less of the same.
SLOW = {"httpx-tasks": 16}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/services", description="Measure clients of Redis and HTTP beside their peers."
    )
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="rounds, the clients in turn (default 5)")
    add("--only", metavar="A,B", help=f"some of the loads: {', '.join(LOADS)}")
    add("--clients", metavar="A,B", help="some of the clients")
    add("--python", metavar="PATH", help="the CPython for all clients (default: 3.13 if found)")
    add("--write", action="store_true", help="put the table into bench/README.md")
    return parser.parse_args()


def core(number: int) -> set[int] | None:
    """The first or the second core there is; None, any of them, where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return {cores[number]} if len(cores) > 1 else None


def pin(cpus: set[int] | None) -> None:
    """Has this process, and what it starts, run there."""
    if cpus:
        os.sched_setaffinity(0, cpus)


@contextmanager
def redis_server() -> Iterator[str]:
    """A Redis on a socket, with nothing on disk; its URL."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        raise Trouble("find redis-server: install Debian's package of that name")
    with tempfile.TemporaryDirectory(prefix="puff-bench-") as folder:
        path = f"{folder}/s"
        command = [program, "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, stdout=quiet, preexec_fn=lambda: pin(core(0))) as server:
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


@contextmanager
def http_server() -> Iterator[str]:
    """A puff with the WSGI application, on a core of its own; its URL."""
    port = free_port()
    with running("puff", servers.puff("wsgi", port), port, core(0)) as process:
        process.wait_ready()
        yield f"http://127.0.0.1:{port}"


SERVICES: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "redis": redis_server,
    "http": http_server,
}


def measure(load: Load, client: str, url: str) -> tuple[float, float]:
    """CPU microseconds for each, and how many a second."""
    count = load.count // SLOW.get(client, 1)
    words = [word.format(url=url) for word in load.words]
    words = [str(APPS / load.script), *words, client, str(load.callers), str(count)]
    start = [str(PYTHON)]
    if client.startswith("puff"):
        start = [str(PUFF), "--python", str(PYTHON), "python"]
    env = dict(os.environ)
    if load.service == "redis":
        env |= {"PUFF_DEFAULT_REDIS_URL": url, "PUFF_DEFAULT_PUBSUB_URL": url}
    done = subprocess.run(
        [*start, *words],
        env=env,
        cwd=Path("/"),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: pin(core(1)),
    )
    if done.returncode:
        raise Trouble(f"run {client}: {done.stderr[-2000:]}")
    cost, rate = done.stdout.split()
    return float(cost), float(rate)


def chosen(given: str | None, there: tuple[str, ...]) -> tuple[str, ...]:
    """Those of a list with commas, all without one."""
    if not given:
        return there
    return tuple(name for name in there if name in given.split(","))


def main() -> int:
    args = arguments()
    packages.prepare(args.python)
    packages.need(CLIENTS)
    if not PUFF.exists():
        raise Trouble("measure puff: it is not built; make build")
    parts = [machine.markdown(machine.describe())]
    parts += machine.load_remark()
    for kind in chosen(args.only, tuple(LOADS)):
        load = LOADS[kind]
        clients = chosen(args.clients, load.clients)
        rounds: dict[str, list[tuple[float, float]]] = {client: [] for client in clients}
        with SERVICES[load.service]() as url:
            for number in range(args.rounds):
                for client in clients:
                    note(f"{kind}, round {number + 1}: {client}")
                    rounds[client].append(measure(load, client, url))
        parts.append(table(load.title, rounds))
    text = "\n\n".join(parts)
    print(text)
    if args.write:
        tables.put_between(BENCH / "README.md", "services", text)
    return 0


Rounds = list[tuple[float, float]]


def ratio(mine: Rounds | None, theirs: Rounds) -> str:
    """The median of what mine cost by what theirs did, round by round."""
    if not mine:
        return ""
    return f"{statistics.median(m[0] / t[0] for m, t in zip(mine, theirs, strict=True)):.2f}"


def table(title: str, rounds: dict[str, Rounds]) -> str:
    """The table of one load: medians, and puff's cost by each peer's in the same round."""
    lines = [
        tables.row([title, "median", "min–max", "a second", "greenlets÷it", "tasks÷it"]),
        tables.row(["---", *["---:"] * 5]),
    ]
    for client, got in rounds.items():
        costs = [cost for cost, _ in got]
        ratios = ["", ""]
        if not client.startswith("puff"):
            ours = ("puff-greenlets", "puff-tasks")
            ratios = [ratio(rounds.get(mine), got) for mine in ours]
        rate = statistics.median(rate for _, rate in got)
        cells = [f"{statistics.median(costs):.2f}", f"{min(costs):.2f}–{max(costs):.2f}"]
        lines.append(tables.row([client, *cells, f"{rate:,.0f}".replace(",", " "), *ratios]))
    return "\n".join(lines)
