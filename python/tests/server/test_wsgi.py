"""WSGI (PEP 3333) through a real server."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from .client import Connection, CutOff, get

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
        ("http://other.example?show", "/"),
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


def test_a_file_is_wrapped_and_closed(puff: Puff) -> None:
    mark = puff.mark()
    r = get(puff.port, "/wrapped?tag=f1")
    assert r.body == b"0123456789" * 30000
    puff.wait_for("app: file closed f1", mark)
    assert get(puff.port, "/wrapped?tag=f2", method="HEAD").body == b""
    puff.wait_for("app: file closed f2", mark)


def together(puff: Puff, n: int, prefix: str, path: str = "barrier") -> list[str]:
    """n requests at a time, each on a connection of its own."""
    answers = [""] * n

    def ask(i: int) -> None:
        answers[i] = get(puff.port, f"/{path}?n={n}&tag={prefix}{i}").text

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return answers


def test_fifty_requests_wait_at_once_with_contexts_of_their_own(puff: Puff) -> None:
    for prefix in ["a", "b"]:
        assert together(puff, 50, prefix) == [f"unset {prefix}{i}" for i in range(50)]


def test_locks_and_locals_keep_requests_apart_as_in_threads(puff: Puff) -> None:
    for prefix in ["a", "b"]:
        assert together(puff, 20, prefix, "locked") == [f"unset {prefix}{i}" for i in range(20)]


def test_nothing_is_held_of_requests_that_are_over(puff: Puff) -> None:
    puff.expect("in the middle", "by zero", "a secret", "did not call start_response")
    targets = ["/hello", "/late", "/fails", "/no-start", "/written"]
    targets += [f"/closing?kind={k}&tag=h" for k in ("normal", "fails", "fails-first")]

    def round_of_requests() -> None:
        for target in targets * 3:
            with Connection(puff.port) as c, contextlib.suppress(CutOff):
                c.exchange("GET", target)
        for i in range(5):
            mark = puff.mark()
            with Connection(puff.port) as c:
                c.request("GET", f"/endless-generator?tag=held{i}")
                assert c.chunk_after_head()
                c.reset()
            puff.wait_for(f"app: generator ended held{i}", mark)
            with Connection(puff.port) as c:
                c.exchange("POST", "/read?how=read-sized", body=b"x" * 100_000)

    def held() -> list[int]:
        found: list[int] = json.loads(get(puff.port, "/held").text)
        return found

    round_of_requests()
    before = held()
    for _ in range(3):
        round_of_requests()
    # An answer is read before its request is over: some of the last may still end.
    for _ in range(1000):
        now = held()
        if all(a <= b for a, b in zip(now, before, strict=True)):
            return
    raise AssertionError(f"{before} were held, now {now}")


def test_each_address_is_the_server_name_of_its_requests(shared: Shared) -> None:
    puff = shared("wsgi_app:app", "--host", "0.0.0.0")
    for _ in range(2):
        for i in range(300):
            host = f"127.0.{i // 250}.{i % 250 + 1}"
            with Connection(puff.port, host=host) as c:
                got = json.loads(c.exchange("GET", "/show").body)["plain"]
                assert got["SERVER_NAME"] == host
