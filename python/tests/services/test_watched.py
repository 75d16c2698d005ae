"""Services that are watched: metrics, status and health of pools, and how they end."""

from __future__ import annotations

import json
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from server.ports import free_port
from server.process import DEADLINE, PYTHON, Puff, run

from .conftest import HERE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .cluster import Cluster
    from .conftest import RedisServer


def fetch(url: str, body: str | None = None) -> tuple[int, str]:
    data = None if body is None else body.encode()
    try:
        with urllib.request.urlopen(url, data, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


class Site:
    """A server whose services are ours, and its address for operators."""

    def __init__(self, folder: Path, redis: str, postgres: str, *flags: str) -> None:
        (folder / "puff.toml").write_text(
            f'[[postgres]]\nurl = "{postgres}"\n[[redis]]\nurl = "{redis}"\n'
            f'[[pubsub]]\nurl = "{redis}"\n[[http_client]]\n'
        )
        self.operators = f"127.0.0.1:{free_port()}"
        self.puff = Puff(
            [
                *("serve", "watched_app:app", "--python", PYTHON, "--app-dir", str(HERE)),
                *("--port", "0", "--metrics", self.operators, *flags),
            ],
            cwd=folder,
        )
        self.url = f"http://127.0.0.1:{self.puff.port}"

    def ask(self, path: str, body: str = "") -> tuple[int, str]:
        return fetch(self.url + path, body)

    def look(self, path: str) -> tuple[int, str]:
        return fetch(f"http://{self.operators}{path}")

    def metrics(self) -> dict[str, float]:
        lines = [line for line in self.look("/metrics")[1].splitlines() if line[0] != "#"]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.look("/status")[1])
        return found


@pytest.fixture
def site(
    tmp_path: Path, own_redis: RedisServer, own_postgres: Cluster, request: pytest.FixtureRequest
) -> Iterator[Site]:
    """A server, with flags if the test says so."""
    made = Site(tmp_path, own_redis.url, own_postgres.url, *getattr(request, "param", ()))
    yield made
    if made.puff.process.poll() is None:
        made.puff.stop()


def test_pools_are_counted_where_they_are_used(site: Site) -> None:
    assert site.ask("/") == (200, "hello")
    assert not [name for name in site.metrics() if "service=" in name]
    assert site.status()["pools"] == []
    assert site.ask("/query") == (200, "1")
    assert site.ask("/query", "select nothing")[0] == 503
    assert site.ask("/command") == (200, "1")
    dropped = int(site.ask("/messages")[1])
    assert site.ask("/request", site.url + "/") == (200, "200")
    want = {
        'pool_connections{name="default",service="postgres",state="idle"}': 1,
        'pool_connections{name="default",service="postgres",state="used"}': 0,
        'pool_size{name="default",service="postgres"}': 10,
        'service_calls_total{name="default",service="postgres"}': 1,
        'service_errors_total{kind="refused",name="default",service="postgres"}': 1,
        'service_calls_total{name="default",service="redis"}': 1,
        'pool_connections{name="default",service="redis",state="shared"}': 1,
        'pool_connections{name="default",service="pubsub",state="listening"}': 1,
        'pubsub_subscriptions{name="default",service="pubsub"}': 1,
        'pubsub_received_total{name="default",service="pubsub"}': 5,
        'service_calls_total{name="default",service="pubsub"}': 5,
        'service_calls_total{name="default",service="http"}': 1,
        'service_up{name="default",service="postgres"}': 1,
    }
    site.puff.until(
        lambda: (
            site.metrics().get('puff_pubsub_dropped_total{name="default",service="pubsub"}')
            == dropped
        ),
        "what was dropped to be counted",
    )
    metrics = site.metrics()
    assert {name: metrics.get(f"puff_{name}") for name in want} == want
    assert metrics['puff_service_call_seconds_total{name="default",service="postgres"}'] > 0
    assert [(p["service"], p["name"]) for p in site.status()["pools"]] == [
        (service, "default") for service in ("http", "postgres", "pubsub", "redis")
    ]
    text = run(["status", "--metrics", site.operators]).stdout
    assert "postgres default  up     1 idle of 10" in text
    assert "password" not in json.dumps(site.status())


