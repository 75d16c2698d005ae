"""``puff serve`` behind proxies: the PROXY protocol, Forwarded and X-Forwarded fields."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from .client import DEADLINE, Connection, CutOff
from .http2 import Client
from .websocket import opening
from .websocket2 import Stream

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Own, Shared

APP = "socket_app:app"
ASYNC_APP = "socket_app:async_app"
PROXIED = ("--proxy-protocol", "--proxy-allow-from", "127.0.0.0/8")
BELIEVED = ("--forwarded-allow-ips", "127.0.0.1,10.0.0.0/8")

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
FOUR = socket.inet_aton("192.0.2.1") + socket.inet_aton("192.0.2.2") + struct.pack("!HH", 99, 443)
V1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 99 443\r\n"


def v2(command: int, family: int, payload: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(payload)) + payload


V2 = v2(0x21, 0x11, FOUR)


def shown(c: Connection) -> dict[str, Any]:
    """What the application sees of a request."""
    answer: dict[str, Any] = json.loads(c.exchange().body)
    return answer


@pytest.mark.parametrize("header", [V1, V2, v2(0x21, 0x11, FOUR + b"\x04\x00\x02ab")])
def test_the_header_says_who_the_client_is(shared: Shared, header: bytes) -> None:
    with Connection(shared(APP, *PROXIED).port) as c:
        c.send(header)
        for _ in range(2):
            seen = shown(c)
            assert (seen["REMOTE_ADDR"], seen["REMOTE_PORT"]) == ("192.0.2.1", "99")
            assert seen["SERVER_PORT"] == "443"


def test_a_scope_has_the_addresses_of_the_header(shared: Shared) -> None:
    with Connection(shared(ASYNC_APP, *PROXIED).port) as c:
        c.send(b"PROXY TCP6 2001:db8::1 2001:db8::2 99 443\r\n")
        seen = shown(c)
    assert seen["client"] == ["2001:db8::1", 99]
    assert seen["server"] == ["2001:db8::2", 443]


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", v2(0x20, 0, b""), v2(0x21, 0, b"")])
def test_a_header_without_addresses_keeps_the_real_ones(shared: Shared, header: bytes) -> None:
    with Connection(shared(APP, *PROXIED).port) as c:
        port = c.sock.getsockname()[1]
        c.send(header)
        seen = shown(c)
    assert (seen["REMOTE_ADDR"], seen["REMOTE_PORT"]) == ("127.0.0.1", str(port))


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"PROXY TCP4 a b c d\r\n"])
def test_without_a_good_header_there_is_no_answer(shared: Shared, sent: bytes) -> None:
    with Connection(shared(APP, *PROXIED).port) as c:
        c.send(sent)
        assert c.ended()


def test_a_header_has_a_deadline(own: Own) -> None:
    with Connection(own(APP, *PROXIED, "--head-timeout", "0.2").port) as c:
        c.send(V1[:9])
        assert c.ended()


def test_others_are_turned_away(own: Own) -> None:
    puff = own(APP, "--proxy-protocol", "--proxy-allow-from", "192.0.2.0/24")
    with Connection(puff.port) as c:
        c.send(V1 + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert c.ended()
    puff.wait_for("a client that may not speak the PROXY protocol was turned away")


def test_the_header_comes_before_tls(own: Own, tmp_path: Path) -> None:
    ca = trustme.CA()
    issued = ca.issue_cert("a.test")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key"))
    files = ("--tls-cert", str(tmp_path / "cert"), "--tls-key", str(tmp_path / "key"))
    context = ssl.create_default_context()
    ca.configure_trust(context)
    with Connection(own(APP, *PROXIED, *files).port) as c:
        c.send(V2)
        c.sock = context.wrap_socket(c.sock, server_hostname="a.test")
        seen = shown(c)
    assert seen["REMOTE_ADDR"] == "192.0.2.1"
    assert seen["wsgi.url_scheme"] == "https"


@pytest.fixture(params=[False, True], ids=["clear", "tls"])
def secured(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[list[str], ssl.SSLContext | None]:
    """Flags of a server, and what a client knows of it."""
    if not request.param:
        return [], None
    ca = trustme.CA()
    issued = ca.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key"))
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return ["--tls-cert", str(tmp_path / "cert"), "--tls-key", str(tmp_path / "key")], context


@pytest.mark.parametrize("header", [V1, V2])
def test_http2_and_websocket_come_after_the_header(
    own: Own, secured: tuple[list[str], ssl.SSLContext | None], header: bytes
) -> None:
    flags, context = secured
    plain = own(ASYNC_APP, *PROXIED, *flags)
    with Client(plain.port, context, preface=header) as c:
        for stream in [c.request("/") for _ in range(3)]:
            seen = json.loads(c.answer(stream).body)
            assert seen["client"] == ["192.0.2.1", 99]
            assert seen["server"] == ["192.0.2.2", 443]
    puff = own("websocket_app:app", *PROXIED, *flags)
    with Client(puff.port, context, preface=header) as c, Stream(c, "/scope") as s:
        scope = json.loads(s.text())
        assert (scope["http_version"], scope["client"]) == ("2", ["192.0.2.1", 99])
        assert s.closed() == (1000, "")
    if context is None:
        with Connection(puff.port) as one:
            one.send(header)
            one.request("GET", "/scope", opening())
            assert one.head().status == 101
            head = one.exactly(4)
            assert head is not None
            assert head[:2] == b"\x81\x7e"
            text = one.exactly(int.from_bytes(head[2:], "big"))
            assert text is not None
            assert json.loads(text)["client"] == ["192.0.2.1", 99]


@pytest.mark.parametrize("size", [1, 5, 20, 60])
def test_the_header_may_come_in_pieces(shared: Shared, size: int) -> None:
    request = b"GET / HTTP/1.1\r\nHost: test.example\r\n\r\n"
    for header in [V1, V2]:
        with Connection(shared(APP, *PROXIED).port) as c:
            whole = header + request
            for i in range(0, len(whole), size):
                c.send(whole[i : i + size])
            assert json.loads(c.response().body)["REMOTE_ADDR"] == "192.0.2.1"


@pytest.mark.parametrize(
    "header",
    [
        V1[:-2] + b"\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 99 65536\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 99\r\n",
        b"PROXY TCP6 192.0.2.1 192.0.2.2 99 443\r\n",
        b"PROXY " + b"x" * 200 + b"\r\n",
        v2(0x11, 0x11, FOUR),
        v2(0x22, 0x11, FOUR),
        v2(0x21, 0x11, FOUR[:-1]),
        V1 + V1,
    ],
)
def test_a_malformed_header_gets_no_request_served(shared: Shared, header: bytes) -> None:
    puff = shared(APP, *PROXIED)
    with Connection(puff.port) as c:
        c.send(header + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            answer = c.response()
        except CutOff as e:
            assert e.response is None
        else:
            assert answer.status in {400, 505}
    with Connection(puff.port) as c:
        c.send(V1)
        assert shown(c)["REMOTE_ADDR"] == "192.0.2.1"


@pytest.mark.parametrize("sent", [b"", V1[:20], V2[:14], V2[:-1]])
def test_silence_within_the_header_has_a_deadline(own: Own, sent: bytes) -> None:
    with Connection(own(APP, *PROXIED, "--head-timeout", "0.2").port) as c:
        c.send(sent)
        assert c.ended()


def test_clients_of_a_unix_socket_may_send_the_header(own: Own, tmp_path: Path) -> None:
    path = tmp_path / "s"
    puff = own(APP, *PROXIED, "--bind", f"unix:{path}")
    puff.wait_for("serves")
    done = subprocess.run(
        ["curl", "-sS", "--unix-socket", str(path), "--haproxy-protocol", "http://x/"]
        + ["--max-time", str(DEADLINE)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["HTTP_HOST"] == "x"


FORWARDED = [
    ([("X-Forwarded-For", "127.0.0.1, 192.0.2.1, 10.1.1.1")], "192.0.2.1", "http", "test.example"),
    ([("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https")], "192.0.2.1", "https", ""),
    ([("X-Forwarded-Host", "outer.test")], "127.0.0.1", "http", "outer.test"),
    ([("Forwarded", 'for="[2001:db8::1]:99";proto=https;host=outer.test')], "2001:db8::1", "", ""),
    ([("Forwarded", "for=192.0.2.9, for=nobody")], "127.0.0.1", "http", ""),
    ([("X-Forwarded-For", "somebody")], "127.0.0.1", "http", ""),
]


@pytest.mark.parametrize(("fields", "client", "scheme", "host"), FORWARDED)
def test_proxies_are_believed(
    shared: Shared, fields: list[tuple[str, str]], client: str, scheme: str, host: str
) -> None:
    with Connection(shared(APP, *BELIEVED).port) as c:
        seen = json.loads(c.exchange(headers=fields).body)
        after = shown(c)
    assert seen["REMOTE_ADDR"] == client
    assert scheme in ("", seen["wsgi.url_scheme"])
    assert host in ("", seen["HTTP_HOST"])
    # What was believed of one request is forgotten with the next.
    assert after["REMOTE_ADDR"] == "127.0.0.1"
    assert after["wsgi.url_scheme"] == "http"
    assert after["HTTP_HOST"] == "test.example"


def test_a_body_on_its_way_changes_nothing(shared: Shared) -> None:
    with Connection(shared(APP, *BELIEVED).port) as c:
        body = b"x" * (1 << 20)
        seen = json.loads(
            c.exchange("POST", headers=[("X-Forwarded-For", "192.0.2.1")], body=body).body
        )
    assert seen["REMOTE_ADDR"] == "192.0.2.1"


def test_a_scope_has_what_was_forwarded(shared: Shared) -> None:
    fields = [("X-Forwarded-For", "192.0.2.1:99"), ("X-Forwarded-Proto", "https")]
    fields.append(("X-Forwarded-Host", "outer.test"))
    with Connection(shared(ASYNC_APP, *BELIEVED).port) as c:
        seen = json.loads(c.exchange(headers=fields).body)
    assert seen["client"] == ["192.0.2.1", 99]
    assert seen["scheme"] == "https"
    assert ["host", "outer.test"] in seen["headers"]
    assert seen["tls"] is None


@pytest.mark.parametrize("flags", [(), ("--forwarded-allow-ips", "10.0.0.0/8")])
def test_nobody_else_is_believed(shared: Shared, flags: tuple[str, ...]) -> None:
    fields = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https")]
    fields.append(("Forwarded", "for=192.0.2.1;host=outer.test"))
    with Connection(shared(APP, *flags).port) as c:
        seen = json.loads(c.exchange(headers=fields).body)
    assert seen["REMOTE_ADDR"] == "127.0.0.1"
    assert seen["wsgi.url_scheme"] == "http"
    assert seen["HTTP_HOST"] == "test.example"
    assert seen["HTTP_X_FORWARDED_FOR"] == "192.0.2.1"


def test_clients_of_a_unix_socket_are_believed_like_a_proxy(own: Own, tmp_path: Path) -> None:
    path = tmp_path / "s"
    puff = own(APP, "--forwarded-allow-ips", "10.0.0.1", "--bind", f"unix:{path}")
    puff.wait_for("serves")
    done = subprocess.run(
        [
            "curl",
            "-sS",
            "--unix-socket",
            str(path),
            "-H",
            "X-Forwarded-For: 192.0.2.1",
            "http://x/",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["REMOTE_ADDR"] == "192.0.2.1"
