"""The application of bench/reloads: an answer at once, events one by one, an echo."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

EVENTS = 10


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Hello, with who says it; /events, and a WebSocket that says what it hears."""
    if scope["type"] == "websocket":
        await echo(receive, send)
        return
    kind = b"text/event-stream" if scope["path"] == "/events" else b"text/plain"
    headers = [(b"content-type", kind), (b"x-worker", b"%d" % os.getpid())]
    start = {"status": 200, "headers": headers}
    await send({"type": "http.response.start", **start})
    if scope["path"] == "/events":
        for number in range(EVENTS):
            event = b"data: %d\n\n" % number
            await send({"type": "http.response.body", "body": event, "more_body": True})
            await asyncio.sleep(0.02)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    else:
        await send({"type": "http.response.body", "body": b"Hello, World!"})


async def echo(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})
