"""Where services are: each URL comes from a flag, a variable or puff.toml, in this order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from server.client import get
from server.process import PYTHON, Puff

if TYPE_CHECKING:
    from pathlib import Path

    from .cluster import Cluster
    from .conftest import RedisServer

PROGRAM = """
import json
import sys

import puff
from puff.postgres import global_postgres, named_client as postgres_named
from puff.pubsub import global_pubsub
from puff.redis import global_redis, named_client as redis_named


def ask():
    global_redis.set("k", "here")
    return [
        global_redis.get("k").decode(),
        redis_named("cache").get("k"),
        global_pubsub.publish("nobody", "x"),
        global_postgres.fetchval("select current_database()"),
        postgres_named("other-one").fetchval("select current_database()"),
    ]


def main():
    print(json.dumps(ask()), file=sys.stderr, flush=True)


def app(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps(ask()).encode()]
"""

# kind, name, variable and flag
SERVICES = [
    ("redis", "default", "PUFF_DEFAULT_REDIS_URL", "--default-redis-url"),
    ("redis", "cache", "PUFF_CACHE_REDIS_URL", "--cache-redis-url"),
    ("pubsub", "default", "PUFF_DEFAULT_PUBSUB_URL", "--default-pubsub-url"),
    ("postgres", "default", "PUFF_DEFAULT_POSTGRES_URL", "--default-postgres-url"),
    ("postgres", "other-one", "PUFF_OTHER_ONE_POSTGRES_URL", "--other-one-postgres-url"),
]
# What a weaker source says: nobody is there.
NOWHERE = {
    "redis": "redis://127.0.0.1:1",
    "pubsub": "redis://127.0.0.1:1",
    "postgres": "postgres://127.0.0.1:1/x",
}
SOURCES = ("toml", "env", "flag")


@pytest.mark.parametrize("how", ["command", "serve"])
@pytest.mark.parametrize("source", SOURCES)
def test_the_strongest_source_says_where_a_service_is(
    source: str, how: str, redis_server: RedisServer, postgres: Cluster, tmp_path: Path
) -> None:
    right = {
        ("redis", "default"): redis_server.url,
        ("redis", "cache"): redis_server.url + "?db=1",
        ("pubsub", "default"): redis_server.url,
        ("postgres", "default"): postgres.url,
        ("postgres", "other-one"): postgres.url.replace("/postgres?", "/template1?"),
    }
    said: dict[str, dict[tuple[str, str], str]] = {}
    for weaker in SOURCES[: SOURCES.index(source)]:
        said[weaker] = {(kind, name): NOWHERE[kind] for kind, name, *_ in SERVICES}
    said[source] = right
    (tmp_path / "puff.toml").write_text(
        "".join(
            f'[[{kind}]]\nname = "{name}"\n'
            + (f"url = {json.dumps(said['toml'][kind, name])}\n" if "toml" in said else "")
            for kind, name, *_ in SERVICES
        )
        + '[[commands]]\nfunction = "program.main"\ncommand_name = "ask"\n'
    )
    (tmp_path / "program.py").write_text(PROGRAM)
    env = {v: said["env"][k, n] for k, n, v, _ in SERVICES} if "env" in said else {}
    flags = [word for k, n, _, f in SERVICES if "flag" in said for word in (f, said["flag"][k, n])]
    start = ["ask"] if how == "command" else ["serve", "program:app", "--bind", "127.0.0.1:0"]
    puff = Puff(["--python", PYTHON, *flags, *start], env=env, cwd=tmp_path)
    try:
        line = puff.wait_for(r"^\[") if how == "command" else get(puff.port, "/").text
        assert json.loads(line) == ["here", None, True, "postgres", "template1"]
    finally:
        puff.kill()
