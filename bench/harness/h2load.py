"""The load over HTTP/2: h2load with one thread on its own core, and what it prints and logs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from .cases import Case
from .packages import apt_install
from .trouble import Trouble
from .wrk import Load

FINISHED = re.compile(r"^finished in ([0-9.]+)(us|ms|s),", re.MULTILINE)
REQUESTS = re.compile(
    r"^requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", re.MULTILINE
)
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def find() -> str:
    """Returns the path of h2load, which it installs where that is possible."""
    if path := shutil.which("h2load"):
        return path
    apt_install("nghttp2-client")
    if path := shutil.which("h2load"):
        return path
    raise Trouble("find h2load: it is not installed; on Debian: apt-get install nghttp2-client")


def parse(output: str, log: str) -> Load:
    """Reads what h2load printed, and its log: a line per request with its start, status and µs."""
    finished, requests = FINISHED.search(output), REQUESTS.search(output)
    if not finished or not requests:
        raise Trouble(f"read h2load's report: it printed\n{output}")
    took = sorted(int(line.rsplit("\t", 1)[1]) for line in log.splitlines())
    good, *bad = (int(n) for n in requests.groups())
    return Load(
        requests=good,
        seconds=float(finished[1]) * UNITS[finished[2]],
        p50_us=took[len(took) // 2] if took else 0,
        p99_us=took[len(took) * 99 // 100] if took else 0,
        errors={
            name: n for name, n in zip(("failed", "errored", "timeout"), bad, strict=True) if n
        },
    )


def run(port: int, case: Case, seconds: int, cpu: int) -> Load:
    """Puts the load of a case on a server for some seconds."""
    argv = [find(), "--threads", "1", "--clients", str(case.connections)]
    argv += ["--max-concurrent-streams", str(case.streams), "--duration", str(seconds)]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        done = subprocess.run(
            [*argv, "--log-file", str(log), f"http://127.0.0.1:{port}{case.path}"],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds + 30,
            check=False,
            preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
        )
        if done.returncode:
            raise Trouble(f"run h2load: status {done.returncode}: {done.stdout}")
        return parse(done.stdout, log.read_text())
