"""A PostgreSQL server for the run, and programs under Puff that use it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .cluster import Cluster, cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Those run under Puff, started by the tests here.
collect_ignore = ["inside"]

ROOT = Path(__file__).resolve().parents[3]
PUFF = ROOT / "bin" / "puff"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A server that runs."""
    with cluster() as made:
        yield made


@pytest.fixture
def puff(postgres: Cluster, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs puff in a folder whose puff.toml names the server as its pools default and small."""
    (tmp_path / "puff.toml").write_text(
        f'[[postgres]]\nurl = "{postgres.url}"\n'
        f'[[postgres]]\nname = "small"\nurl = "{postgres.url}"\npool_size = 1\n'
        'pool_timeout = "50ms"\n'
        '[[postgres]]\nname = "gone"\n'
        'url = "postgres://u:secret@/db?host=/nowhere/at/all"\n'
    )

    def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PUFF), "--python", sys.executable, *args],
            cwd=tmp_path,
            env={**os.environ, "POSTGRES_HOST": postgres.host, **env},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run
