"""``puff run`` and ``puff wait_forever``, Python's part.

A command is a function: a coroutine function runs on an event loop, any other one in a
greenlet, both on the main thread, so that either may wait for Go as it is used to.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

import _puff

from puff import _import, _lanes, _main, _wait

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType

    from puff._hub import Hub

__all__ = ["run", "wait"]


def run(*, function: str, add_cwd: bool, greenlets: bool = True) -> int:
    """Calls the function that a dotted path names; returns the status of the process."""
    _main.prepare(None, add_cwd)
    try:
        found = _load(function)
        if inspect.iscoroutinefunction(found):
            _on_loop(found)
        elif greenlets:
            _in_greenlet(found)
        else:
            found()
        # As python does at its end: threads that are no daemons are waited for.
        threading._shutdown()  # type: ignore[attr-defined]
    except SystemExit:
        raise
    except _import.ImportFailed as e:
        print(f"puff: {e}", file=sys.stderr)
        return 1
    except BaseException as e:
        traceback.print_exception(type(e), e, _users(e.__traceback__))
        return 1
    return 0


def _users(trace: TracebackType | None) -> TracebackType | None:
    """What of a traceback begins in the program's own code; all of it if none does."""
    first, library = trace, os.path.dirname(os.__file__)
    while first is not None:
        name = first.tb_frame.f_code.co_filename  # of a compiled module it is no file
        if os.path.exists(name) and not name.startswith((_puff.faces, library)):
            return first
        first = first.tb_next
    return trace


def wait(*, add_cwd: bool) -> int:
    """Returns when Go says that a signal has come."""
    _main.prepare(None, add_cwd)
    _wait.call("wait.stop")
    return 0


def _load(name: str) -> Callable[[], Any]:
    path, _, attribute = name.rpartition(":" if ":" in name else ".")
    if not path or not attribute:
        raise _import.ImportFailed(
            f"run {name}: it is not the dotted path of a function, as tasks.clean is"
        )
    try:
        found: Any = getattr(_import._module(path, name), attribute)
    except AttributeError as e:
        if e.name != attribute:
            raise
        near = _import._near(e.obj, attribute)
        raise _import.ImportFailed(f"run {name}: {path} has no {attribute!r}{near}") from None
    if not callable(found):
        raise _import.ImportFailed(
            f"run {name}: it is {type(found).__name__}, which can not be called: name a function"
        )
    function: Callable[[], Any] = found
    return function


def _on_loop(function: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    import asyncio

    from puff._loop import LoopLane, new_event_loop

    async def main() -> None:
        _lanes.set_asyncio_lane(LoopLane.of(asyncio.get_running_loop()))
        await function()

    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(main())
        return
    try:
        import uvloop
    except ImportError:
        pass
    else:
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main())


class _OverError(BaseException):
    """Ends the hub: the command is over, whatever else still waits in it."""


def _in_greenlet(function: Callable[[], Any]) -> None:
    try:
        from puff._hub import Hub
    except ImportError as e:
        if e.name != "greenlet":
            raise
        function()
        return
    hub = Hub()
    _lanes.set_greenlet_lane(hub)
    errors: list[BaseException] = []

    def task(ticket: int, value: Any) -> None:
        from greenlet import getcurrent

        _interrupt(hub, getcurrent())
        try:
            function()
        except BaseException as e:
            errors.append(e)
        finally:
            hub.soon(_over)

    hub.start(task)
    with contextlib.suppress(_OverError):
        hub.run()
    if errors:
        raise errors[0]


def _over() -> None:
    raise _OverError


def _interrupt(hub: Hub, me: Any) -> None:
    """Has an interrupt raised in the command also while it waits and the hub runs."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return

    def handler(signum: int, frame: Any) -> None:
        if not hub.between_tasks():
            signal.default_int_handler(signum, frame)
        hub.soon_threadsafe(me.throw, KeyboardInterrupt)

    signal.signal(signal.SIGINT, handler)
