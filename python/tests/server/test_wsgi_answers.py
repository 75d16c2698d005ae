"""WSGI: heads and bodies that applications answer, the good and the bad."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .client import Connection, CutOff, get

if TYPE_CHECKING:
    from .conftest import Shared
    from .process import Puff


@pytest.fixture
def puff(shared: Shared) -> Puff:
    return shared("wsgi_app:app")


@pytest.mark.parametrize("as_list", ["", "&list=1"])
def test_a_body_that_fits_its_length_is_sent(puff: Puff, as_list: str) -> None:
    r = get(puff.port, f"/length?n=6&chunks=abc.def{as_list}")
    assert (r.text, r.framing) == ("abcdef", "length")


@pytest.mark.parametrize("as_list", ["", "&list=1"])
def test_a_body_shorter_than_its_length_cuts_the_connection(puff: Puff, as_list: str) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c:
        try:
            r = c.exchange("GET", f"/length?n=10&chunks=abc.def{as_list}")
            assert r.status == 500  # nothing was sent before it was known
        except CutOff as e:
            assert e.response is not None
            assert e.response.body in {b"abcdef", b""}
            assert c.ended()
    puff.wait_for("level=ERROR|level=WARN", mark)


@pytest.mark.parametrize("as_list", ["", "&list=1"])
@pytest.mark.parametrize("chunks", ["abc.def", "abcdef", "abcd.ef", "abcd.ef.gh"])
def test_a_body_longer_than_its_length_is_cut_to_it(puff: Puff, as_list: str, chunks: str) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c:
        assert c.exchange("GET", f"/length?n=4&chunks={chunks}{as_list}").text == "abcd"
        puff.wait_for("level=WARN|level=ERROR", mark)
        assert c.exchange("GET", "/hello").text == "hello"


@pytest.mark.parametrize("stream", ["", "&stream=1"])
@pytest.mark.parametrize(
    "case",
    [
        "crlf", "lf", "cr", "nul", "name-crlf", "name-space", "name-empty", "name-euro", "euro",
        "connection", "transfer", "upgrade", "keep-alive", "value-int", "value-bytes", "not-pairs",
        "headers-none", "status-crlf", "status-bytes", "status-int", "status-short", "status-word",
        "status-low", "status-high",
        "status-101", "status-euro", "length-word", "length-negative", "length-twice",
    ],
)  # fmt: skip
def test_a_bad_head_is_500_and_said_in_the_log(puff: Puff, case: str, stream: str) -> None:
    puff.expect("TypeError")
    mark = puff.mark()
    with Connection(puff.port) as c:
        r = c.exchange("GET", f"/headers?case={case}{stream}")
        assert r.status == 500
        assert r.get("X-A") is None
        assert r.get("X-B") is None
        line = puff.wait_for("level=ERROR", mark)
        assert "exception in application" in line
        assert c.exchange("GET", "/hello").text == "hello"


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        ("200+Fine", 200, "Fine"),
        ("299+A+reason+of+our+own", 299, "A reason of our own"),
        ("404+caf%C3%A9", 404, None),
        ("599+X", 599, "X"),
    ],
)
def test_the_reason_is_kept(puff: Puff, line: str, status: int, reason: str | None) -> None:
    r = get(puff.port, f"/status?line={line}")
    assert r.status == status
    assert reason is None or r.reason == reason


@pytest.mark.parametrize("line", ["204+No+Content", "304+Not+Modified"])
def test_no_body_goes_where_none_belongs(puff: Puff, line: str) -> None:
    with Connection(puff.port) as c:
        assert c.exchange("GET", f"/status?line={line}").body == b""
        assert c.exchange("GET", "/hello").text == "hello"


def test_fields_may_repeat_and_hold_latin_1(puff: Puff) -> None:
    r = get(puff.port, "/many-fields")
    assert r.all("Set-Cookie") == ["a=1", "b=2"]
    assert r.get("X-Latin") == "caf\xe9"


def test_an_exception_is_500_without_details(puff: Puff) -> None:
    puff.expect("a secret of the application")
    mark = puff.mark()
    with Connection(puff.port) as c:
        r = c.exchange("GET", "/fails")
        assert (r.status, r.reason, r.framing) == (500, "Internal Server Error", "length")
        assert b"secret" not in r.body
        assert len(r.body) < 100
        puff.wait_for("Traceback", mark)
        puff.wait_for("ValueError: a secret of the application", mark)
        assert c.exchange("GET", "/hello").text == "hello"


def test_an_exception_after_the_head_cuts_the_connection(puff: Puff) -> None:
    puff.expect("late")
    with Connection(puff.port) as c:
        with pytest.raises(CutOff) as cut:
            c.exchange("GET", "/fails-late")
        assert cut.value.response is not None
        assert cut.value.response.body == b"first"


def test_sys_exit_of_a_request_is_500_and_no_end(puff: Puff) -> None:
    puff.expect("SystemExit")
    assert get(puff.port, "/exits").status == 500
    assert get(puff.port, "/hello").status == 200


def test_head_has_the_fields_of_get(puff: Puff) -> None:
    with Connection(puff.port) as c:
        whole = c.exchange("HEAD", "/hello")
        assert (whole.status, whole.get("Content-Length"), whole.body) == (200, "5", b"")
        assert c.exchange("HEAD", "/late").status == 202
        assert c.exchange("HEAD", "/wrapped?tag=h").status == 200
        assert c.exchange("HEAD", "/length?n=6&chunks=abc.def").get("Content-Length") == "6"
        assert c.exchange("GET", "/hello").text == "hello"


def test_a_slow_client_holds_the_application_back(puff: Puff) -> None:
    with Connection(puff.port, receive_buffer=1 << 16) as slow, Connection(puff.port) as other:
        slow.request("GET", "/flood")
        head = slow.head()
        for _ in range(50):
            assert int(other.exchange("GET", "/flooded").text) < 16 << 20
        slow.body(head)
        assert len(head.body) == 64 << 20


def test_chunks_leave_as_they_are_made(puff: Puff) -> None:
    with Connection(puff.port) as c:
        c.request("GET", "/streamed-in-steps?tag=s1")
        head = c.head()
        assert head.get("Transfer-Encoding") == "chunked"
        assert c.chunk() == b"first"
        get(puff.port, "/step?tag=s1")
        assert (c.chunk(), c.chunk()) == (b"second", b"")


def test_wsgi_errors_is_stderr(puff: Puff) -> None:
    mark = puff.mark()
    assert get(puff.port, "/errors").status == 200
    puff.wait_for("^app: a line for wsgi.errors$", mark)
