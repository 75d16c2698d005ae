"""HTTP/1.1 as clients speak it: good requests are answered, bad ones never reach Python."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from .client import Connection, CutOff, get

if TYPE_CHECKING:
    from .conftest import Own, Shared
    from .process import Puff

APPS = ["wsgi_app:app", "asgi_app:app"]


@pytest.fixture(params=APPS)
def puff(shared: Shared, request: pytest.FixtureRequest) -> Puff:
    return shared(request.param)


def count(puff: Puff) -> int:
    """How many requests the application has seen, this one included."""
    return int(get(puff.port, "/count").text)


def test_a_connection_carries_many_requests(puff: Puff) -> None:
    with Connection(puff.port) as c:
        for i in range(20):
            r = c.exchange("POST" if i % 2 else "GET", "/echo" if i % 2 else "/hello", body=b"")
            assert r.status == 200
            assert r.get("Connection") is None


def test_pipelined_requests_are_answered_in_order(puff: Puff) -> None:
    with Connection(puff.port) as c:
        n = 30
        for i in range(n):
            c.request("POST", "/echo", body=b"body %d" % i)
        for i in range(n):
            assert c.response().text == f"body {i}"


def test_pipelined_streams_do_not_mix(puff: Puff) -> None:
    stream = "/late" if puff.app == "wsgi_app:app" else "/streams"
    whole = "ab" if puff.app == "wsgi_app:app" else "abc"
    with Connection(puff.port) as c:
        for _ in range(10):
            c.request("GET", stream)
            c.request("GET", "/hello")
        for _ in range(10):
            assert c.response().text == whole
            assert c.response().text == "hello"


def test_a_request_may_come_byte_by_byte(puff: Puff) -> None:
    with Connection(puff.port) as c:
        for b in b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody":
            c.send(bytes([b]))
        assert c.response().text == "body"
        for b in POST + CHUNKED + b"4\r\nbody\r\n0\r\n\r\n":
            c.send(bytes([b]))
        assert c.response().text == "body"


def test_a_big_answer_arrives_whole(puff: Puff) -> None:
    with Connection(puff.port) as c:
        r = c.exchange("GET", "/big")
        assert (r.framing, r.body) == ("length", b"0123456789" * 2_000_000)
        assert c.exchange("GET", "/hello").text == "hello"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_answer_in_crumbs_arrives_whole(puff: Puff, version: str) -> None:
    with Connection(puff.port) as c:
        want = b"".join(b"%07d" % i for i in range(20_000))
        assert c.exchange("GET", "/crumbs", version=version).body == want
        if version == "1.1":
            assert c.exchange("GET", "/hello").text == "hello"


def test_head_of_an_answer_without_end_ends_with_the_client(puff: Puff) -> None:
    mark = puff.mark()
    target, says = (
        ("/closing?kind=endless&tag=head", "app: closed head")
        if puff.app == "wsgi_app:app"
        else ("/endless?tag=head", "app: send raised ClientDisconnected head")
    )
    with Connection(puff.port) as c:
        c.request("HEAD", target)
        assert c.head().status == 200
        c.reset()
    puff.wait_for(says, mark)


def test_a_client_that_only_listens_any_more_is_answered(puff: Puff) -> None:
    for target in ["/hello", "/big", "/crumbs"]:
        with Connection(puff.port) as c:
            c.request("GET", target)
            c.shut_writing()
            assert c.response().status == 200
            assert c.ended()


def test_long_fields_travel_both_ways(puff: Puff) -> None:
    value = "l" * 60_000
    with Connection(puff.port) as c:
        assert c.exchange("GET", "/long-field", [("X-Long", value)]).get("X-Long") == value * 4
        assert c.exchange("GET", "/hello").text == "hello"


@pytest.mark.parametrize("target", ["/recurses", "/recurses-in-c"])
def test_endless_recursion_is_an_exception_as_others(puff: Puff, target: str) -> None:
    puff.expect("RecursionError")
    with Connection(puff.port) as c:
        for _ in range(3):
            assert c.exchange("GET", target).status == 500
        assert c.exchange("GET", "/hello").text == "hello"


def test_connection_close_is_obeyed(puff: Puff) -> None:
    with Connection(puff.port) as c:
        assert c.exchange("GET", "/hello", [("Connection", "close")]).get("Connection") == "close"
        assert c.ended()


def test_http_1_0_closes_unless_asked_not_to(puff: Puff) -> None:
    with Connection(puff.port) as c:
        assert c.exchange("GET", "/hello", version="1.0").text == "hello"
        assert c.ended()
    with Connection(puff.port) as c:
        for _ in range(2):
            r = c.exchange("GET", "/hello", [("Connection", "keep-alive")], version="1.0")
            assert (r.text, r.get("Connection")) == ("hello", "keep-alive")


def test_http_1_0_needs_no_host(puff: Puff) -> None:
    with Connection(puff.port) as c:
        c.send(b"GET /hello HTTP/1.0\r\n\r\n")
        assert c.response().text == "hello"


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_client_that_expects_100_gets_it(puff: Puff, size: int) -> None:
    body = b"e" * size
    with Connection(puff.port) as c:
        c.send(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
            % size
        )
        assert c.head().status == 100
        c.send(body)
        assert c.response().body == body
        assert c.exchange("GET", "/hello").text == "hello"


def test_a_client_that_expects_100_may_get_its_answer_first(puff: Puff) -> None:
    with Connection(puff.port) as c:
        c.send(
            b"POST /hello HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            b"Content-Length: 100000\r\n\r\n"
        )
        r = c.response()
        assert (r.status, r.interim) == (200, [])


GOOD = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
BAD: dict[str, tuple[bytes, set[int]]] = {
    "no host": (b"GET / HTTP/1.1\r\n\r\n", {400}),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", {400}),
    "empty host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", {400}),
    "bad host": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", {400}),
    "two lengths": (POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na", {400}),
    "a list of lengths": (POST + b"Content-Length: 1, 1\r\n\r\na", {400}),
    "a signed length": (POST + b"Content-Length: +1\r\n\r\na", {400}),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n", {400}),
    "a hexadecimal length": (POST + b"Content-Length: 0x1\r\n\r\na", {400}),
    "length and coding": (POST + b"Content-Length: 1\r\n" + CHUNKED + b"0\r\n\r\n", {400}),
    "coding on 1.0": (b"POST / HTTP/1.0\r\nHost: x\r\n" + CHUNKED + b"0\r\n\r\n", {400}),
    "two codings": (POST + CHUNKED[:-2] + CHUNKED + b"0\r\n\r\n", {400}),
    "identity": (POST + b"Transfer-Encoding: identity\r\n\r\n", {400, 501}),
    "gzip": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "chunked twice": (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", {400}),
    "bare lf": (b"GET / HTTP/1.1\nHost: x\n\n", {400}),
    "bare cr": (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", {400}),
    "nul": (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n", {400}),
    "obs-fold": (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", {400}),
    "space before colon": (b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", {400}),
    "empty name": (b"GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", {400}),
    "bad name": (b"GET / HTTP/1.1\r\nHost: x\r\nA(: b\r\n\r\n", {400}),
    "no colon": (b"GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n", {400}),
    "http 0.9": (b"GET /\r\n\r\n", {400, 505}),
    "http 2.0": (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", {400, 505}),
    "http 1.2": (b"GET / HTTP/1.2\r\nHost: x\r\n\r\n", {200, 400, 505}),
    "lower case http": (b"GET / http/1.1\r\nHost: x\r\n\r\n", {400, 505}),
    "two spaces": (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "a space in the target": (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "a control in the target": (b"GET /a\x01 HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "a target of no form": (b"GET a HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "asterisk for GET": (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "a method of none": (b"G@T / HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32 + b"\r\n\r\n", {400}),
    "chunk size": (POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", {400}),
    "negative chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", {400}),
    "huge chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", {400, 413}),
    "chunk without end": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc", {400}),
    "bare lf in chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n", {400}),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_malformed_request_is_refused_and_closed(puff: Puff, case: str) -> None:
    data, statuses = BAD[case]
    with Connection(puff.port) as c:
        c.send(data + GOOD)
        r = c.response()
        assert r.status in statuses
        if r.status != 200:
            assert r.get("Connection") == "close"
            assert c.ended()


def test_malformed_heads_never_reach_python(puff: Puff) -> None:
    before = count(puff)
    cases = [d for name, (d, s) in BAD.items() if "chunk" not in name and 200 not in s]
    for data in cases:
        with Connection(puff.port) as c:
            c.send(data + GOOD)
            while c.more():
                pass
    assert count(puff) == before + 1


def test_a_good_request_before_a_bad_one_is_answered(puff: Puff) -> None:
    with Connection(puff.port) as c:
        c.send(GOOD + BAD["two hosts"][0])
        assert c.response().text == "hello"
        assert c.response().status == 400
        assert c.ended()


@pytest.fixture(params=APPS)
def small(shared: Shared, request: pytest.FixtureRequest) -> Puff:
    return shared(
        request.param,
        "--max-body-size", "100KB", "--max-head-size", "4096", "--max-headers", "10",
        "--max-request-line", "1024", "--max-requests-per-connection", "5",
    )  # fmt: skip


def test_a_body_over_the_limit_is_413(small: Puff) -> None:
    before = count(small)
    with Connection(small.port) as c:
        c.send(POST + b"Content-Length: 1000000\r\n\r\n")
        r = c.response()
        assert (r.status, r.get("Connection")) == (413, "close")
    assert count(small) == before + 1
    with Connection(small.port) as c:
        assert c.exchange("POST", "/echo", body=b"x" * 100_000).status == 200


def test_a_chunked_body_over_the_limit_is_413(small: Puff) -> None:
    with Connection(small.port) as c:
        c.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(4):
                c.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except ConnectionError:
            pass
        assert c.response().status == 413
        assert c.ended()


def test_heads_over_the_limits_are_refused(small: Puff) -> None:
    for status, head in [
        (431, b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 5000 + b"\r\n\r\n"),
        (431, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: a\r\n" * 11 + b"\r\n"),
        (414, b"GET /" + b"a" * 2000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    ]:
        with Connection(small.port) as c:
            c.send(head)
            assert c.response().status == status
            assert c.ended()


def test_a_connection_ends_after_its_last_request(small: Puff) -> None:
    with Connection(small.port) as c:
        for i in range(5):
            r = c.exchange("GET", "/hello")
            assert r.get("Connection") == ("close" if i == 4 else None)
        assert c.ended()


@pytest.fixture(params=APPS)
def hasty(shared: Shared, request: pytest.FixtureRequest) -> Puff:
    return shared(
        request.param, "--head-timeout", "0.2", "--body-timeout", "200ms", "--keep-alive", "0.2",
        "--write-timeout", "0.2",
    )  # fmt: skip


def test_a_head_that_does_not_end_is_given_up(hasty: Puff) -> None:
    with Connection(hasty.port) as c:
        c.send(b"GET / HTTP/1.1\r\nHost:")
        while c.more():
            pass


@pytest.mark.parametrize("length", [10, 100_000])
def test_a_body_that_stalls_is_given_up(hasty: Puff, length: int) -> None:
    with Connection(hasty.port) as c:
        c.send(POST + b"Content-Length: %d\r\n\r\nabc" % length)
        with contextlib.suppress(CutOff):
            assert c.response().status in {400, 408}
        while c.more():
            pass


def test_an_idle_connection_is_closed(hasty: Puff) -> None:
    with Connection(hasty.port) as c:
        assert c.exchange("GET", "/hello").text == "hello"
        assert c.ended()


def test_a_client_that_does_not_read_is_given_up(hasty: Puff) -> None:
    mark = hasty.mark()
    target, says = (
        ("/closing?kind=endless&tag=slow", "app: closed slow")
        if hasty.app == "wsgi_app:app"
        else ("/endless?tag=slow", "app: send raised ClientDisconnected slow")
    )
    with Connection(hasty.port, receive_buffer=4096) as c:
        c.request("GET", target)
        hasty.wait_for(says, mark)


def test_the_server_field_can_be_left_out(own: Own) -> None:
    puff = own("wsgi_app:app", "--server-header", "", "--no-date-header")
    r = get(puff.port, "/hello")
    assert (r.get("Server"), r.get("Date")) == (None, None)


def test_connections_over_the_limit_wait(own: Own) -> None:
    puff = own("wsgi_app:app", "--limit-connections", "2")
    first, second = Connection(puff.port), Connection(puff.port)
    with first, second, Connection(puff.port) as third:
        for c in (first, second):
            assert c.exchange("GET", "/hello").text == "hello"
        third.request("GET", "/hello")
        first.sock.close()
        assert third.response().text == "hello"
