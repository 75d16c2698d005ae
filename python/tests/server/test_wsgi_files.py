"""wsgi.file_wrapper: files that Go sends, and those that Python reads."""

from __future__ import annotations

import gzip
import ssl
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme

from .client import Connection, CutOff, get
from .http2 import Client
from .process import APPS

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Own, Shared
    from .process import Puff

LINES = b"".join(b"line %d of the file\n" % i for i in range(20_000))
HUGE = 64 << 20
SENT = ["open", "raw", "named", "nameless"]  # by Go


@pytest.fixture
def puff(shared: Shared) -> Puff:
    return shared("wsgi_files:app")


def blocks(puff: Puff, tag: str, since: int) -> bool:
    """Whether Python read the file, which is closed when this returns."""
    puff.wait_for(f"app: closed {tag}$", since)
    return f"app: blocks {tag}" in puff.lines[since:]


@pytest.mark.parametrize("kind", SENT)
def test_a_file_goes_out_without_python(puff: Puff, kind: str) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c:
        r = c.exchange("GET", f"/?kind={kind}&tag=s-{kind}")
        assert (r.status, r.framing, r.body) == (200, "length", LINES)
        assert not blocks(puff, f"s-{kind}", mark)
        r = c.exchange("GET", f"/?kind={kind}&tag=s2-{kind}", version="1.0")
        assert (r.framing, r.body) == ("length", LINES)
    assert not blocks(puff, f"s2-{kind}", mark)


@pytest.mark.parametrize(
    ("kind", "want"),
    [
        ("bytes", LINES), ("spooled", LINES), ("gzip", LINES), ("shouting", LINES.upper()),
        ("pipe", LINES[:1000]), ("empty", b""),
    ],
)  # fmt: skip
def test_what_only_looks_like_a_file_is_read_in_blocks(puff: Puff, kind: str, want: bytes) -> None:
    mark = puff.mark()
    assert get(puff.port, f"/?kind={kind}&tag=b-{kind}").body == want
    assert blocks(puff, f"b-{kind}", mark)


def test_a_file_that_hides_its_size_is_read_in_blocks(puff: Puff) -> None:
    mark = puff.mark()
    assert get(puff.port, "/?kind=proc&tag=proc").body.startswith(b"Limit ")
    assert blocks(puff, "proc", mark)


@pytest.mark.parametrize("kind", SENT)
def test_it_begins_where_the_file_stands(puff: Puff, kind: str) -> None:
    r = get(puff.port, f"/?kind={kind}&tag=a&at=12345")
    assert (r.get("Content-Length"), r.body) == (str(len(LINES) - 12345), LINES[12345:])


def test_what_was_written_before_is_in_it(own: Own) -> None:
    puff = own("wsgi_files:app")
    r = get(puff.port, "/?kind=written&tag=w")
    assert r.body == b"again" + LINES[5:-5] + b"other"
    assert not blocks(puff, "w", 0)


def test_a_shorter_length_ends_it_there(puff: Puff) -> None:
    with Connection(puff.port) as c:
        for n in [1000, 0]:
            r = c.exchange("GET", f"/?kind=open&tag=l{n}&length={n}&at=100")
            assert (r.get("Content-Length"), r.body) == (str(n), LINES[100 : 100 + n])
    puff.wait_for("app: closed l1000")
    puff.wait_for("app: closed l0")


def test_a_longer_length_cuts_the_connection(puff: Puff) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c, pytest.raises(CutOff) as e:
        c.exchange("GET", f"/?kind=open&tag=longer&length={len(LINES) + 1}")
    assert e.value.response is not None
    assert e.value.response.body == LINES
    assert not blocks(puff, "longer", mark)


