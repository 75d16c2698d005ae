"""Work that asks Go several times, written once for every kind of caller.

It is a generator that yields what :func:`puff._wait.call` gave it and is sent the answer::

    def both(name):
        first = yield call("one", name)
        return (yield call("two", first))

    run(both("x"))          # in a greenlet: the result; under asyncio: an awaitable of it
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from puff._wait import mode

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["Ready", "ready", "run"]


def run(steps: Generator[Any, Any, Any]) -> Any:
    """What steps returns, or under asyncio a coroutine of it."""
    if mode() == "asyncio":
        return _drive(steps)
    try:
        answer = None
        while True:
            # A call has waited by itself: what comes out is the answer.
            answer = steps.send(answer)
    except StopIteration as stop:
        return stop.value


async def _drive(steps: Generator[Any, Any, Any]) -> Any:
    try:
        item = steps.send(None)
        while True:
            try:
                answer = await item
            except BaseException as error:
                item = steps.throw(error)
            else:
                item = steps.send(answer)
    except StopIteration as stop:
        return stop.value
    finally:
        steps.close()


class Ready:
    """An awaitable of a value that is there."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._value
        yield


def ready(value: Any) -> Any:
    """The value, or under asyncio an awaitable of it: for what needs no waiting."""
    return Ready(value) if mode() == "asyncio" else value
