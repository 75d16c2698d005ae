"""ASGI: what applications send, and what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .client import Connection, CutOff, get

if TYPE_CHECKING:
    from .conftest import Shared
    from .process import Puff


@pytest.fixture
def puff(shared: Shared) -> Puff:
    return shared("asgi_app:app")


@pytest.mark.parametrize(
    "case",
    ["list-of-tuples", "list-of-lists", "tuple", "generator", "items", "bytearrays", "iterator"],
)
def test_headers_are_any_iterable_of_pairs(puff: Puff, case: str) -> None:
    r = get(puff.port, f"/pairs?case={case}")
    assert (r.status, r.all("x-a"), r.text) == (200, ["1", "2"], "body")


@pytest.mark.parametrize(
    "case",
    [
        "crlf", "nul", "name", "name-empty", "not-pairs", "triple", "value-none", "status-none",
        "status-text", "status-high", "status-101", "length",
    ],
)  # fmt: skip
def test_a_bad_head_is_500_and_said_in_the_log(puff: Puff, case: str) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c:
        r = c.exchange("GET", f"/bad?case={case}")
        assert (r.status, r.get("x-a"), r.get("x-b")) == (500, None, None)
        puff.wait_for("level=ERROR.*exception in application", mark)
        assert c.exchange("GET", "/hello").text == "hello"


@pytest.mark.parametrize("target", ["/no-start", "/two-starts", "/unknown-message", "/text-body"])
def test_messages_out_of_place_are_500(puff: Puff, target: str) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c:
        assert c.exchange("GET", target).status == 500
        puff.wait_for("level=ERROR.*exception in application", mark)
        assert c.exchange("GET", "/hello").text == "hello"


def test_fields_of_the_connection_are_the_servers(puff: Puff) -> None:
    r = get(puff.port, "/hop")
    assert (r.text, r.framing, r.get("keep-alive"), r.get("x-a")) == ("body", "length", None, "1")
    with Connection(puff.port) as c:
        assert c.exchange("GET", "/closes").get("connection") == "close"
        assert c.ended()


def test_fields_may_repeat(puff: Puff) -> None:
    r = get(puff.port, "/cookies")
    assert (r.all("set-cookie"), r.get("x-latin")) == (["a=1", "b=2"], "caf\xe9")


def test_an_answer_may_be_streamed(puff: Puff) -> None:
    with Connection(puff.port) as c:
        r = c.exchange("GET", "/streams")
        assert (r.text, r.framing) == ("abc", "chunked")
        r = c.exchange("GET", "/streams", version="1.0")
        assert (r.text, r.framing) == ("abc", "close")


def test_chunks_leave_as_they_are_made(puff: Puff) -> None:
    with Connection(puff.port) as c:
        c.request("GET", "/in-steps?tag=s1")
        assert c.chunk_after_head() == b"first"
        get(puff.port, "/step?tag=s1")
        assert (c.chunk(), c.chunk()) == (b"second", b"")


@pytest.mark.parametrize(
    "target", ["/hello", "/streams", "/pathsend?size=100", "/length?n=3&chunks=abc"]
)
def test_head_has_no_body(puff: Puff, target: str) -> None:
    with Connection(puff.port) as c:
        assert c.exchange("HEAD", target).status == 200
        assert c.exchange("GET", "/hello").text == "hello"


@pytest.mark.parametrize("n", [204, 304])
def test_no_body_goes_where_none_belongs(puff: Puff, n: int) -> None:
    with Connection(puff.port) as c:
        assert c.exchange("GET", f"/status?n={n}").body == b""
        assert c.exchange("GET", "/hello").text == "hello"


def test_values_of_kindred_types_are_taken(puff: Puff) -> None:
    r = get(puff.port, "/enum")
    assert (r.status, r.text) == (201, "byte")


def test_a_length_is_kept(puff: Puff) -> None:
    puff.expect("shorter")
    with Connection(puff.port) as c:
        r = c.exchange("GET", "/length?n=6&chunks=abc.def")
        assert (r.text, r.framing) == ("abcdef", "length")
        mark = puff.mark()
        assert c.exchange("GET", "/length?n=4&chunks=abc.def").text == "abcd"
        puff.wait_for("level=WARN", mark)
        mark = puff.mark()
        with pytest.raises(CutOff):
            c.exchange("GET", "/length?n=9&chunks=abc.def")
        puff.wait_for("level=WARN|level=ERROR", mark)


def test_a_message_after_the_end_is_ignored(puff: Puff) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c:
        assert c.exchange("GET", "/after-the-end?tag=x").text == "whole"
        puff.wait_for("app: sent after the end x", mark)
        assert c.exchange("GET", "/hello").text == "hello"


def test_an_exception_is_500_without_details(puff: Puff) -> None:
    puff.expect("a secret of the application", "after start")
    for target, error in [("/fails", "a secret"), ("/fails-after-start", "after start")]:
        mark = puff.mark()
        with Connection(puff.port) as c:
            r = c.exchange("GET", target)
            assert (r.status, r.framing) == (500, "length")
            assert error.encode() not in r.body
            puff.wait_for(f"^ValueError: {error}", mark)
            assert c.exchange("GET", "/hello").text == "hello"


def test_an_exception_in_the_middle_cuts_the_connection(puff: Puff) -> None:
    puff.expect("in the middle")
    for target in ["/fails-in-the-middle", "/returns-in-the-middle"]:
        with Connection(puff.port) as c, pytest.raises(CutOff) as cut:
            c.exchange("GET", target)
        assert cut.value.response is not None
        assert cut.value.response.body == b"some"


def test_an_exception_after_the_answer_is_logged(puff: Puff) -> None:
    puff.expect("at the end")
    mark = puff.mark()
    with Connection(puff.port) as c:
        assert c.exchange("GET", "/fails-at-the-end").text == "whole"
        puff.wait_for("^ValueError: at the end", mark)
        assert c.exchange("GET", "/hello").text == "hello"


@pytest.mark.parametrize("target", ["/returns", "/returns-after-start", "/cancels-itself"])
def test_no_answer_is_500(puff: Puff, target: str) -> None:
    with Connection(puff.port) as c:
        assert c.exchange("GET", target).status == 500
        assert c.exchange("GET", "/hello").text == "hello"


@pytest.mark.parametrize("size", [0, 1, 65_536, 5_000_000])
def test_a_file_is_sent_by_its_path(puff: Puff, size: int) -> None:
    want = bytes(range(251)) * (size // 251) + bytes(size % 251)
    with Connection(puff.port) as c:
        r = c.exchange("GET", f"/pathsend?size={size}")
        assert (r.status, r.get("content-length"), r.get("content-type")) == (
            200, str(size), "application/x",
        )  # fmt: skip
        assert r.body == want
        assert c.exchange("HEAD", f"/pathsend?size={size}").get("content-length") == str(size)
        assert c.exchange("GET", "/hello").text == "hello"


def test_part_of_a_file_may_be_sent(puff: Puff) -> None:
    assert len(get(puff.port, "/pathsend?size=1000&length=10&name=part").body) == 10


@pytest.mark.parametrize("name", ["nothing-here", "."])
def test_a_file_that_is_none_is_500(puff: Puff, name: str) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c:
        assert c.exchange("GET", f"/pathsend?size=1&missing=1&name={name}").status == 500
        puff.wait_for("level=ERROR.*pathsend", mark)
        assert c.exchange("GET", "/hello").text == "hello"


def test_early_hints_come_before_the_answer(puff: Puff) -> None:
    with Connection(puff.port) as c:
        r = c.exchange("GET", "/early-hint")
        assert (r.status, r.text, len(r.interim)) == (200, "hinted", 1)
        assert r.interim[0].status == 103
        assert r.interim[0].all("link") == ["</a.css>; rel=preload", "</b.js>; rel=preload"]
        assert c.exchange("GET", "/early-hint", version="1.0").interim == []


def test_trailers_follow_a_chunked_body(puff: Puff) -> None:
    with Connection(puff.port) as c:
        c.request("GET", "/trailers")
        assert c.chunk_after_head() == b"body"
        assert [c.line() for _ in range(4)] == [b"0", b"x-sum: 17", b"x-more: yes", b""]
        # HTTP/1.0 has no place for them.
        r = c.exchange("GET", "/trailers", version="1.0")
        assert (r.framing, r.text) == ("close", "body")


@pytest.mark.parametrize("path", ["/trailers?bad=1", "/no-trailers"])
def test_an_answer_without_its_trailers_is_cut(puff: Puff, path: str) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c, pytest.raises(CutOff):
        c.exchange("GET", path)
    puff.wait_for("level=ERROR", mark)
