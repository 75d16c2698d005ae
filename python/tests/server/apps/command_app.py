"""Applications that the command is told of in one way or another."""

from __future__ import annotations

import atexit
import functools
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import puff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Environ = dict[str, Any]
    Start = Callable[..., Any]

number = 42
begun: list[str] = []
gate = threading.Event()


def say(*words: object) -> None:
    """Tells the test."""
    sys.stderr.write(f"app: {' '.join(map(str, words))}\n")


atexit.register(say, "atexit")


def app(environ: Environ, start: Start) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/slow":
        say("slow has begun")
        while not os.path.exists(os.environ["GATE"]):
            puff.sleep_ms(2)
    if environ["PATH_INFO"] == "/echo":
        say("echo has begun")
        body = environ["wsgi.input"].read()
        start("200 OK", [])
        return [body]
    if environ["PATH_INFO"] == "/stream":
        return stream(start)
    if environ["PATH_INFO"] == "/stuck":
        say("stuck has begun")
        while True:
            puff.sleep_ms(1000)
    start("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/behind":
        puff.spawn(work_behind)
    return [b"wsgi"]


def stream(start: Start) -> Iterable[bytes]:
    start("200 OK", [])
    yield b"first"
    while not os.path.exists(os.environ["GATE"]):
        puff.sleep_ms(2)
    yield b"x" * 1_000_000


def work_behind() -> None:
    say("the work behind has begun")
    while not os.path.exists(os.environ["GATE"]):
        puff.sleep_ms(2)
    say("the work behind is done")


async def async_app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    if scope["path"] == "/slow":
        say("slow has begun")
        while not os.path.exists(os.environ["GATE"]):
            await puff.sleep_ms(2)
    if scope["path"] == "/echo":
        say("echo has begun")
        body, more = b"", True
        while more:
            m = await receive()
            body, more = body + m["body"], m["more_body"]
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": body})
        return
    if scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        while not os.path.exists(os.environ["GATE"]):
            await puff.sleep_ms(2)
        await send({"type": "http.response.body", "body": b"x" * 1_000_000})
        return
    if scope["path"] == "/stuck":
        say("stuck has begun")
        await puff.sleep(1000)
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"asgi"})
    if scope["path"] == "/behind":
        say("the work behind has begun")
        while not os.path.exists(os.environ["GATE"]):
            await puff.sleep_ms(2)
        say("the work behind is done")


class Object:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await async_app(scope, receive, send)


class WSGIObject:
    inner = staticmethod(app)

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        return app(environ, start)


class AppClass:
    """As PEP 3333 has it: the class is the application, an instance is its answer."""

    def __init__(self, environ: Environ, start: Start) -> None:
        self.start = start

    def __iter__(self) -> Any:
        self.start("200 OK", [])
        yield b"wsgi"


def decorated(f: Any) -> Any:
    @functools.wraps(f)
    def inner(scope: Any, receive: Any, send: Any) -> Any:
        return f(scope, receive, send)

    return inner


an_object = Object()
a_wsgi_object = WSGIObject()
a_partial = functools.partial(async_app)
a_method = an_object.__call__
a_plain_one = decorated(async_app)


def make() -> Any:
    return app


def make_async() -> Any:
    return async_app


def make_nothing() -> Any:
    raise RuntimeError("the factory fails")
