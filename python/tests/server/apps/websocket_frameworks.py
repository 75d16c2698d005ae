"""WebSockets in FastAPI and Starlette as people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI, WebSocket, WebSocketDisconnect, WebSocketException
from starlette.endpoints import WebSocketEndpoint
from starlette.responses import PlainTextResponse
from starlette.routing import WebSocketRoute

if TYPE_CHECKING:
    from starlette.websockets import WebSocket as StarletteSocket


class Counter(WebSocketEndpoint):
    """An endpoint of Starlette's: a class with a method per event."""

    encoding = "json"

    async def on_receive(self, websocket: StarletteSocket, data: Any) -> None:
        await websocket.send_json({"sum": sum(data)})


app = FastAPI(routes=[WebSocketRoute("/counter", Counter)])
people: list[WebSocket] = []


async def token(websocket: WebSocket, token: str = "") -> str:
    if token == "none":
        raise WebSocketException(code=1008)
    return token


@app.websocket("/chat/{name}")
async def chat(websocket: WebSocket, name: str, token: str = Depends(token)) -> None:
    await websocket.accept(subprotocol=(websocket.scope["subprotocols"] or [None])[0])
    people.append(websocket)
    await websocket.send_json({"name": name, "token": token, "people": len(people)})
    try:
        while True:
            said = await websocket.receive_text()
            for person in people:
                await person.send_text(f"{name}: {said}")
    except WebSocketDisconnect as e:
        people.remove(websocket)
        for person in people:
            await person.send_text(f"{name} left with {e.code} {e.reason}")


@app.websocket("/bytes")
async def as_bytes(websocket: WebSocket) -> None:
    await websocket.accept()
    async for data in websocket.iter_bytes():
        await websocket.send_bytes(data[::-1])


@app.websocket("/deny")
async def deny(websocket: WebSocket) -> None:
    await websocket.send_denial_response(PlainTextResponse("members only", status_code=402))
