"""ASGI applications for the tests: one path per behaviour."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import json
import sys
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import _puff
import puff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    Scope = dict[str, Any]
    Receive = Callable[[], Coroutine[Any, Any, dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

seen: list[str] = []
steps: dict[str, asyncio.Event] = {}
var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="unset")
waiting = 0
gathered = asyncio.Event()
sent = 0
FOLDER = Path(tempfile.mkdtemp(prefix="puff-pathsend-"))


def say(*words: object) -> None:
    """Tells the test."""
    sys.stderr.write(f"app: {' '.join(map(str, words))}\n")


def query(scope: Scope, name: str, default: str = "") -> str:
    text: str = scope["query_string"].decode()
    return parse_qs(text).get(name, [default])[0]


def event(tag: str) -> asyncio.Event:
    return steps.setdefault(tag, asyncio.Event())


async def answer(send: Send, body: bytes, status: int = 200, headers: Any = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, b"hello", headers=[(b"content-type", b"text/plain")])


def shown(value: Any) -> Any:
    """JSON that tells the types apart."""
    if isinstance(value, bytes):
        return ["bytes", value.decode("latin-1")]
    if isinstance(value, tuple):
        return ["tuple", *map(shown, value)]
    if isinstance(value, list):
        return ["list", *map(shown, value)]
    if isinstance(value, dict):
        return {k: shown(v) for k, v in value.items()}
    return value


async def show(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, json.dumps(shown(scope)).encode())


async def changes(scope: Scope, receive: Receive, send: Send) -> None:
    """Each scope is the request's own: writing to it harms no other."""
    before = sorted(scope), scope["asgi"].get("own"), scope["extensions"].get("own")
    scope["asgi"]["own"] = scope["extensions"]["own"] = scope["own"] = 1
    scope["state"]["own"] = 1
    scope["headers"].append((b"own", b"1"))
    await answer(send, repr(before).encode())


async def messages(scope: Scope, receive: Receive, send: Send) -> None:
    got: list[Any] = []
    size = 0
    while True:
        m = await receive()
        if m["type"] != "http.request":
            break
        size += len(m["body"])
        got.append([sorted(m), type(m["body"]).__name__, len(m["body"]), m["more_body"]])
        if not m["more_body"]:
            break
    await answer(send, json.dumps({"size": size, "messages": got, "last": m["type"]}).encode())


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    more = True
    while more:
        m = await receive()
        body += m.get("body", b"")
        more = m.get("more_body", False)
    await answer(send, body)


