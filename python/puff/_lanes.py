"""Which lanes this process has: one for synchronous Python, one for asyncio.

The program's own is on the main thread; the other is started, on a thread, when something
first needs it.
"""

from __future__ import annotations

import _thread
import asyncio
from typing import TYPE_CHECKING

from puff._loop import LoopLane, new_event_loop
from puff._threads import start_thread

if TYPE_CHECKING:
    from puff._hub import Hub

__all__ = [
    "asyncio_lane",
    "existing_hub",
    "greenlet_lane",
    "is_asyncio_lane",
    "set_asyncio_lane",
    "set_greenlet_lane",
]

_lock = _thread.allocate_lock()  # who waits for it blocks, wherever
_hub: Hub | None = None
_loop: LoopLane | None = None


def set_greenlet_lane(hub: Hub) -> None:
    """Makes hub the one that synchronous tasks run in."""
    global _hub
    _hub = hub


def set_asyncio_lane(lane: LoopLane) -> None:
    """Makes lane the one that coroutines run in."""
    global _loop
    _loop = lane


def is_asyncio_lane(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether loop is the one that coroutines of this process run in."""
    return _loop is not None and _loop.loop is loop


def greenlet_lane() -> Hub:
    """The lane of synchronous Python. Raises ImportError where there is no greenlet."""
    global _hub
    if _hub is None:
        from puff._hub import Hub

        with _lock:
            if _hub is None:
                hub = Hub()
                hub.thread = start_thread(hub.run, "puff-greenlets")
                _hub = hub
    return _hub


def existing_hub() -> Hub | None:
    """The greenlet lane if there is one already."""
    return _hub


def asyncio_lane() -> LoopLane:
    """The lane of asyncio."""
    global _loop
    if _loop is None or _loop.loop.is_closed():
        with _lock:
            if _loop is None or _loop.loop.is_closed():
                started: list[LoopLane] = []
                ready = _thread.allocate_lock()
                ready.acquire()
                start_thread(_run_loop, "puff-asyncio", started, ready)
                ready.acquire()
                _loop = started[0]
    return _loop


def _run_loop(started: list[LoopLane], ready: _thread.LockType) -> None:
    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    started.append(LoopLane.of(loop))
    loop.call_soon(ready.release)
    loop.run_forever()
