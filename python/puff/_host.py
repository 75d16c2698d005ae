"""The host's functions by callback, as older programs know them: host.sleep_ms(ret, 10)."""

from __future__ import annotations

import asyncio
import importlib
from asyncio import _get_running_loop
from typing import TYPE_CHECKING, Any

import _puff

from puff import _lanes, _wait, asyncio_support

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Ret = Callable[[Any, BaseException | None], None]

__all__ = ["HostObjects", "host_objects"]


class _Returned:
    """What an answer is given to; the border calls one of its methods."""

    def __init__(self, ret: Ret) -> None:
        self._ret = ret

    def switch(self, value: Any) -> None:
        self._ret(value, None)

    def throw(self, error: BaseException) -> None:
        self._ret(None, error)


def _ask(ret: Ret, *request: Any) -> None:
    hub, loop = _wait.hub_here(), _get_running_loop()
    if hub is not None:
        _puff.call(hub.lane, request, _Returned(ret))
    elif loop is not None:
        from puff._loop import LoopLane

        _puff.call(LoopLane.of(loop).lane, request, _Returned(ret))
    else:
        try:
            value = _wait.call(*request)
        except Exception as e:
            ret(None, e)
        else:
            ret(value, None)


class _Getter:
    """Finds the client of a service: called, the default one; by_name, any."""

    def __init__(self, module: str, default: str) -> None:
        self._module, self._default = module, default

    def _face(self) -> Any:
        return importlib.import_module(self._module)

    def __call__(self) -> Any:
        """The client named default."""
        return getattr(self._face(), self._default)

    def by_name(self, name: str = "default") -> Any:
        """The client of that name in puff.toml."""
        return self._face().named_client(name)


class HostObjects:
    """What the host gives to Python; each function's first parameter is called back."""

    is_puff = True

    # Each called gives what puff.redis.global_redis and its like are, and by_name(name) what
    # named_client gives there; nothing is opened by that.
    global_redis_getter = _Getter("puff.redis", "global_redis")
    global_postgres_getter = _Getter("puff.postgres", "global_postgres")
    global_pubsub_getter = _Getter("puff.pubsub", "global_pubsub")
    global_http_client_getter = _Getter("puff.http", "global_http_client")

    @property
    def asyncio_loop(self) -> asyncio.AbstractEventLoop:
        """The loop that coroutines run in."""
        return _lanes.asyncio_lane().loop

    def dispatch_greenlet(self, ret: Ret, f: Callable[[], Any]) -> None:
        """ret(what f() returned or None, what it raised or None), f running in a greenlet."""

        def run(ticket: int, value: Any) -> None:
            try:
                result = f()
            except Exception as e:
                ret(None, e)
            else:
                ret(result, None)

        hub = _lanes.greenlet_lane()
        hub.start_threadsafe(run)

    def dispatch_asyncio(self, ret: Ret, f: Callable[[], Awaitable[Any]]) -> None:
        """As dispatch_greenlet, for a coroutine function that runs in the event loop."""
        self.dispatch_asyncio_coro(ret, f())

    def dispatch_asyncio_coro(self, ret: Ret, awaitable: Awaitable[Any]) -> None:
        """As dispatch_asyncio, for what it returns."""
        asyncio_support.spawn_coro(awaitable, ret)

    def read_file_bytes(self, ret: Ret, fn: str) -> None:
        """ret(the bytes of the file, None) or ret(None, the error)."""
        _ask(ret, "read_file", fn)

    def sleep_ms(self, ret: Ret, ms: float) -> None:
        """ret(None, None) after ms milliseconds."""
        _ask(ret, "sleep", ms / 1000)


host_objects = HostObjects()
