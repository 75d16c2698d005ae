"""``puff serve``, Python's part: imports the application and runs the lane it needs."""

from __future__ import annotations

import asyncio
import faulthandler
import sys
import traceback
from typing import TYPE_CHECKING, Any

import _puff

from puff import _lanes, _logging, _main, _threads, _wait, _watch
from puff._import import ImportFailed, load
from puff._loop import LoopLane, new_event_loop
from puff.errors import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    Describe = Callable[[BaseException], Any]

__all__ = ["NotReady", "run"]


class NotReady(Exception):
    """The application can not serve; the message says why, the cause where."""


def run(
    *,
    app: str,
    interface: str = "auto",
    lifespan: str = "auto",
    app_dir: str | None = None,
    add_cwd: bool = True,
    factory: bool = False,
    blocking_threads: int = 40,
    greenlets: bool = True,
    event_loop: bool = False,
    dump_signal: int = 0,
    watch: bool = False,
    log_format: str = "text",
    log_level: str = "info",
    log_all: bool = False,
    dev: bool = False,
) -> int:
    """Serves app until Go says stop; returns the status of the process.

    With dev an application that can not serve is shown until it is stopped.
    """
    if dump_signal:
        # Written by the signal's handler itself: Python need not run for it.
        faulthandler.register(dump_signal, file=sys.__stderr__ or 2, all_threads=True)
    _logging.configure(log_format, log_level, log_all)
    _main.prepare(app_dir, add_cwd)
    _threads.pool.limit = blocking_threads
    named = log_format == "json"
    tell: Describe = describe
    if dev:
        from puff import _dev

        _dev.prepare()
        tell = _dev.describe
    try:
        application = _load(app, factory, (Exception, SystemExit) if dev else (Exception,))
        if interface == "auto":
            interface = _speaks(application)
        if interface != "wsgi":
            return _asgi(application, lifespan, tell, watch, named)
        if not greenlets:
            raise NotReady(
                f"{app} is a WSGI application, which runs in greenlets, and puff.toml says "
                "greenlets = false: remove that"
            )
        if event_loop:
            _lanes.asyncio_lane()
        return _wsgi(application, tell, watch, named)
    except NotReady as e:
        if e.__cause__ is not None:
            _print_users(e.__cause__)
        print(f"puff: {e}", file=sys.stderr)
        if dev:
            return _dev.show(e, platform_version())
        return 1


def _load(app: str, factory: bool, caught: tuple[type[BaseException], ...]) -> Any:
    try:
        return load(app, factory=factory)
    except ImportFailed as e:
        raise NotReady(str(e)) from None
    except caught as e:
        raise NotReady(f"import {app}: {type(e).__name__}: {e}") from e


def _speaks(application: Any) -> str:
    from puff._asgi import is_asgi

    return "asgi" if is_asgi(application) else "wsgi"


def _print_users(e: BaseException) -> None:
    """The traceback of what went wrong in the program's own code."""
    trace = e.__traceback__
    while trace is not None and _ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    traceback.print_exception(type(e), e, trace)


def _ours(filename: str) -> bool:
    return filename.startswith((_puff.faces, "<frozen importlib")) or filename.endswith(
        "importlib/__init__.py"
    )


def platform_version() -> str:
    """This Python's version, as in 3.13.0."""
    return ".".join(map(str, sys.version_info[:3]))


def _wsgi(app: Any, tell: Describe, watch: bool, named: bool) -> int:
    try:
        from puff._hub import Hub
    except ImportError as e:
        if e.name != "greenlet":
            raise
        raise NotReady(
            f"a WSGI application needs greenlet, which this Python does not have: "
            f"type {_puff.python} -m pip install greenlet"
        ) from None
    from puff._wsgi import handler
    from puff._wsgi_file import FileWrapper

    hub = Hub()
    handle = handler(app, tell)
    if named:
        handle = _logging.named(handle, _logging.name_in_environ, copied=True)
    _lanes.set_greenlet_lane(hub)
    if watch:
        _wait.call(*_watch.start())
    _wait.call(
        "serve.ready",
        "wsgi",
        hub.lane,
        _puff.handle(handle),
        {
            "errors": _puff.handle(sys.stderr),
            "file_wrapper": _puff.handle(FileWrapper),
            "ping": _puff.handle(_puff.answer),
        },
        platform_version(),
    )
    hub.run()
    return 0


def _asgi(app: Any, lifespan: str, tell: Describe, watch: bool, named: bool) -> int:
    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(_asgi_main(app, lifespan, tell, watch, named))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())


async def _asgi_main(app: Any, mode: str, tell: Describe, watch: bool, named: bool) -> int:
    from puff._asgi import Lifespan, StartupFailed, handler

    lane = LoopLane.of(asyncio.get_running_loop())
    _lanes.set_asyncio_lane(lane)
    lifespan = Lifespan(app, mode)
    try:
        has = await lifespan.startup()
    except StartupFailed as e:
        raise NotReady(str(e)) from None
    except Exception as e:
        text = f"the lifespan of the application: {type(e).__name__}: {e}"
        raise NotReady(text) from e
    if watch:
        await lane.call(_watch.start())
    handle = handler(app, lane, lifespan.state if has else None, tell)
    if named:
        handle = _logging.named(handle, _logging.name_in_scope, copied=False)
    objects = {"ping": _puff.handle(_puff.answer)}
    await lane.call(
        ("serve.ready", "asgi", lane.lane, _puff.handle(handle), objects, platform_version())
    )
    await lane.stopped
    while lane.tasks:  # work that goes on behind an answer
        await asyncio.wait(lane.tasks.values())
    try:
        await lifespan.shutdown()
    except Exception as e:
        _print_users(e)
        print(f"puff: {type(e).__name__}: {e}", file=sys.stderr)
        return 1
    return 0
