"""WSGI applications for the tests: one path per behaviour."""

from __future__ import annotations

import contextvars
import gc
import hashlib
import io
import itertools
import json
import sys
import threading
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs
from wsgiref.validate import validator

import _puff
from puff._wait import call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Environ = dict[str, Any]
    Start = Callable[..., Callable[[bytes], None]]

TEXT = [("Content-Type", "text/plain")]
seen: list[str] = []
var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="unset")
waiting: set[str] = set()
lock = threading.Lock()
own = threading.local()


def say(*words: object) -> None:
    """Tells the test."""
    sys.stderr.write(f"app: {' '.join(map(str, words))}\n")


def query(environ: Environ, name: str, default: str = "") -> str:
    text: str = environ["QUERY_STRING"]
    return parse_qs(text).get(name, [default])[0]


def hello(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    return [b"hello"]


def show(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "application/json")])
    plain = {k: v for k, v in environ.items() if isinstance(v, (str, bool))}
    types = {k: type(v).__name__ for k, v in environ.items()}
    version = list(environ["wsgi.version"])
    return [json.dumps({"plain": plain, "types": types, "version": version}).encode()]


def echo(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    length = environ.get("CONTENT_LENGTH")
    return [environ["wsgi.input"].read(*([int(length)] if length else [-1]))]


def pieces(how: str, body: Any) -> Iterator[bytes]:
    if how == "read":
        yield body.read(-1)
    elif how == "read-sized":
        yield from iter(lambda: body.read(7919), b"")
    elif how == "readline":
        yield from iter(lambda: body.readline(-1), b"")
    elif how == "readline-sized":
        yield from iter(lambda: body.readline(11), b"")
    elif how == "readlines":
        yield from body.readlines()
    elif how == "readlines-hint":
        yield from itertools.chain.from_iterable(iter(lambda: body.readlines(1000), []))
    elif how == "iteration":
        yield from body
    elif how == "buffered":
        reader = io.BufferedReader(body)
        yield from iter(lambda: reader.read(1000), b"")
        reader.detach()
    else:
        raise LookupError(how)


def read(environ: Environ, start: Start) -> Iterable[bytes]:
    got = list(pieces(query(environ, "how"), environ["wsgi.input"]))
    data = b"".join(got)
    again = environ["wsgi.input"].read(10), environ["wsgi.input"].readline(-1)
    start("200 OK", [("Content-Type", "application/json")])
    answer = {
        "size": len(data),
        "sum": hashlib.sha256(data).hexdigest(),
        "pieces": len(got),
        "longest": max(map(len, got), default=0),
        "after": [len(x) for x in again],
    }
    return [json.dumps(answer).encode()]


def written(environ: Environ, start: Start) -> Iterable[bytes]:
    write = start("200 OK", TEXT)
    write(b"one ")
    write(b"")
    write(b"two ")
    return [b"three"]


def exc_before(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [("X-First", "1")])
    try:
        raise ValueError("replaced")
    except ValueError:
        start("501 Replaced", [*TEXT, ("X-Second", "2")], sys.exc_info())
    return [b"replaced"]


def exc_after(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    yield b"first"
    try:
        raise ValueError("after the head")
    except ValueError:
        start("500 Too late", TEXT, sys.exc_info())
    yield b"never"


def twice(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    try:
        start("200 OK", TEXT)
    except AssertionError as e:
        return [b"refused: ", str(e).encode()]
    return [b"taken"]


def late(environ: Environ, start: Start) -> Iterable[bytes]:
    start("202 Late", [*TEXT, ("X-Late", "yes")])
    yield b""
    yield b"a"
    yield b"b"


def later(environ: Environ, start: Start) -> Iterable[bytes]:
    yield b""
    yield from late(environ, start)


def no_start(environ: Environ, start: Start) -> Iterable[bytes]:
    return [b"no head"]


def empty(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    return []


def returns_none(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    return None  # type: ignore[return-value]


class Closing:
    """An iterable that says when it is closed."""

    def __init__(self, tag: str, chunks: Iterable[bytes], error: bool = False) -> None:
        self.tag, self.chunks, self.error = tag, iter(chunks), error

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self.chunks)

    def close(self) -> None:
        say("closed", self.tag)
        if self.error:
            raise ValueError("close fails")


def failing() -> Iterator[bytes]:
    yield b"some"
    raise ValueError("in the middle")


def endless(size: int = 1 << 16) -> Iterator[bytes]:
    while True:
        yield b"x" * size


def closing(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    kind, tag = query(environ, "kind"), query(environ, "tag")
    chunks: Any = {
        "normal": [b"a", b"b"],
        "fails": failing(),
        "fails-first": (1 // 0 for _ in "x"),
        "endless": endless(),
        "text": ["str"],
        "error": [b"a"],
    }[kind]
    return Closing(tag, chunks, kind == "error")


def early_closing(environ: Environ, start: Start) -> Iterable[bytes]:
    return Closing(query(environ, "tag"), [b"no head"])


class ClosingList(list[bytes]):
    def close(self) -> None:
        say("closed list")


def closing_list(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    return ClosingList([b"li", b"st"])


def endless_generator(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    try:
        yield from endless()
    finally:
        say("generator ended", query(environ, "tag"))


def endless_writes(environ: Environ, start: Start) -> Iterable[bytes]:
    write = start("200 OK", TEXT)
    try:
        while True:
            write(b"y" * 1000)
    except OSError as e:
        say("write raised", type(e).__name__, query(environ, "tag"))
        raise


sent = 0


def flood(environ: Environ, start: Start) -> Iterable[bytes]:
    global sent
    start("200 OK", TEXT)
    sent = 0
    for _ in range(1024):
        sent += 1 << 16
        yield b"z" * (1 << 16)


def flooded(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    return [str(sent).encode()]


def long_field(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [*TEXT, ("X-Long", environ.get("HTTP_X_LONG", "") * 4)])
    return [b"long"]


def recurses(environ: Environ, start: Start) -> Iterable[bytes]:
    return recurses(environ, start)


def recurses_in_c(environ: Environ, start: Start) -> Iterable[bytes]:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    try:
        return [repr(nested).encode()]
    finally:
        while nested:
            nested = nested.pop()


def big(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    return [b"0123456789" * 2_000_000]


def crumbs(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    return (b"%07d" % i for i in range(20_000))


def length(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [*TEXT, ("Content-Length", query(environ, "n"))])
    chunks = [c.encode() for c in query(environ, "chunks").split(".")]
    return chunks if query(environ, "list") else iter(chunks)


HEADERS: dict[str, tuple[Any, Any]] = {
    "crlf": ("200 OK", [("X-A", "a\r\nX-B: b")]),
    "lf": ("200 OK", [("X-A", "a\nb")]),
    "cr": ("200 OK", [("X-A", "a\rb")]),
    "nul": ("200 OK", [("X-A", "a\0b")]),
    "name-crlf": ("200 OK", [("X-A\r\nX-B", "a")]),
    "name-space": ("200 OK", [("X A", "a")]),
    "name-empty": ("200 OK", [("", "a")]),
    "name-euro": ("200 OK", [("X-\u20ac", "a")]),
    "euro": ("200 OK", [("X-A", "\u20ac")]),
    "connection": ("200 OK", [("Connection", "close")]),
    "transfer": ("200 OK", [("Transfer-Encoding", "chunked")]),
    "upgrade": ("200 OK", [("Upgrade", "h2c")]),
    "keep-alive": ("200 OK", [("Keep-Alive", "timeout=5")]),
    "value-int": ("200 OK", [("X-A", 1)]),
    "value-bytes": ("200 OK", [("X-A", b"a")]),
    "not-pairs": ("200 OK", ["X-A"]),
    "headers-none": ("200 OK", None),
    "status-crlf": ("200 OK\r\nX-B: b", []),
    "status-bytes": (b"200 OK", []),
    "status-int": (200, []),
    "status-short": ("20", []),
    "status-word": ("abc", []),
    "status-low": ("099 Low", []),
    "status-high": ("1000 High", []),
    "status-101": ("101 Switching Protocols", []),
    "status-euro": ("200 \u20ac", []),
    "length-word": ("200 OK", [("Content-Length", "many")]),
    "length-negative": ("200 OK", [("Content-Length", "-1")]),
    "length-twice": ("200 OK", [("Content-Length", "2"), ("Content-Length", "3")]),
}


def headers(environ: Environ, start: Start) -> Iterable[bytes]:
    status, fields = HEADERS[query(environ, "case")]
    start(status, fields)
    return iter([b"bo", b"dy"]) if query(environ, "stream") else [b"body"]


def status(environ: Environ, start: Start) -> Iterable[bytes]:
    start(query(environ, "line"), [])
    return [b"body"]


def many_fields(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Latin", "caf\xe9"), *TEXT])
    return [b"body"]


def fails(environ: Environ, start: Start) -> Iterable[bytes]:
    raise ValueError("a secret of the application")


def fails_late(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    yield b"first"
    raise ValueError("late")


def exits(environ: Environ, start: Start) -> Iterable[bytes]:
    raise SystemExit(3)


def wrapped(environ: Environ, start: Start) -> Iterable[bytes]:
    class File(io.BytesIO):
        def close(self) -> None:
            say("file closed", query(environ, "tag"))
            super().close()

    start("200 OK", TEXT)
    data = b"0123456789" * 30000
    result: Iterable[bytes] = environ["wsgi.file_wrapper"](File(data), 8192)
    return result


def wait_for(n: int, tag: str) -> None:
    """Waits, in a greenlet of its own, until n have come here at once."""
    waiting.add(tag)
    while len(waiting) < n and tag in waiting:
        call("sleep", 0.005)
    waiting.clear()


def barrier(environ: Environ, start: Start) -> Iterable[bytes]:
    tag = query(environ, "tag")
    before = var.get()
    var.set(tag)
    wait_for(int(query(environ, "n")), tag)
    start("200 OK", TEXT)
    return [f"{before} {var.get()}".encode()]


def locked(environ: Environ, start: Start) -> Iterable[bytes]:
    """As a program for threads: it waits with a lock, and keeps what is its own in a local."""
    before = getattr(own, "tag", "unset")
    own.tag = query(environ, "tag")
    with lock:
        call("sleep", 0.002)
    start("200 OK", TEXT)
    return [f"{before} {own.tag}".encode()]


def count(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    return [b"%d" % len(seen)]


def held(environ: Environ, start: Start) -> Iterable[bytes]:
    """How many handles and tickets there are, and greenlets in tasks."""
    gc.collect()
    start("200 OK", TEXT)
    return [json.dumps(_puff.counts()).encode()]


def ignores_body(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    return [b"ignored"]


def reads_some(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", TEXT)
    return [environ["wsgi.input"].read(5)]


def reads_while_cut(environ: Environ, start: Start) -> Iterable[bytes]:
    try:
        environ["wsgi.input"].read(-1)
    except OSError as e:
        say("read raised", type(e).__name__, query(environ, "tag"))
        raise
    say("read all", query(environ, "tag"))
    start("200 OK", TEXT)
    return [b"all"]


def errors(environ: Environ, start: Start) -> Iterable[bytes]:
    environ["wsgi.errors"].write("app: a line for wsgi.errors\n")
    environ["wsgi.errors"].flush()
    start("200 OK", TEXT)
    return [b"ok"]


def streamed_in_steps(environ: Environ, start: Start) -> Iterable[bytes]:
    """Sends the second chunk when the client has said that it has the first."""
    start("200 OK", TEXT)
    tag = query(environ, "tag")
    yield b"first"
    while tag not in steps:
        call("sleep", 0.002)
    yield b"second"


steps: set[str] = set()


def step(environ: Environ, start: Start) -> Iterable[bytes]:
    steps.add(query(environ, "tag"))
    start("200 OK", TEXT)
    return [b"ok"]


def app(environ: Environ, start: Start) -> Iterable[bytes]:
    seen.append(environ["PATH_INFO"])
    name = environ["PATH_INFO"].strip("/").replace("-", "_") or environ["QUERY_STRING"] or "hello"
    return globals().get(name, show)(environ, start)  # type: ignore[no-any-return]


validated = validator(cast("Any", app))
