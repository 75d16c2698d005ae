"""Applications that say where a request came from and went to, WSGI and ASGI."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable


def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """What an environ says of the connection."""
    names = ["REMOTE_ADDR", "REMOTE_PORT", "SERVER_NAME", "SERVER_PORT", "wsgi.url_scheme"]
    shown = {n: environ.get(n) for n in names}
    shown.update({n: v for n, v in environ.items() if n.startswith("HTTP_")})
    start("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(shown).encode()]


async def async_app(
    scope: dict[str, Any], receive: Any, send: Callable[..., Awaitable[None]]
) -> None:
    """What a scope says of the connection."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    shown = {n: scope.get(n) for n in ("client", "server", "scheme", "http_version")}
    shown["headers"] = [[n.decode(), v.decode()] for n, v in scope["headers"]]
    shown["tls"] = scope["extensions"].get("tls")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(shown).encode()})


def activated(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """What a child process finds in its environment of systemd's."""
    code = "import os; print(sorted(n for n in os.environ if n.startswith('LISTEN_')))"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    start("200 OK", [("Content-Type", "text/plain")])
    return [child.stdout.strip().encode()]
