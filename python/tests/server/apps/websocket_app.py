"""WebSockets for the tests: one path per behaviour."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from puff import _debug

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    Scope = dict[str, Any]
    Receive = Callable[[], Coroutine[Any, Any, dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

steps: dict[str, asyncio.Event] = {}
flooded = 0
everybody: list[Send] = []


def say(*words: object) -> None:
    """Tells the test."""
    sys.stderr.write(f"app: {' '.join(map(str, words))}\n")


def query(scope: Scope, name: str, default: str = "") -> str:
    text: str = scope["query_string"].decode()
    return parse_qs(text).get(name, [default])[0]


def event(tag: str) -> asyncio.Event:
    return steps.setdefault(tag, asyncio.Event())


async def accept(receive: Receive, send: Send, **more: Any) -> None:
    assert await receive() == {"type": "websocket.connect"}
    await send({"type": "websocket.accept", **more})


async def text(send: Send, data: object) -> None:
    await send({"type": "websocket.send", "text": str(data)})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await accept(receive, send)
    while (message := await receive())["type"] == "websocket.receive":
        assert len(message) == 2, message
        await send({**message, "type": "websocket.send"})
    assert message["type"] == "websocket.disconnect", message
    if tag := query(scope, "tag"):
        say("end", tag, message["code"], repr(message["reason"]))
    again = await receive()
    assert again["type"] == "websocket.disconnect", again


async def shown(scope: Scope, receive: Receive, send: Send) -> None:
    await accept(receive, send)
    await text(send, json.dumps({**scope, "keys": sorted(scope)}, default=repr))
    await send({"type": "websocket.close"})


async def chosen(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"x-own", b"1"), (b"X-Own", b"2"), (b"sec-websocket-accept", b"no")]
    await accept(receive, send, subprotocol=query(scope, "choose") or None, headers=headers)
    await send({"type": "websocket.close", "code": 4001, "reason": "caf\u00e9"})
    say("closed with", (await receive())["code"])


async def denied(_: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 4000})
    say("denied", (await receive())["type"])


async def responded(scope: Scope, receive: Receive, send: Send) -> None:
    assert "websocket.http.response" in scope["extensions"]
    await receive()
    headers = [(b"content-type", b"text/plain"), (b"x-own", b"1")]
    kind = "websocket.http.response"
    await send({"type": f"{kind}.start", "status": 401, "headers": headers})
    if query(scope, "pieces"):
        await send({"type": f"{kind}.body", "body": b"go ", "more_body": True})
    await send({"type": f"{kind}.body", "body": b"away"})
    say("responded", (await receive())["type"])


async def silent(_: Scope, receive: Receive, send: Send) -> None:
    await receive()


async def pending(scope: Scope, receive: Receive, send: Send) -> None:
    """Makes up its mind when it is cancelled."""
    await receive()
    say("pending", query(scope, "tag"))
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        say("cancelled", query(scope, "tag"))
        raise


async def raises(scope: Scope, receive: Receive, send: Send) -> None:
    if query(scope, "after"):
        await accept(receive, send)
    raise ZeroDivisionError("on purpose")


async def returns(_: Scope, receive: Receive, send: Send) -> None:
    await accept(receive, send)
    await text(send, "last words")


async def after(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends until that fails."""
    await accept(receive, send)
    while (await receive())["type"] != "websocket.disconnect":
        pass
    try:
        await text(send, "too late")
    except OSError as e:
        say("send raised", type(e).__name__, query(scope, "tag"))
        raise


async def push(scope: Scope, receive: Receive, send: Send) -> None:
    """Never receives: the end of the client is heard of in send."""
    await accept(receive, send)
    await text(send, "begin")
    await event(query(scope, "tag")).wait()
    try:
        while True:
            await text(send, "more")
            await asyncio.sleep(0)
    except OSError as e:
        say("push raised", type(e).__name__, query(scope, "tag"))


async def sets(scope: Scope, receive: Receive, send: Send) -> None:
    await accept(receive, send)
    event(query(scope, "tag")).set()
    await send({"type": "websocket.close"})


async def flood(_: Scope, receive: Receive, send: Send) -> None:
    global flooded
    await accept(receive, send)
    flooded = 0
    for _piece in range(1024):
        flooded += 1 << 16
        await send({"type": "websocket.send", "bytes": bytes(1 << 16)})
    await send({"type": "websocket.close"})


async def flooded_by(_: Scope, receive: Receive, send: Send) -> None:
    await accept(receive, send)
    while (await receive())["type"] != "websocket.disconnect":
        await text(send, flooded)


async def lazy(scope: Scope, receive: Receive, send: Send) -> None:
    """Receives nothing until it may, then counts."""
    await accept(receive, send)
    await text(send, "ready")
    await event(query(scope, "tag")).wait()
    n = 0
    while (message := await receive())["type"] == "websocket.receive":
        n += len(message["bytes"])
    say("lazy", query(scope, "tag"), n, message["code"])


