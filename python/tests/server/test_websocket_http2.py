"""WebSockets on streams of HTTP/2 (RFC 8441), in clear text and over TLS."""

from __future__ import annotations

import json
import shutil
import signal
import ssl
import struct
import subprocess
import zlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from .http2 import Client
from .websocket import BINARY, CLOSE, PING, PONG, TEXT, Socket, frame
from .websocket2 import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Own, Shared
    from .process import Puff

    Begin = Callable[..., "Server"]

CONNECT_PROTOCOL = 8  # the setting
NO_ERROR, CANCEL = 0, 8
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DEFLATE = "permessage-deflate; client_max_window_bits"


class Server:
    """A puff and how to reach it."""

    def __init__(self, puff: Puff, context: ssl.SSLContext | None) -> None:
        self.puff, self.context = puff, context

    def client(self) -> Client:
        """A new connection."""
        return Client(self.puff.port, self.context)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], ssl.SSLContext]:
    """Flags that name a certificate, and a client that knows it."""
    folder = tmp_path_factory.mktemp("websocket2")
    ca = trustme.CA()
    issued = ca.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return ["--tls-cert", f"{folder}/cert.pem", "--tls-key", f"{folder}/key.pem"], context


@pytest.fixture(params=["clear", "tls"])
def secure(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "tls")


@pytest.fixture
def server(shared: Shared, secure: bool, pair: tuple[list[str], ssl.SSLContext]) -> Server:
    flags, context = pair
    return Server(
        shared("websocket_app:app", *(flags if secure else [])), context if secure else None
    )


@pytest.fixture
def begin(own: Own, secure: bool, pair: tuple[list[str], ssl.SSLContext]) -> Begin:
    """begin(*flags) is a server of the test's own."""
    flags, context = pair

    def make(*more: str, app: str = "websocket_app:app") -> Server:
        return Server(own(app, *(flags if secure else []), *more), context if secure else None)

    return make


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with server.client() as c:
        yield c


def goodbye(code: int) -> bytes:
    return frame(CLOSE, struct.pack("!H", code))


