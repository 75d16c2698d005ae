"""Two commands: one of plain Python, one of asyncio."""

from __future__ import annotations

import asyncio
import sys


def greet() -> None:
    """Greets everybody who is named."""
    for name in sys.argv[1:] or ["World"]:
        print(f"Hello, {name}!")


async def clock() -> None:
    """Ticks and tocks at the same time."""
    await asyncio.gather(_say("tick", 0.01), _say("tock", 0.02))


async def _say(word: str, pause: float) -> None:
    for _ in range(3):
        await asyncio.sleep(pause)
        print(word, flush=True)
