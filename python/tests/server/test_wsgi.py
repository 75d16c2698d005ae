"""WSGI (PEP 3333) through a real server."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from .client import Connection, CutOff, get, post

if TYPE_CHECKING:
    from .conftest import Shared
    from .process import Puff


@pytest.fixture
def puff(shared: Shared) -> Puff:
    return shared("wsgi_app:app")


def environ(puff: Puff, target: str, *headers: tuple[str, str], method: str = "GET") -> Any:
    r = get(puff.port, target, headers, method)
    assert r.status == 200
    return json.loads(r.body)


def test_a_whole_answer_has_its_length(puff: Puff) -> None:
    r = get(puff.port, "/hello")
    assert (r.status, r.reason, r.text, r.framing) == (200, "OK", "hello", "length")
    assert r.get("Content-Length") == "5"
    assert r.get("Date") is not None
    assert r.get("Server") == "puff"


@pytest.mark.parametrize(
    ("method", "target", "body", "want"),
    [
        ("GET", "/hello", None, b"hello"),
        ("HEAD", "/hello", None, b""),
        ("POST", "/echo", b"small", b"small"),
        ("POST", "/read?how=read-sized", b"x" * 200_000, None),
        ("GET", "/late", None, b"ab"),
        ("HEAD", "/late", None, b""),
        ("GET", "/written", None, b"one two three"),
        ("GET", "/empty", None, b""),
    ],
)
def test_the_validator_finds_nothing(
    shared: Shared, method: str, target: str, body: bytes | None, want: bytes | None
) -> None:
    puff = shared("wsgi_app:validated")
    with Connection(puff.port) as c:
        r = c.exchange(method, target, body=body or b"")
        assert r.status in {200, 202}, puff.log()
        assert want is None or r.body == want


def test_the_validator_finds_nothing_in_a_chunked_body(shared: Shared) -> None:
    puff = shared("wsgi_app:validated")
    with Connection(puff.port) as c:
        r = c.exchange("POST", "/read?how=readline", chunks=[b"a\nb", b"c\n", b"d" * 100_000])
        assert r.status == 200, puff.log()
        assert json.loads(r.body)["size"] == 100_005


def test_the_environ_is_whole(puff: Puff) -> None:
    got = environ(puff, "/show?a=%20b&c")
    plain = got["plain"]
    assert got["version"] == [1, 0]
    assert plain.pop("REMOTE_PORT").isdigit()
    assert plain.pop("SERVER_SOFTWARE").startswith("puff/")
    assert plain == {
        "HTTP_HOST": "test.example",
        "PATH_INFO": "/show",
        "QUERY_STRING": "a=%20b&c",
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(puff.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.input_terminated": True,
        "wsgi.multiprocess": False,
        "wsgi.multithread": False,
        "wsgi.run_once": False,
        "wsgi.url_scheme": "http",
    }
    types = got["types"]
    assert all(types[k] == "str" for k in types if not k.startswith("wsgi."))
    assert types["wsgi.version"] == "tuple"
    assert {"wsgi.errors", "wsgi.input", "wsgi.file_wrapper"} <= types.keys()


@pytest.mark.parametrize(
    ("target", "want"),
    [
        ("/%C3%A9t%c3%a9", "/\xc3\xa9t\xc3\xa9"),
        ("/a%2Fb", "/a/b"),
        ("/a%00b", "/a\0b"),
        ("/100%", "/100%"),
        ("/%zz%4", "/%zz%4"),
        ("/a+b;c=d//e/../f", "/a+b;c=d//e/../f"),
        ("/%FF", "/\xff"),
        ("http://other.example:81/path?x", "/path"),
    ],
)
def test_path_info_is_decoded_as_latin_1(puff: Puff, target: str, want: str) -> None:
    assert environ(puff, target)["plain"]["PATH_INFO"] == want


def test_the_host_of_an_absolute_target_counts(puff: Puff) -> None:
    got = environ(puff, "http://other.example:81/path?x=1")["plain"]
    assert (got["HTTP_HOST"], got["QUERY_STRING"]) == ("other.example:81", "x=1")


def test_options_of_the_server_has_an_asterisk(puff: Puff) -> None:
    got = environ(puff, "*", method="OPTIONS")["plain"]
    assert (got["REQUEST_METHOD"], got["PATH_INFO"]) == ("OPTIONS", "*")


def test_a_method_may_be_any_token(puff: Puff) -> None:
    assert environ(puff, "/show", method="M-SEARCH!")["plain"]["REQUEST_METHOD"] == "M-SEARCH!"


def test_http_1_0_is_named(puff: Puff) -> None:
    with Connection(puff.port) as c:
        r = c.exchange("GET", "/show", version="1.0")
        assert json.loads(r.body)["plain"]["SERVER_PROTOCOL"] == "HTTP/1.0"
        assert c.ended()


def test_fields_become_variables(puff: Puff) -> None:
    got = environ(
        puff,
        "/show",
        ("Accept", "a"),
        ("accept", "b"),
        ("ACCEPT", "c"),
        ("Cookie", "a=1"),
        ("Cookie", "b=2"),
        ("X-Own", "1"),
        ("x-own", "2"),
        ("X-Other", "3"),
        ("X-oWN", "4"),
        ("X-Latin", "caf\xe9"),
        ("X-Empty", ""),
        ("X_Under_Score", "bad"),
        ("X-Mixed_One", "bad"),
        ("Proxy", "bad"),
        ("Content-Type", "text/x"),
        ("Content-Length", "0"),
    )["plain"]
    assert {k: v for k, v in got.items() if k.startswith(("HTTP_", "CONTENT_"))} == {
        "CONTENT_LENGTH": "0",
        "CONTENT_TYPE": "text/x",
        "HTTP_ACCEPT": "a,b,c",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_HOST": "test.example",
        "HTTP_X_EMPTY": "",
        "HTTP_X_LATIN": "caf\xe9",
        "HTTP_X_OTHER": "3",
        "HTTP_X_OWN": "1,2,4",
    }


def test_a_root_path_becomes_the_script_name(shared: Shared) -> None:
    puff = shared("wsgi_app:app", "--root-path", "/mounted/")
    for target, path in [
        ("/mounted/show", "/show"),
        ("/show", "/show"),
        ("/mounted", ""),
        ("/mountedx", "/mountedx"),
    ]:
        got = environ(puff, target)["plain"] if path else None
        if got is not None:
            assert (got["SCRIPT_NAME"], got["PATH_INFO"]) == ("/mounted", path)


def test_a_chunked_body_has_no_length(puff: Puff) -> None:
    with Connection(puff.port) as c:
        got = json.loads(c.exchange("POST", "/show", chunks=[b"abc"]).body)["plain"]
        assert "CONTENT_LENGTH" not in got
        assert got["HTTP_TRANSFER_ENCODING"] == "chunked"
        assert got["wsgi.input_terminated"] is True


def test_write_comes_before_what_is_returned(puff: Puff) -> None:
    r = get(puff.port, "/written")
    assert (r.text, r.framing) == ("one two three", "chunked")


def test_exc_info_replaces_a_head_that_is_not_sent(puff: Puff) -> None:
    r = get(puff.port, "/exc-before")
    assert (r.status, r.reason, r.get("X-First"), r.get("X-Second")) == (501, "Replaced", None, "2")


def test_exc_info_after_the_head_raises(puff: Puff) -> None:
    puff.expect("after the head")
    mark = puff.mark()
    with Connection(puff.port) as c, pytest.raises(CutOff) as cut:
        c.exchange("GET", "/exc-after")
    assert cut.value.response is not None
    assert cut.value.response.body == b"first"
    puff.wait_for("ValueError: after the head", mark)


def test_a_second_start_response_is_an_error(puff: Puff) -> None:
    assert get(puff.port, "/twice").text.startswith("refused: start_response was called already")


@pytest.mark.parametrize("target", ["/late", "/later"])
def test_a_generator_may_start_late(puff: Puff, target: str) -> None:
    r = get(puff.port, target)
    assert (r.status, r.reason, r.get("X-Late"), r.text) == (202, "Late", "yes", "ab")


def test_an_answer_without_a_head_is_500(puff: Puff) -> None:
    puff.expect("did not call start_response", "NoneType", "write before start_response")
    for target in ["/no-start", "/early-closing?tag=x", "/returns-none"]:
        with Connection(puff.port) as c:
            assert c.exchange("GET", target).status == 500
            assert c.exchange("GET", "/hello").status == 200


@pytest.mark.parametrize("kind", ["normal", "fails", "fails-first", "text"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_close_is_always_called(puff: Puff, kind: str, method: str) -> None:
    puff.expect("in the middle", "by zero", "the body is of bytes")
    mark, tag = puff.mark(), f"{kind}-{method}"
    with Connection(puff.port) as c:
        try:
            r = c.exchange(method, f"/closing?kind={kind}&tag={tag}")
        except CutOff as e:
            assert kind == "fails"
            assert e.response is not None
            assert e.response.body == b"some"
        else:
            assert r.status == (500 if kind in {"fails-first", "text"} else 200)
    puff.wait_for(f"app: closed {tag}$", mark)


def test_close_is_called_when_the_client_leaves(puff: Puff) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c:
        c.request("GET", "/closing?kind=endless&tag=left")
        assert c.head().status == 200
        c.reset()
    puff.wait_for("app: closed left", mark)


def test_close_is_called_on_an_own_kind_of_list(puff: Puff) -> None:
    mark = puff.mark()
    assert get(puff.port, "/closing-list").text == "list"
    puff.wait_for("app: closed list", mark)


def test_an_error_of_close_is_logged(puff: Puff) -> None:
    puff.expect("close fails")
    mark = puff.mark()
    with Connection(puff.port) as c, contextlib.suppress(CutOff):
        c.exchange("GET", "/closing?kind=error&tag=e")
    puff.wait_for("ValueError: close fails", mark)


def test_a_generator_ends_when_the_client_leaves(puff: Puff) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c:
        c.request("GET", "/endless-generator?tag=g1")
        assert c.head().status == 200
        assert c.chunk()
        c.reset()
    puff.wait_for("app: generator ended g1", mark)


def test_write_raises_when_the_client_leaves(puff: Puff) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c:
        c.request("GET", "/endless-writes?tag=w1")
        assert c.chunk_after_head()
        c.reset()
    puff.wait_for("app: write raised ClientDisconnected w1", mark)


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


def test_a_file_is_wrapped_and_closed(puff: Puff) -> None:
    mark = puff.mark()
    r = get(puff.port, "/wrapped?tag=f1")
    assert r.body == b"0123456789" * 30000
    puff.wait_for("app: file closed f1", mark)
    assert get(puff.port, "/wrapped?tag=f2", method="HEAD").body == b""
    puff.wait_for("app: file closed f2", mark)


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
        "headers-none", "status-crlf", "status-short", "status-word", "status-low", "status-high",
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


def together(puff: Puff, n: int, prefix: str) -> list[str]:
    """n requests that wait for one another, each on a connection of its own."""
    answers = [""] * n

    def ask(i: int) -> None:
        answers[i] = get(puff.port, f"/barrier?n={n}&tag={prefix}{i}").text

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return answers


def test_fifty_requests_wait_at_once_with_contexts_of_their_own(puff: Puff) -> None:
    for prefix in ["a", "b"]:
        assert together(puff, 50, prefix) == [f"unset {prefix}{i}" for i in range(50)]
