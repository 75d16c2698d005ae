"""Each page of docs begins with a program and a command; both as they stand, by what they say."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from server.client import get
from server.ports import free_port
from server.process import PYTHON, Puff, run
from server.websocket import TEXT, Socket

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).resolve().parents[3] / "docs"

# Of pages whose first command serves: what is asked for, and what comes.
PAGES = [
    ("serving", "/", "Hello, World!\n"),
    ("deploying", "/", "Hello, World!\n"),
    ("tuning", "/", "Hello, World!\n"),
    ("observing", "/", "Hello, World!\n"),
    ("files", "/hello.txt", "Hello, World!\n"),
    ("http", "/", "it says: hello, name=you"),
    ("redis", "/", "visit 1\n"),
    ("postgres", "/", "pen 1.20\n"),
]


class Page:
    """The files and commands at the beginning of a page, in a folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder, self.port = folder, str(free_port())
        fences = re.findall(r"^```(\w+)\n(.*?)^```", (DOCS / f"{name}.md").read_text(), re.M | re.S)
        # What comes after the first commands is for later.
        first = next((i for i, (kind, _) in enumerate(fences) if kind == "sh"), len(fences))
        self.commands = "".join(body for _, body in fences[first : first + 1]).splitlines()
        for _, body in fences[:first]:
            if named := re.match(r"# ([\w.]+)\n", body):
                (folder / named[1]).write_text(body.replace("7777", self.port))
        toml = folder / "puff.toml"
        given = toml.read_text() if toml.exists() else ""
        toml.write_text('embedded = "always"\n' + given)  # whatever the machine has


@pytest.fixture
def page(tmp_path: Path) -> Callable[[str], Page]:
    return lambda name: Page(name, tmp_path)


@pytest.mark.parametrize(("name", "path", "body"), PAGES, ids=[p[0] for p in PAGES])
def test_the_first_program_of_a_page_serves(
    page: Callable[[str], Page], name: str, path: str, body: str
) -> None:
    first = page(name)
    served = []
    for line in first.commands:
        if line.startswith("puff serve "):
            served.append(re.sub(r"(127\.0\.0\.1):\d+", r"\1:0", line).split()[2:])
        elif not line.startswith("puff "):
            subprocess.run(line, shell=True, cwd=first.folder, check=True)
    ((*words,),) = served
    puff = Puff(
        ["serve", *words, "--python", PYTHON]
        + ([] if "--bind" in words else ["--port", first.port]),
        cwd=first.folder,
    )
    try:
        said = puff.wait_for("serves .* on http://")  # which may be JSON
        found = re.search(r"http://[\d.]+:(\d+)", said)
        assert found is not None
        answer = get(int(found[1]), path)
        assert (answer.status, answer.text) == (200, body), puff.log()
    finally:
        puff.stop()


def test_the_first_program_about_websockets_is_an_echo(
    page: Callable[[str], Page], serve: Callable[..., Puff]
) -> None:
    first = page("websocket")
    (line,) = first.commands
    with Socket(serve(first.folder, *line.split()[2:]).port) as socket:
        socket.put(TEXT, b"hello")
        assert socket.text() == "hello"
        socket.goodbye()


def test_one_command_hears_the_other(page: Callable[[str], Page]) -> None:
    first = page("pubsub")
    listening = Puff(
        ["--python", PYTHON, "listen"],
        cwd=first.folder,
        launcher=("sh", "-c", 'exec "$@" >&2', "sh"),
    )
    try:
        listening.wait_for("puff: started ")
        told = 0
        while "news hello" not in listening.log():
            done = run(["--python", PYTHON, "tell"], cwd=first.folder)
            assert done.returncode == 0, done.stderr
            told += 1
            assert told < 50, listening.log()
        assert listening.wait_for("^news hello$")
    finally:
        listening.signal(signal.SIGTERM)
        listening.wait()


def test_a_counter_goes_on_the_second_time(page: Callable[[str], Page]) -> None:
    first = page("services")
    for number in (1, 2):
        done = run(["--python", PYTHON, "first"], cwd=first.folder)
        assert (done.returncode, done.stdout) == (0, f"run {number}\n"), done.stderr
        assert done.stderr.startswith("puff: started redis-server ")
