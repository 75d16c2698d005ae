"""The load: wrk with one thread on its own core, and the line that load.lua prints at its end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass

from .cases import Case
from .packages import apt_install
from .paths import BENCH
from .trouble import Trouble

# Longer than any run, so that a slow answer is slow and not an error.
TIMEOUT_SECONDS = 60
MARK = "bench "


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float
    errors: dict[str, int]

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def find() -> str:
    """Returns the path of wrk, which it installs where that is possible."""
    if path := shutil.which("wrk"):
        return path
    apt_install("wrk")
    if path := shutil.which("wrk"):
        return path
    raise Trouble("find wrk: it is not installed; on Debian: apt-get install wrk")


def parse(output: str) -> Load:
    """Reads what wrk and load.lua printed."""
    for line in output.splitlines():
        if line.startswith(MARK):
            row = json.loads(line[len(MARK) :])
            return Load(
                requests=row["requests"],
                seconds=row["duration_us"] / 1e6,
                p50_us=row["p50_us"],
                p99_us=row["p99_us"],
                errors={name: count for name, count in row["errors"].items() if count},
            )
    raise Trouble(f"read wrk's report: it printed\n{output}")


def run(wrk: str, port: int, case: Case, seconds: int, cpu: int | None) -> Load:
    """Puts the load of a case on a server for some seconds, from one core or any."""
    cpus = os.sched_getaffinity(0) if cpu is None else {cpu}
    argv = [wrk, "--threads", "1", "--connections", str(case.connections)]
    argv += ["--duration", f"{seconds}s", "--timeout", f"{TIMEOUT_SECONDS}s"]
    argv += ["--script", str(BENCH / "load.lua"), f"http://127.0.0.1:{port}{case.path}"]
    done = subprocess.run(
        [*argv, "--", case.kind],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds + 30,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, cpus),
    )
    if done.returncode:
        raise Trouble(f"run wrk: status {done.returncode}: {done.stdout}")
    return parse(done.stdout)
