"""Applications behind filters: WSGI as wsgi, ASGI as asgi, with the same paths."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from puff import sleep_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LONG = 600_000  # milliseconds: who waits so long waits to be cancelled
PAGE = b"".join(b"line %d of the page\n" % i for i in range(500))
JSON = [("Content-Type", "application/json"), ("ETag", '"v1"')]
TEXT = [("Content-Type", "text/plain")]


def say(*words: object) -> None:
    """Tells the test."""
    sys.stderr.write(f"app: {' '.join(map(str, words))}\n")


def _wait(path: str) -> None:
    try:
        sleep_ms(LONG)
    except BaseException as e:
        say("ended", path, type(e).__name__)
        raise


def _begun() -> Iterator[bytes]:
    yield b"begun"
    _wait("/begun")


def wsgi(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Answers by path."""
    path = environ["PATH_INFO"]
    if path == "/wait":
        _wait(path)
    if path == "/fault":
        raise ValueError("a fault")
    if path == "/body":
        body = environ["wsgi.input"].read()
        start("200 OK", TEXT)
        return [b"%d" % len(body)]
    if path == "/begun":
        start("200 OK", TEXT)
        return _begun()
    if path == "/stream":
        start("200 OK", TEXT)
        return iter([PAGE, b"the end\n"])
    start("200 OK" if path == "/page" else "404 Not Found", JSON)
    return [PAGE if path == "/page" else path.encode()]


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers by path."""
    if scope["type"] != "http":
        raise ValueError(scope["type"])
    path = scope["path"]

    async def start(status: int, headers: list[tuple[str, str]]) -> None:
        pairs = [(n.lower().encode(), v.encode()) for n, v in headers]
        await send({"type": "http.response.start", "status": status, "headers": pairs})

    async def wait() -> None:
        try:
            await asyncio.sleep(LONG)
        except BaseException as e:
            say("ended", path, type(e).__name__)
            raise

    if path == "/wait":
        await wait()
    if path == "/fault":
        raise ValueError("a fault")
    if path == "/body":
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        await start(200, TEXT)
        await send({"type": "http.response.body", "body": b"%d" % size})
        return
    if path in {"/begun", "/stream"}:
        await start(200, TEXT)
        body = PAGE if path == "/stream" else b"begun"
        await send({"type": "http.response.body", "body": body, "more_body": True})
        if path == "/begun":
            await wait()
        await send({"type": "http.response.body", "body": b"the end\n"})
        return
    await start(200 if path == "/page" else 404, JSON)
    await send({"type": "http.response.body", "body": PAGE if path == "/page" else path.encode()})