def test_a_service_that_is_down_is_said_and_health_goes_on(
    site: Site, own_redis: RedisServer
) -> None:
    assert site.ask("/command") == (200, "1")
    assert site.look("/healthz") == (200, "ok\n")
    own_redis.kill()
    site.puff.until(lambda: "redis default at" in site.look("/healthz")[1] or not down(site), "it")
    code, body = site.look("/healthz")
    assert code == 200
    assert body.startswith("ok\nredis default at unix://")
    assert ": down since " in body
    assert site.metrics()['puff_service_up{name="default",service="redis"}'] == 0
    failed = site.ask("/command")[1]
    for part in ('redis "default"', "down since", "puff doctor", "puff services"):
        assert part in failed
    own_redis.start()
    # Nobody uses it: the server itself looks whether it is back.
    site.puff.until(lambda: site.look("/healthz") == (200, "ok\n"), "its return")


def down(site: Site) -> bool:
    """Has the application find out."""
    return site.ask("/command")[0] == 503


@pytest.mark.parametrize("site", [("--health-services",)], indirect=True)
def test_health_fails_with_a_service_where_that_was_asked_for(
    site: Site, own_postgres: Cluster
) -> None:
    assert site.ask("/query") == (200, "1")
    assert site.look("/healthz") == (200, "ok\n")
    own_postgres.stop(signal.SIGKILL)
    site.puff.until(lambda: site.ask("/query")[0] == 503 and site.look("/healthz")[0] == 503, "it")
    assert site.look("/healthz")[1].startswith("a service is down\npostgres default at ")
    own_postgres.start()
    site.puff.until(lambda: site.look("/healthz") == (200, "ok\n"), "its return")


def test_connections_say_goodbye_when_the_server_ends(site: Site, own_postgres: Cluster) -> None:
    assert site.ask("/query") == (200, "1")
    assert site.ask("/keep", f"host={own_postgres.host} user=postgres") == (200, "kept")
    assert site.ask("/messages")[0] == 200
    assert own_postgres.backends() == 2
    site.puff.stop()
    without_trace(own_postgres)


@pytest.mark.parametrize("site", [("--graceful-timeout", "100ms")], indirect=True)
def test_connections_say_goodbye_when_the_application_does_not_end(
    site: Site, own_postgres: Cluster
) -> None:
    assert site.ask("/keep", f"host={own_postgres.host} user=postgres") == (200, "kept")
    assert site.ask("/sleep") == (200, "asleep")
    site.puff.until(lambda: site.ask("/query", ASLEEP) == (200, "1"), "a statement under way")
    site.puff.stop()
    without_trace(own_postgres)


def without_trace(server: Cluster) -> None:
    """Nobody is there any more, and the server has nothing to say about it."""
    end = time.monotonic() + DEADLINE
    while server.backends() > 0:  # they end by themselves once they have heard
        assert time.monotonic() < end, "connections are left"
    said = server.log()
    assert "EOF" not in said, said
    assert "connection to client lost" not in said, said


ASLEEP = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"


def test_nothing_is_dialled_before_it_is_used(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        at = f"127.0.0.1:{server.getsockname()[1]}"
        made = Site(tmp_path, f"redis://{at}", f"postgres://u:secret@{at}/db")
        try:
            assert made.ask("/") == (200, "hello")
            assert made.status()["pools"] == []
            with pytest.raises(BlockingIOError):
                server.accept()
            doctor = run(["--python", PYTHON, "doctor"], cwd=tmp_path)
            assert doctor.stdout.count("does not answer") == 3, doctor.stdout
            assert "secret" not in doctor.stdout
            for _ in range(3):  # now somebody asked all of them
                server.accept()[0].close()
        finally:
            made.puff.stop()
