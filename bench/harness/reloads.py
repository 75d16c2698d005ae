"""The command `bench/reloads`: what clients notice of reloads, and of workers that die."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from . import packages
from .paths import APPS, PUFF, VENV
from .process import Process, free_port, running
from .trouble import Trouble
from .visitors import Tally, Visitors

SETTLE_SECONDS = 30.0
GRACE = "2s"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/reloads",
        description="Reload a server and kill its workers under load; status 1 when a reload"
        " loses anything, or a kill more than the worker was answering.",
    )
    add = parser.add_argument
    add("--times", type=int, default=100, help="reloads, and then kills (default 100)")
    add("--workers", type=int, default=2, help="workers (default 2)")
    add("--python", metavar="PATH", help="the CPython for the server (default: 3.13 if found)")
    return parser.parse_args()


def workers(parent: Process) -> list[int]:
    """The processes of the workers: the parent's threads have started them."""
    tasks = Path(f"/proc/{parent.popen.pid}/task").iterdir()
    return sorted({int(pid) for task in tasks for pid in (task / "children").read_text().split()})


async def until(what: str, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise Trouble(f"waited {SETTLE_SECONDS:.0f} s for {what}")
        await asyncio.sleep(0.01)


async def reload(parent: Process, count: int) -> None:
    """Reloads, and waits until none of the old workers is left."""
    before = set(workers(parent))
    os.kill(parent.popen.pid, signal.SIGHUP)
    await until("new workers", lambda: len(set(workers(parent)) - before) >= count)
    await until("the old ones to end", lambda: not before & set(workers(parent)))


async def answers(port: int) -> int:
    """The worker that answers on a new connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        head = (await reader.read()).lower()
    except OSError:
        return 0
    finally:
        writer.close()
    found = re.search(rb"x-worker: (\d+)", head)
    return int(found[1]) if found else 0


async def kill(parent: Process, count: int) -> None:
    """Kills the oldest worker, which has answered by then, once as many are there as should be."""
    await until("a new worker", lambda: len(workers(parent)) >= count)
    oldest = workers(parent)[0]
    deadline = time.monotonic() + SETTLE_SECONDS
    while await answers(parent.port) != oldest:
        if time.monotonic() > deadline:
            raise Trouble(f"waited {SETTLE_SECONDS:.0f} s for an answer of worker {oldest}")
    os.kill(oldest, signal.SIGKILL)
    await until("its end", lambda: oldest not in workers(parent))
    await asyncio.sleep(0.2)  # so that the others get some of its visitors


async def rounds(
    parent: Process, args: argparse.Namespace, act: Callable[[Process, int], Awaitable[None]]
) -> Tally:
    visitors = Visitors(parent.port)
    visitors.start(kept=8, fresh=2, events=4, sockets=4)
    await asyncio.sleep(0.5)
    for number in range(args.times):
        await act(parent, args.workers)
        parent.must_live()
        if number % 10 == 9:
            tally = visitors.tally
            print(f"  {number + 1:4}  good {tally.good.total()}  lost {tally.lost()}", flush=True)
    await visitors.stop()
    return visitors.tally


def show(what: str, tally: Tally) -> None:
    good = ", ".join(f"{name} {count}" for name, count in sorted(tally.good.items()))
    print(f"{what}: {good}; lost {tally.lost()}")
    for fault, count in tally.bad.most_common():
        print(f"  {count} × {fault}")


def main() -> int:
    args = arguments()
    packages.prepare(args.python)
    port = free_port()
    where = [
        "--python",
        str(VENV / "bin" / "python"),
        "--app-dir",
        str(APPS),
        "--bind",
        f"127.0.0.1:{port}",
    ]
    settings = ["--workers", str(args.workers), "--graceful-timeout", GRACE]
    with running("puff", [str(PUFF), "serve", *where, *settings, "reloading:app"], port) as parent:
        parent.wait_ready()
        print(f"{args.times} reloads of {args.workers} workers", flush=True)
        reloads = asyncio.run(rounds(parent, args, reload))
        print(f"{args.times} workers killed", flush=True)
        kills = asyncio.run(rounds(parent, args, kill))
    show("reloads", reloads)
    show("kills", kills)
    # 18 visitors, most of which have a request under way at any time, on one of the workers.
    fair = kills.lost() <= args.times * 18
    print("nothing lost by reloads" if not reloads.lost() else "reloads lost something")
    return 0 if not reloads.lost() and fair else 1
