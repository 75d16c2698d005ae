"""WebSockets under limits, and in logs, metrics and traces."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from .client import Connection, get
from .http2 import Client
from .test_access_log import lines_of
from .test_status import Watched
from .test_tracing import PARENT, TRACE, Collector, collector
from .websocket import TEXT, Frames, Socket, opening
from .websocket2 import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from .conftest import Own

__all__ = ["collector"]

APP = "websocket_app:app"
BOTH = pytest.mark.parametrize(("version", "status"), [(1, 101), (2, 200)])


@contextmanager
def opened(
    version: int, port: int, path: str = "/", headers: Iterable[tuple[str, str]] = ()
) -> Iterator[Frames]:
    """A WebSocket over a version of HTTP."""
    if version == 1:
        with Socket(port, path, headers) as s:
            yield s
    else:
        with Client(port) as c, Stream(c, path, [(n.lower(), v) for n, v in headers]) as stream:
            yield stream


def echoes(s: Frames) -> None:
    s.put(TEXT, b"0123456789")
    assert s.text() == "0123456789"


@BOTH
def test_the_time_of_a_request_ends_when_it_is_accepted(
    own: Own, version: int, status: int
) -> None:
    puff = own(APP, "--request-timeout", "0.2")
    with opened(version, puff.port) as s:
        echoes(s)
        assert get(puff.port, "/pending?tag=http").status == 503  # so long have we waited
        assert get(puff.port, "/pending?tag=http").status == 503
        echoes(s)
        s.goodbye()


def test_who_is_not_accepted_in_time_is_503(own: Own) -> None:
    puff = own(APP, "--request-timeout", "0.2")
    with Connection(puff.port) as c:
        assert c.exchange("GET", "/pending?tag=one", opening()).status == 503
    with Client(puff.port) as h2:
        s = Stream(h2, "/pending?tag=two")
        assert h2.answer(s.number).status == 503
    puff.wait_for("app: cancelled one")
    puff.wait_for("app: cancelled two")


@BOTH
def test_the_limit_counts_requests_until_they_are_accepted(
    own: Own, version: int, status: int
) -> None:
    puff = own(APP, "--limit-concurrency", "1", "--graceful-timeout", "0.5")
    with ExitStack() as stack:
        sockets = [stack.enter_context(opened(version, puff.port)) for _ in range(5)]
        assert get(puff.port, "/").status == 200
        with Connection(puff.port) as waits:
            waits.request("GET", "/pending?tag=w", opening())
            puff.wait_for("app: pending w")
            assert get(puff.port, "/").status == 503
            with Connection(puff.port) as c:
                assert c.exchange("GET", "/", opening()).status == 503
            for s in sockets:
                echoes(s)
        for s in sockets:
            s.goodbye()


@BOTH
def test_a_line_is_written_when_it_ends(
    own: Own, tmp_path: Path, version: int, status: int
) -> None:
    log = tmp_path / "access.log"
    puff = own(APP, "--access-log", "json", "--access-log-file", str(log))
    with opened(version, puff.port, "/?tag=log", [("User-Agent", "talker")]) as s:
        echoes(s)
        # Lines are written in order: this one would stand behind that of the WebSocket.
        assert get(puff.port, "/later").status == 200
        first: dict[str, Any] = json.loads(lines_of(log, 1)[0])
        assert first["path"] == "/later"
        s.goodbye()
    line: dict[str, Any] = json.loads(lines_of(log, 2)[1])
    assert (line["method"], line["path"], line["status"]) == (
        "GET" if version == 1 else "CONNECT",
        "/",
        status,
    )
    assert line["user_agent"] == "talker"
    assert line["bytes"] == 2 + 10 + 4  # two frames
    assert line["duration_ms"] >= first["duration_ms"]


@BOTH
def test_it_is_a_request_until_it_is_accepted(own: Own, version: int, status: int) -> None:
    watched = Watched(own, APP)
    method = "GET" if version == 1 else "CONNECT"
    name = f'puff_requests_total{{method="{method}",status="{status}"}}'
    with opened(version, watched.port) as s:
        echoes(s)
        assert watched.metric(name) == 1
        assert watched.metric("puff_request_duration_seconds_count") == 1
        assert watched.metric("puff_connections") == 1
        assert watched.metric("puff_requests_in_flight") == 1
        s.goodbye()
    assert watched.metric(name) == 1
    assert watched.metric("puff_request_duration_seconds_count") == 1


@BOTH
def test_it_is_one_span(own: Own, collector: Collector, version: int, status: int) -> None:
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    puff = own(APP, env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
    with opened(version, puff.port, "/scope", [("Traceparent", PARENT)]) as s:
        headers = dict(json.loads(s.text())["headers"])
        seen = headers[repr(b"traceparent")]
        assert seen[2:].split("-")[1] == TRACE
        assert s.closed() == (1000, "")
    puff.stop()
    sent = b"".join(collector.bodies)
    assert sent.count(bytes.fromhex(TRACE)) == 1
    code = b"http.response.status_code"
    assert sent.count(code) == 1
    # An attribute: its name, then a value of the kind int as a varint.
    value = sent[sent.index(code) + len(code) :]
    number = value[3:5]
    assert number[0] & 0x7F | (number[1] << 7 if number[0] & 0x80 else 0) == status
