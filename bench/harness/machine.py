"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from .packages import SERVERS, Peers, versions
from .paths import PUFF


def cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    return found[1] if found else platform.machine()


def first_line(*argv: str) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return ""
    return (done.stdout or done.stderr).partition("\n")[0].strip()


def describe(wrk: str = "", peers: Peers = SERVERS) -> dict[str, str]:
    """Returns names and texts: the machine, the day, and the version of everything."""
    about = {
        "machine": f"{cpu_model()}, {os.cpu_count()} cores, Linux {platform.release()}",
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions(peers).items()),
    }
    if wrk and (found := re.search(r"\d+\.\d+\.\d+", first_line(wrk, "-v"))):
        about["versions"] += f", wrk {found[0]}"
    if PUFF.exists():
        about["versions"] = f"{first_line(str(PUFF), 'version')}, {about['versions']}"
    return about


def markdown(about: dict[str, str]) -> str:
    """Returns the description as a list."""
    return "\n".join(f"- {name}: {text}" for name, text in about.items())


def load_warning(limit: float = 0.7) -> str | None:
    """Returns a warning when the machine was not idle before."""
    load = os.getloadavg()[0]
    if load <= limit:
        return None
    return f"the load average is {load:.1f}: requests/s and latency are of a busy machine"


def load_remark() -> list[str]:
    """Returns the warning as a sentence for a report; none when the machine was idle."""
    warning = load_warning()
    return [f"{warning[0].upper()}{warning[1:]}."] if warning else []
