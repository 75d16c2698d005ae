"""Starts the peers that are libraries rather than commands: `launch.py SERVER INTERFACE PORT`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import apps


def bjoern(app: Any, port: int) -> None:
    import bjoern

    bjoern.run(app, "127.0.0.1", port)


def fastpysgi(app: Any, port: int) -> None:
    import fastpysgi

    if app is apps.asgi:
        import uvloop

        fastpysgi.server.loop = uvloop.new_event_loop()
    fastpysgi.run(app, "127.0.0.1", port)


STARTERS: dict[str, Callable[[Any, int], None]] = {"bjoern": bjoern, "fastpysgi": fastpysgi}


def main() -> None:
    server, interface, port = sys.argv[1:]
    STARTERS[server](getattr(apps, interface), int(port))


if __name__ == "__main__":
    main()
