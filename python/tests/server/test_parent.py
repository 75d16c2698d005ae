"""What a parent makes of the worst: crashes under load, bad programs, being process 1."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .client import Connection, CutOff, get
from .load import gone, load, served_by, until
from .process import APPS, BINARY, DEADLINE, PYTHON, Puff
from .test_sockets import SYSTEMD
from .websocket import TEXT, Socket

if TYPE_CHECKING:
    from .conftest import Own

APP = "workers_app:app"

# Runs what follows as the one that orphans below it become children of.
SUBREAPER = """
import ctypes, os, sys
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER
os.execv(sys.argv[1], sys.argv[1:])
"""

# Runs its first argument in the place of its second.
INSTEAD = 'program=$0; shift; exec "$program" "$@"'


def arguments(app: str, *flags: str) -> list[str]:
    return ["serve", app, "--python", PYTHON, "--app-dir", str(APPS), *flags]


def all_new(puff: Puff, before: list[int], workers: int) -> bool:
    now = puff.workers
    return len(now) == workers and not set(before) & set(now)


def open_files(puff: Puff) -> list[str]:
    """What the parent holds, without numbers."""
    links = []
    for link in Path(f"/proc/{puff.pid}/fd").iterdir():
        with suppress(OSError):
            links.append(link.readlink().name.split(":")[0])
    return sorted(links)


def test_four_workers_serve(own: Own) -> None:
    puff = own(APP, "--workers", "4")
    port = puff.port
    assert len(puff.workers) == 4
    until("each to answer", lambda: {served_by(port) for _ in range(20)} == set(puff.workers))
    killed = puff.workers[0]
    os.kill(killed, signal.SIGKILL)
    until("another", lambda: gone(killed) and len(puff.workers) == 4)
    until("each to answer", lambda: {served_by(port) for _ in range(20)} == set(puff.workers))


def test_ten_killed_workers_lose_only_what_they_were_answering(own: Own) -> None:
    puff = own(APP, "--workers", "2")
    port, files = puff.port, open_files(puff)
    clients, killed = 8, set()
    with load(port, clients, fresh=2) as work:
        for _ in range(10):
            until("two workers", lambda: len(puff.workers) == 2)
            until("the older to answer", lambda: served_by(port) == puff.workers[0])
            killed.add(puff.workers[0])
            answers = work.answers
            os.kill(puff.workers[0], signal.SIGKILL)
            until("more answers", lambda n=answers: work.answers > n + 100)  # type: ignore[misc]
    assert work.faults == []
    by = [worker for worker, _ in work.lost]
    assert set(by) <= killed | {0}  # 0: had not answered on that connection before
    for worker in killed:
        assert by.count(worker) <= clients
    assert by.count(0) <= 10 * (clients + 2)
    assert puff.log().count("reason=crash") >= 10
    until("nothing to be left of them", lambda: open_files(puff) == files)


def test_ten_reloads_in_a_row_lose_nothing(own: Own) -> None:
    puff = own("workers_app:asgi", "--workers", "2")
    port, files = puff.port, open_files(puff)
    with load(port, 6, fresh=2, streams=3) as work:
        until("a stream", lambda: work.streams > 0)
        for _ in range(10):
            before, answers = puff.workers, work.answers
            puff.signal(signal.SIGHUP)
            # Old ones are there until their streams have ended.
            until("new ones", lambda b=before: len(set(puff.workers) - set(b)) >= 2)  # type: ignore[misc]
            until("more answers", lambda n=answers: work.answers > n + 50)  # type: ignore[misc]
        streams = work.streams
        until("more streams", lambda: work.streams >= streams + 3)
    assert (work.faults, work.lost) == ([], [])
    until("the old ones to end", lambda: len(puff.workers) == 2)
    until("nothing to be left of them", lambda: open_files(puff) == files)


def test_reloads_that_come_all_at_once_end_in_new_workers(own: Own, tmp_path: Path) -> None:
    switch = tmp_path / "switch"
    switch.write_text("one")
    puff = own(APP, "--workers", "2", env={"SWITCH": str(switch)})
    with load(puff.port, 4, fresh=2) as work:
        for _ in range(20):
            puff.signal(signal.SIGHUP)
            served_by(puff.port)
        switch.write_text("two")
        puff.signal(signal.SIGHUP)
        until("the last word", lambda: {get(puff.port).text[-3:] for _ in range(20)} == {"two"})
        until("two workers", lambda: len(puff.workers) == 2)
    assert (work.faults, work.lost) == ([], [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_processes_is_one_signal(own: Own, number: int) -> None:
    puff = own(APP, "--workers", "2")
    with Connection(puff.port) as slow:
        slow.request(target="/slow?1000")
        puff.wait_for("app: is slow")
        os.killpg(puff.pid, number)
        assert slow.response().status == 200
    assert puff.wait() == 0


def test_an_import_without_end_is_given_up(own: Own, tmp_path: Path) -> None:
    switch = tmp_path / "switch"
    switch.write_text("one")
    puff = own(APP, env={"SWITCH": str(switch)})
    port, before = puff.port, puff.worker
    switch.write_text("endless")
    puff.signal(signal.SIGHUP)
    puff.wait_for("app: imports without end")
    assert served_by(port) == before
    switch.write_text("two")
    puff.signal(signal.SIGHUP)
    until("another", lambda: served_by(port) != before)
    switch.write_text("endless")
    mark = puff.mark()
    puff.signal(signal.SIGHUP)
    puff.wait_for("app: imports without end", mark)
    puff.signal(signal.SIGTERM)
    assert puff.wait() == 0


def test_a_worker_that_stays_away_keeps_nobody_waiting(own: Own, tmp_path: Path) -> None:
    switch = tmp_path / "switch"
    switch.write_text("one")
    puff = own(APP, "--workers", "2", env={"SWITCH": str(switch)})
    puff.expect("the switch says broken")
    port, before = puff.port, puff.workers
    switch.write_text("broken")
    os.kill(before[0], signal.SIGKILL)
    puff.wait_for('did not start.*exit="status 1" pause=800ms')
    # Half of these would be for the dead one, and wait until it is back.
    mark = puff.mark()
    assert {served_by(port) for _ in range(40)} == {before[1]}
    pauses = re.findall(r"did not start.* pause=(\S+)", puff.log())
    assert pauses[:3] == ["200ms", "400ms", "800ms"]
    switch.write_text("two")
    until("another", lambda: {served_by(port) for _ in range(20)} > {before[1]})
    assert before[1] in puff.workers
    puff.signal(signal.SIGHUP)
    until("new workers", lambda: all_new(puff, before, 2))
    puff.wait_for("reloading", mark)


def test_there_can_be_more_workers_and_fewer(own: Own) -> None:
    puff = own(APP)
    port = puff.port
    with load(port, 4, fresh=4) as work:
        for _ in range(2):
            for n in (2, 3):  # a signal that is pending is not sent twice
                mark = puff.mark()
                puff.signal(signal.SIGTTIN)
                puff.wait_for(f"one worker more.*workers={n}", mark)
            until("three workers", lambda: len({served_by(port) for _ in range(20)}) == 3)
            for n in (2, 1):
                mark = puff.mark()
                puff.signal(signal.SIGTTOU)
                puff.wait_for(f"one worker fewer.*workers={n}", mark)
            until("one worker", lambda: len(puff.workers) == 1)
        mark = puff.mark()
        puff.signal(signal.SIGTTOU)
        puff.wait_for("the last worker stays", mark)
    assert (work.faults, work.lost) == ([], [])
    assert served_by(port) == puff.worker


@pytest.mark.parametrize("app", ["app", "asgi"])
def test_a_slow_handler_is_waited_for_no_longer_than_is_said(own: Own, app: str) -> None:
    puff = own(f"workers_app:{app}", "--graceful-timeout", "1")
    with Connection(puff.port) as slow:
        slow.request(target="/slow?1000000")
        puff.wait_for("app: is slow")
        puff.signal(signal.SIGTERM)
        with pytest.raises(CutOff):
            slow.response()
    assert puff.wait() == 0
    assert "requests were cut off" in puff.log()
    assert "worker is killed" not in puff.log()


@pytest.mark.parametrize("app", ["app", "asgi"])
def test_a_slow_handler_is_waited_for(own: Own, app: str) -> None:
    puff = own(f"workers_app:{app}")
    with Connection(puff.port) as slow:
        slow.request(target="/slow?1000")
        puff.wait_for("app: is slow")
        puff.signal(signal.SIGTERM)
        assert slow.response().status == 200
    assert puff.wait() == 0
    assert "requests were cut off" not in puff.log()


def test_a_broken_program_does_not_replace_this_one(tmp_path: Path) -> None:
    program, pid_file = tmp_path / "puff", tmp_path / "pid"
    shutil.copy2(BINARY, program)
    puff = Puff(
        arguments(APP, "--port", "0", "--pid-file", str(pid_file)),
        launcher=["/bin/sh", "-c", INSTEAD, str(program)],
    )
    port, before = puff.port, puff.worker
    try:
        for text in ("#!/bin/sh\nexit 3\n", "no program at all"):
            fresh = tmp_path / "fresh"
            fresh.write_text(text)
            fresh.chmod(0o755)
            fresh.rename(program)
            mark = puff.mark()
            puff.signal(signal.SIGUSR2)
            puff.wait_for("new parent (did not start|can not be started)", mark)
            assert served_by(port) == before
            assert pid_file.read_text() == f"{puff.pid}\n"
        shutil.copy2(BINARY, fresh)
        fresh.rename(program)
        puff.signal(signal.SIGUSR2)
        assert puff.process.wait(DEADLINE) == 0
        new = int(pid_file.read_text())
        assert served_by(port) != before
        os.kill(new, signal.SIGTERM)
        until("its end", lambda: gone(new))
    finally:
        if puff.process.poll() is None:
            puff.kill()


def test_orphans_are_buried() -> None:
    puff = Puff(arguments(APP, "--port", "0"), launcher=[sys.executable, "-c", SUBREAPER])
    try:
        assert get(puff.port, "/orphan").text == "True True"
    finally:
        puff.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="a namespace of processes is for root to make")
def test_it_can_be_process_one(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    puff = Puff(
        arguments(APP, "--port", "0", "--workers", "2", "--pid-file", str(pid_file)),
        launcher=["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"],
    )
    try:
        port = puff.port
        assert pid_file.read_text() == "1\n"
        assert get(port, "/orphan").text == "True True"
        (parent,) = puff.workers  # children of unshare: there process 1, here another
        before = {served_by(port) for _ in range(20)}
        os.kill(parent, signal.SIGUSR2)
        puff.wait_for("first process of a container can not be replaced")
        os.kill(parent, signal.SIGHUP)
        until("new workers", lambda: not before & {served_by(port) for _ in range(20)})
        os.kill(parent, signal.SIGTERM)
        assert puff.wait() == 0
    finally:
        if puff.process.poll() is None:
            puff.kill()
    assert puff.faults() == []


def test_workers_share_the_sockets_of_systemd() -> None:
    with socket.create_server(("127.0.0.1", 0)) as web:
        puff = Puff(
            arguments(APP, "--workers", "2"),
            launcher=[sys.executable, "-c", SYSTEMD, str(web.fileno())],
            fds=[web.fileno()],
        )
        port = web.getsockname()[1]
        assert puff.port == port
        with load(port, 4, fresh=2) as work:
            for _ in range(3):
                before = puff.workers
                puff.signal(signal.SIGHUP)
                until("new workers", lambda b=before: all_new(puff, b, 2))  # type: ignore[misc]
        assert (work.faults, work.lost) == ([], [])
        for pid in puff.workers:
            os.kill(pid, signal.SIGKILL)
            assert get(port).status == 200
            until("another", lambda: len(puff.workers) == 2)
        puff.stop()


def test_websockets_stay_over_reloads(own: Own) -> None:
    puff = own("websocket_app:app", "--workers", "2", "--graceful-timeout", "1000")
    port, sockets = puff.port, list[Socket]()
    with ExitStack() as stack:
        for _ in range(3):
            before = puff.workers
            sockets += [stack.enter_context(Socket(port)) for _ in range(4)]
            puff.signal(signal.SIGHUP)
            until("new ones", lambda b=before: len(set(puff.workers) - set(b)) == 2)  # type: ignore[misc]
        assert len(puff.workers) > 2
        for n, s in enumerate(sockets):
            s.put(TEXT, b"%d" % n)
            assert s.text() == str(n)
            s.goodbye()
    until("the old ones to end", lambda: len(puff.workers) == 2)
