"""Coroutines on Puff's event loop, from anywhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from puff import _lanes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

__all__ = ["spawn", "spawn_coro", "start_event_loop", "wrap_asgi"]


def start_event_loop(on_thread_start: Callable[[], Any] | None = None) -> Any:
    """Has the event loop running (uvloop where installed); returns it."""
    loop = _lanes.asyncio_lane().loop
    if on_thread_start is not None:
        loop.call_soon_threadsafe(on_thread_start)
    return loop


def spawn(
    f: Callable[..., Coroutine[Any, Any, Any]],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    ret: Callable[[Any, BaseException | None], None],
) -> None:
    """Runs f(*args, **kwargs) in the loop; ret gets the result or the exception."""
    spawn_coro(f(*args, **kwargs), ret)


def spawn_coro(coro: Awaitable[Any], ret: Callable[[Any, BaseException | None], None]) -> None:
    """Runs an awaitable in the loop; ret gets the result or the exception."""

    async def run() -> None:
        try:
            result = await coro
        except Exception as e:
            ret(None, e)
        else:
            ret(result, None)

    asyncio.run_coroutine_threadsafe(run(), _lanes.asyncio_lane().loop)


def wrap_asgi(app: Any) -> Any:
    """The application itself: Puff speaks ASGI without an adapter."""
    return app
