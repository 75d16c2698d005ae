"""A server as a tree of processes: started, watched from outside by /proc, and ended by id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .paths import APPS, LOGS, make_cache
from .trouble import Trouble

READY_SECONDS = 30.0
END_SECONDS = 5.0
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PUFF_DEBUG_STATS")


def free_port() -> int:
    """Returns a loopback port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def stat_fields(pid: int) -> list[str]:
    """Returns /proc/PID/stat after the name, which may itself hold spaces: state, ppid, pgrp…"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def session_of(pid: int) -> dict[int, str]:
    """Returns the processes of the session that pid leads, with their states."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError):
                state, _, _, session, *_ = stat_fields(int(entry))
                if int(session) == pid:
                    found[int(entry)] = state
    return found


def cpu_clock(pid: int) -> int:
    """Returns the user and system time of a process in ns, threads that have ended included.

    The kernel keeps a CPU clock for every process, and its number is made of the process id
    (clock_getcpuclockid(3)). /proc/PID/stat counts in ticks of 10 ms, and the schedstat files
    forget the threads that have ended.
    """
    return time.clock_gettime_ns((~pid << 3) | 2)


@dataclass(frozen=True)
class Memory:
    """What a tree holds, in bytes, threads and file descriptors."""

    rss: int = 0
    pss: int = 0
    private: int = 0
    threads: int = 0
    fds: int = 0

    def __add__(self, other: Memory) -> Memory:
        mine, theirs = vars(self), vars(other)
        return Memory(**{name: mine[name] + theirs[name] for name in mine})


def memory_of(pid: int) -> Memory:
    """Returns what one process holds now."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    size = {row.split(":")[0]: int(row.split()[1]) * 1024 for row in rows}
    return Memory(
        rss=size["Rss"],
        pss=size["Pss"],
        private=size["Private_Clean"] + size["Private_Dirty"],
        threads=len(os.listdir(f"/proc/{pid}/task")),
        fds=len(os.listdir(f"/proc/{pid}/fd")),
    )


@dataclass
class Process:
    """A running server. All it starts stays in the session it leads."""

    name: str
    port: int
    started: float
    popen: subprocess.Popen[bytes]
    log: Path
    keep_log: bool = False
    end_seconds: float = END_SECONDS

    def pids(self) -> list[int]:
        """Returns the ids of the processes that are alive, smallest first."""
        states = session_of(self.popen.pid)
        return sorted(pid for pid, state in states.items() if state not in "ZX")

    def cpu(self) -> dict[int, int]:
        """Returns the CPU time each process has used, in ns."""
        return {pid: cpu_clock(pid) for pid in self.pids()}

    def memory(self) -> Memory:
        """Returns what the tree holds now."""
        return sum((memory_of(pid) for pid in self.pids()), Memory())

    def log_tail(self, lines: int = 12) -> str:
        """Returns the last lines the server wrote, and where the others are."""
        text = self.log.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join([*text, f"(from {self.log})"])

    def must_live(self) -> None:
        """Raises Trouble, with what the server wrote, when it has ended."""
        status = self.popen.poll()
        if status is not None:
            raise Trouble(f"{self.name} ended with status {status}:\n{self.log_tail()}")

    def wait_ready(self) -> float:
        """Waits for the first whole answer with status 200; returns the seconds since the start."""
        deadline = self.started + READY_SECONDS
        while time.monotonic() < deadline:
            self.must_live()
            with suppress(OSError):
                if ask_once(self.port, deadline - time.monotonic()):
                    return time.monotonic() - self.started
            time.sleep(0.001)
        raise Trouble(f"{self.name} did not answer in {READY_SECONDS:.0f} s:\n{self.log_tail()}")

    def end(self) -> None:
        """Asks the server to end, waits, and kills what is left of its session, id by id.

        The leader is reaped last: until then the kernel gives its number, which is the session's
        too, to nobody else, so nothing is killed that this class did not start.
        """
        if self.popen.returncode is None:
            os.kill(self.popen.pid, signal.SIGTERM)
        if not self.wait_gone(self.end_seconds):
            for pid in self.pids():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not self.wait_gone(END_SECONDS):
                raise Trouble(f"end {self.name}: {self.pids()} are still there")
        self.popen.wait()

    def wait_gone(self, seconds: float) -> bool:
        """Waits a while for the last process of the tree; reports whether it went."""
        deadline = time.monotonic() + seconds
        while self.pids():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


def ask_once(port: int, timeout: float) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
            if answer.endswith(b"Hello, World!"):
                break
        return answer[8:13] == b" 200 " and answer.endswith(b"Hello, World!")


def log_file(name: str) -> Path:
    """Returns a new file for what a server writes."""
    safe = "".join(c if c.isalnum() else "-" for c in name)
    handle, path = tempfile.mkstemp(prefix=f"{safe}-", suffix=".log", dir=make_cache(LOGS))
    os.close(handle)
    return Path(path)


@contextmanager
def running(
    name: str, argv: Sequence[str], port: int, cpus: set[int] | None = None
) -> Iterator[Process]:
    """Starts a server, pinned to cpus if given, and ends it with the block, whatever happens."""
    env = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
    log = log_file(name)

    def pin() -> None:
        if cpus:
            os.sched_setaffinity(0, cpus)

    with log.open("wb") as out:
        started = time.monotonic()
        try:
            popen = subprocess.Popen(
                argv,
                cwd=APPS,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=pin,
            )
        except OSError as error:
            raise Trouble(f"start {name}: {error}") from error
    process = Process(name, port, started, popen, log)
    try:
        yield process
    except Trouble:
        process.keep_log = True
        raise
    finally:
        process.end()
        if not process.keep_log:
            log.unlink()
