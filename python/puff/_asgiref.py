"""asgiref across the two lanes.

Stock asgiref runs synchronous code for asyncio in a thread, and a coroutine for a thread in
the loop that thread came from. Under Puff synchronous code is a greenlet of the greenlet
lane, so ``sync_to_async`` starts one there, and ``async_to_sync`` in a greenlet runs its
coroutine on the asyncio lane while only the greenlet waits. Context variables travel both
ways. What asks for threads by name (an executor, ``thread_sensitive=False``) gets threads.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
from asyncio import CancelledError
from contextvars import ContextVar, copy_context
from types import ModuleType
from typing import TYPE_CHECKING, Any

from puff import _lanes
from puff._wait import _local, in_greenlet

if TYPE_CHECKING:
    from contextvars import Context

    from puff._hub import Hub

__all__ = ["TaskLocal", "patch_local", "patch_sync"]


class TaskLocal:
    """threading.local where each greenlet's task counts as a thread."""

    __slots__ = ("_task", "_thread")

    def __init__(self) -> None:
        object.__setattr__(self, "_thread", threading.local())
        object.__setattr__(self, "_task", ContextVar("puff.task_local"))

    def _data(self) -> dict[str, Any]:
        hub = _local.hub
        if hub is None or not hub.may_wait():
            threads: dict[str, Any] = self._thread.__dict__
            return threads
        # A task's context is a copy made for it: what is set there is its own.
        data: dict[str, Any] | None = self._task.get(None)
        if data is None:
            data = {}
            self._task.set(data)
        return data

    def __getattr__(self, name: str) -> Any:
        try:
            return self._data()[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._data()[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self._data()[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}") from None


def patch_local(module: ModuleType) -> None:
    """Has asgiref.local.Local(thread_critical=True) keep greenlets apart."""
    names = ModuleType("threading")
    names.__dict__.update(vars(threading))
    names.local = TaskLocal  # type: ignore[attr-defined]
    module.threading = names  # type: ignore[attr-defined]


def patch_sync(module: Any) -> None:
    """Has sync_to_async and async_to_sync go from lane to lane."""
    restore = module._restore_context
    to_async, to_sync = module.SyncToAsync, module.AsyncToSync
    stock_to_async, stock_to_sync = to_async.__call__, to_sync.__call__

    @functools.wraps(stock_to_async)
    async def sync_to_async(self: Any, *args: Any, **kwargs: Any) -> Any:
        hub = _hub_for(asyncio.get_running_loop()) if self._thread_sensitive else None
        if hub is None or getattr(to_sync.executors, "current", None):
            return await stock_to_async(self, *args, **kwargs)
        given = getattr(self, "context", None)
        context = copy_context() if given is None else given
        child = functools.partial(self.func, *args, **kwargs)
        try:
            return await _in_greenlet(hub, context, restore, child)
        finally:
            if given is None:
                restore(context)

    @functools.wraps(stock_to_sync)
    def async_to_sync(self: Any, *args: Any, **kwargs: Any) -> Any:
        if in_greenlet() is None or self.force_new_loop:
            return stock_to_sync(self, *args, **kwargs)
        return _on_loop(restore, functools.partial(self.awaitable, *args, **kwargs))

    to_async.__call__ = sync_to_async
    to_sync.__call__ = async_to_sync


def _hub_for(loop: asyncio.AbstractEventLoop) -> Hub | None:
    """The greenlet lane, for a loop that is Puff's; None where there is none."""
    if not _lanes.is_asyncio_lane(loop):
        return None
    try:
        return _lanes.greenlet_lane()
    except ImportError:
        return None


async def _in_greenlet(hub: Hub, context: Context, restore: Any, child: Any) -> Any:
    """child(), in a greenlet and in context. Cancelled, it is told so, and waited for."""
    from puff._task import Greenlet

    loop = asyncio.get_running_loop()
    future = loop.create_future()
    raised = sys.exc_info()[1]

    def run_child() -> Any:
        restore(context)
        if raised is None:
            return child()
        try:  # the function sees what is being handled where it was called
            raise raised
        except BaseException:
            return child()

    handle = Greenlet(hub)

    def settle() -> None:
        if future.done():
            return
        error = handle.exception
        if isinstance(error, CancelledError):
            future.cancel()
        elif isinstance(error, StopIteration):
            future.set_exception(RuntimeError(f"the function raised StopIteration: {error}"))
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(handle.result)

    handle._on_done(lambda: loop.call_soon_threadsafe(settle))
    hub.start_threadsafe(handle._task(context.run, (run_child,), {}))
    try:
        return await asyncio.shield(future)
    except CancelledError:
        if not future.done():
            handle.kill(CancelledError)
            await asyncio.wait({future})
            if not future.cancelled():
                future.exception()  # seen: the cancellation is what counts
        raise


def _on_loop(restore: Any, make: Any) -> Any:
    """What make()'s coroutine returns, run on the asyncio lane; the greenlet waits."""
    from puff._task import Greenlet

    loop = _lanes.asyncio_lane().loop
    context = copy_context()
    after = [context]
    handle = Greenlet(in_greenlet())
    tasks: list[asyncio.Task[Any]] = []
    raised = sys.exc_info()[1]

    async def main() -> Any:
        restore(context)
        try:
            if raised is None:
                return await make()
            try:
                raise raised
            except BaseException:
                return await make()
        finally:
            after[0] = copy_context()

    def over(task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            handle._finish(None, CancelledError())
        else:
            error = task.exception()
            handle._finish(None if error is not None else task.result(), error)

    def start() -> None:
        task = context.copy().run(loop.create_task, main())
        tasks.append(task)
        task.add_done_callback(over)

    loop.call_soon_threadsafe(start)
    try:
        return handle.join()
    except BaseException:
        if not handle.finished:
            loop.call_soon_threadsafe(lambda: tasks and tasks[0].cancel())
        raise
    finally:
        restore(after[0])
