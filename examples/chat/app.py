"""A chat: rooms over WebSockets, served by several processes that share a Redis.

This file has the WebSocket of a page, rooms.py what Redis keeps, public/ the page itself.
"""

from __future__ import annotations

import asyncio
import os
import re
from urllib.parse import urlsplit

from puff.pubsub import PubSubConnection, global_pubsub
from rooms import BEAT, LOBBY, Visit
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

NAME = re.compile(r"[^\W_](?:[\w .'-]{0,22}[\w.])?")
ROOM = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,22}[a-z0-9])?")
LONGEST = 2000  # characters of a message
PAUSE = 0.1  # seconds between two messages of one page

# Why a WebSocket is closed, in the range that is free for applications.
FOREIGN, BAD_NAME, BAD_ROOM, BAD_MESSAGE = 4403, 4400, 4404, 4422


def refusal(socket: WebSocket) -> tuple[int, str] | None:
    """Why a page may not come in, if it may not."""
    origin = socket.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != socket.headers.get("host"):
        return FOREIGN, "a page of another site may not chat here"
    if not NAME.fullmatch(socket.query_params.get("name", "")):
        return BAD_NAME, "a name has up to 24 letters, digits and spaces"
    if not ROOM.fullmatch(socket.query_params.get("room", "")):
        return BAD_ROOM, "a room has up to 24 letters from a to z, digits and dashes"
    return None


async def chat(socket: WebSocket) -> None:
    """One page in one room, until either leaves."""
    await socket.accept()
    if reason := refusal(socket):
        await socket.close(*reason)
        return
    visit = Visit(socket.query_params["room"], socket.query_params["name"])
    async with global_pubsub.connection(queue_size=200, overflow="drop_oldest") as inbox:
        # Who first listens and then reads what was said misses nothing; the page knows by their
        # ids which messages it has already.
        await inbox.subscribe(visit.channel)
        await inbox.subscribe(LOBBY)
        await visit.enter()
        parts = [
            asyncio.create_task(part)
            for part in (listen(socket, visit), tell(socket, visit, inbox), stay(visit))
        ]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in parts:
                task.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            await visit.leave()
        for task in done:
            if not isinstance(task.exception(), WebSocketDisconnect):
                task.result()


async def listen(socket: WebSocket, visit: Visit) -> None:
    """Takes what the page says."""
    while True:
        try:
            said = await socket.receive_json()
            text, token = str(said["text"]), str(said["token"])
        except (LookupError, TypeError, ValueError):
            await socket.close(BAD_MESSAGE, "a message has a text and a token")
            return
        if (text := text.strip()[:LONGEST]) and len(token) <= 40:
            await visit.say(text, token)
        # Meanwhile nothing is read: who is faster fills the socket and then waits.
        await asyncio.sleep(PAUSE)


async def tell(socket: WebSocket, visit: Visit, inbox: PubSubConnection) -> None:
    """Has the page know what happens."""
    missed = True
    while True:
        if missed:
            await socket.send_json({"worker": os.getpid(), **await visit.state()})
        message = await inbox.receive()
        missed = message.gap
        await socket.send_text(message.text)


async def stay(visit: Visit) -> None:
    """Says now and then that this page is still here."""
    while True:
        await asyncio.sleep(BEAT)
        await visit.beat()


app = Starlette(routes=[WebSocketRoute("/chat", chat)])