def test_messages_are_echoed(server: Server, client: Client) -> None:
    with Stream(client, "/?tag=echoed2") as s:
        assert (s.answer.status, s.get("sec-websocket-accept"), s.get("upgrade")) == (
            200,
            None,
            None,
        )
        for n in [0, 1, 125, 126, 65535, 65536, 1 << 20]:
            s.put(TEXT, b"x" * n)
            got = s.take()
            assert got is not None
            assert (got.first, len(got.payload)) == (0x81, n)
            s.put(BINARY, bytes(range(256)) * (n // 256) + b"\xff")
            assert s.take() == (0x82, bytes(range(256)) * (n // 256) + b"\xff")
        s.put(PING, b"beat")
        assert s.take() == (0x80 | PONG, b"beat")
        s.goodbye(4321, "done \u20ac")
        assert s.answer.ended
        assert client.get("/").body == b"plain http"
    server.puff.wait_for("app: end echoed2 4321 'done \u20ac'")


def test_the_scope_says_how_it_came(server: Server, client: Client) -> None:
    with Stream(
        client, "/scope?caf%C3%A9", [("x-own", "1"), ("sec-websocket-protocol", "a, b")]
    ) as s:
        scope: dict[str, Any] = json.loads(s.text())
        assert s.closed() == (1000, "")
    assert scope["type"] == "websocket"
    assert scope["http_version"] == "2"
    assert scope["scheme"] == ("wss" if server.context else "ws")
    assert scope["path"] == "/scope"
    assert scope["query_string"] == repr(b"caf%C3%A9")
    assert scope["subprotocols"] == ["a", "b"]
    assert scope["client"][0] == "127.0.0.1"
    assert "websocket.http.response" in scope["extensions"]
    assert [repr(b"x-own"), repr(b"1")] in scope["headers"]
    assert [repr(b"host"), repr(b"test")] in scope["headers"]
    assert not [name for name, _ in scope["headers"] if name.startswith("b':")]


def test_subprotocol_and_headers_of_accept_are_sent(client: Client) -> None:
    with Stream(client, "/chosen?choose=b", [("sec-websocket-protocol", "a, b")]) as s:
        assert s.get("sec-websocket-protocol") == "b"
        assert [v for n, v in s.answer.headers if n == "x-own"] == ["1", "2"]
        assert s.get("sec-websocket-accept") is None
        assert s.closed() == (4001, "caf\u00e9")
        s.send(goodbye(4001))
        assert s.take() is None
        assert s.answer.ended


def test_messages_are_compressed_as_agreed(client: Client) -> None:
    with Stream(client, "/", [("sec-websocket-extensions", DEFLATE)]) as s:
        assert (s.get("sec-websocket-extensions") or "").startswith("permessage-deflate")
        pack, unpack = zlib.compressobj(wbits=-15), zlib.decompressobj(-15)
        for text in [b"words " * 5000, b"words " * 5000]:
            packed = pack.compress(text) + pack.flush(zlib.Z_SYNC_FLUSH)
            s.put(TEXT, packed.removesuffix(b"\0\0\xff\xff"), rsv=4)
            got = s.take()
            assert got is not None
            assert got.first == 0xC1
            assert unpack.decompress(got.payload + b"\0\0\xff\xff") == text
        s.goodbye()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (goodbye(1000), 1000),
        (goodbye(3999), 3999),
        (frame(CLOSE), None),
        (goodbye(1005), 1002),
        (frame(TEXT, b"a", mask=False), 1002),
        (frame(3), 1002),
        (frame(TEXT, b"\xff"), 1007),
    ],
)
def test_close_codes_are_those_of_the_rules(client: Client, sent: bytes, code: int | None) -> None:
    with Stream(client) as s:
        s.send(sent)
        got = s.take()
        assert got is not None
        assert got.first == 0x80 | CLOSE
        assert (int.from_bytes(got.payload[:2], "big") or None) == code
        assert s.take() is None
        assert not s.was_reset
    assert client.get("/").status == 200


def test_the_end_of_the_stream_without_goodbye_is_1006(server: Server, client: Client) -> None:
    mark = server.puff.mark()
    with Stream(client, "/?tag=half") as s:
        client.h2.end_stream(s.number)
        client.flush()
        assert s.take() is None
    server.puff.wait_for("app: end half 1006 ''", mark)
    with Stream(client, "/?tag=rst2") as s:
        s.put(TEXT, b"a")
        assert s.text() == "a"
        client.reset(s.number)
    server.puff.wait_for("app: end rst2 1006 ''", mark)
    assert client.get("/").body == b"plain http"


def test_the_stream_may_end_with_the_goodbye_as_browsers_have_it(
    server: Server, client: Client
) -> None:
    texts = [str(i).encode() for i in range(100)]
    with Stream(client, "/?tag=fin2") as s:
        client.send(s.number, b"".join(frame(TEXT, t) for t in texts) + goodbye(3210), end=True)
        for t in texts:
            assert s.text() == t.decode()
        assert s.closed() == (3210, "")
        assert s.take() is None
        assert not s.was_reset
    server.puff.wait_for("app: end fin2 3210 ''")
    with Stream(client, "/lazy?tag=fin3") as s, Stream(client, "/lazy?tag=fin4") as cut:
        assert (s.text(), cut.text()) == ("ready", "ready")
        many = frame(BINARY, b"abc") * 1000  # more than wait for an application
        client.send(s.number, many + goodbye(1000), end=True)
        client.send(cut.number, many, end=True)
        for tag in ["fin3", "fin4"]:
            with Stream(client, f"/sets?tag={tag}") as other:
                assert other.closed() == (1000, "")
        assert s.closed() == (1000, "")
    server.puff.wait_for("app: lazy fin3 3000 1000")
    server.puff.wait_for("app: lazy fin4 3000 1006")


def test_denials_are_ordinary_answers(server: Server, client: Client) -> None:
    server.puff.expect("ZeroDivisionError")
    for path, status, body in [
        ("/denied", 403, b"Forbidden\n"),
        ("/responded", 401, b"away"),
        ("/responded?pieces=1", 401, b"go away"),
        ("/silent", 500, b"Internal Server Error\n"),
        ("/raises", 500, b"Internal Server Error\n"),
    ]:
        s = Stream(client, path)
        answer = client.answer(s.number)
        assert (answer.status, answer.body) == (status, body)
    with Stream(client, "/raises?after=1") as s:
        assert s.closed() == (1011, "")
    assert client.get("/").status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(":protocol", "websocket")], 426),
        ([(":protocol", "websocket"), ("sec-websocket-version", "8")], 426),
        ([(":protocol", "chess"), ("sec-websocket-version", "13")], 501),
    ],
)
def test_what_is_asked_for_wrongly_is_refused(
    client: Client, headers: list[tuple[str, str]], status: int
) -> None:
    stream = client.request("/", "CONNECT", headers, end=False)
    assert client.answer(stream).status == status
    assert client.get("/").status == 200


