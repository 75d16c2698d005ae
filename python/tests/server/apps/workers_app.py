"""An application whose workers can be told apart, and made to fail."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import puff

if TYPE_CHECKING:
    from collections.abc import Iterable

# What a test wants changed between one worker and the next.
SWITCH = os.environ.get("SWITCH")
WORD = Path(SWITCH).read_text() if SWITCH else ""
if WORD == "broken":
    raise RuntimeError("the switch says broken")
if WORD == "endless":
    sys.stderr.write("app: imports without end\n")
    time.sleep(1000)

held: list[bytes] = []


def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/spin":
        while True:
            pass
    if path == "/slow":
        sys.stderr.write("app: is slow\n")
        puff.sleep_ms(int(environ["QUERY_STRING"]))
    if path == "/sleep":
        sys.stderr.write("app: sleeps\n")
        time.sleep(1000)
    if path == "/exit":
        os._exit(3)
    if path == "/grow":
        held.append(os.urandom(1 << 20) * 150)
    if path == "/orphan":
        start("200 OK", [("Content-Type", "text/plain")])
        return [orphan().encode()]
    start("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {WORD}".encode()]


def orphan() -> str:
    """Leaves a child without a parent, has it end, and tells whose it became."""
    hold, release = os.pipe()
    with os.fdopen(release, "wb"), os.fdopen(hold, "rb"):
        made = subprocess.run(
            ["/bin/sh", "-c", "exec 3<&0; (read x <&3) >/dev/null & echo $!"],
            stdin=hold,
            stdout=subprocess.PIPE,
            check=True,
        )
        pid = int(made.stdout)
        parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    buried = not Path(f"/proc/{pid}").exists()
    return f"{int(parent) == os.getppid()} {buried}"


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    path = scope["path"]
    if path == "/slow":
        sys.stderr.write("app: is slow\n")
        await asyncio.sleep(int(scope["query_string"]) / 1000)
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if path == "/events":
        for n in range(20):
            event = {"type": "http.response.body", "body": b"data: %d\n\n" % n, "more_body": True}
            await send(event)
            await asyncio.sleep(0.1)
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})
