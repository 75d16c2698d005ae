"""Functions that the tests of the border call by name."""

from __future__ import annotations

import asyncio
import collections
import datetime
import decimal
import enum
import gc
import http
import os
import sys
import threading
import uuid
from typing import Any

import _puff
from puff._wait import call, in_greenlet


def same(value: Any) -> Any:
    """value."""
    return value


def text_of(value: Any) -> str:
    """repr(value), and of what class it is."""
    return f"{type(value).__name__} {value!r}"


def evaluate(source: str, *args: Any) -> Any:
    """The value of an expression; args are its own."""
    return eval(source, globals(), {"args": args})


def execute(source: str, *args: Any) -> Any:
    """Runs statements; what they leave in ``out``."""
    names: dict[str, Any] = {**globals(), "args": args}
    exec(source, names)
    return names.get("out")


def fail(name: str, message: str) -> None:
    """Raises the exception of that name."""
    raise eval(name)(message)


def go(name: str, *args: Any) -> Any:
    """Go's answer, asked for from here: in a greenlet or a thread."""
    return call(name, *args)


async def go_async(name: str, *args: Any) -> Any:
    """Go's answer, awaited."""
    return await call(name, *args)


async def go_timeout(seconds: float, name: str, *args: Any) -> str:
    """Asks Go with a timeout of asyncio's."""
    try:
        await asyncio.wait_for(call(name, *args), seconds)
    except asyncio.TimeoutError:
        return "timeout"
    return "answered"


def counts() -> tuple[int, int]:
    """Handles and waiters in use."""
    gc.collect()
    return _puff.counts()


class Calls:
    """Encoding it asks Go for its items: what runs then is in the middle of a message."""

    def __init__(self, name: str, *args: Any) -> None:
        self.request = name, args

    def __iter__(self) -> Any:
        name, args = self.request
        yield call(name, *args)
        yield call(name, *args)


class Node:
    """An object whose end asks Go something."""

    ended: list[Any] = []

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        Node.ended.append(_puff.handle(self.ended))


def decode(data: bytes) -> str:
    """What _puff.decode makes of it: "ok", "refused", or the name of another exception."""
    try:
        _puff.decode(data)
    except ValueError:
        return "refused"
    except Exception as e:
        return f"{type(e).__name__}: {e}"
    return "ok"


def parallel_calls(threads: int, calls: int, name: str) -> int:
    """How many right answers as many threads got, each calling Go as many times."""
    right = []

    def one(i: int) -> None:
        right.append(sum(call(name, i * calls + k) == i * calls + k for k in range(calls)))

    all_ = [threading.Thread(target=one, args=(i,)) for i in range(threads)]
    for t in all_:
        t.start()
    for t in all_:
        t.join()
    return sum(right)


class Answer:
    """What a thread waits for, by itself."""

    def __init__(self) -> None:
        self.got: list[tuple[int, Any]] = []


def ask_raw(source: str) -> Any:
    """Asks Go by an expression with a LANE of its own; its answer, or raises its error."""
    lane, _ = _puff.lane()
    try:
        eval(source, {"_puff": _puff, "LANE": lane, "Answer": Answer})
        while not (got := _puff.take(lane, -1)):
            pass
    finally:
        _puff.close(lane)
    kind, _, _, value = got[0]
    if kind == _puff.ERROR:
        raise value
    return value


_lanes: dict[int, list[Answer]] = {}


def open_lane() -> int:
    """The number of a lane that nobody takes from."""
    lane, _ = _puff.lane()
    _lanes[lane] = []
    return lane


def ask_on(lane: int, name: str, *args: Any) -> None:
    """Asks Go and goes away."""
    _puff.call(lane, (name, *args), Answer())


def ask_on_and_take(lane: int, name: str, *args: Any) -> list[Any]:
    """Asks Go; all that has come for the lane when the answer has."""
    mine = Answer()
    _puff.call(lane, (name, *args), mine)
    out = []
    while True:
        for _, target, _, value in _puff.take(lane, -1):
            out.append(value)
            if target is mine:
                return out


def close_lane(lane: int) -> None:
    """Closes it."""
    del _lanes[lane]
    _puff.close(lane)
