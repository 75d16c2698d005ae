"""Redis: what programs are promised, also when it goes away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .conftest import inside, run_python
from .outage import survive

if TYPE_CHECKING:
    from .conftest import RedisServer


def test_everything_that_callers_do(redis_server: RedisServer) -> None:
    inside("inside_redis.py", redis_server.environment)


def test_a_service_that_is_down_is_named_without_its_password(tmp_path: Path) -> None:
    program = "from puff.redis import global_redis as r\nr.get('k')"
    url = "redis://me:secret@127.0.0.1:1/3"
    done = run_python("-c", program, env={"PUFF_DEFAULT_REDIS_URL": url}, cwd=tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("puff.redis.ConnectionError: ")
    for part in ('"default"', "127.0.0.1:1", "connection refused", "down since"):
        assert part in last
    assert "secret" not in done.stderr


def test_a_command_that_does_not_use_it_runs_without_it(tmp_path: Path) -> None:
    (tmp_path / "puff.toml").write_text('embedded = "never"\n[[redis]]\n[[pubsub]]\n')
    done = run_python("-c", "import puff.redis, puff; puff.sleep(0)", env={}, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / ".puff").exists()


def test_every_caller_gets_its_own_answer_or_an_error_while_redis_is_killed(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    for function in ("greenlets", "tasks"):
        survive(f"redis_load.{function}", [own_redis.restart] * 3, own_redis.environment, tmp_path)
