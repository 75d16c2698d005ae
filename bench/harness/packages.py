"""What is installed before anything runs: a Python, the venv of the peers, Debian packages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .paths import CACHE, POSTGRES_VENV, PUFF, VENV, make_cache
from .trouble import Trouble, note

# The newest CPython that all peers have wheels for comes first.
VERSIONS = ("3.13", "3.14", "3.12", "3.11", "3.10")
PEERS = (
    "granian",
    "uvicorn[standard]",
    "uvloop",
    "httptools",
    "gunicorn",
    "packaging",  # gunicorn's gevent worker imports it and does not ask for it
    "gevent",
    "greenlet",
    "redis[hiredis]",
    "fastpysgi",
)
# Built from source, so allowed to fail.
BUILT = ("bjoern",)
SHOWN = (
    "granian",
    "uvicorn",
    "uvloop",
    "httptools",
    "gunicorn",
    "gevent",
    "greenlet",
    "redis",
    "hiredis",
    "aiohttp",
    "httpx",
)


@dataclass(frozen=True)
class Peers:
    """A venv and what is in it; what is built from source is allowed to fail."""

    venv: Path
    wheels: tuple[str, ...]
    built: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    @property
    def stamp(self) -> Path:
        """The file that says what the venv was made with."""
        return self.venv / "bench.json"


SERVERS = Peers(VENV, PEERS, BUILT, (*SHOWN, "fastpysgi", *BUILT))
POSTGRES = Peers(
    POSTGRES_VENV,
    ("asyncpg", "greenlet", "psycopg[binary,pool]", "psycopg2-binary"),
    shown=("greenlet", "asyncpg", "psycopg", "psycopg-pool", "psycopg2-binary"),
)


def apt_install(package: str) -> bool:
    """Installs a Debian package if that can be done without asking; reports whether it did."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return False
    note(f"installing {package}")
    done = subprocess.run(
        [apt, "install", "-y", "-qq", package],
        capture_output=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        check=False,
    )
    return done.returncode == 0


def ask(python: Path) -> dict[str, object] | None:
    """Asks an interpreter what it is; None when it does not run or is not a CPython to embed."""
    code = (
        "import json, platform, sys, sysconfig;"
        "print(json.dumps({'version': platform.python_version(),"
        " 'short': '%d.%d' % sys.version_info[:2],"
        " 'shared': bool(sysconfig.get_config_var('Py_ENABLE_SHARED'))}))"
    )
    try:
        done = subprocess.run(
            [python, "-c", code], capture_output=True, text=True, timeout=20, check=True
        )
        answer: dict[str, object] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return answer


def candidates(version: str) -> list[Path]:
    """Returns where a CPython of this version might be."""
    found = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    if on_path := shutil.which(f"python{version}"):
        found.append(Path(on_path))
    return found


def find_python(given: str | None) -> Path:
    """Returns the interpreter that every server runs on: one with a shared libpython."""
    if given:
        path = shutil.which(given)
        if path is None or ask(Path(path)) is None:
            raise Trouble(f"run {given}: it is not a Python; name another one with --python")
        return Path(path)
    for version in VERSIONS:
        for python in candidates(version):
            answer = ask(python)
            if answer and answer["short"] == version and answer["shared"]:
                return python
    raise Trouble(
        f"find a CPython with a shared library, {VERSIONS[-1]} or later: there is none on PATH or"
        " under ~/.pyenv; name one with --python"
    )


def pip(peers: Peers, *args: str) -> subprocess.CompletedProcess[str]:
    argv = [str(peers.venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", *args]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def build(python: Path, peers: Peers) -> dict[str, str]:
    """Makes the venv anew; returns the packages that could not be built, and why."""
    note(f"building {peers.venv} with {python}")
    shutil.rmtree(peers.venv, ignore_errors=True)
    make_cache()
    done = subprocess.run(
        [python, "-m", "venv", str(peers.venv)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Trouble(f"make {peers.venv}: {done.stderr or done.stdout}")
    done = pip(peers, "install", "--quiet", *peers.wheels)
    if done.returncode:
        raise Trouble(f"install the peers: {done.stderr}")
    failed = {}
    if peers.built and not Path("/usr/include/ev.h").exists():
        apt_install("libev-dev")
    for package in peers.built:
        done = pip(peers, "install", "--quiet", package)
        if done.returncode:
            failed[package] = "could not be built (it needs a C compiler and libev-dev)"
    return failed


def prepare(given: str | None, refresh: bool = False, peers: Peers = SERVERS) -> dict[str, str]:
    """Makes the venv if it is missing, of another Python or place, or to be made anew.

    Returns the packages that could not be built, and why.
    """
    python = find_python(given)
    # Its programs name the venv by its path: moved, or made by way of a link, they do not run.
    venv = str(peers.venv)
    key = {"python": str(python), "venv": venv, "packages": [*peers.wheels, *peers.built]}
    if not refresh and peers.stamp.exists():
        stamp = json.loads(peers.stamp.read_text())
        if stamp["key"] == key:
            failed: dict[str, str] = stamp["failed"]
            return failed
    failed = build(python, peers)
    peers.stamp.write_text(json.dumps({"key": key, "failed": failed}))
    return failed


def need(packages: Iterable[str]) -> None:
    """Installs those that the venv has not, beside what is there."""
    have = installed()
    missing = [name for name in packages if name not in have]
    if not missing:
        return
    note(f"installing {', '.join(missing)}")
    done = pip(SERVERS, "install", "--quiet", *missing)
    if done.returncode:
        raise Trouble(f"install {', '.join(missing)}: {done.stderr}")


def unavailable(package: str, failed: dict[str, str]) -> str | None:
    """Returns why a server cannot be started, or None."""
    if package == "puff" and not PUFF.exists():
        return f"{PUFF.relative_to(CACHE.parent)} is not built"
    return failed.get(package)


def installed(peers: Peers = SERVERS) -> dict[str, str]:
    """Returns the packages of the venv with their versions."""
    rows = json.loads(pip(peers, "list", "--format", "json").stdout)
    return {row["name"].lower(): row["version"] for row in rows}


def versions(peers: Peers = SERVERS) -> dict[str, str]:
    """Returns the versions of the interpreter and of the peers."""
    answer = ask(peers.venv / "bin" / "python")
    if answer is None:
        raise Trouble(f"run the Python of {peers.venv}: remove that folder and try again")
    have = installed(peers)
    return {"CPython": str(answer["version"])} | {n: have[n] for n in peers.shown if n in have}
