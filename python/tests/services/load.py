"""Many callers of a service that comes and goes: what each asks, only it can be answered."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import puff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["CALLERS", "Record", "greenlets", "tasks"]

CALLERS = 24


class Record:
    """What happened to callers; `unfit` says what is wrong with an error, if anything is."""

    def __init__(self, unfit: Callable[[BaseException], str], callers: int = CALLERS) -> None:
        self.wrong: list[str] = []
        self.failed = 0
        self.slowest = 0.0
        self.left: dict[str, Any] = {}
        self._unfit = unfit
        self._callers = callers
        self._said = 0.0  # when it was last said that all were answered
        self._answered: set[int] = set()

    def over(self) -> bool:
        """Whether somebody said stop."""
        return os.path.exists("stop")

    def error(self, e: BaseException, began: float) -> None:
        """Notes that a call failed."""
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.failed += 1
        self._answered.clear()
        if unfit := self._unfit(e):
            self.wrong.append(f"{unfit}: {e!r}")

    def answer(self, caller: int, began: float) -> None:
        """Notes that a call was answered, and says so when all were."""
        self.slowest = max(self.slowest, time.monotonic() - began)
        self._answered.add(caller)
        if len(self._answered) == self._callers and time.monotonic() - self._said > 0.05:
            self._answered.clear()
            self._said = time.monotonic()
            print("answered", file=sys.stderr, flush=True)

    def check(self, caller: int, asked: str, began: float, answer: object) -> None:
        """Notes an answer, which has to be what was asked."""
        if answer != asked:
            self.wrong.append(f"{asked} was answered {answer!r}")
        self.answer(caller, began)

    def write(self) -> None:
        """Leaves the record for the test."""
        with open("result.json", "w") as f:
            json.dump({k: v for k, v in vars(self).items() if k[0] != "_"}, f)


def greenlets(record: Record, ask: Callable[[str], object]) -> None:
    """Has callers in greenlets ask until it is over."""

    def caller(me: int) -> None:
        n = 0
        while not record.over():
            n += 1
            asked, began = f"{me}-{n}", time.monotonic()
            try:
                answer = ask(asked)
            except Exception as e:
                record.error(e, began)
                puff.sleep(0.01)
            else:
                record.check(me, asked, began, answer)

    puff.join_all([puff.spawn(caller, i) for i in range(CALLERS)])


async def tasks(record: Record, ask: Callable[[str], Awaitable[object]]) -> None:
    """Has callers in tasks ask until it is over."""

    async def caller(me: int) -> None:
        n = 0
        while not record.over():
            n += 1
            asked, began = f"{me}-{n}", time.monotonic()
            try:
                answer = await ask(asked)
            except Exception as e:
                record.error(e, began)
                await asyncio.sleep(0.01)
            else:
                record.check(me, asked, began, answer)

    await asyncio.gather(*(caller(i) for i in range(CALLERS)))
