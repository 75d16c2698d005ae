"""WebSockets as ASGI applications see them."""

from __future__ import annotations

import json
import re
import struct
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .client import Connection
from .websocket import BINARY, CLOSE, TEXT, Socket, frame, opening

if TYPE_CHECKING:
    from .conftest import Own, Shared
    from .process import Puff


@pytest.fixture
def puff(shared: Shared) -> Puff:
    return shared("websocket_app:app")


DEFLATE = "permessage-deflate; client_max_window_bits"


def goodbye(code: int) -> bytes:
    return frame(CLOSE, struct.pack("!H", code))


def test_messages_are_echoed(puff: Puff) -> None:
    with Socket(puff.port, "/?tag=echoed") as s:
        for n in [0, 1, 125, 126, 65535, 65536, 1 << 20]:
            s.put(TEXT, b"x" * n)
            got = s.take()
            assert got is not None
            assert (got.first, len(got.payload)) == (0x81, n)
            s.put(BINARY, bytes(range(256)) * (n // 256) + b"\xff")
            got = s.take()
            assert got is not None
            assert (got.first, got.payload) == (0x82, bytes(range(256)) * (n // 256) + b"\xff")
        s.put(TEXT, "caf\u00e9 \U0001f600".encode())
        assert s.text() == "caf\u00e9 \U0001f600"
        s.goodbye(4321, "done \u20ac")
    puff.wait_for("app: end echoed 4321 'done \u20ac'")


def test_the_scope_is_that_of_the_specification(puff: Puff) -> None:
    with Socket(
        puff.port,
        "/scope?caf%C3%A9",
        [("X-Own", "1"), ("x-own", "2"), ("Sec-WebSocket-Protocol", "a, b")],
    ) as s:
        scope: dict[str, Any] = json.loads(s.text())
    assert scope["type"] == "websocket"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.5"}
    assert scope["http_version"] == "1.1"
    assert scope["scheme"] == "ws"
    assert scope["path"] == "/scope"
    assert scope["raw_path"] == repr(b"/scope")
    assert scope["query_string"] == repr(b"caf%C3%A9")
    assert scope["root_path"] == ""
    assert scope["client"][0] == "127.0.0.1"
    assert scope["server"] == ["127.0.0.1", puff.port]
    assert scope["subprotocols"] == ["a", "b"]
    assert scope["extensions"] == {"websocket.http.response": {}}
    assert [repr(b"x-own"), repr(b"1")] in scope["headers"]
    assert [repr(b"x-own"), repr(b"2")] in scope["headers"]
    assert "method" not in scope["keys"]


def test_subprotocol_and_headers_of_accept_are_sent(puff: Puff) -> None:
    with Socket(puff.port, "/chosen?choose=b", [("Sec-WebSocket-Protocol", "a, b")]) as s:
        assert s.answer.get("Sec-WebSocket-Protocol") == "b"
        assert s.answer.all("x-own") == ["1", "2"]
        assert s.closed() == (4001, "caf\u00e9")
        s.send(goodbye(4001))
        assert s.take() is None
    puff.wait_for("app: closed with 4001")
    with Socket(puff.port, "/chosen") as s:
        assert s.answer.get("Sec-WebSocket-Protocol") is None


def refused(puff: Puff, target: str) -> tuple[int, str]:
    with Connection(puff.port) as c:
        r = c.exchange("GET", target, opening())
        assert c.exchange("GET", "/").text == "plain http"
        return r.status, r.text


def test_close_before_accept_is_403(puff: Puff) -> None:
    mark = puff.mark()
    assert refused(puff, "/denied") == (403, "Forbidden\n")
    puff.wait_for("app: denied websocket.disconnect", mark)


@pytest.mark.parametrize("pieces", ["", "?pieces=1"])
def test_a_denial_response_is_any_answer(puff: Puff, pieces: str) -> None:
    mark = puff.mark()
    with Connection(puff.port) as c:
        r = c.exchange("GET", "/responded" + pieces, opening())
        assert (r.status, r.get("x-own")) == (401, "1")
        assert r.text == ("go away" if pieces else "away")
        assert c.exchange("GET", "/").text == "plain http"
    puff.wait_for("app: responded websocket.disconnect", mark)


def test_no_answer_to_connect_is_500(puff: Puff) -> None:
    mark = puff.mark()
    assert refused(puff, "/silent") == (500, "Internal Server Error\n")
    puff.wait_for("returned without an answer to websocket.connect", mark)


def test_an_exception_is_500_or_1011(own: Own) -> None:
    puff = own("websocket_app:app")
    puff.expect("ZeroDivisionError")
    assert refused(puff, "/raises") == (500, "Internal Server Error\n")
    with Socket(puff.port, "/raises?after=1") as s:
        assert s.closed() == (1011, "")
    puff.wait_for("exception in application.*on purpose")


def test_returning_closes_with_1000_after_what_was_sent(puff: Puff) -> None:
    with Socket(puff.port, "/returns") as s:
        assert s.text() == "last words"
        assert s.closed() == (1000, "")
        s.send(goodbye(1000))
        assert s.take() is None


@pytest.mark.parametrize(
    "case", ["send-first", "body-first", "unknown", "http", "header", "headers"]
)
def test_messages_out_of_place_before_accept_are_500(puff: Puff, case: str) -> None:
    mark = puff.mark()
    assert refused(puff, f"/bad?case={case}") == (500, "Internal Server Error\n")
    puff.wait_for("level=ERROR.*exception in application", mark)


@pytest.mark.parametrize(
    "case",
    [
        "twice", "response-late", "nothing", "text-bytes", "bytes-text", "surrogate", "code",
        "code-text",
    ],
)  # fmt: skip
def test_messages_out_of_place_after_accept_are_1011(puff: Puff, case: str) -> None:
    mark = puff.mark()
    with Socket(puff.port, f"/bad?case={case}") as s:
        assert s.closed() == (1011, "")
    puff.wait_for("level=ERROR.*exception in application", mark)


def test_send_after_the_end_raises_client_disconnected(puff: Puff) -> None:
    with Socket(puff.port, "/after?tag=s1") as s:
        s.put(TEXT, b"a")
        s.goodbye()
    puff.wait_for("app: send raised ClientDisconnected s1")


def test_who_never_receives_hears_of_the_end_in_send(puff: Puff) -> None:
    with Socket(puff.port, "/push?tag=p1") as s:
        assert s.text() == "begin"
        s.goodbye()
    with Socket(puff.port, "/sets?tag=p1") as s:
        assert s.closed() == (1000, "")
    puff.wait_for("app: push raised ClientDisconnected p1")


def test_a_client_that_vanishes_is_1006(puff: Puff) -> None:
    with Socket(puff.port, "/?tag=fin"):
        pass
    puff.wait_for("app: end fin 1006 ''")
    with Socket(puff.port, "/?tag=rst") as s:
        s.put(TEXT, b"a")
        s.text()
        s.reset()
    puff.wait_for("app: end rst 1006 ''")


def test_what_comes_before_goodbye_is_answered_and_received(puff: Puff) -> None:
    texts = [str(i).encode() for i in range(100)]
    with Socket(puff.port, "/?tag=before") as s:
        s.send(b"".join(frame(TEXT, t) for t in texts) + goodbye(1001))
        for t in texts:
            assert s.text() == t.decode()
        assert s.closed() == (1001, "")
        assert s.take() is None
    puff.wait_for("app: end before 1001 ''")


def test_a_receive_that_is_given_up_loses_nothing(puff: Puff) -> None:
    with Socket(puff.port, "/timed") as s:
        assert s.text() == "cancelled"
        for i in range(50):
            s.put(TEXT, str(i).encode())
        for i in range(50):
            assert s.text() == str(i)
        s.goodbye()


def test_a_slow_client_holds_the_application_back(puff: Puff) -> None:
    with (
        Socket(puff.port, "/flood", receive_buffer=1 << 16) as slow,
        Socket(puff.port, "/flooded") as other,
    ):
        before = most_memory(puff)
        for _ in range(50):
            other.put(TEXT, b"?")
            assert int(other.text()) < 16 << 20
        for _ in range(1024):
            got = slow.take()
            assert got is not None
            assert len(got.payload) == 1 << 16
        assert slow.closed() == (1000, "")
        assert most_memory(puff) - before < 32 << 20


def most_memory(puff: Puff) -> int:
    """The most memory the server ever held, in bytes."""
    status = Path(f"/proc/{puff.pid}/status").read_text()
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    assert found is not None
    return int(found[1]) << 10


def test_an_application_that_does_not_receive_holds_the_client_back(puff: Puff) -> None:
    piece = frame(BINARY, bytes(1 << 16))
    before = most_memory(puff)
    with Socket(puff.port, "/lazy?tag=l1") as s:
        assert s.text() == "ready"
        s.sock.setblocking(False)
        sent, left = 0, memoryview(b"")
        try:
            while sent < 64 << 20:
                left = left or memoryview(piece)
                n = s.sock.send(left)
                sent, left = sent + n, left[n:]
        except BlockingIOError:
            pass
        s.sock.setblocking(True)
        assert sent < 32 << 20
        assert most_memory(puff) - before < 32 << 20
        with Socket(puff.port, "/sets?tag=l1") as other:
            assert other.closed() == (1000, "")
        s.send(bytes(left) + goodbye(1000))
        assert s.closed() == (1000, "")
    whole = -(-sent // len(piece)) << 16
    puff.wait_for(f"app: lazy l1 {whole} 1000")


def test_everybody_in_a_room_gets_every_message(puff: Puff) -> None:
    sockets = [Socket(puff.port, "/room") for _ in range(32)]
    try:
        for i, s in enumerate(sockets):
            assert s.text() == str(i + 1)
        for i, s in enumerate(sockets):
            s.put(TEXT, f"from {i}".encode())
        for s in sockets:
            got = {s.text() for _ in sockets}
            assert got == {f"from {i}" for i in range(32)}
    finally:
        for s in sockets:
            s.sock.close()


def test_many_at_once_do_not_mix(puff: Puff) -> None:
    wrong: list[str] = []

    def talk(number: int) -> None:
        with Socket(puff.port) as s:
            for i in range(40):
                data = f"{number}.{i} ".encode() * (i * 37)
                s.put(TEXT, data)
                got = s.take()
                if got is None or got.payload != data:
                    wrong.append(f"{number}.{i}")
            s.goodbye()

    threads = [threading.Thread(target=talk, args=(i,)) for i in range(50)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def debug(puff: Puff) -> dict[str, int]:
    with Socket(puff.port, "/counts") as s:
        counts: dict[str, int] = json.loads(s.text())
    counts["files"] = len(list(Path(f"/proc/{puff.pid}/fd").iterdir()))
    return counts


def test_a_thousand_connections_leave_nothing_behind(own: Own) -> None:
    puff = own("websocket_app:app")

    def some(n: int) -> None:
        for i in range(n):
            with Socket(puff.port, headers=[("Sec-WebSocket-Extensions", DEFLATE)]) as s:
                s.put(TEXT, b"hello")
                assert s.text() == "hello"
                if i % 3 == 0:
                    s.goodbye()
                elif i % 3 == 1:
                    s.reset()

    some(50)
    before = debug(puff)
    some(1000)
    # What the last ones left is on its way out.
    for _ in range(200):
        after = debug(puff)
        if all(after[k] <= before[k] for k in before):
            break
    else:
        raise AssertionError(f"before {before}, after {after}")
