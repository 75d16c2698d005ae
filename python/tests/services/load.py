"""Many callers of a Redis that comes and goes: what each asks, only it can be answered."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

import puff
from puff.redis import RedisError
from puff.redis import global_redis as r

CALLERS = 32


class Record:
    """What happened to the callers."""

    def __init__(self) -> None:
        self.stale: list[str] = []
        self.strange: list[str] = []
        self.slowest = 0.0
        self.said = 0.0  # when it was last said that all were answered
        self.answered: set[int] = set()

    def over(self) -> bool:
        """Whether somebody said stop."""
        return os.path.exists("stop")

    def note(self, caller: int, asked: str, began: float, answer: Any) -> bool:
        """Notes an answer or an error; whether it was a good answer."""
        self.slowest = max(self.slowest, time.monotonic() - began)
        if isinstance(answer, BaseException):
            if not isinstance(answer, RedisError):
                self.strange.append(repr(answer))
            self.answered.clear()
            return False
        if answer != asked.encode():
            self.stale.append(f"{asked}: {answer!r}")
        self.answered.add(caller)
        if len(self.answered) == CALLERS:
            self.answered.clear()
            if time.monotonic() - self.said > 0.05:
                self.said = time.monotonic()
                print("answered", file=sys.stderr, flush=True)
        return True

    def write(self) -> None:
        """Leaves the record for the test."""
        with open("result.json", "w") as f:
            json.dump(vars(self) | {"answered": []}, f)


def greenlets() -> None:
    """Callers in greenlets."""
    record = Record()

    def caller(me: int) -> None:
        n = 0
        while not record.over():
            n += 1
            asked, began = f"{me}-{n}", time.monotonic()
            answer: Any
            try:
                answer = r.echo(asked)
            except Exception as e:
                answer = e
            if not record.note(me, asked, began, answer):
                puff.sleep(0.01)

    puff.join_all([puff.spawn(caller, i) for i in range(CALLERS)])
    record.write()


async def tasks() -> None:
    """Callers in tasks."""
    record = Record()

    async def caller(me: int) -> None:
        n = 0
        while not record.over():
            n += 1
            asked, began = f"{me}-{n}", time.monotonic()
            answer: Any
            try:
                answer = await r.echo(asked)
            except Exception as e:
                answer = e
            if not record.note(me, asked, began, answer):
                await asyncio.sleep(0.01)

    await asyncio.gather(*(caller(i) for i in range(CALLERS)))
    record.write()
