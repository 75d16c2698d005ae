"""A lifespan that does not start."""

import asyncio
import sys
from typing import Any


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    sys.stderr.write("app: has begun\n")
    await asyncio.Event().wait()
