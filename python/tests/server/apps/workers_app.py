"""An application whose workers can be told apart, and made to fail."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# What a test wants changed between one worker and the next.
SWITCH = os.environ.get("SWITCH")
WORD = Path(SWITCH).read_text() if SWITCH else ""
if WORD == "broken":
    raise RuntimeError("the switch says broken")

held: list[bytes] = []


def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/spin":
        while True:
            pass
    if path == "/sleep":
        sys.stderr.write("app: sleeps\n")
        time.sleep(1000)
    if path == "/exit":
        os._exit(3)
    if path == "/grow":
        held.append(os.urandom(1 << 20) * 150)
    start("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {WORD}".encode()]


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    path = scope["path"]
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if path == "/events":
        for n in range(20):
            event = {"type": "http.response.body", "body": b"data: %d\n\n" % n, "more_body": True}
            await send(event)
            await asyncio.sleep(0.1)
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})
