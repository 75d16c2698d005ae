"""ASGI applications, each with a lifespan of its own kind."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]


def say(*words: object) -> None:
    """Tells the test."""
    sys.stderr.write(f"app: {' '.join(map(str, words))}\n")


async def http(scope: Scope, receive: Receive, send: Send) -> None:
    state = sorted(scope.get("state", {"no": "state"}).items())
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": repr(state).encode()})


def serves(lifespan: App) -> App:
    """An application with that lifespan."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (http if scope["type"] == "http" else lifespan)(scope, receive, send)

    return app


@serves
async def complete(scope: Scope, receive: Receive, send: Send) -> None:
    say(sorted(scope), scope["asgi"])
    say((await receive())["type"])
    await asyncio.sleep(0)
    scope["state"]["ready"] = True
    await send({"type": "lifespan.startup.complete"})
    say((await receive())["type"])
    await asyncio.sleep(0)
    await send({"type": "lifespan.shutdown.complete"})
    say("lifespan is over")


@serves
async def failed(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database here"})


@serves
async def failed_and_raises(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database here"})
    raise RuntimeError("after it has failed")


@serves
async def failed_silently(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed"})


@serves
async def raises(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("lifespan is not for me")


@serves
async def returns(scope: Scope, receive: Receive, send: Send) -> None:
    return


@serves
async def ends_early(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})


@serves
async def raises_later(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    raise RuntimeError("while it stops")


@serves
async def stop_failed(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.failed", "message": "the disk is full"})


@serves
async def nonsense(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.nonsense"})


@serves
async def cancelled(scope: Scope, receive: Receive, send: Send) -> None:
    raise asyncio.CancelledError


@serves
async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    raise RuntimeError("the disk is full")


async def for_requests(scope: Scope, receive: Receive, send: Send) -> None:
    await http(scope, receive, send)


async def only_http(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await http(scope, receive, send)


@serves
async def tasks(scope: Scope, receive: Receive, send: Send) -> None:
    """What runs beside the requests ends with the lifespan."""

    async def beside() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            say("the task beside has ended")

    task = asyncio.create_task(beside())
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    task.cancel()
    await asyncio.wait([task])
    await send({"type": "lifespan.shutdown.complete"})
