"""What `puff` offers by itself: tasks, waiting, blocking work."""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
from asyncio import _get_running_loop
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from puff import _lanes, _wait
from puff._task import Greenlet
from puff._threads import pool
from puff._wait import call, hub_here, in_greenlet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

P = ParamSpec("P")
T = TypeVar("T")

Bytelike = str | bytes


class _Sentinel:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ASYNCIO = _Sentinel("ASYNCIO")
GREENLET = _Sentinel("GREENLET")


class _ThreadLocal(threading.local):
    """async_type: what somebody said calls in this thread are like; None: look."""

    async_type: _Sentinel | None = None


thread_local = _ThreadLocal()


def set_async_type(t: _Sentinel | None) -> None:
    """Says what calls in this thread are like, ASYNCIO or GREENLET; None: look."""
    thread_local.async_type = t


def is_asyncio() -> bool:
    """Whether a call made here gives an awaitable."""
    if thread_local.async_type is not None:
        return thread_local.async_type is ASYNCIO
    return _wait.mode() == "asyncio"


def is_greenlet() -> bool:
    """Whether a call made here makes a greenlet wait."""
    if thread_local.async_type is not None:
        return thread_local.async_type is GREENLET
    return _wait.mode() == "greenlet"


def wrap_async(
    f: Callable[[Any], Any], join: bool = True, wrap_return: Callable[[Any], Any] | None = None
) -> Any:
    """What f's callback is given: f(ret) is called, and ret(value, exception) ends the wait.

    In a greenlet it is the value (join=False: a Greenlet handle), under asyncio a future of
    it; elsewhere the thread waits for it. wrap_return maps the value. ret may be called from
    any thread.
    """
    if in_greenlet() is None and _get_running_loop() is not None:
        return wrap_async_asyncio(f, wrap_return=wrap_return)
    return wrap_async_greenlet(f, join=join, wrap_return=wrap_return)


def wrap_async_asyncio(
    f: Callable[[Any], Any], wrap_return: Callable[[Any], Any] | None = None
) -> asyncio.Future[Any]:
    """wrap_async where a loop runs. Raises RuntimeError where none does."""
    loop = _get_running_loop()
    if loop is None:
        raise RuntimeError("wrap_async_asyncio: no event loop runs in this thread")
    future = loop.create_future()

    def settle(value: Any, exception: BaseException | None) -> None:
        if future.done():
            return
        try:
            if exception is None and wrap_return is not None:
                value = wrap_return(value)
        except BaseException as e:
            exception = e
        if exception is None:
            future.set_result(value)
        else:
            future.set_exception(exception)

    def ret(value: Any = None, exception: BaseException | None = None) -> None:
        loop.call_soon_threadsafe(settle, value, exception)

    f(ret)
    return future


def wrap_async_greenlet(
    f: Callable[[Any], Any], join: bool = True, wrap_return: Callable[[Any], Any] | None = None
) -> Any:
    """wrap_async in a greenlet, or in a thread that may wait."""
    handle = Greenlet(in_greenlet())

    def ret(value: Any = None, exception: BaseException | None = None) -> None:
        try:
            if exception is None and wrap_return is not None:
                value = wrap_return(value)
        except BaseException as e:
            exception = e
        handle._finish(value, exception)

    f(ret)
    return handle.join() if join else handle


