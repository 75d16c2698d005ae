"""The HTTP client as puff.toml configures it, and with bodies that are large."""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from .conftest import run_python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGE = 100 << 20


class Handler(BaseHTTPRequestHandler):
    """GET /n answers n bytes, POST how many came, GET / whose certificate the client has."""

    protocol_version = "HTTP/1.1"

    def answer(self, *pieces: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(sum(map(len, pieces))))
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)

    def do_GET(self) -> None:
        if self.path != "/":
            whole, rest = divmod(int(self.path[1:]), 1 << 20)
            self.answer(*[b"x" * (1 << 20)] * whole, b"x" * rest)
            return
        certificate: Any = getattr(self.connection, "getpeercert", dict)() or {}
        names = [v for part in certificate.get("subject", ()) for k, v in part if k == "commonName"]
        self.answer(json.dumps(names).encode())

    def do_POST(self) -> None:
        size = 0
        if self.headers.get("Transfer-Encoding") == "chunked":
            while n := int(self.rfile.readline(), 16):
                size += len(self.rfile.read(n))
                self.rfile.readline()
            self.rfile.readline()
        else:
            left = int(self.headers["Content-Length"])
            while left:
                n = len(self.rfile.read(min(left, 1 << 20)))
                size, left = size + n, left - n
        self.answer(str(size).encode())

    def log_message(self, *_: object) -> None: ...


def _serve(context: ssl.SSLContext | None) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"{'http' if context is None else 'https'}://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def url() -> Iterator[str]:
    yield from _serve(None)


class Authority:
    """Who issues certificates, and the files of a client's."""

    def __init__(self, folder: Path) -> None:
        self.issuer = trustme.CA()
        self.ca, self.cert, self.key = (folder / n for n in ("ca.pem", "c.pem", "c.key"))
        self.issuer.cert_pem.write_to_path(str(self.ca))
        till = self.issuer.issue_cert("till.test", common_name="till")
        till.cert_chain_pems[0].write_to_path(str(self.cert))
        till.private_key_pem.write_to_path(str(self.key))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def secure(authority: Authority) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issuer.issue_cert("127.0.0.1").configure_cert(context)
    authority.issuer.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    yield from _serve(context)


def said(program: str, tmp_path: Path, *args: str, **env: str) -> list[str]:
    """The lines that a program prints which has `http` and `args`."""
    head = "import sys; from puff import http; args = sys.argv[1:]\n"
    done = run_python("-c", head + program, *args, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


ASK = """
for name in ("default", "trusting", "showing", "unchecked"):
    try:
        print(http.named_client(name).get(args[0]).json())
    except http.TLSError as e:
        print("refused", e)
try:
    http.named_client("broken").get(args[0])
except http.HTTPError as e:
    print(type(e).__name__)
except Exception as e:
    print(e)
"""


def test_whom_a_client_trusts_is_configured(
    secure: str, authority: Authority, tmp_path: Path
) -> None:
    trusted = f'tls_ca = "{authority.ca}"\n'
    (tmp_path / "puff.toml").write_text(
        f'[[http_client]]\nname = "trusting"\n{trusted}'
        f'[[http_client]]\nname = "showing"\n{trusted}'
        f'tls_cert = "{authority.cert}"\ntls_key = "{authority.key}"\n'
        '[[http_client]]\nname = "unchecked"\ntls_verify = false\n'
        '[[http_client]]\nname = "broken"\ntls_ca = "/none.pem"\n'
    )
    default, trusting, showing, unchecked, broken = said(ASK, tmp_path, secure)
    assert default.startswith("refused")
    assert "authority" in default
    assert (trusting, showing, unchecked) == ("[]", "['till']", "[]")
    assert "tls_ca" in broken
    assert "/none.pem" in broken
    # The environment's authority counts for a client that names none.
    default = said(ASK, tmp_path, secure, SSL_CERT_FILE=str(authority.ca))[0]
    assert default == "[]"


LARGE_BODIES = """
import asyncio
def peak():
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) >> 10 for line in f if line.startswith("VmHWM"))

def pieces(n):
    piece = b"x" * (1 << 20)
    for _ in range(n >> 20):
        yield piece

n = int(args[1])
http.get(args[0])
open("/proc/self/clear_refs", "w").write("5")
before = peak()
with http.stream("GET", f"{args[0]}/{n}") as r:
    print(sum(map(len, r.iter_bytes())))
print(http.post(args[0], body=pieces(n)).body_text())

async def main():
    async with http.stream("GET", f"{args[0]}/{n}") as r:
        size = 0
        async for piece in r.iter_bytes():
            size += len(piece)
    print(size, (await http.post(args[0], body=pieces(n))).content.decode())

asyncio.run(main())
print(peak() - before)
print(len(http.get(f"{args[0]}/{n}").body()), http.post(args[0], body=b"x" * n).body_text())
"""


def test_large_bodies_go_both_ways_and_streams_do_not_gather_them(url: str, tmp_path: Path) -> None:
    *sizes, grown, whole = said(LARGE_BODIES, tmp_path, url, str(LARGE))
    n = str(LARGE)
    assert sizes == [n, n, f"{n} {n}"]
    assert whole == f"{n} {n}"
    assert int(grown) < 64, "megabytes more while streaming"


LIMITS = """
small = http.named_client("small")
print(len(small.get(args[0] + "/1000000").body()))
for ask in (
    lambda: small.get(args[0] + "/1000001"),
    lambda: http.get(args[0] + "/1001", max_body_size=1000),
    lambda: http.get(args[0] + "/200000000"),
):
    try:
        ask()
    except http.BodyTooLarge as e:
        print(e)
with small.stream("GET", args[0] + "/2000000") as r:
    print(sum(map(len, r.iter_bytes())))
with small.stream("GET", args[0] + "/2000000") as r:
    try:
        r.read()
    except http.BodyTooLarge as e:
        print("too large")
with http.stream("GET", args[0] + "/20000000") as r:
    try:
        list(r.iter_lines())
    except http.BodyTooLarge as e:
        print("a line")
"""


def test_a_body_that_is_kept_has_a_limit(url: str, tmp_path: Path) -> None:
    (tmp_path / "puff.toml").write_text('[[http_client]]\nname = "small"\nmax_body_size = "1MB"\n')
    first, *errors, streamed, rest, line = said(LIMITS, tmp_path, url)
    assert first == "1000000"
    for error, most in zip(errors, (1_000_000, 1000, 128 << 20), strict=True):
        assert str(most) in error
        assert "max_body_size" in error
    assert (streamed, rest, line) == ("2000000", "too large", "a line")


PROXY = """
for name, url in (("default", "http://shop.test/"), ("own", args[0]), ("default", args[0])):
    try:
        print(http.named_client(name).get(url).status)
    except http.ConnectError as e:
        print(e)
"""


def test_proxies_come_from_the_environment_and_the_configuration(url: str, tmp_path: Path) -> None:
    (tmp_path / "puff.toml").write_text(
        '[[http_client]]\nname = "own"\nproxy = "http://me:secret@127.0.0.1:1"\n'
    )
    by_env, own, spared = said(PROXY, tmp_path, url, HTTP_PROXY="http://me:secret@127.0.0.1:1")
    for error in (by_env, own):
        assert "proxy" in error
        assert "secret" not in error
    assert spared == "200"  # of this machine
