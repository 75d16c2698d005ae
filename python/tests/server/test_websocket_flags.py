"""WebSockets under the settings and the signals of ``puff serve``."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from .client import Connection
from .websocket import PING, PONG, TEXT, Socket, frame, opening

if TYPE_CHECKING:
    from .conftest import Own, Shared
    from .process import Puff

DEFLATE = "permessage-deflate; client_max_window_bits"


@pytest.fixture
def puff(shared: Shared) -> Puff:
    return shared("websocket_app:app")


def test_pings_are_answered_and_silence_is_pinged(own: Own) -> None:
    puff = own("websocket_app:app", "--ws-ping-interval", "0.05", "--ws-ping-timeout", "1")
    with Socket(puff.port, "/?tag=dead") as dead, Socket(puff.port, "/?tag=alive") as alive:
        for _ in range(5):
            got = alive.take()
            assert got == (0x80 | PING, b"")
            alive.put(PONG)
        assert dead.take() == (0x80 | PING, b"")
        assert dead.closed() == (1011, "keepalive ping timeout")
        assert dead.take() is None
        puff.wait_for("app: end dead 1006 'keepalive ping timeout'")
        alive.put(PING, b"me too")
        while (got := alive.take()) != (0x80 | PONG, b"me too"):
            assert got == (0x80 | PING, b"")
            alive.put(PONG)


def test_without_an_interval_nobody_is_pinged(own: Own) -> None:
    puff = own("websocket_app:app", "--ws-ping-interval", "0", "--ws-ping-timeout", "0.05")
    with Socket(puff.port) as s:
        s.sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            s.take()


@pytest.mark.parametrize("fragments", [False, True])
def test_messages_beyond_the_limit_are_1009(own: Own, fragments: bool) -> None:
    puff = own("websocket_app:app", "--ws-max-size", "1000")
    with Socket(puff.port, "/?tag=size") as s:
        s.put(TEXT, b"x" * 1000)
        assert len(s.text()) == 1000
        if fragments:
            s.put(TEXT, b"x" * 999, fin=False)
            s.put(0, b"xx", fin=False)
        else:
            s.send(frame(TEXT, b"x" * 1001)[:8])
        assert s.closed() == (1009, "a message is too big")
    puff.wait_for("app: end size 1009")


def test_compression_is_off_when_told(own: Own) -> None:
    puff = own("websocket_app:app", "--ws-per-message-deflate", "off")
    with Socket(puff.port, headers=[("Sec-WebSocket-Extensions", DEFLATE)]) as s:
        assert s.answer.get("Sec-WebSocket-Extensions") is None


@pytest.mark.parametrize("app", ["websocket_app:wsgi", "websocket_app:app"])
def test_where_there_are_none_a_request_is_like_any_other(own: Own, app: str) -> None:
    puff = own(app, *([] if app.endswith("wsgi") else ["--no-ws"]))
    with Connection(puff.port) as c:
        for _ in range(2):
            r = c.exchange("GET", "/", opening())
            assert r.status == 200
            assert r.text == ("websocket" if app.endswith("wsgi") else "plain http")


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("Sec-WebSocket-Version", "8", 426),
        ("Sec-WebSocket-Version", None, 426),
        ("Sec-WebSocket-Key", "short", 400),
        ("Sec-WebSocket-Key", None, 400),
        ("Upgrade", None, 200),
        ("Connection", "close", 200),
    ],
)
def test_bad_openings_are_refused(puff: Puff, field: str, value: str | None, status: int) -> None:
    headers = [(n, v) for n, v in opening() if n != field]
    if value is not None:
        headers.append((field, value))
    with Connection(puff.port) as c:
        r = c.exchange("GET", "/", headers)
        assert r.status == status
        if status == 426:
            assert r.get("Sec-WebSocket-Version") == "13"


def test_draining_leaves_websockets_until_the_grace_ends(own: Own) -> None:
    puff = own("websocket_app:app", "--graceful-timeout", "1")
    with Socket(puff.port, "/?tag=drained") as s:
        s.put(TEXT, b"before")
        assert s.text() == "before"
        mark = puff.mark()
        puff.signal(signal.SIGTERM)
        puff.wait_for("draining", mark)
        s.put(TEXT, b"meanwhile")
        assert s.text() == "meanwhile"
        assert s.closed() == (1012, "")
        assert s.take() is None
        puff.wait_for("app: end drained 1012", mark)
    assert puff.wait() == 0


def test_draining_ends_at_once_when_the_last_websocket_does(own: Own) -> None:
    puff = own("websocket_app:app", "--graceful-timeout", "1000")
    with Socket(puff.port) as s:
        mark = puff.mark()
        puff.signal(signal.SIGTERM)
        puff.wait_for("draining", mark)
        s.goodbye()
        assert puff.wait() == 0


def test_a_reload_leaves_websockets_with_the_old_worker_until_the_grace_ends(own: Own) -> None:
    puff = own("websocket_app:app", "--graceful-timeout", "2")
    with Socket(puff.port, "/room") as old:
        assert old.text() == "1"
        puff.signal(signal.SIGHUP)
        while True:
            with Socket(puff.port, "/room") as s:
                if s.text() == "1":  # nobody else is in the room of the new worker
                    break
        old.put(TEXT, b"still here")
        assert old.text() == "still here"
        assert old.closed() == (1012, "")
        with Socket(puff.port) as s:
            s.goodbye()
