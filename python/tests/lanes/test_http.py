"""The HTTP client, from a greenlet, from asyncio and from a plain thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import puff
import puff.errors
import pytest
from puff import http

FIELDS = b"""HTTP/1.1 200 OK\r
X-Two: 1\r
X-Folded: one\r
 two\r
X-Colons: :a:b:\r
X-Empty:\r
x-two: \xe9\r
Content-Length: 0\r
\r
"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hang = threading.Event()
    reached = threading.Event()
    gone = threading.Event()

    def answer(self, body: bytes, status: int = 200, **fields: str) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b""
        while n := int(self.rfile.readline(), 16):
            body += self.rfile.read(n)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def do_GET(self) -> None:
        if self.path == "/hang":
            self.hang.wait()
        elif self.path == "/gone":
            self.reached.set()
            if self.rfile.read(1) == b"":
                self.gone.set()
        elif self.path == "/loop":
            self.answer(b"", 302, Location="/loop")
        elif self.path == "/moved":
            self.answer(b"", 302, Location="/json")
        elif self.path == "/json":
            self.answer(b'{"a": [1, "\xc3\xa9"]}', Content_Type="application/json")
        elif self.path == "/latin":
            self.answer(b"\xe9", Content_Type="text/plain; charset=latin-1")
        elif self.path == "/lines":
            self.answer(b"one\r\ntwo\n" + b"x" * 200_000 + b"\nlast")
        elif self.path == "/fields":
            self.wfile.write(FIELDS)
        elif self.path == "/missing":
            self.answer(b"no", 404)
        else:
            self.answer(f"{self.path} {self.headers.get('X-Test')}".encode(), Set_Cookie="k=v")

    def do_POST(self) -> None:
        kind = self.headers.get("Content-Type", "").partition(";")[0]
        self.answer(kind.encode() + b" " + self.read())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Handler.hang.set()
    server.shutdown()
    thread.join()
    server.server_close()


def everywhere(ask: Any) -> list[Any]:
    """What ask() gives in a greenlet, under asyncio and in a thread; ask may be awaitable."""

    async def main() -> Any:
        return await ask()

    return [puff.spawn(ask).join(), asyncio.run(main()), ask()]


def test_get_is_one_name_for_every_caller(url: str) -> None:
    answers = everywhere(
        lambda: http.get(url + "/x", params={"q": ["1", 2]}, headers={"X-Test": "t"})
    )
    assert [(r.status, r.content) for r in answers] == [(200, b"/x?q=1&q=2 t")] * 3
    r = answers[0]
    assert r.headers["Content-Length"] == b"12"
    assert r.header("no-such") is None
    assert r.cookies == {"k": "v"}
    assert r.http_version == "HTTP/1.1"


def test_fields_of_an_answer_are_as_they_were_sent(url: str) -> None:
    class Address:
        def __str__(self) -> str:
            return url + "/fields"

    address: Any = Address()
    for headers in [r.headers for r in everywhere(lambda: http.get(address))]:
        assert headers.fields == [
            ("content-length", b"0"),
            ("x-colons", b":a:b:"),
            ("x-empty", b""),
            ("x-folded", b"one two"),
            ("x-two", b"1"),
            ("x-two", b"\xe9"),
        ]
        assert headers.get_list("X-Two") == [b"1", b"\xe9"]


def test_a_body_may_be_asked_for_twice(url: str) -> None:
    r = http.get(url + "/json")
    assert r.json() == r.json() == {"a": [1, "é"]}
    assert r.body() == b'{"a": [1, "\xc3\xa9"]}'
    assert http.get(url + "/latin").body_text() == "é"

    async def main() -> Any:
        r = await http.get(url + "/json")
        return await r.json(), await r.body_text()

    assert asyncio.run(main()) == ({"a": [1, "é"]}, '{"a": [1, "é"]}')


