"""Clients that come all the time while a test does something to the server."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .client import Connection, CutOff, get
from .process import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Load", "gone", "load", "served_by", "until"]

EVENTS = [b"data: %d\n\n" % n for n in range(20)]  # of workers_app:asgi, before the number


def until(what: str, cond: Callable[[], bool]) -> None:
    """Waits for something to come about."""
    end = time.monotonic() + DEADLINE
    while not cond():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def served_by(port: int) -> int:
    """The number of the worker that answers."""
    return int(get(port).text.split()[0])


class Load:
    """Clients of applications that answer with the number of their process."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.stop = threading.Event()
        self.answers = 0
        self.streams = 0
        self.faults: list[str] = []  # what went wrong, besides connections that said so
        self.lost: list[tuple[int, str]] = []  # ended without an answer: by whom, if known
        self._threads: list[threading.Thread] = []

    def start(self, visit: Callable[[], None]) -> None:
        """Lets a client in; it comes back until the end."""
        thread = threading.Thread(target=self._go_on, args=(visit,))
        thread.start()
        self._threads.append(thread)

    def _go_on(self, visit: Callable[[], None]) -> None:
        while not self.stop.is_set():
            try:
                visit()
            except ConnectionRefusedError:
                self.faults.append("refused")

    def stay(self, pause: float) -> None:
        """Requests one by one, until the server says that was the last."""
        self._requests(pause, most=1 << 30)

    def once(self) -> None:
        """A connection for one request."""
        self._requests(0, most=1)

    def _requests(self, pause: float, most: int) -> None:
        worker = 0
        try:
            with Connection(self.port) as c:
                for _ in range(most):
                    if self.stop.is_set():
                        return
                    c.request()
                    r = c.response()
                    self.answers += 1
                    if r.status != 200:
                        self.faults.append(f"status {r.status}")
                    if r.get("Connection") == "close":
                        return
                    worker = int(r.text.split()[0])
                    time.sleep(pause)
        except ConnectionRefusedError:
            raise
        except (CutOff, OSError) as e:
            self.lost.append((worker, repr(e)))

    def watch(self) -> None:
        """A stream of events, from its beginning to its end."""
        try:
            with Connection(self.port) as c:
                c.request(target="/events")
                got = [c.chunk_after_head()]
                while got[-1]:
                    got.append(c.chunk())
        except (CutOff, OSError) as e:
            self.lost.append((0, f"stream: {e!r}"))
            return
        if got[:-2] != EVENTS or got[-1] != b"":
            self.lost.append((0, f"stream: {got}"))
        self.streams += 1

    def end(self) -> None:
        """Waits until each has ended its visit."""
        self.stop.set()
        for thread in self._threads:
            thread.join(DEADLINE)


@contextmanager
def load(port: int, clients: int = 8, *, fresh: int = 0, streams: int = 0) -> Iterator[Load]:
    """Clients that stay, half of them with pauses, that come anew, and that watch."""
    work = Load(port)
    for n in range(clients):
        work.start(lambda pause=0.0 if n % 2 else 0.05: work.stay(pause))  # type: ignore[misc]
    for _ in range(fresh):
        work.start(work.once)
    for _ in range(streams):
        work.start(work.watch)
    try:
        yield work
    finally:
        work.end()
