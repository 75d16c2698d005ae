"""The command `bench/soak`: many mixed requests, and what the servers hold after each batch."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from . import packages, servers
from .paths import ROOT, make_cache
from .process import Memory, Process, free_port, running
from .servers import Server
from .trouble import Trouble

MAX_GROWTH = 8 * 2**20
# Go never ends a thread it once made, and may still need one more after the first batch.
MORE_THREADS = 4
SETTLE_SECONDS = 10.0
STILL_SECONDS = 0.5


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/soak",
        description="Serve many mixed requests; status 1 when memory, threads or descriptors grow"
        " or an answer is wrong.",
    )
    add = parser.add_argument
    add("--requests", type=int, default=1_000_000, help="requests in all (default 1000000)")
    add("--every", type=int, default=20_000, help="requests between two samples (default 20000)")
    add("--connections", type=int, default=32, help="connections at a time (default 32)")
    add("--seed", type=int, default=1, help="seed of the order of the requests (default 1)")
    add("--only", choices=servers.INTERFACES, help="one interface instead of both")
    add("--server", default="puff", help="the server (default puff)")
    add("--skip", default="", metavar="A,B", help="acts of bench/load/acts.go to leave out")
    add("--python", metavar="PATH", help="the CPython for the server (default: 3.13 if found)")
    add("--server-cpu", type=int, default=0, help="the core of the servers (default 0)")
    add("--load-cpu", type=int, default=1, help="the core of the client (default 1)")
    return parser.parse_args()


@dataclass
class Watched:
    """One server under the soak and its samples."""

    interface: str
    process: Process
    samples: list[Memory] = field(default_factory=list)
    pids: list[int] = field(default_factory=list)

    def debug(self) -> dict[str, int]:
        """Asks the application what it can see from inside."""
        connection = http.client.HTTPConnection("127.0.0.1", self.process.port, timeout=20)
        try:
            connection.request("GET", "/_debug", headers={"Connection": "close"})
            counts: dict[str, int] = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Trouble(f"ask {self.interface} for /_debug: {error!r}") from error
        finally:
            connection.close()
        return counts

    def settle(self) -> Memory:
        """Waits until the server has noticed that its clients went; returns what it holds.

        The first time that is when nothing changes for a while, later when the threads and
        descriptors are back to those of the first sample.
        """
        deadline = time.monotonic() + SETTLE_SECONDS
        held, still_since = self.process.memory(), time.monotonic()
        while time.monotonic() < deadline:
            if self.samples:
                first = self.samples[0]
                if held.fds <= first.fds and held.threads <= first.threads:
                    break
            elif time.monotonic() - still_since > STILL_SECONDS:
                break
            time.sleep(0.02)
            now = self.process.memory()
            if (now.fds, now.threads) != (held.fds, held.threads):
                still_since = time.monotonic()
            held = now
        return held

    def sample(self) -> tuple[Memory, dict[str, int]]:
        self.process.must_live()
        counts = self.debug()
        held = self.settle()
        self.samples.append(held)
        self.pids = self.pids or self.process.pids()
        return held, counts

    def faults(self) -> Iterator[str]:
        """Returns what grew between the first sample and the last."""
        first, last = self.samples[0], self.samples[-1]
        if self.process.pids() != self.pids:
            yield f"{self.interface}: a process of the server ended or started"
        if (grown := last.rss - first.rss) > MAX_GROWTH:
            yield f"{self.interface}: RSS grew by {megabytes(grown)} MB"
        if last.threads > first.threads + MORE_THREADS:
            yield f"{self.interface}: threads grew from {first.threads} to {last.threads}"
        if last.fds > first.fds:
            yield f"{self.interface}: descriptors grew from {first.fds} to {last.fds}"


def megabytes(size: float) -> str:
    return f"{size / 2**20:.1f}"


def build_load() -> str:
    """Builds the client and returns its path."""
    go = shutil.which("go")
    if go is None:
        raise Trouble("build bench/load: there is no go on PATH; see https://go.dev/doc/install")
    target = make_cache() / "bench-load"
    done = subprocess.run(
        [go, "build", "-o", str(target), "./bench/load"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Trouble(f"build bench/load: {done.stderr}")
    return str(target)


@contextmanager
def client(args: argparse.Namespace, watched: list[Watched]) -> Iterator[subprocess.Popen[str]]:
    """Starts the client on its core and ends it with the block."""
    argv = [build_load(), "-requests", str(args.requests), "-every", str(args.every)]
    argv += ["-connections", str(args.connections), "-seed", str(args.seed), "-skip", args.skip]
    for one in watched:
        argv += [f"-{one.interface}", f"127.0.0.1:{one.process.port}"]
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {args.load_cpu}),
    ) as load:
        try:
            yield load
        finally:
            load.kill()


def pipes(load: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert load.stdin is not None and load.stdout is not None
    return load.stdin, load.stdout


def show(requests: int, one: Watched, held: Memory, counts: dict[str, int]) -> None:
    sizes = "  ".join(f"{megabytes(size):>7}" for size in (held.rss, held.pss, held.private))
    inside = " ".join(f"{name}={count}" for name, count in sorted(counts.items()))
    print(
        f"{requests:>9}  {one.interface}  {sizes}  {held.threads:>7}  {held.fds:>4}  {inside}",
        flush=True,
    )


def soak(args: argparse.Namespace, watched: list[Watched]) -> dict[str, Any]:
    """Runs the client and samples the servers after each batch; returns its last report."""
    print(f"{'requests':>9}  {'':4}  {'RSS MB':>7}  {'PSS MB':>7}  {'private':>7}  threads   fds")
    report: dict[str, Any] = {}
    with client(args, watched) as load:
        go_on, lines = pipes(load)
        for line in lines:
            report = json.loads(line)
            for one in watched:
                held, counts = one.sample()
                show(report["requests"], one, held, counts)
            go_on.write("\n")
            go_on.flush()
        if status := load.wait():
            raise Trouble(f"run bench/load: status {status}")
    return report


def verdict(report: dict[str, Any], watched: list[Watched]) -> int:
    """Prints what was done and what is wrong; returns the exit status."""
    acts = ", ".join(f"{name} {count}" for name, count in sorted(report["acts"].items()))
    print(f"\n{report['requests']} requests: {acts}")
    faults = [fault for one in watched for fault in one.faults()]
    if report["failed"]:
        faults.append(f"{report['failed']} requests went wrong:")
        faults += [f"  {count} × {failure}" for failure, count in report["failures"].items()]
    for one in watched:
        grown = one.samples[-1].rss - one.samples[0].rss
        print(f"{one.interface}: RSS {megabytes(grown)} MB more than after the first batch")
    for fault in faults:
        print(fault)
    for one in watched if faults else []:
        one.process.keep_log = True
        print(f"{one.interface}: the server wrote {one.process.log}")
    print("not flat" if faults else "flat")
    return 1 if faults else 0


def choose(args: argparse.Namespace, failed: dict[str, str]) -> Server:
    server = servers.choose(args.server)[0]
    if why := packages.unavailable(server.package, failed):
        raise Trouble(f"start {server.name}: {why}")
    return server


def main() -> int:
    args = arguments()
    server = choose(args, packages.prepare(args.python))
    interfaces = [args.only] if args.only else list(server.interfaces)
    with ExitStack() as stack:
        watched = []
        for interface in interfaces:
            port = free_port()
            argv = server.argv(interface, port)
            cpus = {args.server_cpu}
            process = stack.enter_context(running(server.name, argv, port, cpus))
            process.wait_ready()
            watched.append(Watched(interface, process))
        return verdict(soak(args, watched), watched)