def test_the_server_says_whether_it_can(begin: Begin) -> None:
    for flags, app, want in [
        ([], "websocket_app:app", 1),
        (["--no-ws"], "websocket_app:app", 0),
        ([], "websocket_app:wsgi", 0),
    ]:
        server = begin(*flags, app=app)
        with server.client() as c:
            assert c.get("/").status == 200
            assert (c.settings or {}).get(CONNECT_PROTOCOL, 0) == want
            if not want:
                wants = [(":protocol", "websocket"), ("sec-websocket-version", "13")]
                answer = c.answer(c.request("/", "CONNECT", wants, end=False))
                assert answer.reset is not None or answer.status >= 400
                assert c.get("/").status == 200


def test_a_client_without_room_holds_the_application_back(server: Server, client: Client) -> None:
    client.h2.increment_flow_control_window(64 << 20)
    client.flush()
    client.until(lambda: client.settings is not None)
    with Stream(client, "/flood") as slow, Stream(client, "/flooded") as other:
        slow.answer.held = True
        for _ in range(50):
            other.put(TEXT, b"?")
            assert int(other.text()) < 16 << 20
        slow.answer.held = False
        client.h2.increment_flow_control_window((1 << 31) - 1 - (1 << 16), slow.number)
        client.flush()
        for _ in range(1024):
            got = slow.take()
            assert got is not None
            assert len(got.payload) == 1 << 16
        assert slow.closed() == (1000, "")


def test_an_application_that_does_not_receive_holds_the_client_back(
    server: Server, client: Client
) -> None:
    mark = server.puff.mark()
    with Stream(client, "/lazy?tag=l2") as s, Stream(client, "/") as other:
        assert s.text() == "ready"
        sent = 0
        piece = frame(BINARY, bytes(1 << 14))
        # What the server has room for is what its windows say: they stop growing.
        for _ in range(20):
            while client.h2.local_flow_control_window(s.number) >= len(piece):
                s.send(piece)
                sent += 1 << 14
                assert sent < 8 << 20
            other.put(TEXT, b"still there?")
            assert other.text() == "still there?"
        with (
            Socket(server.puff.port, "/sets?tag=l2")
            if server.context is None
            else Stream(client, "/sets?tag=l2") as third
        ):
            assert third.closed() == (1000, "")
        s.send(goodbye(1000))
        assert s.closed() == (1000, "")
    server.puff.wait_for(f"app: lazy l2 {sent} 1000", mark)


def test_a_reset_while_the_application_sends_is_told_to_it(server: Server, client: Client) -> None:
    mark = server.puff.mark()
    with Stream(client, "/push?tag=p2") as s, Stream(client, "/sets?tag=p2") as other:
        assert s.text() == "begin"
        assert other.closed() == (1000, "")
        assert s.text() == "more"
        client.reset(s.number)
        server.puff.wait_for("app: push raised ClientDisconnected p2", mark)
    assert client.get("/").status == 200


def test_a_connection_that_breaks_ends_all_its_sockets(server: Server) -> None:
    mark = server.puff.mark()
    with server.client() as c:
        for i in range(10):
            s = Stream(c, f"/?tag=broken{i}")
            s.put(TEXT, b"a")
            assert s.text() == "a"
    for i in range(10):
        server.puff.wait_for(f"app: end broken{i} 1006 ''", mark)


def test_many_share_a_connection(client: Client) -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(Stream(client)) for _ in range(80)]
        for n in [10, 70_000]:
            for i, s in enumerate(sockets):
                s.put(TEXT, b"%02d" % i * n)
            for i, s in enumerate(sockets):
                assert s.text() == f"{i:02}" * n
        assert client.get("/").status == 200
        for s in sockets:
            s.goodbye()


def test_silence_is_pinged(begin: Begin) -> None:
    server = begin("--ws-ping-interval", "0.05", "--ws-ping-timeout", "1")
    with server.client() as c, Stream(c, "/?tag=dead") as dead, Stream(c, "/?tag=alive") as alive:
        for _ in range(5):
            assert alive.take() == (0x80 | PING, b"")
            alive.put(PONG)
        assert dead.take() == (0x80 | PING, b"")
        assert dead.closed() == (1011, "keepalive ping timeout")
        assert dead.take() is None
        server.puff.wait_for("app: end dead 1006 'keepalive ping timeout'")
        assert c.get("/").status == 200


