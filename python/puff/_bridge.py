"""Synchronous code that waits, under asyncio: it runs in a greenlet beside the event loop.

:func:`run` gives an awaitable of what a function returns. When the function asks Go, its
greenlet hands the future to the coroutine that awaits it, and goes on with the answer.
"""

from __future__ import annotations

from asyncio import _get_running_loop
from typing import TYPE_CHECKING, Any

from puff._wait import _local

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["run"]


class _Failed:
    """What the future raised, on its way into the greenlet."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


async def run(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What f(*args, **kwargs) returns, others running while it waits."""
    from greenlet import getcurrent, greenlet

    from puff._loop import LoopLane

    loop = _get_running_loop()
    assert loop is not None
    lane = LoopLane.of(loop)
    outer: Any = getcurrent()
    inner: Any = None

    def ask(request: tuple[Any, ...]) -> Any:
        answer = outer.switch(lane.call(request))
        if type(answer) is _Failed:
            raise answer.error
        return answer

    def work() -> Any:
        return f(*args, **kwargs)

    inner = greenlet(work, outer)
    step: Any = None
    started = False
    while True:
        # Only what runs inside the greenlet waits this way.
        before, _local.bridge = _local.bridge, ask
        try:
            step = inner.switch(step) if started else inner.switch()
        finally:
            _local.bridge = before
        started = True
        if inner.dead:
            return step
        try:
            step = await step
        except BaseException as e:
            step = _Failed(e)
        outer = getcurrent()
        inner.parent = outer
