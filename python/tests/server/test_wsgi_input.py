"""wsgi.input, read in every way there is."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from .client import Connection, post

if TYPE_CHECKING:
    from .conftest import Shared
    from .process import Puff


@pytest.fixture
def puff(shared: Shared) -> Puff:
    return shared("wsgi_app:app")


def body_of(size: int) -> bytes:
    line = bytes(range(32, 127)) * 3 + b"\n"
    return (line * (size // len(line) + 1))[:size]


HOW = [
    "read",
    "read-sized",
    "readline",
    "readline-sized",
    "readlines",
    "readlines-hint",
    "iteration",
]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("size", [0, 10, 5_000, 300_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_every_way_to_read_gives_the_same_body(
    puff: Puff, how: str, size: int, chunked: bool
) -> None:
    body = body_of(size)
    chunks = [body[i : i + 20_011] for i in range(0, size, 20_011)] if chunked else None
    with Connection(puff.port) as c:
        r = c.exchange("POST", f"/read?how={how}", body=b"" if chunked else body, chunks=chunks)
        got = json.loads(r.body)
        assert (got["size"], got["sum"]) == (size, hashlib.sha256(body).hexdigest())
        assert got["after"] == [0, 0]
        lines = body.splitlines(keepends=True)
        if how in {"readline", "readlines", "readlines-hint", "iteration"}:
            assert got["pieces"] == len(lines)
        if how == "readline-sized":
            assert got["longest"] <= 11
        assert c.exchange("GET", "/hello").text == "hello"


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("how", ["read", "read-sized", "iteration"])
def test_a_body_of_ten_megabytes_arrives(puff: Puff, how: str, chunked: bool) -> None:
    body = body_of(10_000_000)
    chunks = [body[i : i + 65_536] for i in range(0, len(body), 65_536)] if chunked else None
    with Connection(puff.port) as c:
        r = c.exchange("POST", f"/read?how={how}", body=b"" if chunked else body, chunks=chunks)
        got = json.loads(r.body)
        assert (got["size"], got["sum"]) == (len(body), hashlib.sha256(body).hexdigest())


@pytest.mark.parametrize("size", [100, 60_000, 100_000])
def test_the_input_may_be_buffered_by_io(puff: Puff, size: int) -> None:
    got = json.loads(post(puff.port, "/read?how=buffered", body_of(size)).body)
    assert got["size"] == size


@pytest.mark.parametrize("target", ["/ignores-body", "/reads-some"])
@pytest.mark.parametrize("size", [10, 60_000, 200_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_not_read_is_no_request(
    puff: Puff, target: str, size: int, chunked: bool
) -> None:
    body = (b"GET /count HTTP/1.1\r\nHost: x\r\n\r\n" * (size // 30 + 1))[:size]
    with Connection(puff.port) as c:
        r = c.exchange(
            "POST", target, body=b"" if chunked else body, chunks=[body] if chunked else None
        )
        assert r.text in {"ignored", "GET /"}
        if r.get("Connection") == "close":
            assert c.ended()
        else:
            c.request("GET", "/hello")
            assert c.response().text == "hello"


def test_a_body_that_is_cut_is_never_complete(puff: Puff) -> None:
    for tag, head in [
        ("cut1", b"Content-Length: 100000\r\n\r\nabc"),
        ("cut2", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
        ("cut3", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n"),
    ]:
        mark = puff.mark()
        with Connection(puff.port) as c:
            c.send(b"POST /reads-while-cut?tag=%s HTTP/1.1\r\nHost: x\r\n" % tag.encode() + head)
            c.shut_writing()
            while c.more():
                pass
        if tag != "cut1":
            continue
        puff.wait_for(f"app: read raised ClientDisconnected {tag}", mark)
    assert "read all cut" not in puff.log()