async def echo_stream(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    while True:
        m = await receive()
        await send({"type": "http.response.body", "body": m["body"], "more_body": m["more_body"]})
        if not m["more_body"]:
            return


async def after(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await answer(send, b"done")
    m = await receive()
    again = await receive()
    say("after", m["type"], again["type"], query(scope, "tag"))


async def pending(scope: Scope, receive: Receive, send: Send) -> None:
    """A receive that waits when the answer is complete hears that nobody is there."""
    await receive()
    task = asyncio.create_task(receive())
    await asyncio.sleep(0)
    await answer(send, b"done")
    m = await task
    say("pending", m["type"], query(scope, "tag"))


async def waits_to_go(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    tasks = [asyncio.create_task(receive()) for _ in range(2)]
    kinds = [(await t)["type"] for t in tasks]
    say("gone", *kinds, query(scope, "tag"))
    try:
        await send({"type": "http.response.body", "body": b"more", "more_body": True})
    except OSError as e:
        say("send raised", type(e).__name__, query(scope, "tag"))
        raise


async def waits_before(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    say("before", query(scope, "tag"))
    m = await receive()
    say("gone", m["type"], query(scope, "tag"))


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    try:
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
    except OSError as e:
        say("send raised", type(e).__name__, query(scope, "tag"))
        raise


async def flood(scope: Scope, receive: Receive, send: Send) -> None:
    global sent
    await send({"type": "http.response.start", "status": 200})
    sent = 0
    for _ in range(1024):
        sent += 1 << 16
        await send({"type": "http.response.body", "body": b"z" * (1 << 16), "more_body": True})
    await send({"type": "http.response.body"})


async def flooded(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, str(sent).encode())


PAIRS: dict[str, Callable[[], Any]] = {
    "list-of-tuples": lambda: [(b"x-a", b"1"), (b"x-a", b"2")],
    "list-of-lists": lambda: [[b"x-a", b"1"], [b"x-a", b"2"]],
    "tuple": lambda: ((b"x-a", b"1"), (b"x-a", b"2")),
    "generator": lambda: ((b"x-a", b"%d" % i) for i in (1, 2)),
    "items": lambda: {b"x-a": b"1", b"X-A": b"2"}.items(),
    "bytearrays": lambda: [(bytearray(b"x-a"), bytearray(b"1")), (b"x-a", memoryview(b"2"))],
    "iterator": lambda: iter([(b"x-a", b"1"), iter((b"x-a", b"2"))]),
}


async def pairs(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, b"body", headers=PAIRS[query(scope, "case")]())


BAD: dict[str, dict[str, Any]] = {
    "crlf": {"status": 200, "headers": [(b"x-a", b"a\r\nx-b: b")]},
    "nul": {"status": 200, "headers": [(b"x-a", b"a\0b")]},
    "name": {"status": 200, "headers": [(b"x a", b"a")]},
    "name-empty": {"status": 200, "headers": [(b"", b"a")]},
    "not-pairs": {"status": 200, "headers": [b"x-a"]},
    "triple": {"status": 200, "headers": [(b"x-a", b"1", b"2")]},
    "value-none": {"status": 200, "headers": [(b"x-a", None)]},
    "status-none": {"headers": []},
    "status-text": {"status": "200", "headers": []},
    "status-high": {"status": 1200, "headers": []},
    "status-101": {"status": 101, "headers": []},
    "length": {"status": 200, "headers": [(b"content-length", b"x")]},
}


async def bad(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", **BAD[query(scope, "case")]})
    await send({"type": "http.response.body", "body": b"body"})


async def no_start(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.body", "body": b"body"})


async def two_starts(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"body"})


async def unknown_message(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.nonsense"})


async def text_body(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": "text"})


async def hop(scope: Scope, receive: Receive, send: Send) -> None:
    fields = [(b"transfer-encoding", b"chunked"), (b"keep-alive", b"1"), (b"x-a", b"1")]
    await answer(send, b"body", headers=fields)


async def closes(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, b"body", headers=[(b"connection", b"close")])


async def status(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, b"body", status=int(query(scope, "n")))


async def cookies(scope: Scope, receive: Receive, send: Send) -> None:
    fields = [(b"set-cookie", b"a=1"), (b"x-latin", b"caf\xe9"), (b"set-cookie", b"b=2")]
    await answer(send, b"body", headers=fields)


async def streams(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await send({"type": "http.response.body", "more_body": True})
    await send({"type": "http.response.body", "body": b"b", "more_body": True})
    await send({"type": "http.response.body", "body": b"c", "more_body": False})


async def in_steps(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    await event(query(scope, "tag")).wait()
    await send({"type": "http.response.body", "body": b"second"})


async def step(scope: Scope, receive: Receive, send: Send) -> None:
    event(query(scope, "tag")).set()
    await answer(send, b"ok")


async def long_field(scope: Scope, receive: Receive, send: Send) -> None:
    value = dict(scope["headers"]).get(b"x-long", b"")
    await answer(send, b"long", headers=[(b"x-long", value * 4)])


async def recurses(scope: Scope, receive: Receive, send: Send) -> None:
    await recurses(scope, receive, send)


async def recurses_in_c(scope: Scope, receive: Receive, send: Send) -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    try:
        await answer(send, repr(nested).encode())
    finally:
        while nested:
            nested = nested.pop()


async def enum(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": HTTPStatus.CREATED})
    await send({"type": "http.response.body", "body": bytearray(b"by"), "more_body": 1})
    await send({"type": "http.response.body", "body": memoryview(b"te"), "more_body": None})


async def big(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, b"0123456789" * 2_000_000)


async def crumbs(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    for i in range(20_000):
        await send({"type": "http.response.body", "body": b"%07d" % i, "more_body": True})
    await send({"type": "http.response.body"})


async def length(scope: Scope, receive: Receive, send: Send) -> None:
    fields = [(b"content-length", query(scope, "n").encode())]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    for chunk in query(scope, "chunks").split("."):
        await send({"type": "http.response.body", "body": chunk.encode(), "more_body": True})
    await send({"type": "http.response.body"})


async def after_the_end(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, b"whole")
    await send({"type": "http.response.body", "body": b"more"})
    say("sent after the end", query(scope, "tag"))


async def fails(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("a secret of the application")


async def fails_after_start(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    raise ValueError("after start")


async def fails_in_the_middle(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"some", "more_body": True})
    await asyncio.sleep(0)
    raise ValueError("in the middle")


async def fails_at_the_end(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, b"whole")
    await asyncio.sleep(0)
    raise ValueError("at the end")


async def returns(scope: Scope, receive: Receive, send: Send) -> None:
    return


async def returns_after_start(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})


async def returns_in_the_middle(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"some", "more_body": True})


async def cancels_itself(scope: Scope, receive: Receive, send: Send) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def pathsend(scope: Scope, receive: Receive, send: Send) -> None:
    size = int(query(scope, "size"))
    path = FOLDER / query(scope, "name", f"file-{size}")
    if not query(scope, "missing") and not path.exists():
        path.write_bytes(bytes(range(251)) * (size // 251) + bytes(size % 251))
    fields = [(b"content-type", b"application/x")]
    if query(scope, "length"):
        fields.append((b"content-length", query(scope, "length").encode()))
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.pathsend", "path": str(path)})


async def early_hint(scope: Scope, receive: Receive, send: Send) -> None:
    links = [b"</a.css>; rel=preload", b"</b.js>; rel=preload"]
    await send({"type": "http.response.early_hint", "links": links})
    await answer(send, b"hinted")


async def trailers(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "trailers": True})
    await send({"type": "http.response.body", "body": b"body"})
    part = {"type": "http.response.trailers", "headers": [(b"x-sum", b"17")]}
    await send({**part, "more_trailers": True})
    name = b"content-length" if query(scope, "bad") else b"x-more"
    await send({"type": "http.response.trailers", "headers": [(name, b"yes")]})


async def no_trailers(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "trailers": True})
    await send({"type": "http.response.body", "body": b"body"})


async def barrier(scope: Scope, receive: Receive, send: Send) -> None:
    global waiting, gathered
    before = var.get()
    var.set(query(scope, "tag"))
    mine = gathered
    waiting += 1
    if waiting == int(query(scope, "n")):
        waiting, gathered = 0, asyncio.Event()
        mine.set()
    await mine.wait()
    await answer(send, f"{before} {var.get()}".encode())


async def sleeps(scope: Scope, receive: Receive, send: Send) -> None:
    await puff.sleep_ms(1)
    await answer(send, b"slept")


async def drops(scope: Scope, receive: Receive, send: Send) -> None:
    """A receive that is cancelled loses nothing of the body."""
    first = await receive()
    task = asyncio.create_task(receive())
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    say("dropped", query(scope, "tag"))
    body, more = first["body"], first["more_body"]
    while more:
        m = await receive()
        body, more = body + m["body"], m["more_body"]
    await answer(send, str(len(body)).encode())


async def times_out(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    try:
        await asyncio.wait_for(receive(), 0.01)
    except asyncio.TimeoutError:
        await answer(send, b"timed out")


async def thread(scope: Scope, receive: Receive, send: Send) -> None:
    loop = asyncio.get_running_loop()
    await answer(send, await loop.run_in_executor(None, lambda: b"from a thread"))


async def held(scope: Scope, receive: Receive, send: Send) -> None:
    """How many handles, tickets and tasks there are."""
    gc.collect()
    counts = *_puff.counts(), len(asyncio.all_tasks())
    await answer(send, json.dumps(counts).encode())


async def upgrade(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, scope["type"].encode())


async def count(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, str(len(seen)).encode())


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        scope["state"].update(database="db", items=["shared"])
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    seen.append(scope["path"])
    name = scope["path"].strip("/").replace("-", "_") or scope["query_string"].decode() or "hello"
    await globals().get(name, show)(scope, receive, send)