async def timed(scope: Scope, receive: Receive, send: Send) -> None:
    """Gives up one receive, and loses nothing by it."""
    await accept(receive, send)
    task = asyncio.ensure_future(receive())
    await asyncio.sleep(0)
    task.cancel()
    await text(send, "cancelled")
    while (message := await receive())["type"] == "websocket.receive":
        await text(send, message["text"])


async def room(scope: Scope, receive: Receive, send: Send) -> None:
    await accept(receive, send)
    everybody.append(send)
    await text(send, len(everybody))
    try:
        while (message := await receive())["type"] == "websocket.receive":
            for each in everybody:
                await text(each, message["text"])
    finally:
        everybody.remove(send)


async def counts(_: Scope, receive: Receive, send: Send) -> None:
    await accept(receive, send)
    await asyncio.sleep(0)
    gc.collect()
    await text(send, json.dumps(_debug.counts()))
    await send({"type": "websocket.close"})


BAD: dict[str, list[dict[str, Any]]] = {
    "send-first": [{"type": "websocket.send", "text": "a"}],
    "body-first": [{"type": "websocket.http.response.body", "body": b"a"}],
    "unknown": [{"type": "websocket.nonsense"}],
    "http": [{"type": "http.response.start", "status": 200, "headers": []}],
    "header": [{"type": "websocket.accept", "headers": [(b"a\r\nb", b"c")]}],
    "headers": [{"type": "websocket.accept", "headers": [b"a"]}],
    "twice": [{"type": "websocket.accept"}, {"type": "websocket.accept"}],
    "response-late": [
        {"type": "websocket.accept"},
        {"type": "websocket.http.response.start", "status": 200, "headers": []},
    ],
    "nothing": [{"type": "websocket.accept"}, {"type": "websocket.send"}],
    "text-bytes": [{"type": "websocket.accept"}, {"type": "websocket.send", "text": b"a"}],
    "bytes-text": [{"type": "websocket.accept"}, {"type": "websocket.send", "bytes": "a"}],
    "surrogate": [{"type": "websocket.accept"}, {"type": "websocket.send", "text": "\udcff"}],
    "code": [{"type": "websocket.accept"}, {"type": "websocket.close", "code": 1006}],
    "code-text": [{"type": "websocket.accept"}, {"type": "websocket.close", "code": "1000"}],
}


async def bad(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    for message in BAD[query(scope, "case")]:
        await send(message)
    while (await receive())["type"] != "websocket.disconnect":
        pass


ROUTES = {
    "/": echo, "/scope": shown, "/chosen": chosen, "/denied": denied, "/responded": responded,
    "/silent": silent, "/raises": raises, "/returns": returns, "/after": after, "/push": push,
    "/sets": sets, "/flood": flood, "/flooded": flooded_by, "/lazy": lazy, "/timed": timed,
    "/room": room, "/pending": pending, "/counts": counts, "/bad": bad,
}  # fmt: skip


PAGE = b"""<!doctype html><title>talk</title><script>
function talk(path, first, protocols = []) {
  return new Promise(done => {
    const got = []
    const s = new WebSocket(`wss://${location.host}${path}`, protocols)
    s.onopen = () => { if (first) s.send(first) }
    s.onmessage = e => { got.push(e.data); if (first) s.close(3210, "enough") }
    s.onclose = e => done({got, code: e.code, reason: e.reason, clean: e.wasClean,
      protocol: s.protocol, extensions: s.extensions})
  })
}
(async () => {
  const long = "long ".repeat(50000)
  const [scope, chosen, denied, echo] = await Promise.all([
    talk("/scope"), talk("/chosen?choose=b", "", ["a", "b"]), talk("/denied"), talk("/", long)])
  echo.same = echo.got.length == 1 && echo.got[0] == long
  delete echo.got
  await fetch("/said", {method: "POST", body: JSON.stringify({scope, chosen, denied, echo})})
})()
</script>"""


async def browsed(scope: Scope, receive: Receive, send: Send) -> None:
    """A page that opens WebSockets, and what it says of them."""
    if scope["method"] == "POST":
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        say("said", body.decode())
    headers = [(b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": PAGE})


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The application."""
    if scope["type"] == "http" and scope["path"] in {"/talk", "/said"}:
        await browsed(scope, receive, send)
        return
    if scope["type"] == "http" and scope["path"] == "/pending":
        await pending(scope, receive, send)
        return
    if scope["type"] == "websocket":
        await ROUTES.get(scope["path"], echo)(scope, receive, send)
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"plain http"})
    else:
        raise ValueError(scope["type"])


def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """A WSGI application, which knows no WebSockets."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ.get("HTTP_UPGRADE", "none").encode()]
