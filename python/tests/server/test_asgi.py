"""ASGI 3 (spec 2.5) through a real server."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .client import Connection, CutOff, get, post

if TYPE_CHECKING:
    from .conftest import Shared
    from .process import Puff


@pytest.fixture
def puff(shared: Shared) -> Puff:
    return shared("asgi_app:app")


def scope(puff: Puff, target: str, *headers: tuple[str, str], method: str = "GET") -> Any:
    return json.loads(get(puff.port, target, headers, method).body)


def test_the_scope_is_exact(puff: Puff) -> None:
    got = scope(puff, "/show?a=%20b&c", ("X-One", "1"), ("x_two", "2"), ("X-ONE", "caf\xe9"))
    client = got.pop("client")
    assert client[:2] == ["tuple", "127.0.0.1"]
    assert isinstance(client[2], int)
    name, value = got["headers"].pop()[1:]  # of the request, which Puff adds
    assert name == ["bytes", "x-request-id"]
    assert len(value[1]) == 16
    assert got == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "server": ["tuple", "127.0.0.1", puff.port],
        "scheme": "http",
        "method": "GET",
        "root_path": "",
        "path": "/show",
        "raw_path": ["bytes", "/show"],
        "query_string": ["bytes", "a=%20b&c"],
        "headers": [
            "list",
            ["tuple", ["bytes", "host"], ["bytes", "test.example"]],
            ["tuple", ["bytes", "x-one"], ["bytes", "1"]],
            ["tuple", ["bytes", "x_two"], ["bytes", "2"]],
            ["tuple", ["bytes", "x-one"], ["bytes", "caf\xe9"]],
        ],
        "state": {"database": "db", "items": ["list", "shared"]},
        "extensions": {"http.response.pathsend": {}, "http.response.early_hint": {}},
    }


@pytest.mark.parametrize(
    ("target", "path", "raw"),
    [
        ("/%C3%A9", "/\xe9", "/%C3%A9"),
        ("/a%2Fb", "/a/b", "/a%2Fb"),
        ("/%FF", "/\ufffd", "/%FF"),
        ("/100%", "/100%", "/100%"),
        ("/%zz", "/%zz", "/%zz"),
        ("/a?b?c", "/a", "/a"),
        ("http://other.example/p?q", "/p", "/p"),
        ("http://other.example?show", "/", "/"),
        ("/%F0%9F%98%80", "/\U0001f600", "/%F0%9F%98%80"),
    ],
)
def test_the_path_is_decoded_and_kept(puff: Puff, target: str, path: str, raw: str) -> None:
    got = scope(puff, target)
    assert (got["path"], got["raw_path"]) == (path, ["bytes", raw])


def test_http_1_0_and_odd_methods_are_named(puff: Puff) -> None:
    with Connection(puff.port) as c:
        got = json.loads(c.exchange("PURGE", "/show", version="1.0").body)
        assert (got["http_version"], got["method"]) == ("1.0", "PURGE")


def test_a_root_path_is_in_front_of_the_path(shared: Shared) -> None:
    puff = shared("asgi_app:app", "--root-path", "/mounted")
    for target in ["/mounted/some%20thing", "/some%20thing"]:
        got = scope(puff, target)
        assert got["root_path"] == "/mounted"
        assert got["path"] == "/mounted/some thing"
        assert got["raw_path"] == ["bytes", "/mounted/some%20thing"]


def test_each_request_has_a_scope_of_its_own(puff: Puff) -> None:
    assert get(puff.port, "/changes").text == get(puff.port, "/changes").text
    got = scope(puff, "/show")
    assert got["state"] == {"database": "db", "items": ["list", "shared"]}
    assert got["extensions"] == {"http.response.pathsend": {}, "http.response.early_hint": {}}


@pytest.mark.parametrize("size", [0, 1, 1000, 60_000, 70_000, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_comes_in_messages(puff: Puff, size: int, chunked: bool) -> None:
    body = b"b" * size
    chunks = [body[i : i + 9_973] for i in range(0, size, 9_973)] if chunked else None
    with Connection(puff.port) as c:
        r = c.exchange("POST", "/messages", body=b"" if chunked else body, chunks=chunks)
        got = json.loads(r.body)
        assert (got["size"], got["last"]) == (size, "http.request")
        for keys, kind, _, _ in got["messages"]:
            assert (keys, kind) == (["body", "more_body", "type"], "bytes")
        assert [m[3] for m in got["messages"]] == [True] * (len(got["messages"]) - 1) + [False]
        assert c.exchange("GET", "/hello").text == "hello"


def test_a_body_can_be_answered_while_it_comes(puff: Puff) -> None:
    with Connection(puff.port) as c:
        c.send(b"POST /echo-stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        c.send(b"3\r\none\r\n")
        assert c.chunk_after_head() == b"one"
        c.send(b"3\r\ntwo\r\n")
        assert c.chunk() == b"two"
        c.send(b"0\r\n\r\n")
        assert c.chunk() == b""
        assert c.exchange("GET", "/hello").text == "hello"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_after_the_answer_receive_says_disconnect(puff: Puff, method: str) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c:
        assert c.exchange(method, "/after?tag=t1").text == "done"
        puff.wait_for("app: after http.disconnect http.disconnect t1", mark)
        assert c.exchange(method, "/pending?tag=t2").text == "done"
        puff.wait_for("app: pending http.disconnect t2", mark)
        assert c.exchange("GET", "/hello").text == "hello"


@pytest.mark.parametrize("way", ["close", "reset"])
def test_every_receive_hears_that_the_client_left(puff: Puff, way: str) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c:
        c.request("GET", f"/waits-to-go?tag=go-{way}")
        assert c.chunk_after_head() == b"first"
        c.reset() if way == "reset" else c.sock.close()
    puff.wait_for(f"app: gone http.disconnect http.disconnect go-{way}", mark)
    puff.wait_for(f"app: send raised ClientDisconnected go-{way}", mark)


@pytest.mark.parametrize("way", ["close", "reset"])
@pytest.mark.parametrize("body", [b"", b"x", b"x" * 100_000])
def test_a_client_may_leave_before_the_answer(puff: Puff, way: str, body: bytes) -> None:
    mark, tag = puff.mark(), f"b-{way}-{len(body)}"
    target = f"/waits-before?tag={tag}"
    with Connection(puff.port) as c:
        if len(body) > 65536:
            c.send(
                b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n" % target.encode()
            )
            c.send(b"x")
        else:
            c.request("POST", target, body=body)
            puff.wait_for(f"app: before {tag}", mark)
        c.reset() if way == "reset" else c.sock.close()
    puff.wait_for(f"app: gone http.disconnect {tag}", mark)


def test_send_raises_when_the_client_left(puff: Puff) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c:
        c.request("GET", "/endless?tag=e1")
        assert c.chunk_after_head()
        c.reset()
    puff.wait_for("app: send raised ClientDisconnected e1", mark)


def test_a_slow_client_holds_the_application_back(puff: Puff) -> None:
    with Connection(puff.port, receive_buffer=1 << 16) as slow, Connection(puff.port) as other:
        slow.request("GET", "/flood")
        head = slow.head()
        before = most_memory(puff)
        for _ in range(50):
            assert int(other.exchange("GET", "/flooded").text) < 16 << 20
        slow.body(head)
        assert len(head.body) == 64 << 20
        assert most_memory(puff) - before < 32 << 20


def most_memory(puff: Puff) -> int:
    """The most memory the server ever held, in bytes."""
    status = Path(f"/proc/{puff.worker}/status").read_text()
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    assert found is not None
    return int(found[1]) << 10


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


def test_puff_can_be_awaited(puff: Puff) -> None:
    assert get(puff.port, "/sleeps").text == "slept"


def test_a_receive_that_is_cancelled_loses_nothing(puff: Puff) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c:
        c.send(b"POST /drops?tag=d1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        c.send(b"3\r\none\r\n")
        puff.wait_for("app: dropped d1", mark)
        c.send(b"3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n")
        assert c.response().text == "11"


def test_waiting_for_a_client_may_time_out(puff: Puff) -> None:
    assert get(puff.port, "/times-out").text == "timed out"


def test_threads_are_the_applications(puff: Puff) -> None:
    assert get(puff.port, "/thread").text == "from a thread"


def test_a_body_comes_back_whole(puff: Puff) -> None:
    body = bytes(range(256)) * 4096
    assert post(puff.port, "/echo", body).body == body


def test_a_wish_to_upgrade_is_an_ordinary_request(puff: Puff) -> None:
    with Connection(puff.port) as c:
        fields = [("Connection", "Upgrade"), ("Upgrade", "something")]
        assert c.exchange("GET", "/upgrade", fields).text == "http"
        assert c.exchange("GET", "/hello").text == "hello"


def test_nothing_is_held_of_requests_that_are_over(puff: Puff) -> None:
    puff.expect("in the middle", "a secret", "after start", "at the end")
    targets = ["/hello", "/streams", "/fails", "/returns", "/fails-after-start", "/early-hint"]
    targets += [
        "/fails-in-the-middle",
        "/returns-in-the-middle",
        "/fails-at-the-end",
        "/after?tag=h",
    ]
    targets += ["/pathsend?size=1000", "/pending?tag=h", "/times-out"]

    def round_of_requests() -> None:
        for target in targets * 3:
            with Connection(puff.port) as c, contextlib.suppress(CutOff):
                c.exchange("GET", target)
        for i in range(5):
            for target, says in [
                ("/endless", "send raised ClientDisconnected"),
                ("/waits-to-go", "send raised ClientDisconnected"),
                ("/waits-before", "gone http.disconnect"),
            ]:
                mark = puff.mark()
                with Connection(puff.port) as c:
                    c.request("GET", f"{target}?tag=held{i}")
                    if target == "/waits-before":
                        puff.wait_for(f"app: before held{i}", mark)
                    else:
                        assert c.chunk_after_head()
                    c.reset()
                puff.wait_for(f"app: {says} held{i}", mark)
            with Connection(puff.port) as c:
                c.exchange("POST", "/messages", body=b"x" * 100_000)

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
