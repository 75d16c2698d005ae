"""Applications that log, for the tests."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("shop")
if os.environ.get("TEST_OWN_HANDLER"):
    logging.basicConfig(format="own %(levelname)s %(message)s")


def say(path: str) -> None:
    """Logs what the path asks for."""
    if path == "/plain":
        log.warning('a "quoted"\nline %d', 1, extra={"user": 7})
    elif path == "/info":
        log.info("for the curious")
        log.error("for all")
    elif path == "/exception":
        try:
            os.environ["MISSING"]
        except KeyError:
            log.exception("it failed")
    elif path == "/warning":
        warnings.warn("old", stacklevel=1)
    elif path == "/thread":
        t = threading.Thread(target=lambda: [][1])
        t.start()
        t.join()
    elif path == "/fault":
        raise ValueError("a fault")
    elif path == "/burst":
        for i in range(200):
            log.warning("%d %s", i, "x" * 300)


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """A WSGI application."""
    say(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An ASGI application."""
    if scope["type"] == "lifespan":
        raise NotImplementedError
    say(scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
