"""Programs whose Redis is a cluster, or the one that Sentinel calls the master."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from server.process import PYTHON, Puff

from .conftest import run_python
from .redisnet import Encryption, cluster, sentinel

if TYPE_CHECKING:
    from pathlib import Path

CLUSTER = """
import asyncio
import puff
from puff.pubsub import global_pubsub as ps
from puff.redis import ResponseError, global_redis as r

keys = {f"key{i}" for i in range(200)}

def greenlet():
    pipe = r.pipeline(transaction=False)
    for key in keys:
        pipe.set(key, key)
    pipe.execute()
    assert {k.decode() for k in r.scan_iter(match="key*", count=10)} == keys
    assert (r.dbsize(), len(r.keys("key*"))) == (200, 200)
    pipe = r.pipeline()
    pipe.incr("{u}a").incr("{u}b")
    assert pipe.execute() == [1, 1]
    apart = r.pipeline().set("key1", 1).set("key2", 2)
    for ask in (lambda: r.mget(["key1", "key2"]), apart.execute):
        try:
            ask()
        except ResponseError as e:
            assert "CROSSSLOT" in str(e), e
        else:
            raise AssertionError("keys of different nodes went together")
    with r.pipeline() as pipe:
        pipe.watch("key7")
        assert pipe.get("key7") == b"key7"
        pipe.multi()
        pipe.set("key7", "new")
        pipe.execute()
    assert r.register_script("return redis.call('GET', KEYS[1])")(keys=["key7"], args=[]) == b"new"
    r.rpush("queue", "x")
    assert r.blpop("queue", timeout=5) == (b"queue", b"x")
    with ps.connection() as conn:
        conn.subscribe("news")
        ps.publish("news", "hello")
        assert conn.receive().text == "hello"

puff.spawn(greenlet).join()

async def main():
    got = await asyncio.gather(*(r.get(k) for k in sorted(keys - {"key7"})))
    assert got == [k.encode() for k in sorted(keys - {"key7"})]
    async for key in r.scan_iter():
        pass
    await r.flushall()
    assert await r.dbsize() == 0

asyncio.run(main())
print("good")
"""


def test_a_cluster_is_used_like_one_server(tmp_path: Path) -> None:
    with cluster() as nodes:
        url = "redis+cluster://" + ",".join(f"127.0.0.1:{n.port}" for n in nodes[:2])
        done = run_python(
            *("-c", CLUSTER),
            env={"PUFF_DEFAULT_REDIS_URL": url, "PUFF_DEFAULT_PUBSUB_URL": url},
            cwd=tmp_path,
        )
        assert done.stdout == "good\n", done.stderr


FOLLOW = """
import sys
import puff
from puff.pubsub import global_pubsub as ps
from puff.redis import RedisError, global_redis as r

def say(*words):
    print(*words, file=sys.stderr, flush=True)

heard = []

def listen():
    with ps.connection() as conn:
        conn.subscribe("news")
        say("listening")
        for message in conn:
            if message.gap:
                say("heard after a gap")
                heard.append(message)
                return

def main():
    listener = puff.spawn(listen)
    lost, told = 0, False
    while not (told and heard):
        try:
            r.set("k", "v")
            ps.publish("news", "x")
            if lost and not told:
                told = True
                say("written after", "errors")
            elif lost == 0:
                say("written")
        except RedisError as e:
            lost += 1
        puff.sleep(0.02)
    listener.join()
"""


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_a_program_follows_the_master_that_sentinel_names(tmp_path: Path, encrypted: bool) -> None:
    (tmp_path / "puff.toml").write_text(
        '[[commands]]\nfunction = "follow.main"\ncommand_name = "follow"\n'
    )
    (tmp_path / "follow.py").write_text(FOLLOW)
    tls = Encryption(tmp_path) if encrypted else None
    with sentinel(tmp_path, tls) as (master, replica, watcher):
        url = f"redis+sentinel://127.0.0.1:{watcher.port}/main"
        if tls:
            url = url.replace("redis", "rediss", 1) + tls.query()
        puff = Puff(
            ["--python", PYTHON, "follow"],
            env={"PUFF_DEFAULT_REDIS_URL": url, "PUFF_DEFAULT_PUBSUB_URL": url},
            cwd=tmp_path,
        )
        try:
            puff.wait_for("^listening")
            puff.wait_for("^written")
            master.kill()
            puff.wait_for("^written after errors")
            puff.wait_for("^heard after a gap")
            assert puff.wait() == 0, puff.log()
            assert "role:master" in replica.text("INFO", "replication")
        finally:
            if puff.process.poll() is None:
                puff.kill()


PING = """
from puff.redis import ConnectionError, global_redis as r
try:
    print(r.ping())
except ConnectionError as e:
    print(e)
"""


def test_sentinel_and_its_master_are_both_checked(tmp_path: Path) -> None:
    tls = Encryption(tmp_path)
    with sentinel(tmp_path, tls) as (_, _, watcher):
        where = f"sentinel://127.0.0.1:{watcher.port}/main"
        for url, want in (
            (f"rediss+{where}{tls.query()}", "True"),
            (f"rediss+{where}{tls.query(tls.other)}", "unknown authority"),
            (f"rediss+{where}?ssl_ca_certs={tls.ca}", "down since"),
            (f"redis+{where}", "down since"),
        ):
            env = {"PUFF_DEFAULT_REDIS_URL": url}
            done = run_python("-c", PING, env=env, cwd=tmp_path)
            assert want in done.stdout, (url, done.stdout, done.stderr)
