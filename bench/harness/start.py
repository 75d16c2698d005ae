"""The command `bench/start`: how fast the servers are ready, and what they hold when idle."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time
from collections.abc import Sequence

from . import machine, packages, servers, tables
from .paths import APPS, BENCH, PUFF
from .process import Memory, free_port, memory_of, running
from .servers import PYTHON, Server
from .trouble import Trouble, note

# What a server of the interface has to import whoever wrote it.
IMPORTS = {
    "wsgi": ("apps", "greenlet"),
    "asgi": ("apps", "asyncio", "uvloop"),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/start", description="Measure how fast and how small servers start."
    )
    add = parser.add_argument
    add("--only", choices=servers.INTERFACES, help="one interface instead of both")
    add("--servers", metavar="A,B", help="some of the servers, by the first word of their name")
    add("--times", type=int, default=20, help="starts of `puff version` (default 20)")
    add("--starts", type=int, default=5, help="starts of each server (default 5)")
    add("--python", metavar="PATH", help="the CPython for all servers (default: 3.13 if found)")
    add("--write", action="store_true", help="put the tables into bench/README.md")
    return parser.parse_args()


def seconds_of(argv: Sequence[str]) -> float:
    """Returns how long a command takes."""
    begin = time.monotonic()
    done = subprocess.run(argv, cwd=APPS, capture_output=True, text=True, check=False)
    took = time.monotonic() - begin
    if done.returncode:
        raise Trouble(f"run {argv[0]}: status {done.returncode}: {done.stderr}")
    return took


def import_line(interface: str) -> str:
    return f"import {', '.join(IMPORTS[interface])}"


def plain_start(code: str) -> tuple[float, Memory]:
    """Returns how long a plain Python takes to start and run code, and what it holds then."""
    begin = time.monotonic()
    with subprocess.Popen(
        [str(PYTHON), "-c", f"{code}; print('ready', flush=True); input()"],
        cwd=APPS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as plain:
        assert plain.stdout is not None
        if plain.stdout.readline() != b"ready\n":
            raise Trouble(f"run {PYTHON}: it cannot {code}")
        took = time.monotonic() - begin
        held = memory_of(plain.pid)
        plain.communicate(b"\n")
    return took, held


def start_server(server: Server, interface: str) -> tuple[float, Memory, int]:
    """Starts a server once: seconds to its first answer, what it holds then, its processes."""
    port = free_port()
    with running(server.name, server.argv(interface, port), port) as process:
        ready = process.wait_ready()
        return ready, process.memory(), len(process.pids())


def megabytes(size: float) -> str:
    return f"{size / 2**20:.1f}"


def millis(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"


def memory_cells(held: Memory, processes: int) -> list[str]:
    sizes = (held.rss, held.pss, held.private)
    return [*map(megabytes, sizes), str(processes), str(held.threads)]


def table(interface: str, args: argparse.Namespace, failed: dict[str, str]) -> str:
    """Returns the table of one interface."""
    plain_time = statistics.median(plain_start("import apps")[0] for _ in range(args.starts))
    _, plain = plain_start(import_line(interface))
    columns = ("ready ms", "minus import ms", "RSS MB", "PSS MB", "private MB")
    lines = [
        f"### Start, {interface.upper()}",
        "",
        tables.row(["", *columns, "processes", "threads"]),
        tables.row(["---", *["---:"] * 7]),
        tables.row(
            [f"plain Python, `{import_line(interface)}`", "–", "–", *memory_cells(plain, 1)]
        ),
    ]
    for server in servers.choose(args.servers):
        if interface not in server.interfaces or "hello" not in server.cases:
            continue
        if why := packages.unavailable(server.package, failed):
            lines.append(tables.row([server.name, why, *["–"] * 6]))
            continue
        try:
            got = [start_server(server, interface) for _ in range(args.starts)]
        except Trouble as trouble:
            note(str(trouble))
            lines.append(tables.row([server.name, "did not start", *["–"] * 6]))
            continue
        ready = statistics.median(seconds for seconds, _, _ in got)
        _, held, processes = sorted(got, key=lambda one: one[1].pss)[len(got) // 2]
        times = [millis(ready), millis(ready - plain_time)]
        lines.append(tables.row([server.name, *times, *memory_cells(held, processes)]))
    lines += ["", f"A plain Python has imported the application after {millis(plain_time)} ms."]
    return "\n".join(lines)


def version_line(times: int) -> str:
    """Returns how long `puff version` takes."""
    if not PUFF.exists():
        return f"`puff version`: {PUFF.name} is not built."
    took = sorted(seconds_of([str(PUFF), "version"]) * 1000 for _ in range(times))
    return (
        f"`puff version`: {statistics.median(took):.1f} ms"
        f" (median of {times}, {took[0]:.1f}–{took[-1]:.1f})."
    )


def main() -> int:
    args = arguments()
    if min(args.times, args.starts) < 1:
        raise Trouble("measure: --times and --starts are 1 or more")
    failed = packages.prepare(args.python)
    how = (
        f"Medians of {args.starts} starts, nothing pinned. *Ready* is from the start of the command"
        " to its first whole answer; the next column is without the time a plain Python takes to"
        " start and import the application. The row of an import is a plain Python that only does"
        " that. Memory is that of all processes of the server after"
        " that answer."
    )
    parts = [how, machine.markdown(machine.describe()), version_line(args.times)]
    for interface in (args.only,) if args.only else servers.INTERFACES:
        parts.append(table(interface, args, failed))
    text = "\n\n".join(parts)
    print(text)
    if args.write:
        tables.put_between(BENCH / "README.md", "start", text)
    return 0
