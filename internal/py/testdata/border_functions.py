"""Functions that the tests of the border call by name.

The tests also send expressions, which find all that is imported here.
"""
# ruff: noqa: F401

from __future__ import annotations

import asyncio
import collections
import copy
import datetime
import decimal
import gc
import http
import os
import pickle
import sys
import threading
import uuid
from contextlib import suppress
from typing import Any

import _puff
from puff import errors
from puff._wait import _local, ask, call

HELD, LET_GO = threading.Event(), threading.Event()


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


def go_here(name: str, *args: Any) -> Any:
    """Go's answer, which the thread itself may wait for."""
    return ask(name, *args)


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


def decimals_that_differ(pairs: list[tuple[str, decimal.Decimal]]) -> list[Any]:
    """Of pairs (text, what came of it) those where Decimal(text) is another in any way."""
    wide = decimal.Context(prec=200)

    def seen(d: decimal.Decimal) -> tuple[Any, ...]:
        facts: list[Any] = [type(d), d.as_tuple(), repr(d), sys.getsizeof(d)]
        facts += [pickle.dumps(d), copy.deepcopy(d).as_tuple()]
        if d.is_snan():
            return tuple(facts)
        facts += [repr(wide.multiply(d, d)), repr(wide.minus(d)), repr(wide.plus(d))]
        if d.is_finite():
            facts += [hash(d), repr(wide.scaleb(d, 2)), repr(d.to_integral_value()), int(d)]
            facts += [repr(wide.normalize(d)), f"{d:.3f}", float(d), bool(d)]
        return tuple(facts)

    out: list[Any] = []
    for text, got in pairs:
        want = decimal.Decimal(text)
        a, b = seen(got), seen(want)
        if a != b:
            out.append((text, [str(x) for x in a], [str(x) for x in b]))
    return out


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
    """What _puff.decode makes of it: "ok", "refused", or the name of another exception.

    Errors are made of plain RuntimeErrors here: by name, any module could be imported.
    """
    _puff.set_error_factory(lambda kind, message, detail: RuntimeError(kind, message, detail))
    try:
        _puff.decode(data)
    except ValueError:
        return "refused"
    except Exception as e:
        return f"{type(e).__name__}: {e}"
    finally:
        _puff.set_error_factory(errors._make)
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


def talker() -> Any:
    """A handle that talks through a channel: ten times what it receives, then three sends
    beyond the window, then what the channel says at its end."""
    loop = asyncio.get_running_loop()
    tasks = set()

    def handle(ticket: int, value: Any) -> None:
        channel = _puff.Channel(ticket, None, loop.create_future, "last", ConnectionError)

        async def talk() -> None:
            while (got := await channel.receive()) != "last":
                await channel.send(got * 10)
            channel.finish()
            other = _puff.Channel(ticket, None, loop.create_future, None, ConnectionError)
            with suppress(ConnectionError):  # nobody is there where the port has ended
                for _ in range(3):
                    await other.send(b"b" * 200_000)
            other.finish()
            _puff.answer(ticket, "last")

        task = loop.create_task(talk())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return handle


def gatherer(n: int) -> Any:
    """What answers none before n have come."""
    tickets: list[int] = []

    def handle(ticket: int, value: Any) -> None:
        tickets.append(ticket)
        if len(tickets) == n:
            for t in tickets:
                _puff.answer(t, None)

    return handle


class AsksAtItsEnd:
    """Asks Go when it goes away, wherever that is."""

    got: list[Any] = []

    def __del__(self) -> None:
        self.got.append(call("same", "at its end"))


def ask_while_taking() -> list[Any]:
    """What the end of an object got that Go lets go of while this thread waits."""
    call("same", None)  # opens the lane of this thread
    lane: Any = _local.lane
    call("release.on", lane.lane, _puff.handle(AsksAtItsEnd()))
    got, AsksAtItsEnd.got[:] = list(AsksAtItsEnd.got), []
    return got
