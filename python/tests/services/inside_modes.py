"""One test for every kind of caller: a generator that yields what a call gave it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import puff
import pytest
from puff import _steps

Steps = Generator[Any, Any, Any]
Drive = Callable[[Steps], Any]


def _greenlet(steps: Steps) -> Any:
    return puff.spawn(_steps.run, steps).join()


def _asyncio(steps: Steps) -> Any:
    async def main() -> Any:
        return await _steps.run(steps)

    return asyncio.run(main())


MODES: dict[str, Drive] = {"greenlet": _greenlet, "asyncio": _asyncio, "thread": _steps.run}


@pytest.fixture(params=MODES)
def drive(request: pytest.FixtureRequest) -> Drive:
    """drive(generator) runs it as one kind of caller."""
    return MODES[request.param]
