"""The load of the WebSocket cases: the Go program wsload on its own core."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from .cases import Case
from .paths import CACHE, ROOT, make_cache
from .trouble import Trouble
from .wrk import Load, parse


def build() -> str:
    """Returns the path of wsload, built anew."""
    go = shutil.which("go")
    if go is None:
        raise Trouble("build bench/wsload: there is no go on PATH; see https://go.dev/doc/install")
    target = make_cache() / "wsload"
    argv = [go, "build", "-o", str(target), "./bench/wsload"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Trouble(f"build bench/wsload: {done.stderr}")
    return str(target)


def command(wsload: str, port: int, case: Case, *flags: str) -> list[str]:
    argv = [wsload, "-kind", case.kind, "-connections", str(case.connections)]
    return [*argv, "-size", str(len(case.body)), *flags, f"127.0.0.1:{port}"]


def fault(wsload: str, port: int, case: Case) -> str | None:
    """Returns what is wrong with two messages on each connection, if anything."""
    argv = command(wsload, port, case, "-check")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return done.stderr.strip() or None if done.returncode else None


def run(wsload: str, port: int, case: Case, seconds: int, cpu: int) -> Load:
    """Puts the load of a case on a server for some seconds."""
    done = subprocess.run(
        command(wsload, port, case, "-seconds", str(seconds)),
        text=True,
        capture_output=True,
        timeout=seconds + 60,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
    )
    if done.returncode:
        raise Trouble(f"run {Path(wsload).relative_to(CACHE)}: {done.stderr}")
    return parse(done.stdout)