@pytest.mark.parametrize("fragments", [False, True])
def test_messages_beyond_the_limit_are_1009(begin: Begin, fragments: bool) -> None:
    server = begin("--ws-max-size", "1000")
    with server.client() as c, Stream(c, "/?tag=size2") as s:
        s.put(TEXT, b"x" * 1000)
        assert len(s.text()) == 1000
        if fragments:
            s.put(TEXT, b"x" * 999, fin=False)
            s.put(0, b"xx", fin=False)
        else:
            s.send(frame(TEXT, b"x" * 1001)[:8])
        assert s.closed() == (1009, "a message is too big")
        assert c.get("/").status == 200
    server.puff.wait_for("app: end size2 1009")


@pytest.mark.parametrize(
    "flood", [frame(PING), frame(TEXT, b"a", fin=False) + frame(0, fin=False) * 3000]
)
def test_floods_of_frames_that_say_nothing_are_1008(
    server: Server, client: Client, flood: bytes
) -> None:
    mark = server.puff.mark()
    with Stream(client, "/?tag=flood") as s:
        s.send(flood * (3000 if len(flood) < 10 else 1))
        while (got := s.take()) == (0x80 | PONG, b""):
            pass
        assert got is not None
        assert got.payload[:2] == struct.pack("!H", 1008)
        assert client.get("/").status == 200
    server.puff.wait_for("app: end flood 1008", mark)


def test_draining_says_goaway_and_leaves_sockets_until_the_grace_ends(begin: Begin) -> None:
    server = begin("--graceful-timeout", "1")
    with server.client() as c, Stream(c, "/?tag=drained2") as s:
        s.put(TEXT, b"before")
        assert s.text() == "before"
        mark = server.puff.mark()
        server.puff.signal(signal.SIGTERM)
        c.until(lambda: bool(c.goodbyes))
        assert {code for _, code in c.goodbyes} == {NO_ERROR}
        s.put(TEXT, b"meanwhile")
        assert s.text() == "meanwhile"
        assert s.closed() == (1012, "")
        assert s.take() is None
        server.puff.wait_for("app: end drained2 1012", mark)
    assert server.puff.wait() == 0


def test_draining_ends_at_once_when_the_last_socket_does(begin: Begin) -> None:
    server = begin("--graceful-timeout", "1000")
    with server.client() as c, Stream(c) as s:
        server.puff.signal(signal.SIGTERM)
        c.until(lambda: bool(c.goodbyes))
        s.goodbye()
        while c.more():
            pass
        assert server.puff.wait() == 0


def test_a_reload_leaves_sockets_with_the_old_worker_until_the_grace_ends(begin: Begin) -> None:
    server = begin("--graceful-timeout", "2")
    with server.client() as c, Stream(c, "/room") as old:
        assert old.text() == "1"
        server.puff.signal(signal.SIGHUP)
        c.until(lambda: bool(c.goodbyes))
        while True:
            with server.client() as later, Stream(later, "/room") as s:
                if s.text() == "1":  # nobody else is in the room of the new worker
                    break
        old.put(TEXT, b"still here")
        assert old.text() == "still here"
        assert old.closed() == (1012, "")
        with server.client() as later, Stream(later) as s:
            s.goodbye()


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("version", ["2", "1.1"])
def test_a_browser_comes_the_way_its_page_came(
    own: Own, pair: tuple[list[str], ssl.SSLContext], tmp_path: Path, version: str
) -> None:
    puff = own("websocket_app:app", *pair[0], "--http", "auto" if version == "2" else "1")
    assert CHROMIUM is not None
    browser = subprocess.Popen(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--ignore-certificate-errors",
            "--remote-debugging-port=0",  # has it stay
            f"--user-data-dir={tmp_path / 'profile'}",
            f"https://localhost:{puff.port}/talk",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        said = json.loads(puff.wait_for("app: said ").removeprefix("app: said "))
    finally:
        browser.terminate()
        browser.wait()
    scope = json.loads(said["scope"]["got"][0])
    assert (scope["http_version"], scope["scheme"]) == (version, "wss")
    assert (said["scope"]["code"], said["scope"]["clean"]) == (1000, True)
    chosen = said["chosen"]
    assert (chosen["code"], chosen["reason"], chosen["clean"]) == (4001, "caf\u00e9", True)
    assert chosen["protocol"] == "b"
    assert (said["denied"]["code"], said["denied"]["clean"]) == (1006, False)
    echo = said["echo"]
    assert echo["same"]
    assert (echo["code"], echo["clean"]) == (3210, True)
    assert echo["extensions"].startswith("permessage-deflate")
