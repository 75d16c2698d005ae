"""A FastAPI application: typed JSON, an answer that comes in pieces, work in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timezone

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import BaseModel

PAGE = """<!doctype html>
<title>FastAPI under Puff</title>
<h1>FastAPI under Puff</h1>
<p>Up since {started}, on {loop}.</p>
<p><a href="/docs">Its interface</a> <a href="/count?to=5">An answer in pieces</a></p>
"""


class Item(BaseModel):
    """Something to buy."""

    name: str
    price: float
    amount: int = 1


class Total(BaseModel):
    """What an item costs altogether."""

    name: str
    total: float


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Runs around the application's life."""
    app.state.started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    yield


app = FastAPI(title="FastAPI under Puff", lifespan=lifespan)


@app.get("/", response_class=HTMLResponse)
async def index(request: Request) -> str:
    """The page."""
    loop = type(asyncio.get_running_loop()).__module__
    return PAGE.format(started=request.app.state.started, loop=loop)


@app.get("/hello")
async def hello(name: str = "World") -> dict[str, str]:
    """Greets."""
    return {"message": f"Hello, {name}!"}


@app.post("/total")
async def total(item: Item) -> Total:
    """Multiplies, after Pydantic has checked what came."""
    return Total(name=item.name, total=item.price * item.amount)


@app.get("/count")
async def count(to: int = 10) -> StreamingResponse:
    """Counts, one line at a time."""

    async def lines() -> AsyncIterator[str]:
        for number in range(1, to + 1):
            yield f"{number}\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(lines(), media_type="text/plain")
