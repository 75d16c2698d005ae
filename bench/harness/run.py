"""The command `bench/run`: all servers side by side, as Markdown tables on standard output."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from . import machine, measure, packages, servers, sockets, tables, wrk
from .cases import CASES, NAMES, WEBSOCKET, Case
from .paths import BENCH, ROOT
from .trouble import Trouble, note


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run", description="Measure puff and its peers side by side."
    )
    add = parser.add_argument
    add("--only", choices=servers.ALL, help="one interface instead of all")
    add("--cases", metavar="A,B", help=f"some of {','.join(NAMES)}")
    add("--servers", metavar="A,B", help="some of the servers, by the first word of their name")
    add("--rounds", type=int, default=3, help="rounds over all servers (default 3)")
    add("--seconds", type=int, default=4, help="length of one measurement (default 4)")
    add("--quick", action="store_true", help="one round of 2 seconds")
    add("--python", metavar="PATH", help="the CPython for all servers (default: 3.13 if found)")
    add("--refresh", action="store_true", help="install the newest peers again")
    add("--server-cpu", type=int, default=0, help="the core of the servers (default 0)")
    add("--load-cpu", type=int, default=1, help="the core of wrk (default 1)")
    add("--json", type=Path, metavar="FILE", help="write every round there too")
    add("--write", action="store_true", help="put the tables into bench/README.md")
    return parser.parse_args()


def choose_cases(names: str | None) -> tuple[Case, ...]:
    wanted = {name.strip() for name in names.split(",")} if names else set(NAMES)
    if unknown := wanted - set(NAMES):
        raise Trouble(f"choose cases: {sorted(unknown)} unknown; there are {', '.join(NAMES)}")
    return tuple(case for case in CASES if case.name in wanted)


def make_plan(args: argparse.Namespace, *, websockets: bool) -> measure.Plan:
    have = os.sched_getaffinity(0)
    if missing := {args.server_cpu, args.load_cpu} - have:
        raise Trouble(f"pin to core {min(missing)}: only {sorted(have)} may be used")
    rounds, seconds = (1, 2) if args.quick else (args.rounds, args.seconds)
    if min(rounds, seconds) < 1:
        raise Trouble("measure: --rounds and --seconds are 1 or more")
    return measure.Plan(
        wrk=wrk.find(),
        wsload=sockets.build() if websockets else "",
        rounds=rounds,
        seconds=seconds,
        server_cpu=args.server_cpu,
        load_cpu=args.load_cpu,
    )


def commands(chosen: Sequence[servers.Server], interfaces: Sequence[str]) -> str:
    """Returns how each server is started, as one block."""
    lines = []
    for interface in interfaces:
        for server in chosen:
            if interface in server.interfaces:
                argv = shlex.join(server.argv(interface, 8000))
                lines.append(argv.replace(f"{ROOT}/", ""))
    return "\n".join(["```", *lines, "```"])


def report(
    plan: measure.Plan,
    about: dict[str, str],
    results: dict[str, list[list[measure.Cell]]],
    chosen: Sequence[servers.Server],
) -> str:
    """Returns everything that is printed."""
    how = (
        f"One worker pinned to core {plan.server_cpu}, wrk with one thread on core"
        f" {plan.load_cpu}, 64 keep-alive connections, {plan.rounds} rounds of {plan.seconds} s"
        " with the servers in turn; medians. CPU is the user and system time of all processes of"
        " the server; *core* is the part of its core it used: below 100 % the load was the limit."
        " A CPU ratio below 1 and a req/s ratio above 1 are in favour of puff."
    )
    parts = [how, machine.markdown(about)]
    parts += [tables.table(interface, cells) for interface, cells in results.items()]
    parts += ["How each server was started:", commands(chosen, list(results))]
    return "\n\n".join(parts)


def as_json(
    plan: measure.Plan, about: dict[str, str], results: dict[str, list[list[measure.Cell]]]
) -> str:
    cells = [
        {
            "interface": cell.interface,
            "case": cell.case.name,
            "server": cell.server.name,
            "empty": cell.empty(),
            "blemish": cell.blemish(),
            "rounds": [asdict(r) for r in cell.rounds],
        }
        for cases in results.values()
        for group in cases
        for cell in group
    ]
    return json.dumps({"about": about, "plan": asdict(plan), "cells": cells}, indent=1)


def main() -> int:
    args = arguments()
    cases = choose_cases(args.cases)
    plan = make_plan(args, websockets=any(case.interfaces == WEBSOCKET for case in cases))
    failed = packages.prepare(args.python, args.refresh)
    chosen = servers.choose(args.servers)
    refusals = {s.name: why for s in chosen if (why := packages.unavailable(s.package, failed))}
    about = machine.describe(plan.wrk)
    if warning := machine.load_warning():
        note(f"warning: {warning}")
        about["warning"] = warning
    results: dict[str, list[list[measure.Cell]]] = {}
    for interface in (args.only,) if args.only else servers.ALL:
        results[interface] = list(measure.grid(chosen, cases, interface, refusals))
        for cells in results[interface]:
            measure.run_case(plan, cells)
    text = report(plan, about, results, chosen)
    print(text)
    if args.json:
        args.json.write_text(as_json(plan, about, results))
    if args.write:
        tables.put_between(BENCH / "README.md", "results", text)
    return 0