def test_redirects_leave_a_history(url: str) -> None:
    r = http.get(url + "/moved")
    assert (r.url, [h.status for h in r.history]) == (url + "/json", [302])
    assert http.get(url + "/moved", follow_redirects=False).status == 302
    with pytest.raises(http.TooManyRedirects, match="max_redirects"):
        http.get(url + "/loop", max_redirects=2)


def test_what_is_sent_has_its_type(url: str) -> None:
    assert http.post(url, json={"a": 1}).content == b'application/json {"a":1}'
    form = http.post(url, data={"a": [1, 2], "b": "é"})
    assert form.content == b"application/x-www-form-urlencoded a=1&a=2&b=%C3%A9"
    parts = http.post(url, files={"f": ("n.txt", b"content")}, data={"a": "1"}).content
    assert parts.startswith(b"multipart/form-data ")
    assert b'name="f"; filename="n.txt"' in parts
    assert b"content" in parts
    assert http.post(url, body=b"\x00", headers={"Content-Type": "a/b"}).content == b"a/b \x00"


def test_bodies_are_streamed_up(url: str) -> None:
    pieces = [b"a" * 100_000, "é", b""]
    assert [r.content for r in everywhere(lambda: http.post(url, body=iter(pieces)))] == [
        b" " + b"a" * 100_000 + "é".encode()
    ] * 3

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(3):
            await puff.sleep_ms(1)
            yield b"x"

    async def main() -> Any:
        return await http.post(url, body=slowly())

    assert asyncio.run(main()).content == b" xxx"


def test_bodies_are_streamed_down(url: str) -> None:
    want = ["one", "two", "x" * 200_000, "last"]
    with http.stream("GET", url + "/lines") as r:
        assert r.status == 200
        assert list(r.iter_lines()) == want
    with http.stream("GET", url + "/lines") as r:
        assert b"".join(r.iter_bytes(1000)) == "\r\n".join(want[:2]).encode() + b"\n" + (
            "\n".join(want[2:]).encode()
        )

    async def main() -> Any:
        async with http.stream("GET", url + "/lines") as r:
            return [line async for line in r.iter_lines()]

    assert asyncio.run(main()) == want


def test_a_session_keeps_cookies(url: str) -> None:
    with http.session() as s:
        assert s.get(url + "/x").status == 200
        assert s.get(url + "/x").status == 200
    with pytest.raises(RuntimeError, match="session is closed"):
        s.get(url)


def test_errors_have_their_class(url: str) -> None:
    with pytest.raises(http.ConnectError, match="connection refused") as refused:
        http.get("http://127.0.0.1:1/")
    assert isinstance(refused.value, ConnectionError)
    with pytest.raises(http.TimeoutError) as late:
        http.get(url + "/hang", timeout_ms=20)
    assert isinstance(late.value, TimeoutError)
    with pytest.raises(http.StatusError) as missing:
        http.get(url + "/missing").raise_for_status()
    assert missing.value.response.status == 404
    with pytest.raises(http.InvalidRequest):
        http.get(url, headers={"a": "b\r\nc: d"})
    with pytest.raises(TypeError, match="Header value should be bytes"):
        http.get(url, headers={"a": None})
    with pytest.raises(puff.errors.HostError, match="add .*http_client"):
        http.named_client("nobody").get(url)


def test_a_request_whose_task_never_ran_is_not_sent(url: str) -> None:
    async def main() -> None:
        Handler.reached.clear()
        task = asyncio.create_task(http.get(url + "/gone"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await http.get(url + "/json")).status == 200
        assert not Handler.reached.is_set()

    asyncio.run(main())


def test_a_cancelled_request_ends_in_go(url: str) -> None:
    async def main() -> None:
        task = asyncio.ensure_future(http.get(url + "/gone"))
        await asyncio.sleep(0)  # it has begun
        await asyncio.to_thread(Handler.reached.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(Handler.gone.wait)

    asyncio.run(main())
