"""PostgreSQL that is killed and started again while many callers use it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from .outage import survive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .cluster import Cluster


@pytest.mark.parametrize("command", ["fetch", "transactions", "dbapi", "tasks"])
def test_every_caller_gets_its_own_answer_or_an_error_while_postgres_is_killed(
    own_postgres: Cluster, tmp_path: Path, command: str
) -> None:
    def restart(how: signal.Signals) -> Callable[[], None]:
        def outage() -> None:
            own_postgres.stop(how)
            own_postgres.start()

        return outage

    # As a crash, as a crash of one process, and as an operator restarts it.
    outages = [restart(how) for how in (signal.SIGKILL, signal.SIGQUIT, signal.SIGINT)]
    env = {"PUFF_DEFAULT_POSTGRES_URL": own_postgres.url}
    result = survive(f"postgres_load.{command}", outages, env, tmp_path)
    assert result["failed"] > 0, result
    assert result["left"] == {"in_use": 0, "waiting": 0}, result
    own_postgres.stop(signal.SIGINT)
    said = own_postgres.log()[own_postgres.log().rindex("ready to accept connections") :]
    assert "unexpected EOF" not in said, said
