"""A FastAPI application as people write them."""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import puff
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def say(*words: object) -> None:
    """Tells the test."""
    sys.stderr.write(f"app: {' '.join(map(str, words))}\n")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    yield {"greeting": "hello"}
    say("lifespan is over")


app = FastAPI(lifespan=lifespan)
app.add_middleware(GZipMiddleware, minimum_size=1000)


async def mark(request: Request, call_next: Any) -> Any:
    response = await call_next(request)
    response.headers["x-middleware"] = request.url.path
    return response


app.add_middleware(BaseHTTPMiddleware, dispatch=mark)


class Item(BaseModel):
    name: str
    price: float


def in_a_thread() -> Iterator[str]:
    yield threading.current_thread().name
    say("the dependency is closed")


@app.get("/")
async def index(request: Request) -> dict[str, str]:
    return {"message": request.state.greeting}


@app.post("/items")
async def create(item: Item) -> dict[str, Any]:
    return {"item": item.model_dump(), "total": item.price * 2}


@app.get("/thread")
def thread(name: str = Depends(in_a_thread)) -> dict[str, Any]:
    main = threading.main_thread().name
    return {"dependency": name != main, "view": threading.current_thread().name != main}


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        for i in range(100):
            await asyncio.sleep(0)
            yield f"line {i}\n"

    return StreamingResponse(lines(), media_type="text/plain")


@app.get("/stream-sync")
def stream_sync() -> StreamingResponse:
    return StreamingResponse((f"line {i}\n" for i in range(100)), media_type="text/plain")


@app.get("/endless/{tag}")
async def endless(tag: str) -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 65536
                await asyncio.sleep(0)
        finally:
            say("stream ended", tag)

    return StreamingResponse(chunks(), headers={"content-encoding": "identity"})


@app.get("/file")
async def file() -> FileResponse:
    return FileResponse(__file__)


@app.get("/background/{tag}")
async def background(tag: str, tasks: BackgroundTasks) -> str:
    async def later() -> None:
        await puff.sleep_ms(1)
        say("background", tag)

    tasks.add_task(later)
    tasks.add_task(say, "in a thread", tag)
    return "begun"


@app.get("/fails")
async def fails() -> str:
    raise RuntimeError("a fault of the view")


@app.get("/missing")
async def missing() -> str:
    raise HTTPException(404, "nothing of the kind")


@app.post("/raw")
async def raw(request: Request) -> dict[str, int]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return {"size": size}


plain = FastAPI()


@plain.get("/left/{tag}")
async def left(request: Request, tag: str) -> str:
    say("left has begun", tag)
    while not await request.is_disconnected():
        await puff.sleep_ms(1)
    say("left", tag)
    return "nobody reads this"
