"""The table of cases: what is asked of every server, and what the right answer is."""

from __future__ import annotations

from dataclasses import dataclass

HELLO = b"Hello, World!"
TEN_KB = b"0123456789abcdef" * 640


@dataclass(frozen=True)
class Case:
    """One kind of request. `kind` names the request in load.lua, or the load of wsload.

    "h2" is one over HTTP/2.
    """

    name: str
    title: str
    path: str
    body: bytes
    kind: str = "plain"
    connections: int = 64
    streams: int = 1
    interfaces: tuple[str, ...] = ("wsgi", "asgi")


WEBSOCKET = ("websocket",)
MESSAGE = b"m" * 64
BIG_MESSAGE = b"m" * 4096

CASES = (
    Case("hello", "hello", "/", HELLO),
    Case("headers", "hello, 12 browser headers", "/", HELLO, kind="browser"),
    Case("10k", "10 KB answer", "/10k", TEN_KB),
    Case("echo", "POST 10 KB, echoed", "/echo", TEN_KB, kind="post"),
    Case("stream", "streamed 100 KB", "/stream", TEN_KB * 10),
    Case("sleep", "10 ms sleep, 512 connections", "/sleep", HELLO, connections=512),
    Case("h2", "hello over HTTP/2, 8 × 8 streams", "/", HELLO, kind="h2", connections=8, streams=8),
    Case("ws-echo", "WebSocket echo, 64 bytes", "/echo", MESSAGE, "echo", 64, interfaces=WEBSOCKET),
    Case(
        "ws-echo-4k", "WebSocket echo, 4 KB", "/echo", BIG_MESSAGE, "echo", 64, interfaces=WEBSOCKET
    ),
    Case(
        "ws-broadcast",
        "1 sends to 32",
        "/broadcast",
        MESSAGE,
        "broadcast",
        32,
        interfaces=WEBSOCKET,
    ),
    Case("ws-room", "32 send to 32", "/broadcast", MESSAGE, "room", 32, interfaces=WEBSOCKET),
)
NAMES = tuple(case.name for case in CASES)
