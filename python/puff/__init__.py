"""Puff: what a back end needs, on goroutines, outside the interpreter's lock.

A function of Puff's is synchronous in a greenlet, awaitable under asyncio, and blocks a
plain thread; it is the same function::

    import puff

    def view(environ, start_response):      # a greenlet: others run meanwhile
        puff.sleep_ms(10)

    async def handler(request):
        await puff.sleep_ms(10)

Importing it has no side effect; what needs Puff raises NotUnderPuff elsewhere.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from puff import json as json
    from puff._core import (
        ASYNCIO,
        GREENLET,
        Bytelike,
        blocking,
        is_asyncio,
        is_greenlet,
        join_all,
        join_iter,
        patch_libs,
        patch_psycopg2,
        read_file_bytes,
        set_async_type,
        sleep,
        sleep_ms,
        spawn,
        spawn_blocking,
        spawn_blocking_from_host,
        spawn_blocking_from_rust,
        start_event_loop,
        thread_local,
        wrap_async,
        wrap_async_asyncio,
        wrap_async_greenlet,
    )
    from puff._host import HostObjects, host_objects
    from puff._import import cached_import, import_string
    from puff._state import global_state
    from puff._task import Greenlet
    from puff._wait import call

    RustObjects = HostObjects
    rust_objects: HostObjects

__all__ = [
    "ASYNCIO",
    "GREENLET",
    "Bytelike",
    "Greenlet",
    "HostObjects",
    "RustObjects",
    "blocking",
    "cached_import",
    "call",
    "global_state",
    "host_objects",
    "import_string",
    "is_asyncio",
    "is_greenlet",
    "join_all",
    "join_iter",
    "json",
    "patch_libs",
    "patch_psycopg2",
    "read_file_bytes",
    "rust_objects",
    "set_async_type",
    "sleep",
    "sleep_ms",
    "spawn",
    "spawn_blocking",
    "spawn_blocking_from_host",
    "spawn_blocking_from_rust",
    "start_event_loop",
    "thread_local",
    "wrap_async",
    "wrap_async_asyncio",
    "wrap_async_greenlet",
]

# Where a name comes from, and its name there when that differs.
_HOME = {
    "Greenlet": "_task",
    "HostObjects": "_host",
    "RustObjects": "_host.HostObjects",
    "host_objects": "_host",
    "rust_objects": "_host.host_objects",
    "cached_import": "_import",
    "import_string": "_import",
    "call": "_wait",
    "global_state": "_state",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'puff' has no attribute {name!r}")
    try:
        if name == "json":
            return importlib.import_module("puff.json")
        home, _, other = _HOME.get(name, "_core").partition(".")
        value = getattr(importlib.import_module(f"puff.{home}"), other or name)
    except ModuleNotFoundError as e:
        if e.name == "_puff":
            from puff.errors import NotUnderPuff

            raise NotUnderPuff(
                f"puff.{name} needs Puff around it: start the program with `puff serve`, "
                "`puff run` or `puff python`"
            ) from None
        if e.name == "greenlet":
            raise ModuleNotFoundError(
                f"puff.{name} needs greenlet: pip install greenlet", name="greenlet"
            ) from None
        raise
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
