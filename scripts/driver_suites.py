"""The suites of scripts/driver-tests: where each comes from and how it is run on one server.

A suite comes with the source distribution of its project, of the version that
python/tests/requirements.txt pins where that pins one, so the library under the tests is the one
installed. To move to another version, change it there and the digest here.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "python" / "tests"))

from services.cluster import binaries  # noqa: E402

if TYPE_CHECKING:
    from services.cluster import Cluster

__all__ = [
    "CACHE",
    "LOCKED",
    "SUITES",
    "FailedError",
    "FetchError",
    "Outcomes",
    "Suite",
    "download",
    "fetch",
]

CACHE = ROOT / ".cache" / "drivers"
LOCKED = ROOT / "python" / "tests" / "requirements.txt"
RECORDER = ROOT / "scripts" / "driver_record.py"

# What became of each test, and what it said.
Outcomes = dict[str, tuple[str, str]]


class FailedError(Exception):
    """The comparison itself can not be made. The text says why, and what to do."""


class FetchError(FailedError):
    """Something could not be downloaded: no test has run."""


@dataclass(frozen=True)
class Suite:
    """The tests of one project."""

    name: str
    version: str
    digest: str  # sha256 of the source distribution
    prepare: Callable[[Cluster], None]  # makes its databases
    command: Callable[[Path, list[str]], list[str | Path]]  # for a file of results, and tests
    environment: Callable[[Cluster, bool], dict[str, str]]  # True: without what is slow
    folder: str  # of the source distribution, to run in
    read: Callable[[Path], Outcomes]


def pip() -> list[str | Path]:
    """The pip that scripts/pythons makes."""
    python = ROOT / ".cache" / "tools" / "bin" / "python"
    if not python.exists():
        raise FailedError("there is no .cache/tools: type scripts/pythons")
    return [python, "-m", "pip"]


def download(*command: str | Path) -> None:
    """Runs something of pip's that needs the network."""
    # The metadata of psycopg2 is made by its setup.py, which looks for pg_config.
    path = f"{binaries()}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        done = subprocess.run(
            [*pip(), *command], capture_output=True, text=True, check=False, env=env, timeout=600
        )
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"download {command[-1]}: pip took more than ten minutes") from error
    if done.returncode:
        raise FetchError(f"download {command[-1]}: {done.stderr.strip()[-2000:]}")


def fetch(suite: Suite) -> Path:
    """The folder of the unpacked source distribution."""
    folder = CACHE / f"{suite.name}-{suite.version}"
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    archive = CACHE / f"{folder.name}.tar.gz"
    if not archive.exists():
        download(
            *("download", "-q", "--no-deps", "--no-binary", ":all:", "-d", CACHE),
            f"{suite.name}=={suite.version}",
        )
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != suite.digest:
        archive.unlink()
        raise FailedError(f"check {archive.name}: its sha256 is {digest}, not {suite.digest}")
    # Under another name until all of it is there.
    whole = CACHE / f"unpacked-{os.getpid()}"
    with tarfile.open(archive) as tar:
        tar.extractall(whole, filter="data")
    (whole / folder.name).rename(folder)
    whole.rmdir()
    return folder


def psql(server: Cluster, database: str, *statements: str) -> None:
    """Runs SQL in a database."""
    command = [str(binaries() / "psql"), "-qX", "-h", server.host, "-U", server.user]
    for statement in statements:
        subprocess.run([*command, "-c", statement, database], check=True)


def recorded(path: Path) -> Outcomes:
    """What driver_record.py has written."""
    found: dict[str, list[str]] = json.loads(path.read_text())
    return {name: (outcome, said) for name, (outcome, said) in found.items()}


def junit(path: Path) -> Outcomes:
    """What pytest has written."""
    words = {"error": "error", "failure": "failed", "skipped": "skipped"}
    found: Outcomes = {}
    for case in ET.parse(path).getroot().iter("testcase"):
        place = f"{case.get('classname', '')}.{case.get('name', '?')}"
        ended = [(words[child.tag], child.text or "") for child in case if child.tag in words]
        found[place] = ended[-1] if ended else ("passed", "")
    return found


def _psycopg2(server: Cluster) -> None:
    server.create("psycopg2_test")
    psql(server, "psycopg2_test", "CREATE EXTENSION hstore")


def _sqlalchemy(server: Cluster) -> None:
    server.create("test")
    psql(
        server,
        "test",
        "CREATE SCHEMA test_schema",
        "CREATE SCHEMA test_schema_2",
        "CREATE EXTENSION hstore",
        "CREATE EXTENSION citext",
    )


SUITES = {
    suite.name: suite
    for suite in [
        Suite(
            "psycopg2",
            "2.9.13",
            "d36784fc2dae69523ba4b79c7d1d1b4d6e83e87836874f111262f4db940b16a6",
            prepare=_psycopg2,
            command=lambda results, tests: [
                *(RECORDER, results),
                *([f"tests.test_{t.removeprefix('test_')}" for t in tests] or ["tests.test_suite"]),
            ],
            environment=lambda server, fast: {
                "PSYCOPG2_TESTDB_HOST": server.host,
                "PSYCOPG2_TESTDB_USER": server.user,
                "PSYCOPG2_TEST_FAST": "1" if fast else "0",
            },
            folder=".",
            read=recorded,
        ),
        Suite(
            "sqlalchemy",
            "2.1.9",
            "d700a8b2edfb26282a470333d6bc4a454c4acda4d201a3bea7b72fa76c217d28",
            prepare=_sqlalchemy,
            command=lambda results, tests: [
                *("-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"),
                *("--maxfail=10000", f"--junitxml={results}"),
                *("--dburi", "postgresql+psycopg2://postgres@/test"),
                *(tests or ["test/dialect/test_suite.py"]),
            ],
            environment=lambda server, _: {"PGHOST": server.host},
            folder=".",
            read=junit,
        ),
        Suite(
            "django",
            "5.2.19",
            "ad03d8abc51dbff95ebf34b27123cf0c26a3b62db7ba0cd520783686362533d1",
            prepare=lambda _: None,  # its runner makes them
            command=lambda _, tests: [
                *("runtests.py", "--settings=driver_settings", "--parallel=1", "--noinput"),
                *(tests or ["backends", "transactions", "queries", "db_functions"]),
            ],
            environment=lambda server, _: {
                "PYTHONPATH": str(ROOT / "scripts"),
                "DRIVER_TESTS_HOST": server.host,
            },
            folder="tests",
            read=recorded,
        ),
    ]
}
