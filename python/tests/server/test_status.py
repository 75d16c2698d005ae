"""What operators see: metrics, health, the live page, and ``puff status``."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from .client import Connection, Response, get
from .ports import free_port
from .process import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Own
    from .process import Puff

DEADLINE = float(os.environ.get("PUFF_TEST_DEADLINE", "30"))
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Watched:
    """A server and its address for operators."""

    def __init__(self, own: Own, app: str, *flags: str) -> None:
        self.operators = free_port()
        self.puff: Puff = own(app, "--metrics", f"127.0.0.1:{self.operators}", *flags)
        self.port = self.puff.port

    def ask(self, path: str) -> Response:
        return get(self.operators, path)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask("/status").body)
        return found

    def metric(self, name: str) -> float:
        """The value of a line; 0 where there is none."""
        for line in self.ask("/metrics").text.splitlines():
            if line.startswith(name + " "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def until(self, what: str, done: Callable[[], bool]) -> None:
        pause = threading.Event()
        for _ in range(int(DEADLINE / 0.05)):
            if done():
                return
            pause.wait(0.05)
        raise AssertionError(f"gave up waiting for {what}: {self.status()}")


@pytest.fixture(params=["wsgi_app:app", "asgi_app:app"])
def watched(own: Own, request: pytest.FixtureRequest) -> Watched:
    return Watched(own, request.param)


def test_requests_are_counted_by_method_and_status(watched: Watched) -> None:
    with Connection(watched.port) as c:
        for method in ("GET", "GET", "POST", "BREW", "MADE-UP"):
            c.exchange(method, "/hello")
        for method, n in (("GET", 2), ("POST", 1), ("other", 2)):
            name = f'puff_requests_total{{method="{method}",status="200"}}'
            assert watched.metric(name) == n
        assert watched.metric("puff_request_duration_seconds_count") == 5
        assert watched.metric("puff_request_duration_seconds_sum") > 0
        assert watched.metric("puff_connections") == 1


def test_what_goes_on_is_there(watched: Watched) -> None:
    # The parent shows what workers tell it, and one that has just started has yet to do so.
    busy = re.compile(r'^puff_lane_busy_ratio\{lane="(greenlet|asyncio)"\} ', re.MULTILINE)
    watched.until("a worker's numbers", lambda: bool(busy.search(watched.ask("/metrics").text)))
    get(watched.port, "/hello")
    assert watched.metric("puff_workers") == 1
    assert watched.metric("puff_worker_memory_bytes") > 1 << 20
    assert watched.metric('puff_worker_restarts_total{reason="crash"}') == 0
    text = watched.ask("/metrics").text
    assert re.search(r"^puff_lane_wait_seconds_count\{lane=\"\w+\"\} [1-9]", text, re.MULTILINE)
    for name in ("puff_requests_in_flight", "puff_blocking_threads"):
        assert f"\n{name} 0\n" in text
    # A thread that is woken once a second samples the wait for the GIL on every lane.
    watched.until(
        "the GIL to be sampled", lambda: watched.metric("puff_gil_wait_seconds_count") > 0
    )


def test_status_has_the_documented_keys(watched: Watched) -> None:
    get(watched.port, "/hello")
    status = watched.status()
    assert {"version", "python", "uptime_s", "requests_total", "connections"} <= status.keys()
    assert status["requests_total"] == 1
    assert re.fullmatch(r"3\.\d+\.\d+", status["python"])
    (worker,) = status["workers"]
    assert {"pid", "state", "requests", "in_flight", "rss_bytes", "restarts", "started"} <= (
        worker.keys()
    )
    assert worker["state"] == "ready"
    assert (worker["requests"], worker["restarts"]) == (1, 0)


def test_health_goes_through_python(own: Own, tmp_path: Path) -> None:
    gate = tmp_path / "go on"
    (tmp_path / "stuck.py").write_text(
        "import os, time\n"
        "def app(environ, start_response):\n"
        f"    while not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
        "    start_response('200 OK', [])\n"
        "    return [b'at last']\n"
    )
    watched = Watched(own, "stuck:app", "--app-dir", str(tmp_path))
    assert (watched.ask("/healthz").status, watched.ask("/healthz").text) == (200, "ok\n")
    with Connection(watched.port) as c:
        c.request("GET", "/")
        watched.until("it to be unhealthy", lambda: watched.ask("/healthz").status == 503)
        assert "lane" in watched.ask("/healthz").text
        assert watched.status()["in_flight"] == 1
        gate.touch()
        assert c.response().body == b"at last"
    watched.until("it to be healthy", lambda: watched.ask("/healthz").status == 200)
    assert watched.status()["slow"][0]["route"] == "GET /"


def test_a_server_that_starts_is_not_healthy_yet(own: Own, tmp_path: Path) -> None:
    gate = tmp_path / "go on"
    (tmp_path / "slow.py").write_text(
        "import os, time\n"
        f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'ok']\n"
    )
    operators = free_port()
    puff = own("slow:app", "--metrics", f"127.0.0.1:{operators}", "--app-dir", str(tmp_path))
    pause = threading.Event()
    for _ in range(int(DEADLINE / 0.02)):
        try:
            answer = get(operators, "/healthz")
            break
        except ConnectionRefusedError:
            pause.wait(0.02)
    assert (answer.status, answer.text) == (503, "no worker is ready\n")
    gate.touch()
    assert get(puff.port, "/").status == 200
    assert get(operators, "/healthz").status == 200


def test_puff_status_prints_it(watched: Watched) -> None:
    get(watched.port, "/hello")
    done = run(["status", "--metrics", f"127.0.0.1:{watched.operators}"])
    assert done.returncode == 0, done.stderr
    pid = watched.status()["workers"][0]["pid"]
    assert re.search(rf"^{pid} +ready ", done.stdout, re.MULTILINE)
    assert re.search(r"^requests +1, ", done.stdout, re.MULTILINE)


def test_puff_status_says_when_nothing_listens() -> None:
    port = free_port()
    done = run(["status", "--metrics", f"127.0.0.1:{port}"])
    assert done.returncode == 1
    assert f"nothing listens on 127.0.0.1:{port}" in done.stderr


def test_an_address_that_is_taken_ends_the_command() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(["serve", "wsgi_app:app", "--port", "0", "--metrics", address])
    assert done.returncode == 1
    assert "--metrics" in done.stderr


def shown(watched: Watched, folder: Path) -> dict[str, str]:
    """The texts of the elements of the page that have an id, in a real browser."""
    assert CHROMIUM is not None
    dom = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={folder}",
            "--virtual-time-budget=3000",
            "--dump-dom",
            f"http://127.0.0.1:{watched.operators}/",
        ],
        capture_output=True,
        text=True,
        timeout=4 * DEADLINE,
        check=True,
    ).stdout
    found = re.findall(r'<(\w+)[^>]* id="([\w-]+)"[^>]*>(.*?)</\1>', dom, re.DOTALL)
    return {name: " ".join(re.sub(r"<[^>]+>", " ", body).split()) for _, name, body in found}


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_page_shows_numbers_that_change(own: Own, tmp_path: Path) -> None:
    watched = Watched(own, "wsgi_app:app")
    for _ in range(3):
        get(watched.port, "/hello")
    first = shown(watched, tmp_path)
    assert first["health"] == "healthy"
    assert first["total"] == "3 in all"
    assert re.search(r"\d ms$", first["p99"])
    assert str(watched.status()["workers"][0]["pid"]) in first["workers"]
    for _ in range(4):
        get(watched.port, "/hello")
    assert shown(watched, tmp_path)["total"] == "7 in all"


def test_counters_add_up_and_survive_reloads(own: Own) -> None:
    watched = Watched(own, "wsgi_app:app", "--workers", "2")
    watched.until("both", lambda: watched.metric("puff_workers") == 2)
    for _ in range(20):
        get(watched.port, "/hello")
    counted = 'puff_requests_total{method="GET",status="200"}'
    assert watched.metric(counted) == 20
    before = {w["pid"] for w in watched.status()["workers"]}
    watched.puff.signal(signal.SIGHUP)

    def reloaded() -> bool:
        now = watched.status()["workers"]
        fresh = [w for w in now if w["pid"] not in before and w["state"] == "ready"]
        return len(fresh) == len(now) == 2

    watched.until("the reload", reloaded)
    assert watched.metric(counted) == 20
    assert watched.metric('puff_worker_restarts_total{reason="reload"}') == 2
    assert all(w["restarts"] == 1 for w in watched.status()["workers"])
    get(watched.port, "/hello")
    assert watched.metric(counted) == 21
