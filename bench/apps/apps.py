"""The programs that are measured: one WSGI and one ASGI application with the same routes.

Every server runs this file as it stands. The routes do as little as a real application can, so
that what is measured is the server.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any

try:
    import puff
except ImportError:

    def sleep_ms(ms: int) -> None:
        # The attribute is looked up at each call: gevent patches it after this file is imported.
        time.sleep(ms / 1000)
else:

    def sleep_ms(ms: int) -> None:
        puff.sleep_ms(ms)


HELLO = b"Hello, World!"
TEN_KB = b"0123456789abcdef" * 640
PIECES = 10
SLEEP_MS = 10
WORK = 50_000  # turns of a loop, a millisecond or so

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PLAIN = [("Content-Type", "text/plain")]
WSGI_HELLO = [*PLAIN, ("Content-Length", str(len(HELLO)))]
WSGI_TEN_KB = [*PLAIN, ("Content-Length", str(len(TEN_KB)))]
ASGI_PLAIN = [(b"content-type", b"text/plain")]
ASGI_HELLO = [*ASGI_PLAIN, (b"content-length", b"%d" % len(HELLO))]
ASGI_TEN_KB = [*ASGI_PLAIN, (b"content-length", b"%d" % len(TEN_KB))]


def debug() -> bytes:
    """What the soak test wants to know from inside, as JSON of names and numbers."""
    gc.collect()
    counts: dict[str, int] = {
        "blocks": sys.getallocatedblocks(),
        "python_threads": threading.active_count(),
    }
    try:
        from puff import _debug
    except ImportError:
        pass
    else:
        counts.update(_debug.counts())
    return json.dumps(counts).encode()


def work() -> bytes:
    """What takes Python its time, as handlers do."""
    total = 0
    for number in range(WORK):
        total += number
    return HELLO if total else b""


# WSGI


def wsgi_hello(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", WSGI_HELLO)
    return [HELLO]


def wsgi_ten_kb(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", WSGI_TEN_KB)
    return [TEN_KB]


def wsgi_echo(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    length = environ.get("CONTENT_LENGTH")
    source = environ["wsgi.input"]
    body = source.read(int(length)) if length else source.read()
    start_response("200 OK", [*PLAIN, ("Content-Length", str(len(body)))])
    return [body]


def wsgi_stream(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", PLAIN)
    for _ in range(PIECES):
        yield TEN_KB


def wsgi_sleep(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    sleep_ms(SLEEP_MS)
    start_response("200 OK", WSGI_HELLO)
    return [HELLO]


def wsgi_work(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", WSGI_HELLO)
    return [work()]


def wsgi_error(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    raise RuntimeError("this route always fails")


def wsgi_late_error(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", PLAIN)
    yield TEN_KB
    raise RuntimeError("this route fails after its first piece")


def wsgi_debug(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    body = debug()
    start_response("200 OK", [*PLAIN, ("Content-Length", str(len(body)))])
    return [body]


def wsgi_missing(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("404 Not Found", [*PLAIN, ("Content-Length", "0")])
    return []


WSGI_ROUTES: dict[str, Callable[[Environ, StartResponse], Iterable[bytes]]] = {
    "/": wsgi_hello,
    "/10k": wsgi_ten_kb,
    "/echo": wsgi_echo,
    "/stream": wsgi_stream,
    "/sleep": wsgi_sleep,
    "/work": wsgi_work,
    "/error": wsgi_error,
    "/late-error": wsgi_late_error,
    "/_debug": wsgi_debug,
}


def wsgi(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The WSGI application."""
    return WSGI_ROUTES.get(environ["PATH_INFO"], wsgi_missing)(environ, start_response)


# ASGI


async def answer(send: Send, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def asgi_hello(receive: Receive, send: Send) -> None:
    await answer(send, ASGI_HELLO, HELLO)


async def asgi_ten_kb(receive: Receive, send: Send) -> None:
    await answer(send, ASGI_TEN_KB, TEN_KB)


async def asgi_echo(receive: Receive, send: Send) -> None:
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await answer(send, [*ASGI_PLAIN, (b"content-length", b"%d" % len(body))], body)


async def asgi_stream(receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": ASGI_PLAIN})
    for _ in range(PIECES):
        await send({"type": "http.response.body", "body": TEN_KB, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def asgi_sleep(receive: Receive, send: Send) -> None:
    await asyncio.sleep(SLEEP_MS / 1000)
    await answer(send, ASGI_HELLO, HELLO)


async def asgi_work(receive: Receive, send: Send) -> None:
    await answer(send, ASGI_HELLO, work())


async def asgi_error(receive: Receive, send: Send) -> None:
    raise RuntimeError("this route always fails")


async def asgi_late_error(receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": ASGI_PLAIN})
    await send({"type": "http.response.body", "body": TEN_KB, "more_body": True})
    raise RuntimeError("this route fails after its first piece")


async def asgi_debug(receive: Receive, send: Send) -> None:
    body = debug()
    await answer(send, [*ASGI_PLAIN, (b"content-length", b"%d" % len(body))], body)


async def asgi_missing(receive: Receive, send: Send) -> None:
    headers = [*ASGI_PLAIN, (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


ASGI_ROUTES: dict[str, Callable[[Receive, Send], Awaitable[None]]] = {
    "/": asgi_hello,
    "/10k": asgi_ten_kb,
    "/echo": asgi_echo,
    "/stream": asgi_stream,
    "/sleep": asgi_sleep,
    "/work": asgi_work,
    "/error": asgi_error,
    "/late-error": asgi_late_error,
    "/_debug": asgi_debug,
}


# WebSocket: what comes goes back to whoever sent it, or to everybody.

EVERYBODY: set[Send] = set()


async def socket_echo(receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def socket_broadcast(receive: Receive, send: Send) -> None:
    EVERYBODY.add(send)
    try:
        while (message := await receive())["type"] == "websocket.receive":
            text = message["text"]
            for each in tuple(EVERYBODY):
                await each({"type": "websocket.send", "text": text})
    finally:
        EVERYBODY.discard(send)


SOCKET_ROUTES: dict[str, Callable[[Receive, Send], Awaitable[None]]] = {
    "/echo": socket_echo,
    "/broadcast": socket_broadcast,
}


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await SOCKET_ROUTES[scope["path"]](receive, send)
    else:
        await ASGI_ROUTES.get(scope["path"], asgi_missing)(receive, send)
