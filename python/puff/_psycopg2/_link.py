"""Asking Go and waiting, as a DB-API driver does it: synchronously, wherever it is called.

A greenlet parks; code that :func:`puff._bridge.run` started lets its event loop go on; any
other caller blocks its thread.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import _puff

from puff import _wait

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["ask", "caller", "tell"]

_LIBRARIES = ("site-packages", "dist-packages", os.path.dirname(os.__file__))


def caller() -> str:
    """Who asks, as "shop/views.py:12 in basket": the nearest that is no library's; or ""."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        path = code.co_filename
        if not path.startswith((_puff.faces, "<")) and not any(map(path.__contains__, _LIBRARIES)):
            return f"{'/'.join(path.split('/')[-2:])}:{frame.f_lineno} in {code.co_name}"
        frame = frame.f_back
    return ""


def ask(name: str, *args: Any) -> Any:
    """Go's answer to postgres.name(*args)."""
    request = ("postgres." + name, *args)
    local = _wait._local
    hub = local.hub
    if hub is not None and hub.may_wait():
        return hub.ask(request)
    bridge = _wait.bridge()
    if bridge is not None:
        return bridge(request)
    lane = local.lane
    if lane is None or lane.pid != os.getpid():
        lane = local.lane = _wait.ThreadLane()
    return lane.ask(request)


class _Nobody:
    """What an answer is given to that nobody waits for."""

    def give(self, kind: int, value: Any) -> None: ...
    def switch(self, value: Any) -> None: ...
    def throw(self, error: BaseException) -> None: ...


_nobody = _Nobody()


def tell(name: str, *args: Any) -> None:
    """Asks Go and does not wait: for objects that end."""
    local = _wait._local
    if local.hub is not None:
        lane = local.hub.lane
    else:
        if local.lane is None or local.lane.pid != os.getpid():
            local.lane = _wait.ThreadLane()
        lane = local.lane.lane
    _puff.call(lane, ("postgres." + name, *args), _nobody)
