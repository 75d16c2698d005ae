"""The two sides: this Python, and ``puff python`` with the same Python in it.

PUFF_TEST_PYTHON is that Python (default: the one that runs the tests), PUFF_TEST_BINARY the
puff (default: bin/puff of the project).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["Ended", "Sides"]

BINARY = os.environ.get(
    "PUFF_TEST_BINARY", str(Path(__file__).resolve().parents[3] / "bin" / "puff")
)
PYTHON = os.environ.get("PUFF_TEST_PYTHON", sys.executable)
DEADLINE = float(os.environ.get("PUFF_TEST_DEADLINE", "60"))


@dataclass(frozen=True)
class Ended:
    """How a process ended and what it said."""

    status: int
    out: str
    err: str


class Sides:
    """Starts programs on either side."""

    plain: Sequence[str] = (PYTHON,)
    puff: Sequence[str] = (BINARY, "--python", PYTHON, "python")

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """What this process was given, without what chooses for the process under test."""
        drop = ("PYTHON", "PUFF_", "PYTEST_", "VIRTUAL_ENV")
        env = {k: v for k, v in os.environ.items() if not k.startswith(drop)}
        return {**env, "PYTHONDONTWRITEBYTECODE": "1", **(extra or {})}

    def start(
        self, side: Sequence[str], *args: str, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """A program that runs, with pipes to its three streams."""
        return subprocess.Popen(
            [*side, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.environment(env),
            start_new_session=True,
        )

    def run(
        self,
        side: Sequence[str],
        *args: str,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
    ) -> Ended:
        """How a program ended."""
        process = self.start(side, *args, env=env)
        try:
            out, err = process.communicate(stdin, timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            pytest.fail(f"{[*side, *args]} did not end; it said:\n{out}\n{err}")
        # Python puts its own name before some messages; on the two sides that is not the same.
        err = re.sub(r"(?m)^/\S*/python[\d.]*: ", "python: ", err)
        return Ended(process.returncode, out, err)

    def same(self, *args: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Ended:
        """How a program ended, which was the same under both."""
        plain = self.run(self.plain, *args, stdin=stdin, env=env)
        puff = self.run(self.puff, *args, stdin=stdin, env=env)
        assert puff == plain
        return puff

    def says(self, program: str, *options: str, env: Mapping[str, str] | None = None) -> str:
        """What a program that knows Puff prints, which ends well and complains of nothing."""
        ended = self.run(self.puff, *options, "-c", program, env=env)
        assert (ended.status, ended.err) == (0, ""), ended
        return ended.out

    def write(self, name: str, text: str) -> str:
        """A file in the folder that programs run in."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[Sides]:
    """Both sides, in a folder of the test's own."""
    if not os.access(BINARY, os.X_OK):
        pytest.fail(f"there is no {BINARY}: type make build")
    yield Sides(tmp_path)
