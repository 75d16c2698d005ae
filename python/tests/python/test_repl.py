"""The prompt, on a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from python.conftest import Sides

PROMPT = b">>> "


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, sides: Sides, command: Sequence[str], env: Mapping[str, str]) -> None:
        ours, theirs = pty.openpty()
        self.fd = ours
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=sides.folder,
            # The plain prompt: the new one of 3.13 draws the line anew for each key.
            env=sides.environment({"PYTHON_BASIC_REPL": "1", "TERM": "dumb", **env}),
            start_new_session=True,
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
        )
        os.close(theirs)

    def until(self, wanted: bytes) -> str:
        """What it wrote up to and with wanted."""
        got = b""
        while not got.endswith(wanted):
            ready, _, _ = select.select([self.fd], [], [], 60)
            if not ready:
                self.process.kill()
                pytest.fail(f"waited for {wanted!r}, got {got!r}")
            got += os.read(self.fd, 1)
        return got.decode()

    def type(self, text: str) -> None:
        """Types text."""
        os.write(self.fd, text.encode())

    def end(self) -> int:
        """Its status, once its input is over."""
        self.type("\x04")
        status = self.process.wait(60)
        os.close(self.fd)
        return status


def talk(
    sides: Sides, side: Sequence[str], *args: str, env: Mapping[str, str] | None = None
) -> str:
    terminal = Terminal(sides, [*side, *args], env or {})
    said = terminal.until(PROMPT)
    for line in ["x = 40", "x + 2", "import sys; sys.flags.interactive, sys.argv", "1/0"]:
        terminal.type(line + "\n")
        said += terminal.until(PROMPT)
    # Control-C interrupts what runs; where exactly that was, is not the same twice.
    terminal.type("exec('print(6 * 7, flush=True)\\nwhile True: pass')\n")
    said += terminal.until(b"\n42\r\n")
    terminal.type("\x03")
    said += terminal.until(PROMPT)
    status = terminal.end()
    return re.sub(
        r"(\^C)?Traceback (?:(?!Traceback).)*?KeyboardInterrupt", "interrupted", said, flags=re.S
    ) + str(status)


def test_the_prompt_is_pythons(sides: Sides) -> None:
    plain = talk(sides, sides.plain, "-i", "-c", "print('first')")
    puff = talk(sides, sides.puff, "-i", "-c", "print('first')")
    assert puff == plain
    assert "42" in puff
    assert "interrupted" in puff


def test_the_prompt_greets(sides: Sides) -> None:
    plain = talk(sides, sides.plain)
    assert talk(sides, sides.puff) == plain
    assert 'Type "help"' in plain
    assert 'Type "help"' not in talk(sides, sides.puff, "-q")


def test_inspect_stays_after_the_program(sides: Sides) -> None:
    env = {"PYTHONINSPECT": "1"}
    plain = talk(sides, sides.plain, "-c", "print('first')", env=env)
    assert talk(sides, sides.puff, "-c", "print('first')", env=env) == plain
