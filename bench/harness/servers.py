"""The table of servers: how each is started, with one worker and its best settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .cases import NAMES
from .paths import APPS, PUFF, VENV
from .trouble import Trouble

BIN = VENV / "bin"
PYTHON = BIN / "python"
INTERFACES = ("wsgi", "asgi")
HTTP1 = tuple(name for name in NAMES if name != "h2")
ALL = (*INTERFACES, "websocket")


@dataclass(frozen=True)
class Server:
    """One server. `argv` takes the interface and the port."""

    name: str
    interfaces: tuple[str, ...]
    package: str
    argv: Callable[[str, int], list[str]]
    cases: tuple[str, ...] = HTTP1
    note: str = ""


def program(interface: str) -> str:
    """What a server is told to serve: WebSockets are the ASGI application's."""
    return f"apps:{'wsgi' if interface == 'wsgi' else 'asgi'}"


def puff(interface: str, port: int) -> list[str]:
    where = ["--python", str(PYTHON), "--app-dir", str(APPS), "--bind", f"127.0.0.1:{port}"]
    return [str(PUFF), "serve", *where, program(interface)]


def granian(interface: str, port: int, *, threads: int = 1, http: str = "1") -> list[str]:
    loop = ["--loop", "uvloop"]
    own = {"wsgi": ["--blocking-threads", str(threads)], "asgi": loop, "websocket": loop}
    kind = "wsgi" if interface == "wsgi" else "asgi"
    argv = [str(BIN / "granian"), "--interface", kind, *own[interface]]
    argv += ["--workers", "1", "--runtime-threads", "1", "--http", http]
    argv += ["--ws" if interface == "websocket" else "--no-ws"]
    argv += ["--no-access-log", "--log-level", "warning"]
    return [*argv, "--host", "127.0.0.1", "--port", str(port), program(interface)]


def granian_h2(interface: str, port: int) -> list[str]:
    return granian(interface, port, http="auto")


def granian_threads(interface: str, port: int) -> list[str]:
    return granian(interface, port, threads=512)


def gunicorn(interface: str, port: int) -> list[str]:
    argv = [str(BIN / "gunicorn"), "--workers", "1", "--worker-class", "gevent"]
    argv += ["--worker-connections", "1024", "--log-level", "warning", "--no-control-socket"]
    return [*argv, "--bind", f"127.0.0.1:{port}", program(interface)]


def gunicorn_asgi(interface: str, port: int) -> list[str]:
    argv = [str(BIN / "gunicorn"), "--workers", "1", "--worker-class", "asgi"]
    argv += ["--worker-connections", "1024", "--log-level", "warning", "--no-control-socket"]
    return [*argv, "--bind", f"127.0.0.1:{port}", program(interface)]


def uvicorn(interface: str, port: int, *, ws: str = "websockets-sansio") -> list[str]:
    argv = [str(BIN / "uvicorn"), "--loop", "uvloop", "--http", "httptools"]
    argv += ["--ws", ws if interface == "websocket" else "none"]
    argv += ["--no-access-log", "--log-level", "warning"]
    return [*argv, "--host", "127.0.0.1", "--port", str(port), program(interface)]


def uvicorn_legacy(interface: str, port: int) -> list[str]:
    return uvicorn(interface, port, ws="websockets")


def library(name: str) -> Callable[[str, int], list[str]]:
    def argv(interface: str, port: int) -> list[str]:
        return [str(PYTHON), str(APPS / "launch.py"), name, interface, str(port)]

    return argv


BLOCKS = "time.sleep blocks its only thread, so the sleep case shows one request at a time"

SERVERS = (
    Server(
        "puff",
        ALL,
        "puff",
        puff,
        cases=NAMES,
        note="sleeps in WSGI with puff.sleep_ms, in a greenlet",
    ),
    Server("granian", ALL, "granian", granian, note=f"WSGI: {BLOCKS}"),
    Server(
        "granian, 512 threads",
        ("wsgi",),
        "granian",
        granian_threads,
        cases=("sleep",),
        note="the same with a thread for each connection, for the sleep case only",
    ),
    Server(
        "granian, HTTP/2",
        ("wsgi", "asgi"),
        "granian",
        granian_h2,
        cases=("h2",),
        note="the same with both versions of HTTP, for the case of HTTP/2 only",
    ),
    Server(
        "gunicorn + gevent",
        ("wsgi",),
        "gunicorn",
        gunicorn,
        note="sleeps with gevent's patched time.sleep",
    ),
    Server(
        "uvicorn",
        ("asgi", "websocket"),
        "uvicorn",
        uvicorn,
        note="WebSockets with websockets-sansio, its newer way",
    ),
    Server("uvicorn, websockets", ("websocket",), "uvicorn", uvicorn_legacy),
    Server("gunicorn + asgi", ("websocket",), "gunicorn", gunicorn_asgi),
    Server(
        "fastpysgi",
        ("wsgi", "asgi"),
        "fastpysgi",
        library("fastpysgi"),
        note=f"ASGI on a uvloop loop. WSGI: answers one request at a time and collects a streamed"
        f" answer before it sends it; {BLOCKS}",
    ),
    Server("bjoern", ("wsgi",), "bjoern", library("bjoern"), note=BLOCKS),
)


def choose(names: str | None) -> tuple[Server, ...]:
    """Returns the servers whose name, or first word of it, is in a list with commas."""
    if not names:
        return SERVERS
    wanted = {name.strip() for name in names.split(",")}
    words = {server: {server.name, server.name.split()[0].rstrip(",")} for server in SERVERS}
    if unknown := wanted - set().union(*words.values()):
        have = ", ".join(sorted({server.package for server in SERVERS}))
        raise Trouble(f"choose servers: {', '.join(sorted(unknown))} unknown; there are {have}")
    return tuple(server for server in SERVERS if words[server] & wanted)
