"""The command `bench/idle`: what a server holds for connections that wait for another request."""

from __future__ import annotations

import argparse
import resource
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from . import machine, packages, servers, tables
from .paths import BENCH
from .process import Memory, Process, free_port, running
from .servers import Server
from .trouble import Trouble, note

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
PER_ADDRESS = 5_000  # connections from one address of the loopback: ports are few
IP_BIND_ADDRESS_NO_PORT = 24  # Linux: connect chooses the port; one that others use may do
AT_A_TIME = 100
SETTLE_SECONDS = 10.0
STILL_SECONDS = 1.0
# What some need to keep a connection for as long as the others do by themselves.
PATIENT = {"uvicorn": ["--timeout-keep-alive", "75"], "gunicorn": ["--keep-alive", "75"]}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/idle", description="Measure the memory of idle keep-alive connections."
    )
    add = parser.add_argument
    add("--only", choices=servers.INTERFACES, help="one interface instead of both")
    add("--servers", metavar="A,B", default="puff,granian,uvicorn", help="some of the servers")
    add("--connections", type=int, default=10_000, help="how many are idle (default 10000)")
    add("--rounds", type=int, default=3, help="starts of each server (default 3)")
    add("--python", metavar="PATH", help="the CPython for all servers (default: 3.13 if found)")
    add("--write", action="store_true", help="put the tables into bench/README.md")
    return parser.parse_args()


def make_room(connections: int) -> None:
    """Raises the limit of descriptors, for this process and the servers it starts."""
    wanted = connections + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise Trouble(f"open {connections} connections: the limit is {hard} descriptors (ulimit)")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def answered(sock: socket.socket) -> None:
    """Reads a whole answer of 13 bytes."""
    got = b""
    while not got.endswith(b"Hello, World!"):
        piece = sock.recv(4096)
        if not piece:
            raise Trouble(f"open connections: one was closed after {got!r}")
        got += piece


@contextmanager
def idle(port: int, connections: int) -> Iterator[list[socket.socket]]:
    """That many connections, each of which has had one answer."""
    with ExitStack() as stack:
        socks: list[socket.socket] = []
        while len(socks) < connections:
            batch = []
            for number in range(len(socks), min(len(socks) + AT_A_TIME, connections)):
                sock = stack.enter_context(socket.socket())
                sock.settimeout(30)
                sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                sock.bind((f"127.0.0.{1 + number // PER_ADDRESS}", 0))
                sock.connect(("127.0.0.1", port))
                sock.sendall(REQUEST)
                batch.append(sock)
            for sock in batch:
                answered(sock)
            socks += batch
        yield socks


def settled(process: Process) -> Memory:
    """What the server holds once that no longer changes."""
    deadline = time.monotonic() + SETTLE_SECONDS
    held, since = process.memory(), time.monotonic()
    while time.monotonic() < min(deadline, since + STILL_SECONDS):
        time.sleep(0.1)
        now = process.memory()
        if now.rss != held.rss:
            held, since = now, time.monotonic()
    return held


def measure(server: Server, interface: str, connections: int) -> tuple[Memory, Memory]:
    """What a server holds after one request, and with so many connections open."""
    port = free_port()
    argv = [*server.argv(interface, port), *PATIENT.get(server.package, [])]
    with running(server.name, argv, port) as process:
        process.wait_ready()
        before = settled(process)
        with idle(port, connections) as socks:
            after = settled(process)
            # Those are what was measured only if they still are there.
            for sock in (socks[0], socks[-1]):
                sock.sendall(REQUEST)
                answered(sock)
            if after.fds - before.fds < connections:
                raise Trouble(f"{server.name} has closed some of {connections} connections")
        return before, after


def table(interface: str, args: argparse.Namespace, failed: dict[str, str]) -> str:
    """Returns the table of one interface."""
    lines = [
        f"### Idle connections, {interface.upper()}",
        "",
        tables.row(["", "KB per connection", "min–max", "RSS MB before", "RSS MB with them"]),
        tables.row(["---", *["---:"] * 4]),
    ]
    for server in servers.choose(args.servers):
        if interface not in server.interfaces or "hello" not in server.cases:
            continue
        if why := packages.unavailable(server.package, failed):
            lines.append(tables.row([server.name, why, *["–"] * 3]))
            continue
        try:
            rounds = [measure(server, interface, args.connections) for _ in range(args.rounds)]
        except Trouble as trouble:
            note(str(trouble))
            lines.append(tables.row([server.name, "did not hold them", *["–"] * 3]))
            continue
        each = [(after.rss - before.rss) / args.connections / 1024 for before, after in rounds]
        megabytes = [
            f"{statistics.median(held.rss for held in column) / 2**20:.1f}"
            for column in zip(*rounds, strict=True)
        ]
        spread = f"{min(each):.2f}–{max(each):.2f}"
        lines.append(
            tables.row([server.name, f"{statistics.median(each):.2f}", spread, *megabytes])
        )
    return "\n".join(lines)


def main() -> int:
    args = arguments()
    if min(args.connections, args.rounds) < 1:
        raise Trouble("measure: --connections and --rounds are 1 or more")
    make_room(args.connections)
    failed = packages.prepare(args.python)
    how = (
        f"{args.connections} connections of HTTP/1.1 on which one request was answered, all open"
        f" at a time; medians of {args.rounds} starts. Memory is the growth of the RSS of all"
        " processes of the server once it has settled; what the kernel holds for a socket is"
        " not in it."
    )
    parts = [how, machine.markdown(machine.describe())]
    for interface in (args.only,) if args.only else servers.INTERFACES:
        parts.append(table(interface, args, failed))
    text = "\n\n".join(parts)
    print(text)
    if args.write:
        tables.put_between(BENCH / "README.md", "idle", text)
    return 0
