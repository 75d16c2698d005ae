"""A ``puff`` under test, as a process: its log, its status, its port."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["APPS", "BINARY", "PYTHON", "Puff", "run"]

HERE = Path(__file__).resolve().parent
APPS = HERE / "apps"
BINARY = os.environ.get("PUFF_TEST_BINARY", str(HERE.parents[2] / "bin" / "puff"))
PYTHON = os.environ.get("PUFF_TEST_PYTHON", sys.executable)
DEADLINE = float(os.environ.get("PUFF_TEST_DEADLINE", "30"))


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What this process was given, without what would choose for the puff under test."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PUFF_", "PYTEST_"))}
    env.pop("VIRTUAL_ENV", None)
    return {**env, "PYTHONDONTWRITEBYTECODE": "1", **(extra or {})}


class Puff:
    """A running puff. ``port`` is there once it serves."""

    def __init__(
        self,
        args: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | str = APPS,
        launcher: Sequence[str] = (),
        fds: Sequence[int] = (),
    ) -> None:
        self.app = args[1] if len(args) > 1 else ""
        self.lines: list[str] = []
        self.expected: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(
            [*launcher, BINARY, *args],
            cwd=cwd,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=fds,
            start_new_session=True,
        )
        assert self.process.stderr is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr,))
        self._reader.start()

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                with self._news:
                    self.lines.append(line.decode(errors="replace").rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def port(self) -> int:
        """Where it serves; waits for the line that says so."""
        line = self.wait_for(r"^puff \S+ serves .* on .*https?://")
        found = re.search(r"https?://[^ ]*:(\d+)", line)
        assert found is not None
        return int(found[1])

    @property
    def pid(self) -> int:
        """Its number: of the parent, where there are workers."""
        return self.process.pid

    @property
    def workers(self) -> list[int]:
        """The numbers of its workers, in the order they were started."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[1]) == self.pid and fields[0] != "Z":
                    found.append((int(fields[19]), int(stat.parent.name)))
        return [pid for _, pid in sorted(found)]

    @property
    def worker(self) -> int:
        """The number of its only worker."""
        (pid,) = self.workers
        return pid

    def log(self) -> str:
        """What it has written to stderr."""
        with self._news:
            return "\n".join(self.lines)

    def mark(self) -> int:
        """Where the log ends now: for wait_for."""
        with self._news:
            return len(self.lines)

    def wait_for(self, pattern: str, since: int = 0) -> str:
        """The first line since a mark that the pattern is found in; waits for it."""
        wanted = re.compile(pattern)
        found: list[str] = []

        def look() -> bool:
            found[:] = [line for line in self.lines[since:] if wanted.search(line)]
            return bool(found) or self._ended

        with self._news:
            self._news.wait_for(look, DEADLINE)
            if not found:
                state = "ended" if self._ended else "is silent"
                raise AssertionError(
                    f"{pattern!r} is not in the log, puff {state}:\n" + "\n".join(self.lines)
                )
        return found[0]

    def expect(self, *patterns: str) -> None:
        """Tracebacks with such a last line are part of the test."""
        self.expected += patterns

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Waits for what tells nobody when it happens."""
        end = time.monotonic() + DEADLINE
        while not done():
            assert time.monotonic() < end, f"waited in vain for {what}:\n{self.log()}"
            time.sleep(0.01)

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Sends it a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its status, when it has ended; negative: the signal that ended it."""
        try:
            status = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"puff does not end:\n{self.log()}") from None
        self._reader.join(DEADLINE)
        return status

    def kill(self) -> None:
        """Ends it at once, whatever it does."""
        self.process.kill()
        self.process.wait()
        self._reader.join(DEADLINE)

    def stop(self) -> None:
        """Ends it as an operator does; it must end well, without an unexpected traceback."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        status = self.wait()
        assert status == 0, f"status {status}:\n{self.log()}"
        for last in self.faults():
            assert any(re.search(p, last) for p in self.expected), (
                f"an unexpected traceback, {last!r}:\n{self.log()}"
            )

    def faults(self) -> list[str]:
        """The last line of each traceback in the log, and each sign of a crash."""
        found, inside = [], False
        for line in self.log().split("\n"):
            if line.startswith("Traceback (most recent call last):"):
                inside = True
            elif inside and line[:1] not in {" ", ""}:
                found.append(line)
                inside = False
            elif (
                line.startswith(
                    ("panic:", "fatal error:", "Fatal Python error", "SIG", "goroutine ")
                )
                or "never awaited" in line
                or "was never retrieved" in line
            ):
                found.append(line)
        return found


def run(
    args: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | str = APPS
) -> subprocess.CompletedProcess[str]:
    """Runs puff to its end."""
    return subprocess.run(
        [BINARY, *args],
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
