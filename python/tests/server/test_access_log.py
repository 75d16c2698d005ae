"""The access log and the names of requests, as an operator and an application see them."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from .client import Connection, get
from .process import run

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Own

DEADLINE = float(os.environ.get("PUFF_TEST_DEADLINE", "30"))


def lines_of(path: Path, n: int) -> list[str]:
    """The lines of a log, once there are n."""
    pause = threading.Event()
    for _ in range(int(DEADLINE / 0.01)):
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) >= n:
            return lines
        pause.wait(0.01)
    raise AssertionError(f"{path} has no {n} lines: {lines}")


@pytest.mark.parametrize("app", ["wsgi_app:app", "asgi_app:app"])
def test_a_json_line_has_the_documented_keys(own: Own, tmp_path: Path, app: str) -> None:
    log = tmp_path / "access.log"
    puff = own(app, "--access-log", "json", "--access-log-file", str(log))
    answer = get(puff.port, "/hello?a=b%20c", [("User-Agent", 'say "hi"\\')])
    line: dict[str, Any] = json.loads(lines_of(log, 1)[0])
    assert " ".join(line) == (
        "time method path query status bytes duration_ms client user_agent request_id worker"
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert line["method"] == "GET"
    assert (line["path"], line["query"]) == ("/hello", "a=b%20c")
    assert (line["status"], line["bytes"]) == (answer.status, len(answer.body))
    assert 0 < line["duration_ms"] < DEADLINE * 1000
    assert (line["client"], line["user_agent"]) == ("127.0.0.1", 'say "hi"\\')
    assert line["request_id"] == answer.get("X-Request-ID")
    assert isinstance(line["worker"], int)


@pytest.mark.parametrize("app", ["wsgi_app:app", "asgi_app:app"])
def test_a_combined_line_is_what_analysers_read(own: Own, tmp_path: Path, app: str) -> None:
    log = tmp_path / "access.log"
    puff = own(app, "--access-log", "combined", "--access-log-file", str(log))
    answer = get(puff.port, "/hello", [("Referer", "http://a/"), ("User-Agent", 'x" 200 0 "y')])
    assert re.fullmatch(
        r"127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "
        rf'"GET /hello HTTP/1\.1" 200 {len(answer.body)} "http://a/" "x\\x22 200 0 \\x22y"',
        lines_of(log, 1)[0],
    )


def test_a_format_of_ones_own_has_fields_and_times(own: Own, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    form = "%({x-one}i)s|%({content-type}o)s|%({HTTP_X_ONE}e)s|%(L)s|%(s)s"
    puff = own("wsgi_app:app", "--access-log", form, "--access-log-file", str(log))
    get(puff.port, "/hello", [("X-One", "one")])
    assert re.fullmatch(r"one\|text/plain\|one\|\d+\.\d{6}\|200", lines_of(log, 1)[0])


def test_what_is_left_is_written_at_the_end(own: Own, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    puff = own("wsgi_app:app", "--access-log", "%(U)s", "--access-log-file", str(log))
    with Connection(puff.port) as c:
        for i in range(100):
            c.exchange("GET", f"/hello?{i}")
    puff.stop()
    assert log.read_text() == "/hello\n" * 100


def test_usr1_opens_the_file_again(own: Own, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    puff = own("wsgi_app:app", "--access-log", "%(q)s", "--access-log-file", str(log))
    get(puff.port, "/hello?one")
    lines_of(log, 1)
    moved = log.rename(tmp_path / "access.log.1")
    puff.signal(signal.SIGUSR1)
    pause = threading.Event()
    for _ in range(int(DEADLINE / 0.01)):
        if log.exists():
            break
        pause.wait(0.01)
    get(puff.port, "/hello?two")
    assert lines_of(log, 1) == ["two"]
    assert moved.read_text() == "one\n"


def test_a_format_that_is_none_is_wrong_usage() -> None:
    done = run(["serve", "wsgi_app:app", "--access-log", "%(h"])
    assert done.returncode == 2
    assert "--access-log" in done.stderr


@pytest.mark.parametrize("app", ["wsgi_app:app", "asgi_app:app"])
def test_only_trusted_peers_name_their_requests(own: Own, app: str) -> None:
    theirs = [("X-Request-ID", "theirs-1")]
    answer = get(own(app).port, "/hello", theirs)
    name = answer.get("X-Request-ID")
    assert name is not None
    assert re.fullmatch("[0-9a-f]{16}", name)
    answer = get(own(app, "--forwarded-allow-ips", "127.0.0.0/8").port, "/hello", theirs)
    assert answer.get("X-Request-ID") == "theirs-1"


def test_the_application_sees_the_name_that_the_answer_says(own: Own) -> None:
    answer = get(own("wsgi_app:app").port, "/show", [("X-Request-ID", "theirs-1")])
    assert json.loads(answer.body)["plain"]["HTTP_X_REQUEST_ID"] == answer.get("X-Request-ID")
    answer = get(own("asgi_app:app").port, "/show", [("X-Request-ID", "theirs-1")])
    headers = json.loads(answer.body)["headers"][1:]
    named = [v[1] for _, n, v in headers if n[1] == "x-request-id"]
    assert named == [answer.get("X-Request-ID")]
