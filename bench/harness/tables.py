"""The results as Markdown: a table per interface, and their place in the README."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from .measure import Cell
from .trouble import Trouble

OURS = "puff"
HEAD = (
    "case",
    "server",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "CPU µs/request",
    "min–max",
    "core",
    "req/s puff÷it",
    "CPU puff÷it",
)
TEXT_COLUMNS = 2


def row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def head() -> list[str]:
    rule = ["---"] * TEXT_COLUMNS + ["---:"] * (len(HEAD) - TEXT_COLUMNS)
    return [row(HEAD), row(rule)]


def ratio(ours: float | None, theirs: float) -> str:
    return "" if ours is None or not theirs else f"{ours / theirs:.2f}"


def milliseconds(us: float) -> str:
    return f"{us / 1000:.2f}" if us < 100_000 else f"{us / 1000:.0f}"


def cell_row(cell: Cell, ours: Cell | None, first: bool) -> str:
    name = f"**{cell.server.name}**" if cell.server.name == OURS else cell.server.name
    title = cell.case.title if first else ""
    if why := cell.empty():
        dash = ["–"] * (len(HEAD) - TEXT_COLUMNS - 1)
        return row([title, name, why, *dash])
    mark = " (!)" if cell.blemish() else ""
    low, high = cell.spread("cpu_us")
    cpu, rate = cell.median("cpu_us"), cell.median("per_second")
    compared = ours if ours is not cell else None
    return row(
        [
            title,
            name,
            f"{rate:,.0f}{mark}".replace(",", " "),
            milliseconds(cell.median("p50_us")),
            milliseconds(cell.median("p99_us")),
            f"{cpu:.2f}",
            f"{low:.2f}–{high:.2f}",
            f"{cell.median('busy'):.0%}",
            ratio(compared.median("per_second") if compared else None, rate),
            ratio(compared.median("cpu_us") if compared else None, cpu),
        ]
    )


def remarks(cases: Sequence[Sequence[Cell]]) -> Iterator[str]:
    """Returns what has to be said about single servers and cells."""
    seen = set()
    for cells in cases:
        for cell in cells:
            if cell.server.note and cell.server.name not in seen:
                seen.add(cell.server.name)
                yield f"- {cell.server.name}: {cell.server.note}."
    for cells in cases:
        for cell in cells:
            if blemish := cell.blemish():
                yield f"- (!) {cell.server.name}, {cell.case.title}: {blemish}."


def table(interface: str, cases: Sequence[Sequence[Cell]]) -> str:
    """Returns the table of one interface and its remarks."""
    lines = [f"### {interface.upper()}", "", *head()]
    for cells in cases:
        ours = next((c for c in cells if c.server.name == OURS and c.rounds), None)
        lines += [cell_row(cell, ours, number == 0) for number, cell in enumerate(cells)]
    return "\n".join([*lines, "", *remarks(cases)])


def put_between(path: Path, name: str, text: str) -> None:
    """Replaces what stands between the markers of that name in a Markdown file."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    old = path.read_text()
    before, found_begin, rest = old.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise Trouble(f"write {path}: put the lines {begin} and {end} where the results belong")
    path.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}")
