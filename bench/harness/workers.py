"""The command `bench/workers`: what a second worker adds, where the machine has room for one."""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from . import machine, packages, servers, tables, wrk
from .cases import CASES, Case
from .client import fault
from .paths import BENCH, PUFF
from .process import free_port, running
from .trouble import Trouble, note

# The load generator needs next to nothing for answers that take Python some time, and a core of its
# own for those that take none.
LOADS = (
    Case("work", "a millisecond or so of Python", "/work", b"Hello, World!"),
    next(case for case in CASES if case.name == "hello"),
)
# Two loops that do less than this many times the work of one have no two processors to
# themselves: then nobody can tell what a second worker adds.
ENOUGH = 1.8
# Counts for some seconds of wall time, and says how far it came.
LOOP = """
import sys, time
end, n = time.monotonic() + float(sys.argv[1]), 0
while time.monotonic() < end:
    for _ in range(1000):
        n += 1
print(n)
"""


@dataclass(frozen=True)
class Round:
    """What one worker did and what two did, of requests and of a loop that only counts."""

    loops: tuple[float, float]
    requests: dict[tuple[str, str], tuple[float, float]]  # by load and interface

    @property
    def room(self) -> float:
        """How many times the work of one loop two do."""
        return self.loops[1] / self.loops[0]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/workers", description="Measure two workers beside one."
    )
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="rounds over everything (default 5)")
    add("--seconds", type=int, default=2, help="length of one measurement (default 2)")
    add("--python", metavar="PATH", help="the CPython of the server (default: 3.13 if found)")
    add("--write", action="store_true", help="put the table into bench/README.md")
    return parser.parse_args()


def count(loops: int, seconds: int) -> float:
    """How far so many loops come together, a second."""
    argv = [sys.executable, "-c", LOOP, str(seconds)]
    started = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(loops)]
    return sum(int(loop.communicate()[0]) for loop in started) / seconds


def serve(program: str, case: Case, interface: str, workers: int, seconds: int) -> float:
    """Requests a second of so many workers."""
    port = free_port()
    argv = [*servers.puff(interface, port), "--workers", str(workers)]
    with running(f"puff, {workers} workers", argv, port) as process:
        process.wait_ready()
        if wrong := fault(port, case):
            raise Trouble(f"wrong answer: {wrong}")
        wrk.run(program, port, case, 1, None)
        seen = wrk.run(program, port, case, seconds, None)
        process.must_live()
    if seen.errors:
        raise Trouble(f"{workers} workers: errors {seen.errors}")
    return seen.per_second


def measure(program: str, seconds: int) -> Round:
    return Round(
        loops=(count(1, seconds), count(2, seconds)),
        requests={
            (case.name, interface): (
                serve(program, case, interface, 1, seconds),
                serve(program, case, interface, 2, seconds),
            )
            for case in LOADS
            for interface in servers.INTERFACES
        },
    )


def median(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Of one, of two, and of what two did by what one did in the same round."""
    one, two = (statistics.median(column) for column in zip(*pairs, strict=True))
    return one, two, statistics.median(b / a for a, b in pairs)


def table(rounds: Sequence[Round]) -> str:
    """The table; ratios of requests only where the loops say that there was room."""
    room = statistics.median(r.room for r in rounds)
    lines = [tables.row(["", "one", "two", "two÷one"]), tables.row(["---", *["---:"] * 3])]
    one, two, by = median([r.loops for r in rounds])
    lines.append(tables.row(["a loop that counts, millions a second", *millions(one, two, by)]))
    for case, interface in itertools.product(LOADS, servers.INTERFACES):
        one, two, by = median([r.requests[case.name, interface] for r in rounds])
        shown = f"{by:.2f}" if room >= ENOUGH else "not measurable here"
        cells = [f"{rate:,.0f}".replace(",", " ") for rate in (one, two)]
        what = f"{case.title}, {interface.upper()}, requests/s"
        lines.append(tables.row([what, *cells, shown]))
    return "\n".join(lines)


def millions(one: float, two: float, by: float) -> list[str]:
    return [f"{one / 1e6:.1f}", f"{two / 1e6:.1f}", f"{by:.2f}"]


def remark(rounds: Sequence[Round], cores: int) -> str:
    """What has to be known before the ratios are believed."""
    room = statistics.median(r.room for r in rounds)
    if room < ENOUGH:
        return (
            f"Not measurable here: two loops do {room:.2f} times the work of one, and with less"
            f" than {ENOUGH} there are no two processors to share."
        )
    if cores < 3:
        return (
            f"wrk has to share the {cores} cores with the workers, which the loops know nothing of:"
            " for hello, which keeps it as busy as a worker, there is no core left to add."
        )
    return f"Two loops do {room:.2f} times the work of one; wrk has a core besides."


def main() -> int:
    args = arguments()
    if min(args.rounds, args.seconds) < 1:
        raise Trouble("measure: --rounds and --seconds are 1 or more")
    program = wrk.find()
    packages.prepare(args.python)
    if not PUFF.exists():
        raise Trouble("measure puff: it is not built; make build")
    busy = machine.load_remark()
    rounds = []
    for number in range(args.rounds):
        rounds.append(measure(program, args.seconds))
        note(f"round {number + 1}: {rounds[-1]}")
    how = (
        f"`puff serve --workers 1` and `2` with 64 keep-alive connections of wrk, nothing pinned;"
        f" medians of {args.rounds} rounds of {args.seconds} s. The first row is what the machine"
        " itself gives: processes that only count, one alone and two at a time."
    )
    parts = [how, machine.markdown(machine.describe(program)), *busy]
    parts += [table(rounds), remark(rounds, len(os.sched_getaffinity(0)))]
    text = "\n\n".join(parts)
    print(text)
    if args.write:
        tables.put_between(BENCH / "README.md", "workers", text)
    return 0