def spawn(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Greenlet:
    """Starts f(*args, **kwargs) in a greenlet of its own; a handle to it.

    In a plain thread the task runs on the greenlet lane. Raises RuntimeError under asyncio.
    """
    hub = hub_here()
    if hub is not None:
        return hub.spawn(f, *args, **kwargs)
    if _get_running_loop() is not None:
        raise RuntimeError(
            "spawn is for greenlets: under asyncio use asyncio.create_task for a coroutine, or "
            "asgiref.sync.sync_to_async for a function"
        )
    hub = _lanes.greenlet_lane()
    handle = Greenlet(hub)
    hub.start_threadsafe(handle._task(f, args, kwargs))
    return handle


def join_all(greenlets: Iterable[Any], *, return_exceptions: bool = False) -> Any:
    """The results of all, in order; raises the first exception there is, as asyncio.gather.

    return_exceptions puts exceptions in their places instead. Under asyncio it is awaitable.
    """
    tasks = list(greenlets)
    if in_greenlet() is None and _get_running_loop() is not None:
        return asyncio.gather(*tasks, return_exceptions=return_exceptions)
    if return_exceptions:
        for task in tasks:
            task.wait()
    else:
        for _ in _completed(tasks):
            pass
    return [t.exception if t.exception is not None else t.result for t in tasks]


def join_iter(greenlets: Iterable[Any], *, return_exceptions: bool = False) -> Iterator[Any]:
    """Results as the tasks end; raises what one raised unless return_exceptions."""
    for task in _completed(list(greenlets), check=not return_exceptions):
        yield task.exception if task.exception is not None else task.result


def _completed(tasks: list[Greenlet], check: bool = True) -> Iterator[Greenlet]:
    """The tasks in the order they end; with check raises what the first that failed raised."""
    ended: list[Greenlet] = []
    turn = Greenlet(in_greenlet())

    def note(task: Greenlet) -> None:
        ended.append(task)
        turn._finish(None, None)

    for task in tasks:
        if not task._on_done(functools.partial(note, task)):
            ended.append(task)
    for _ in range(len(tasks)):
        while not ended:
            turn.finished = False
            if not ended:
                turn.wait()
        task = ended.pop(0)
        if check and task.exception is not None:
            raise task.exception
        yield task


def sleep_ms(ms: float) -> Any:
    """None, after ms milliseconds; only the caller waits."""
    return call("sleep", ms / 1000)


def sleep(seconds: float) -> Any:
    """None, after so many seconds; only the caller waits."""
    return call("sleep", float(seconds))


def read_file_bytes(fn: str) -> Any:
    """The bytes of a file, read by Go. Raises OSError as open does."""
    import os

    return call("read_file", os.fspath(fn))


def spawn_blocking(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Runs f on a thread of the blocking pool; a Greenlet handle, under asyncio a future."""
    if in_greenlet() is None and _get_running_loop() is not None:
        return wrap_async_asyncio(lambda ret: pool.submit(ret, f, *args, **kwargs))
    handle = Greenlet(in_greenlet())
    pool.submit(handle._finish, f, *args, **kwargs)
    return handle


def blocking(func: Callable[P, T]) -> Callable[P, T]:
    """A decorator for functions that block: called under Puff they run on the blocking pool.

    The caller waits as it does for everything of Puff's: a greenlet parks, asyncio gets an
    awaitable, a plain thread simply calls the function.
    """

    @functools.wraps(func)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Any:
        if in_greenlet() is not None:
            return spawn_blocking(func, *args, **kwargs).join()
        if _get_running_loop() is not None:
            return spawn_blocking(func, *args, **kwargs)
        return func(*args, **kwargs)

    return wrapper


def spawn_blocking_from_host(
    on_thread_start: Callable[[], Any] | None,
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    ret: Callable[[Any, BaseException | None], None],
) -> None:
    """Runs f on a thread of the blocking pool, after on_thread_start; ret gets what came."""

    def run() -> Any:
        if on_thread_start is not None:
            on_thread_start()
        return f(*args, **kwargs)

    pool.submit(ret, run)


spawn_blocking_from_rust = spawn_blocking_from_host


def start_event_loop(q: Any = None, on_thread_start: Callable[[], Any] | None = None) -> Any:
    """Has the greenlet lane running; returns its thread. q is of no use any more."""
    hub = _lanes.greenlet_lane()
    if on_thread_start is not None:
        start = on_thread_start
        hub.start_threadsafe(lambda ticket, value: start())
    return hub.thread


def patch_psycopg2() -> None:
    """Has ``import psycopg2`` find Puff's driver, which it does unless that was turned off.

    Raises RuntimeError when another psycopg2 has been imported.
    """
    module = sys.modules.get("psycopg2")
    if module is not None and not getattr(module, "__puff__", False):
        raise RuntimeError(
            "another psycopg2 was imported: remove psycopg2 = false from puff.toml, or "
            "PUFF_PSYCOPG2 from the environment"
        )
    from puff._driver import driver

    names = [n for n in sys.modules if (n + ".").startswith("puff._psycopg2.")]
    if driver.__name__ == "puff._psycopg2":
        for name in names:
            sys.modules[name.removeprefix("puff._")] = sys.modules[name]


def patch_libs() -> None:
    """Applies the patches of puff._patch to threading and to libraries imported already.

    Those imported later are patched as they come. Under `puff python` it is for programs with
    greenlets to call, first of all; elsewhere Puff has done so.
    """
    from puff import _patch

    _patch.apply()
