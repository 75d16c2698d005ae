"""Limits: what waits, what is refused, and what is cancelled when its time is up."""

from __future__ import annotations

import select
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import trustme

from .client import Connection, CutOff, get

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Own

CURL = shutil.which("curl") or "curl"
APPS = ["filtered:wsgi", "filtered:asgi"]
ERRORS = {"filtered:wsgi": "GreenletExit", "filtered:asgi": "CancelledError"}


def hold(c: Connection) -> None:
    """Has a request of c be in the application: that asks for its body."""
    c.send(
        b"POST /body HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    assert c.head().status == 100


def let_go(c: Connection) -> None:
    c.send(b"4\r\nbody\r\n0\r\n\r\n")
    assert c.response("POST").text == "4"


@pytest.mark.parametrize("app", APPS)
def test_beyond_the_limit_one_waits_and_the_other_is_refused(own: Own, app: str) -> None:
    puff = own(app, "--limit-concurrency", "1", "--limit-queue", "1")
    with Connection(puff.port) as first, Connection(puff.port) as a, Connection(puff.port) as b:
        hold(first)
        a.request(target="/page")
        b.request(target="/page")
        ready, _, _ = select.select([a.sock, b.sock], [], [], 30)
        refused, waiting = (a, b) if ready == [a.sock] else (b, a)
        r = refused.response()
        assert (r.status, r.get("Retry-After")) == (503, "1")
        assert refused.exchange(target="/page").status == 503
        let_go(first)
        assert waiting.response().status == 200
        assert refused.exchange(target="/page").status == 200


@pytest.mark.parametrize("app", APPS)
def test_a_handler_whose_time_is_up_is_cancelled(own: Own, app: str) -> None:
    puff = own(app, "--request-timeout", "0.3")
    with Connection(puff.port) as c:
        for _ in range(3):
            mark = puff.mark()
            r = c.exchange(target="/wait")
            assert (r.status, r.get("Retry-After")) == (503, "1")
            puff.wait_for(f"^app: ended /wait {ERRORS[app]}$", mark)
            assert c.exchange(target="/page").status == 200


@pytest.mark.parametrize("app", APPS)
def test_an_answer_that_began_is_cut_when_its_time_is_up(own: Own, app: str) -> None:
    puff = own(app, "--request-timeout", "0.3")
    with Connection(puff.port) as c, pytest.raises(CutOff) as cut:
        c.exchange(target="/begun")
    assert cut.value.response is not None
    assert cut.value.response.body == b"begun"
    puff.wait_for(f"^app: ended /begun {ERRORS[app]}$")
    assert get(puff.port, "/page").status == 200


@pytest.mark.parametrize("app", APPS)
def test_on_the_long_road_time_is_up_as_well(own: Own, app: str) -> None:
    # The next request may come before the handler has ended: then it waits for that.
    puff = own(app, "--request-timeout", "0.3", "--limit-concurrency", "1", "--limit-queue", "1")
    with Connection(puff.port) as c:
        hold(c)
        assert c.response("POST").status == 503
    assert get(puff.port, "/page").status == 200


def test_a_connection_carries_so_many_requests(own: Own) -> None:
    puff = own("filtered:wsgi", "--max-requests-per-connection", "2")
    with Connection(puff.port) as c:
        assert c.exchange(target="/page").get("Connection") is None
        assert c.exchange(target="/page").get("Connection") == "close"
        assert c.ended()


def test_slow_heads_bodies_and_idle_connections_end(own: Own) -> None:
    puff = own(
        "filtered:wsgi", "--head-timeout", "0.2", "--body-timeout", "0.2", "--keep-alive", "0.2"
    )
    with (
        Connection(puff.port) as head,
        Connection(puff.port) as body,
        Connection(puff.port) as idle,
    ):
        head.send(b"GET / HT")
        body.send(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123")
        assert idle.exchange(target="/page").status == 200
        assert head.response().status == 408
        assert body.response("POST").status in {408, 500}
        assert idle.ended()


def established(server: int, client: int) -> bool:
    """Whether the server has a connection to the port of a client."""
    with open("/proc/net/tcp") as table:
        rows = [line.split()[1:4] for line in table][1:]
    return any(
        (int(here[-4:], 16), int(there[-4:], 16), state) == (server, client, "01")
        for here, there, state in rows
    )


def test_who_does_not_read_is_cut(own: Own) -> None:
    puff = own("wsgi_app:app", "--write-timeout", "0.2")
    port = puff.port
    with Connection(port, receive_buffer=4096) as c:
        c.request(target="/big")
        head = c.head()
        # Nothing more is read until the server has closed its end.
        client = c.sock.getsockname()[1]
        puff.until(lambda: not established(port, client), "the connection to be closed")
        with pytest.raises(CutOff):
            c.body(head)
    assert get(port, "/hello").status == 200


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("app", APPS)
def test_times_and_numbers_hold_for_http2(own: Own, app: str, secure: bool, tmp_path: Path) -> None:
    limits = ["--request-timeout", "0.3", "--limit-concurrency", "1", "--limit-queue", "1"]
    url, how = "http", ["--http2-prior-knowledge"]
    if secure:
        issuer = trustme.CA()
        cert = tmp_path / "cert.pem"
        issuer.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(cert))
        limits += ["--tls-cert", str(cert), "--tls-key", str(cert)]
        url, how = "https", ["--insecure"]
    puff = own(app, *limits)
    url = f"{url}://127.0.0.1:{puff.port}"
    curl = [CURL, "--silent", "--max-time", "60", *how, "-w", "%{http_version} %{http_code}\n"]
    # One is held by the application, the other by the queue, and the time of both runs.
    mark = puff.mark()
    commands = [[*curl, f"{url}/wait", "-o", "/dev/null"]] * 2
    both = [subprocess.Popen(c, stdout=subprocess.PIPE, text=True) for c in commands]
    assert [one.communicate()[0] for one in both] == ["2 503\n"] * 2
    puff.wait_for(f"^app: ended /wait {ERRORS[app]}$", mark)
    again = [*curl, f"{url}/page", "-o", "/dev/null"]
    assert subprocess.run(again, check=True, capture_output=True).stdout == b"2 200\n"
