"""Pub/sub: what programs are promised, also when Redis goes away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.process import PYTHON, Puff

from .conftest import inside
from .outage import survive

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import RedisServer

LISTEN = """
import sys
from puff.pubsub import global_pubsub as ps

def say(*words):
    print(*words, file=sys.stderr, flush=True)

def main():
    conn = ps.connection()
    conn.subscribe("a")
    conn.psubscribe("p*")
    say("subscribed")
    for message in conn:
        say(message.channel, message.text, message.gap)
        if message.text == "stop":
            return
"""


def test_everything_that_callers_do(redis_server: RedisServer) -> None:
    inside("inside_pubsub.py", redis_server.environment)


def test_a_lost_connection_is_made_again_and_shows_as_a_gap(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    (tmp_path / "puff.toml").write_text(
        '[[commands]]\nfunction = "listening.main"\ncommand_name = "listen"\n'
    )
    (tmp_path / "listening.py").write_text(LISTEN)
    puff = Puff(["--python", PYTHON, "listen"], env=own_redis.environment, cwd=tmp_path)
    try:
        puff.wait_for("^subscribed")
        own_redis.command("PUBLISH", "a", "first")
        assert puff.wait_for("^a first") == "a first False"
        own_redis.kill()
        own_redis.start()
        own_redis.until_received("p1", "second")
        assert puff.wait_for("^p1 second") == "p1 second True"
        own_redis.until_received("a", "stop")
        assert puff.wait_for("^a stop") == "a stop False"
        assert puff.wait() == 0
    finally:
        if puff.process.poll() is None:
            puff.kill()


def test_every_receiver_gets_its_own_messages_in_order_while_redis_is_killed(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    outages = [own_redis.restart] * 3
    result = survive("pubsub_load.main", outages, own_redis.environment, tmp_path)
    assert result["left"]["gaps"] >= 3 * 16, result