@pytest.mark.parametrize("status", ["200 OK", "304 Not Modified"])
def test_an_answer_without_a_body_has_none(puff: Puff, status: str) -> None:
    method = "HEAD" if status == "200 OK" else "GET"
    mark = puff.mark()
    with Connection(puff.port) as c:
        r = c.exchange(method, f"/?kind=open&tag=head&status={status.replace(' ', '+')}")
        assert (r.status, r.get("Content-Length")) == (int(status[:3]), str(len(LINES)))
        assert not blocks(puff, "head", mark)
        assert c.exchange("GET", "/?kind=open&tag=after").body == LINES


def test_after_a_write_the_rest_follows_in_blocks(puff: Puff) -> None:
    mark = puff.mark()
    r = get(puff.port, "/?kind=open&tag=first&first=abc")
    assert (r.framing, r.body) == ("chunked", b"abc" + LINES)
    assert blocks(puff, "first", mark)


@pytest.mark.parametrize("kind", ["text", "closed", "write-only"])
def test_what_can_not_be_read_is_500(puff: Puff, kind: str) -> None:
    puff.expect("TypeError|ValueError|UnsupportedOperation")
    assert get(puff.port, f"/?kind={kind}&tag=bad-{kind}").status == 500
    puff.wait_for(f"app: closed bad-{kind}")


@pytest.mark.parametrize("case", ["length=none", "status=none", "type=a%0d%0ab"])
def test_a_bad_head_is_500_and_the_file_is_closed(puff: Puff, case: str) -> None:
    tag = case[:6]
    with Connection(puff.port) as c:
        assert c.exchange("GET", f"/?kind=open&tag=bad-{tag}&{case}").status == 500
        puff.wait_for(f"app: closed bad-{tag}")


def test_it_is_closed_when_it_has_left_and_not_before(puff: Puff) -> None:
    mark = puff.mark()
    with Connection(puff.port, receive_buffer=1 << 16) as c:
        c.request("GET", "/?kind=huge&tag=h1")
        assert c.head().get("Content-Length") == str(HUGE)
        # The lane answers meanwhile, and has not closed it.
        assert get(puff.port, "/?kind=open&tag=h2").body == LINES
        puff.wait_for("app: closed h2", mark)
        assert "app: closed h1" not in puff.log()
        body = c.exactly(HUGE)
        assert body is not None
        assert body.count(0) == HUGE
        assert not blocks(puff, "h1", mark)
        assert c.exchange("GET", "/?kind=open&tag=h3").body == LINES


def test_it_is_closed_when_the_client_leaves(puff: Puff) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c:
        c.request("GET", "/?kind=huge&tag=gone")
        assert c.head().status == 200
        c.reset()
    assert not blocks(puff, "gone", mark)


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_file_that_shrinks_cuts_the_connection(own: Own, coding: str, tmp_path: Path) -> None:
    (tmp_path / "puff.toml").write_text("compression_middleware = true\n")
    puff = own("wsgi_files:app", cwd=tmp_path)
    with Connection(puff.port, receive_buffer=1 << 16) as c:
        # The second has no effect on what is sent as it is.
        c.request("GET", "/?kind=huge&tag=t&type=text/plain", [("Accept-Encoding", coding)])
        head = c.head()
        assert head.status == 200
        assert get(puff.port, "/truncate").status == 200
        with pytest.raises(CutOff):
            c.body(head)
    puff.wait_for("app: closed t")


def test_no_descriptor_is_left_open(own: Own) -> None:
    puff = own("wsgi_files:app")

    def descriptors() -> int:
        return int(get(puff.port, "/descriptors").text)

    get(puff.port, "/?kind=open&tag=warm")
    puff.wait_for("app: closed warm")
    before = descriptors()
    for i, more in enumerate(["", "&length=5", "&length=bad", "&status=x", "&first=a"]):
        get(puff.port, f"/?kind=open&tag=d{i}{more}")
        puff.wait_for(f"app: closed d{i}")
    with Connection(puff.port) as c:
        c.request("GET", "/?kind=huge&tag=d-gone")
        assert c.head().status == 200
        c.reset()
    puff.wait_for("app: closed d-gone")
    puff.until(lambda: descriptors() <= before, "the descriptors to be closed")


