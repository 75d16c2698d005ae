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
    if environ["PATH_INFO"] == "/stuck":
        say("stuck has begun")
        while True:
            puff.sleep_ms(1000)
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"wsgi"]


async def async_app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    if scope["path"] == "/slow":
        say("slow has begun")
        while not os.path.exists(os.environ["GATE"]):
            await puff.sleep_ms(2)
    if scope["path"] == "/stuck":
        say("stuck has begun")
        await puff.sleep(1000)
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"asgi"})


class Object:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await async_app(scope, receive, send)


class WSGIObject:
    inner = staticmethod(app)

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        return app(environ, start)


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
