"""The measuring: rounds over the servers in turn, a fresh server for each round."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from . import h2load, sockets, wrk
from .cases import WEBSOCKET, Case
from .client import fault
from .process import free_port, running
from .servers import Server
from .trouble import Trouble, note


@dataclass(frozen=True)
class Plan:
    """How long, how often and where to measure."""

    wrk: str
    wsload: str = ""
    rounds: int = 3
    seconds: int = 4
    warm_up: int = 1
    server_cpu: int = 0
    load_cpu: int = 1


@dataclass(frozen=True)
class Round:
    """One server under one load, once."""

    per_second: float
    p50_us: float
    p99_us: float
    cpu_us: float
    busy: float
    requests: int
    errors: dict[str, int]


@dataclass
class Cell:
    """One server in one case: its rounds, and what kept rounds from being measured.

    A cell that is refused is not tried at all.
    """

    interface: str
    case: Case
    server: Server
    refused: str | None = None
    rounds: list[Round] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def median(self, name: str) -> float:
        return float(statistics.median(getattr(r, name) for r in self.rounds))

    def spread(self, name: str) -> tuple[float, float]:
        values = [getattr(r, name) for r in self.rounds]
        return min(values), max(values)

    def errors(self) -> dict[str, int]:
        """Returns how many requests went wrong, by kind, over all rounds."""
        total: dict[str, int] = {}
        for r in self.rounds:
            for name, count in r.errors.items():
                total[name] = total.get(name, 0) + count
        return total

    def blemish(self) -> str | None:
        """Returns what a reader has to know before trusting the numbers, if anything."""
        parts = [f"errors: {name} {count}" for name, count in self.errors().items()]
        if self.rounds:
            parts += [f"a round was lost: {trouble}" for trouble in self.troubles]
        return "; ".join(parts) or None

    def empty(self) -> str | None:
        """Returns why there are no numbers, or None when there are some."""
        if self.rounds:
            return None
        return self.refused or next(iter(self.troubles), "not measured")


def load_of(plan: Plan, port: int, case: Case, seconds: int) -> wrk.Load:
    """Puts the load of a case on a server for some seconds."""
    if case.interfaces == WEBSOCKET:
        return sockets.run(plan.wsload, port, case, seconds, plan.load_cpu)
    if case.kind == "h2":
        return h2load.run(port, case, seconds, plan.load_cpu)
    return wrk.run(plan.wrk, port, case, seconds, plan.load_cpu)


def wrong_answer(plan: Plan, port: int, case: Case) -> str | None:
    """Returns what is wrong with a server's answers, if anything."""
    if case.interfaces == WEBSOCKET:
        return sockets.fault(plan.wsload, port, case)
    return fault(port, case)


def measure(plan: Plan, server: Server, interface: str, case: Case) -> Round | str:
    """Runs one round; returns what is wrong with the answer when it is not the right one."""
    port = free_port()
    with running(server.name, server.argv(interface, port), port, {plan.server_cpu}) as process:
        process.wait_ready()
        if wrong := wrong_answer(plan, port, case):
            return f"wrong answer: {wrong}"
        if plan.warm_up:
            load_of(plan, port, case, plan.warm_up)
            # Answered only when the server is done with what the warm-up left in its queue.
            if wrong := wrong_answer(plan, port, case):
                return f"wrong answer after the warm-up: {wrong}"
        before = process.cpu()
        seen = load_of(plan, port, case, plan.seconds)
        after = process.cpu()
        process.must_live()
    if before.keys() != after.keys():
        return "a process of the server started or ended while it was measured"
    if not seen.requests:
        return f"no request was answered in {plan.seconds} s"
    cpu_us = (sum(after.values()) - sum(before.values())) / 1000
    return Round(
        per_second=seen.per_second,
        p50_us=seen.p50_us,
        p99_us=seen.p99_us,
        cpu_us=cpu_us / seen.requests,
        busy=cpu_us / 1e6 / seen.seconds,
        requests=seen.requests,
        errors=seen.errors,
    )


def run_case(plan: Plan, cells: Sequence[Cell]) -> None:
    """Fills the cells of one case: each round goes over all servers before the next begins."""
    for number in range(1, plan.rounds + 1):
        for cell in cells:
            if cell.refused:
                continue
            try:
                got = measure(plan, cell.server, cell.interface, cell.case)
            except Trouble as trouble:
                note(str(trouble))
                got = str(trouble).splitlines()[0].rstrip(":")
            if isinstance(got, str):
                cell.troubles.append(got)
            else:
                cell.rounds.append(got)
            note(f"{cell.interface} {cell.case.name} {number} {cell.server.name}: {brief(got)}")


def brief(got: Round | str) -> str:
    if isinstance(got, str):
        return got
    wrong = f" errors {got.errors}" if got.errors else ""
    return f"{got.per_second:.0f}/s, {got.cpu_us:.2f} µs CPU, busy {got.busy:.0%}{wrong}"


def grid(
    servers: Sequence[Server],
    cases: Sequence[Case],
    interface: str,
    refusals: dict[str, str],
) -> Iterator[list[Cell]]:
    """Returns the empty cells of an interface, one list per case."""
    for case in cases:
        if interface not in case.interfaces:
            continue
        yield [
            Cell(interface, case, server, refused=refusals.get(server.name))
            for server in servers
            if interface in server.interfaces and case.name in server.cases
        ]