def test_http2_has_it_too(puff: Puff) -> None:
    mark = puff.mark()
    with Client(puff.port) as c:
        streams = [c.request(f"/?kind=open&tag=two&at={at}") for at in [10, 5000]]
        for stream, at in zip(streams, [10, 5000], strict=True):
            answer = c.answer(stream)
            assert answer.body == LINES[at:]
            assert dict(answer.headers)["content-length"] == str(len(LINES) - at)
        head = c.answer(c.request("/?kind=open&tag=two", "HEAD"))
        assert (head.body, head.status) == (b"", 200)
        stream = c.request("/?kind=huge&tag=reset")
        c.until(lambda: bool(c.answers[stream].body))
        c.reset(stream)
        assert c.get("/?kind=raw&tag=two").body == LINES
    assert not blocks(puff, "two", mark)
    assert not blocks(puff, "reset", mark)


@pytest.mark.parametrize("http2", [False, True])
def test_tls_has_it_too(own: Own, tmp_path: Path, http2: bool) -> None:
    ca = trustme.CA()
    pair = ca.issue_cert("localhost")
    pair.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    pair.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    puff = own(
        "wsgi_files:app",
        *("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")),
    )
    context = ssl.create_default_context()
    ca.configure_trust(context)
    with httpx.Client(verify=context, http2=http2, trust_env=False) as client:
        for tag in ["1", "2"]:
            r = client.get(f"https://localhost:{puff.port}/?kind=open&tag={tag}")
            assert (r.http_version, r.content) == ("HTTP/2" if http2 else "HTTP/1.1", LINES)
            assert not blocks(puff, tag, 0)


def test_a_file_is_compressed_as_other_answers_are(own: Own, tmp_path: Path) -> None:
    (tmp_path / "puff.toml").write_text("compression_middleware = true\n")
    puff = own("wsgi_files:app", cwd=tmp_path)
    with Connection(puff.port) as c:
        take = [("Accept-Encoding", "gzip")]
        r = c.exchange("GET", "/?kind=open&tag=z1&type=text/plain", take)
        assert (r.get("Content-Encoding"), gzip.decompress(r.body)) == ("gzip", LINES)
        assert not blocks(puff, "z1", 0)
        r = c.exchange("GET", "/?kind=open&tag=z2&type=image/png", take)
        assert (r.get("Content-Encoding"), r.body) == (None, LINES)
        r = c.exchange("HEAD", "/?kind=open&tag=z3&type=text/plain", take)
        assert (r.status, r.get("Content-Encoding"), r.body) == (200, "gzip", b"")
        for tag in ["z2", "z3"]:
            assert not blocks(puff, tag, 0)


def test_a_request_out_of_time_is_cut_and_its_file_closed(own: Own) -> None:
    puff = own("wsgi_files:app", "--request-timeout", "0.5")
    with Connection(puff.port, receive_buffer=1 << 16) as c:
        c.request("GET", "/?kind=huge&tag=late")
        assert c.head().status == 200
        puff.wait_for("app: closed late")
        assert c.exactly(HUGE) is None


@pytest.mark.parametrize(
    ("app", "source"), [("flask", "flask_app.py"), ("django", "django_site/urls.py")]
)
def test_frameworks_send_their_files_so(own: Own, app: str, source: str) -> None:
    want = (APPS / source).read_bytes()
    puff = own(f"framework_files:{app}")
    with Connection(puff.port) as c:
        for method in ["GET", "HEAD", "GET"]:
            r = c.exchange(method, "/file")
            assert (r.status, r.get("Content-Length")) == (200, str(len(want)))
            assert r.body == (b"" if method == "HEAD" else want)
        tag = c.exchange("GET", "/file").get("ETag")
        if tag is not None:  # Django leaves that to a middleware
            assert c.exchange("GET", "/file", [("If-None-Match", tag)]).status == 304
