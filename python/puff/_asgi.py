"""ASGI 3, stop 5 of 5: a request comes as a scope, receive and send.

``receive`` and ``send`` are methods of a channel, in C: what they return is done already
unless there is something to wait for. The messages go to Go as they are.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from inspect import Parameter
from types import CoroutineType
from typing import TYPE_CHECKING, Any

import _puff

from puff._loop import start_task
from puff.errors import ClientDisconnected, describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from puff._loop import LoopLane

    Message = MutableMapping[str, Any]
    Application = Callable[..., Awaitable[None]]

__all__ = ["Lifespan", "handler"]

_log = logging.getLogger("puff.asgi")
_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_GONE = {
    "http": {"type": "http.disconnect"},
    "websocket": {"type": "websocket.disconnect", "code": 1006, "reason": ""},
}


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def handler(
    app: Application,
    lane: LoopLane,
    state: dict[str, Any] | None,
    describe: Callable[[BaseException], Any] = describe,
) -> Callable[[int, Any], None]:
    """What the lane calls for each request: f(ticket, (scope, first message or None)).

    describe makes what Go is told of an exception.
    """
    channel, loop, tasks = _puff.Channel, lane.loop, lane.tasks
    make_future, gone = loop.create_future, _GONE

    def handle(ticket: int, value: Any) -> None:
        scope, first = value
        if state is not None:
            scope["state"] = state.copy()
        talk = channel(ticket, first, make_future, gone[scope["type"]], ClientDisconnected, _await)
        try:
            coro: Any = app(scope, talk.receive, talk.send)
            if type(coro) is not CoroutineType and not asyncio.iscoroutine(coro):
                coro = _await(coro)
        except BaseException as e:
            talk.finish()
            _puff.fail(ticket, describe(e))
            return
        task = start_task(coro, loop)
        if task.done():
            over(ticket, talk, task)
            return
        tasks[ticket] = task

        def later(task: asyncio.Task[Any]) -> None:
            del tasks[ticket]
            over(ticket, talk, task)

        task.add_done_callback(later)

    def over(ticket: int, talk: _puff.Channel, task: asyncio.Task[Any]) -> None:
        hung_up = talk.closed
        talk.finish()
        if task.cancelled():
            _puff.fail(ticket, ("asyncio.exceptions.CancelledError", "", ""))
            return
        error = task.exception()
        if error is None or (hung_up and isinstance(error, ClientDisconnected)):
            _puff.answer(ticket, None)
        else:
            _puff.fail(ticket, describe(error))

    return handle


class StartupFailed(Exception):
    """The application said that it can not start, and why."""


class _NotOfLifespan(ValueError):
    """The application sent a message that is for another scope."""


class Lifespan:
    """The lifespan of an application: begun before the first request, ended after the last.

    mode is "on", "off" or "auto": under auto an application that raises for the lifespan
    scope has none.
    """

    def __init__(self, app: Application, mode: str) -> None:
        self.app = app
        self.mode = mode
        self.state: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._knows = False  # whether the application has asked for a message
        self._started: asyncio.Future[None] | None = None
        self._stopped: asyncio.Future[None] | None = None

    async def startup(self) -> bool:
        """Whether the application has a lifespan. Raises StartupFailed with its reason."""
        if self.mode == "off":
            return False
        loop = asyncio.get_running_loop()
        self._started, self._stopped = loop.create_future(), loop.create_future()
        self._inbox.put_nowait({"type": "lifespan.startup"})
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        self._task = loop.create_task(_await(self.app(scope, self._receive, self._send)))
        await asyncio.wait({self._task, self._started}, return_when=asyncio.FIRST_COMPLETED)
        if self._started.done():
            self._started.result()  # raises what startup.failed said
            return True
        task, self._task = self._task, None
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if self.mode == "on":
            if error is not None:
                raise error
            raise StartupFailed("the application returned before lifespan.startup.complete")
        if error is not None:
            # Most have never heard of it: they raise at once, or send what is for a request.
            knows = self._knows and not isinstance(error, _NotOfLifespan)
            level = logging.INFO if knows else logging.DEBUG
            _log.log(level, "the application has no lifespan: %s: %s", type(error).__name__, error)
        return False

    async def _receive(self) -> Message:
        self._knows = True
        return await self._inbox.get()

    async def _send(self, message: Message) -> None:
        kind, text = message["type"], message.get("message", "")
        started, stopped = self._started, self._stopped
        assert started is not None
        assert stopped is not None
        ends = {
            "lifespan.startup.complete": (started, None),
            "lifespan.startup.failed": (started, f"the application failed to start: {text}"),
            "lifespan.shutdown.complete": (stopped, None),
            "lifespan.shutdown.failed": (stopped, f"the application failed to stop: {text}"),
        }
        if kind not in ends:
            error = ValueError if kind.startswith("lifespan.") else _NotOfLifespan
            raise error(f"lifespan: unexpected message {kind!r}")
        future, reason = ends[kind]
        if future.done():
            return
        if reason is None:
            future.set_result(None)
        else:
            future.set_exception(StartupFailed(reason))

    async def shutdown(self) -> None:
        """Has the application end what it began. Raises StartupFailed with its reason."""
        if self._task is None or self._stopped is None or self._task.done():
            return
        self._inbox.put_nowait({"type": "lifespan.shutdown"})
        await asyncio.wait({self._task, self._stopped}, return_when=asyncio.FIRST_COMPLETED)
        if self._stopped.done():
            self._stopped.result()
        if self._task.done() and not self._task.cancelled():
            error = self._task.exception()
            if error is not None:
                raise error


def is_asgi(app: Any) -> bool:
    """Whether app looks like ASGI 3: its call is a coroutine function, or takes three arguments."""
    if inspect.isclass(app):
        return hasattr(app, "__await__")
    target: Any = app
    while hasattr(target, "func") and hasattr(target, "args"):  # functools.partial
        target = target.func
    if inspect.iscoroutinefunction(target):
        return True
    if callable(target) and inspect.iscoroutinefunction(type(target).__call__):
        return True
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return False
    needed = [p for p in parameters if p.default is p.empty and p.kind in _POSITIONAL]
    return len(needed) == 3  # scope, receive, send; WSGI's are two
