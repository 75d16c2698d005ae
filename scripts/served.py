"""puff serve as the suites of scripts/h2spec and scripts/autobahn run against it."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
APPS = ROOT / "python" / "tests" / "server" / "apps"
PATIENCE = 30.0  # seconds that a server may take to start, and to end


class FailedError(Exception):
    """The suite can not be run. The text says why, and what to do."""


def newest() -> str:
    """The newest Python of the tests: the one this runs in need not have greenlet."""

    def version(path: Path) -> list[int]:
        return [int(n) for n in re.findall(r"\d+", path.parts[-3])]

    found = sorted((ROOT / ".venvs").glob("*/bin/python"), key=version)
    return str(found[-1]) if found else sys.executable


@contextmanager
def served(app: str, *flags: str, python: str) -> Iterator[int]:
    """Serves an application of the tests meanwhile; gives the port.

    FailedError, with the log, if the server ends before it serves, or not with status 0.
    """
    command = [str(ROOT / "bin" / "puff"), "serve", app, "--app-dir", str(APPS)]
    command += ["--python", python, "--port", "0", *flags]
    log: list[str] = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        with _hurried(process):
            port = _port(process.stderr, log)
        # A server whose log nobody reads stops at a full pipe.
        reader = threading.Thread(target=log.extend, args=(process.stderr,))
        reader.start()
        try:
            yield port
        finally:
            process.terminate()
            with _hurried(process):
                reader.join()
    if process.returncode:
        raise FailedError(f"run puff serve: status {process.returncode}:\n{''.join(log)}")


@contextmanager
def _hurried(process: subprocess.Popen[str]) -> Iterator[None]:
    """Kills the server if that which is done meanwhile, with its log, takes for ever."""
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _port(lines: IO[str], log: list[str]) -> int:
    """Where a server serves, by the lines that it logs, which come into log."""
    for line in iter(lines.readline, ""):
        log.append(line)
        if found := re.search(r" serves .* on https?://[^ ]*:(\d+)", line):
            return int(found[1])
    raise FailedError(f"start puff serve: it ended:\n{''.join(log)}")
