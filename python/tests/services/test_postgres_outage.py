"""PostgreSQL that is killed and started again while many callers use it."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from server.process import PYTHON, Puff

from .conftest import HERE

if TYPE_CHECKING:
    from pathlib import Path

    from .cluster import Cluster


@pytest.mark.parametrize("command", ["fetch", "transactions", "dbapi", "tasks"])
def test_every_caller_gets_its_own_answer_or_an_error_while_postgres_is_killed(
    own_postgres: Cluster, tmp_path: Path, command: str
) -> None:
    (tmp_path / "puff.toml").write_text(
        f'[[postgres]]\nurl = "{own_postgres.url}"\n'
        f'[[commands]]\nfunction = "postgres_load.{command}"\ncommand_name = "{command}"\n'
    )
    (tmp_path / "postgres_load.py").write_text((HERE / "postgres_load.py").read_text())
    puff = Puff(["--python", PYTHON, command], cwd=tmp_path)
    try:
        puff.wait_for("^answered")
        # As a crash, as a crash of one process, and as an operator restarts it.
        for how in (signal.SIGKILL, signal.SIGQUIT, signal.SIGINT):
            own_postgres.stop(how)
            own_postgres.start()
            puff.wait_for("^answered", since=puff.mark())
        (tmp_path / "stop").touch()
        assert puff.wait() == 0, puff.log()
    finally:
        if puff.process.poll() is None:
            puff.kill()
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["stale"] == [], result
    assert result["strange"] == [], result
    assert result["unnamed"] == [], result
    assert result["slowest"] < 12, result
    assert result["failed"] > 0, result
    assert result["left"] == {"in_use": 0, "waiting": 0}, result
    own_postgres.stop(signal.SIGINT)
    said = own_postgres.log()[own_postgres.log().rindex("ready to accept connections") :]
    assert "unexpected EOF" not in said, said
