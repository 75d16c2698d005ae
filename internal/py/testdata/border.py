"""What the tests of the border run in Python: three lanes, and functions to call on them.

Go calls one of three handles with (function, *arguments): ``on_hub`` runs it in a greenlet,
``on_loop`` as an asyncio task, ``on_thread`` in a thread of its own. What it returns is the
answer; what it raises goes to Go as an error.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import _puff
import border_functions
from puff._hub import Hub
from puff._loop import LoopLane, start_task
from puff._wait import call
from puff.errors import describe

if TYPE_CHECKING:
    from collections.abc import Callable


def function(name: str) -> Callable[..., Any]:
    """One of border_functions."""
    f: Callable[..., Any] = getattr(border_functions, name)
    return f


def finish(ticket: int, f: Callable[[], Any]) -> None:
    """Answers with what f returns or raises."""
    try:
        _puff.answer(ticket, f())
    except BaseException as e:
        _puff.fail(ticket, describe(e))


def on_hub(ticket: int, value: Any) -> None:
    """Calls a function in a greenlet of the hub."""
    name, *args = value
    finish(ticket, lambda: function(name)(*args))


def on_thread(ticket: int, value: Any) -> None:
    """Calls a function in a thread of its own."""
    name, *args = value
    threading.Thread(target=finish, args=(ticket, lambda: function(name)(*args))).start()


def on_loop(lane: LoopLane) -> Callable[[int, Any], None]:
    """Calls a function, which may be a coroutine function, in a task of the loop."""

    async def run(name: str, args: list[Any]) -> Any:
        got = function(name)(*args)
        return await got if asyncio.iscoroutine(got) or asyncio.isfuture(got) else got

    def handle(ticket: int, value: Any) -> None:
        name, *args = value

        def over(task: asyncio.Task[Any]) -> None:
            if task.cancelled():
                _puff.fail(ticket, ("asyncio.exceptions.CancelledError", "", ""))
            else:
                finish(ticket, task.result)

        task = start_task(run(name, args), lane.loop)
        if task.done():
            over(task)
            return
        lane.tasks[ticket] = task

        def later(task: asyncio.Task[Any]) -> None:
            del lane.tasks[ticket]
            over(task)

        task.add_done_callback(later)

    return handle


def hub_thread(opened: Callable[..., None]) -> None:
    hub = Hub()
    opened("hub", hub.lane, _puff.handle(on_hub), _puff.handle(on_thread), _puff.handle(echo))
    hub.run()


def loop_thread(opened: Callable[..., None]) -> None:
    async def main() -> None:
        lane = LoopLane.of(asyncio.get_running_loop())
        opened("loop", lane.lane, _puff.handle(on_loop(lane)))
        await lane.stopped
        lane.close()

    asyncio.run(main())


def echo(ticket: int, value: Any) -> None:
    """Answers with what it is given."""
    _puff.answer(ticket, value)


def run() -> int:
    """Opens the lanes, tells the tests, and waits for their end."""
    opened: dict[str, tuple[int, ...]] = {}
    all_there = threading.Event()

    def note(name: str, *numbers: int) -> None:
        opened[name] = numbers
        if len(opened) == 2:
            all_there.set()

    for target in (hub_thread, loop_thread):
        threading.Thread(target=target, args=(note,), name=target.__name__).start()
    all_there.wait()
    call("testkit.ready", *opened["hub"], *opened["loop"])
    call("testkit.end")
    try:
        while call("same", 1) == 1:
            pass  # Go goes on for a moment
    except RuntimeError as e:
        return 0 if "Go" in str(e) else 3
    return 4
