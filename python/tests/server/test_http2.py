"""HTTP/2: with curl, with httpx, and with a client that shows each event."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import ssl
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme

from .client import Connection
from .http2 import Client

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Own, Shared

BOTH = pytest.mark.parametrize("app", ["wsgi_app:app", "asgi_app:app"])
ASGI = "asgi_app:app"
WSGI = "wsgi_app:app"
CURL = shutil.which("curl") or "curl"


def curl(*arguments: str, data: bytes | None = None) -> bytes:
    """What curl prints."""
    command = [CURL, "--silent", "--show-error", "--max-time", "60", *arguments]
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout


@BOTH
@pytest.mark.parametrize("how", ["--http2-prior-knowledge", "--http2"])
def test_curl_begins_either_way(shared: Shared, app: str, how: str) -> None:
    url = f"http://127.0.0.1:{shared(app).port}/hello"
    assert curl(how, "-w", " %{http_version} %{http_code}", url) == b"hello 2 200"


@BOTH
def test_curl_and_httpx_choose_it_by_alpn(own: Own, app: str, tmp_path: Path) -> None:
    issuer = trustme.CA()
    issued = issuer.issue_cert("localhost")
    cert, key, ca = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "ca.pem"
    cert.write_bytes(b"".join(c.bytes() for c in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    issuer.cert_pem.write_to_path(str(ca))
    puff = own(app, "--tls-cert", str(cert), "--tls-key", str(key))
    url = f"https://localhost:{puff.port}/"
    how = ["--ipv4", "--cacert", str(ca), "-w", " %{http_version}"]
    assert curl(*how, f"{url}hello") == b"hello 2"
    assert curl(*how, "--http1.1", f"{url}hello") == b"hello 1.1"
    with httpx.Client(http2=True, verify=ssl.create_default_context(cafile=ca)) as client:
        r = client.post(f"{url}echo", content=b"x" * 1_000_000)
    assert (r.http_version, len(r.content)) == ("HTTP/2", 1_000_000)


@BOTH
def test_curl_gets_back_what_it_posts(shared: Shared, app: str) -> None:
    url = f"http://127.0.0.1:{shared(app).port}/echo"
    for size in (0, 1, 70_000, 5_000_000):
        data = bytes(range(256)) * (size // 256 + 1)
        data = data[:size]
        got = curl("--http2-prior-knowledge", "--data-binary", "@-", url, data=data)
        assert got == data, f"{size} bytes"


def test_an_asgi_scope_says_2(shared: Shared) -> None:
    with Client(shared(ASGI).port) as c:
        stream = c.request(
            "/show?a=b", headers=[("cookie", "a=1"), ("x-a", "1"), ("cookie", "b=2")]
        )
        scope = json.loads(c.answer(stream).body)
    assert scope["http_version"] == "2"
    assert scope["scheme"] == "http"
    assert scope["query_string"] == ["bytes", "a=b"]
    assert scope["headers"] == [
        "list",
        ["tuple", ["bytes", "host"], ["bytes", "test"]],
        ["tuple", ["bytes", "cookie"], ["bytes", "a=1; b=2"]],
        ["tuple", ["bytes", "x-a"], ["bytes", "1"]],
    ]


def test_a_wsgi_environ_says_2(shared: Shared) -> None:
    with Client(shared(WSGI).port) as c:
        environ = json.loads(c.get("/show?a=b").body)["plain"]
    assert environ["SERVER_PROTOCOL"] == "HTTP/2"
    assert environ["HTTP_HOST"] == "test"
    assert environ["QUERY_STRING"] == "a=b"


def test_httpx_has_a_hundred_requests_under_way(shared: Shared) -> None:
    port = shared(ASGI).port

    async def all_of_them() -> list[httpx.Response]:
        async with httpx.AsyncClient(http1=False, http2=True, timeout=60) as client:
            # The barrier lets nobody through before the last has come.
            urls = [f"http://127.0.0.1:{port}/barrier?n=100&tag={i}" for i in range(100)]
            return await asyncio.gather(*map(client.get, urls))

    answers = asyncio.run(all_of_them())
    assert {(r.status_code, r.http_version) for r in answers} == {(200, "HTTP/2")}
    assert sorted(int(r.text.split()[1]) for r in answers) == list(range(100))


def test_streams_go_both_ways_at_once(shared: Shared) -> None:
    with Client(shared(ASGI).port) as c:
        stream = c.request("/echo-stream", "POST", end=False)
        answer = c.answers[stream]
        for i in range(1, 4):
            c.send(stream, b"piece")
            c.until(lambda n=5 * i: len(answer.body) == n)  # type: ignore[misc]
        c.send(stream, b"", end=True)
        assert c.answer(stream).body == b"piece" * 3


def test_a_wsgi_body_is_read_as_it_comes(shared: Shared) -> None:
    with Client(shared(WSGI).port) as c:
        stream = c.request("/read?how=read", "POST", end=False)
        c.send(stream, b"x" * 3_000_000, end=True)
        assert json.loads(c.answer(stream).body)["size"] == 3_000_000


def test_trailers_end_an_answer(shared: Shared) -> None:
    with Client(shared(ASGI).port) as c:
        answer = c.get("/trailers")
        assert (answer.status, answer.body) == (200, b"body")
        assert answer.trailers == [("x-sum", "17"), ("x-more", "yes")]


@pytest.mark.parametrize("how", ["--http1.1", "--http2-prior-knowledge"])
def test_curl_shows_the_trailers(shared: Shared, how: str, tmp_path: Path) -> None:
    fields = tmp_path / "fields"
    url = f"http://127.0.0.1:{shared(ASGI).port}/trailers"
    assert curl(how, "-D", str(fields), "-H", "TE: trailers", url) == b"body"
    assert fields.read_text().split()[-4:] == ["x-sum:", "17", "x-more:", "yes"]


def test_early_hints_come_before_the_answer(shared: Shared) -> None:
    with Client(shared(ASGI).port) as c:
        answer = c.get("/early-hint")
        assert [dict(i)[":status"] for i in answer.interim] == ["103"]
        assert (answer.status, answer.body) == (200, b"hinted")


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_files_are_sent_whole(shared: Shared, size: int) -> None:
    with Client(shared(ASGI).port) as c:
        assert c.get(f"/pathsend?size={size}").body == (
            bytes(range(251)) * (size // 251) + bytes(size % 251)
        )


def test_a_reset_is_told_to_an_asgi_application(shared: Shared) -> None:
    puff = shared(ASGI)
    mark = puff.mark()
    with Client(puff.port) as c:
        stream = c.request("/waits-before?tag=reset-2")
        puff.wait_for("before reset-2", mark)
        c.reset(stream)
        puff.wait_for("gone http.disconnect reset-2", mark)
        assert c.get("/hello").body == b"hello"


def test_a_reset_ends_a_wsgi_generator(shared: Shared) -> None:
    puff = shared(WSGI)
    mark = puff.mark()
    with Client(puff.port) as c:
        stream = c.request("/endless-generator?tag=reset-2")
        c.until(lambda: len(c.answers[stream].body) > 100_000)
        c.reset(stream)
        puff.wait_for("generator ended reset-2", mark)
        assert c.get("/hello").body == b"hello"


@BOTH
def test_an_error_resets_its_stream_and_no_other(shared: Shared, app: str) -> None:
    puff = shared(app)
    puff.expect("ZeroDivisionError", "LookupError", "RuntimeError", "ValueError")
    with Client(puff.port) as c:
        answer = c.get("/fails")
        assert answer.status == 500
        assert c.get("/hello").body == b"hello"


@BOTH
def test_a_signal_has_clients_leave(own: Own, app: str) -> None:
    puff = own(app)
    with Client(puff.port) as c:
        assert c.get("/hello").body == b"hello"
        puff.signal(signal.SIGTERM)
        while c.more():
            pass
        # First without a number, so that what is on its way is served.
        assert c.goodbyes == [(2**31 - 1, 0), (1, 0)]
    assert puff.wait() == 0


def test_a_signal_lets_requests_end(own: Own) -> None:
    puff = own(ASGI)
    url = f"http://127.0.0.1:{puff.port}/barrier?n=2&tag=last"
    command = [CURL, "--silent", "--max-time", "60", "--http2-prior-knowledge", url]
    with Connection(puff.port) as c:
        assert c.exchange("GET", "/hello").text == "hello"
        with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
            seen = 2  # hello and the question itself
            while int(c.exchange("GET", "/count").text) == seen:
                seen += 1
            puff.signal(signal.SIGTERM)
            puff.wait_for("draining")
            # The connection is idle, and may carry one more request: the one curl waits for.
            assert c.exchange("GET", "/barrier?n=2&tag=other").status == 200
            out, _ = running.communicate()
    assert out.endswith(b"last")
    assert puff.wait() == 0


def test_the_versions_that_are_spoken_can_be_chosen(own: Own) -> None:
    only = own(ASGI, "--http", "2")
    with Connection(only.port) as c:
        assert c.exchange().status == 505
    with Client(only.port) as h2:
        assert h2.get("/hello").body == b"hello"
    never = own(ASGI, "--http", "1")
    with Connection(never.port) as c:
        c.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert c.response().status == 505
    url = f"http://127.0.0.1:{never.port}/hello"
    assert curl("--http2", "-w", " %{http_version}", url) == b"hello 1.1"


def test_an_upload_with_an_upgrade_is_served(shared: Shared, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"z" * 20_000)
    url = f"http://127.0.0.1:{shared(ASGI).port}/echo"
    got = curl("--http2", "--data-binary", f"@{body}", "-w", " %{http_version}", url)
    assert got.startswith(b"z" * 20_000)
