"""A parent and its workers: reloads, crashes, hangs, limits, signals."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING

import pytest

from .client import Connection, CutOff, get
from .load import gone, load, served_by, until
from .process import DEADLINE, Puff

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Own

APP = "workers_app:app"


@pytest.mark.parametrize("workers", [1, 2])
def test_reloads_lose_nothing(own: Own, workers: int) -> None:
    puff = own(APP, "--workers", str(workers))
    with load(puff.port) as work:
        for _ in range(10):
            before = set(puff.workers)
            answers = work.answers
            puff.signal(signal.SIGHUP)
            until("new workers", lambda b=before: not b & set(puff.workers))  # type: ignore[misc]
            until("more answers", lambda n=answers: work.answers > n)  # type: ignore[misc]
    assert (work.faults, work.lost) == ([], [])
    assert len(puff.workers) == workers


def test_a_stream_goes_on_over_a_reload(own: Own) -> None:
    puff = own("workers_app:asgi")
    with Connection(puff.port) as c:
        c.request(target="/events")
        assert c.chunk_after_head() == b"data: 0\n\n"
        old = puff.worker
        puff.signal(signal.SIGHUP)
        until("a new worker", lambda: get(puff.port).text != str(old))
        for n in range(1, 20):
            assert c.chunk() == b"data: %d\n\n" % n
        assert c.chunk() == str(old).encode()
    until("the end of the old one", lambda: gone(old))


def test_a_reload_reads_what_has_changed(own: Own, tmp_path: Path) -> None:
    switch = tmp_path / "switch"
    switch.write_text("one")
    puff = own(APP, env={"SWITCH": str(switch)})
    assert get(puff.port).text.split()[1] == "one"
    switch.write_text("two")
    puff.signal(signal.SIGHUP)
    until("the change", lambda: get(puff.port).text.endswith("two"))


def test_a_reload_that_fails_changes_nothing(own: Own, tmp_path: Path) -> None:
    switch = tmp_path / "switch"
    switch.write_text("one")
    puff = own(APP, "--workers", "2", env={"SWITCH": str(switch)})
    puff.expect("the switch says broken")
    assert get(puff.port).text.split()[1] == "one"
    before = puff.workers
    switch.write_text("broken")
    mark = puff.mark()
    puff.signal(signal.SIGHUP)
    puff.wait_for("reload failed", mark)
    assert puff.workers == before
    switch.write_text("two")
    puff.signal(signal.SIGHUP)
    until("new workers", lambda: not set(before) & set(puff.workers))
    assert get(puff.port).text.endswith("two")


def test_a_worker_that_ends_by_itself_is_replaced(own: Own) -> None:
    puff = own(APP)
    port = puff.port
    with pytest.raises(CutOff):
        get(port, "/exit")
    assert get(port).status == 200
    puff.wait_for('exit="status 3" reason=crash')


def test_a_worker_that_is_told_to_end_is_replaced(own: Own) -> None:
    puff = own(APP)
    port, old = puff.port, puff.worker
    os.kill(old, signal.SIGTERM)
    until("another", lambda: gone(old) and len(puff.workers) == 1)
    assert served_by(port) != old
    puff.wait_for("worker leaves.*reason=signal")


@pytest.mark.parametrize("how", ["/spin", "/sleep"])
def test_a_worker_that_hangs_says_where_and_is_replaced(own: Own, how: str) -> None:
    puff = own(APP, "--worker-timeout", "1")
    puff.expect("^goroutine ")
    port, old = puff.port, served_by(puff.port)
    with Connection(port) as c:
        c.request(target=how)
        puff.wait_for("its lane is silent")
        puff.wait_for(r"workers_app\.py\", line \d+ in app")
        puff.wait_for(r"^goroutine \d+")
        with pytest.raises(CutOff):
            c.response()
    assert served_by(port) != old
    assert "reason=hang" in puff.log()


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--max-requests", "20"], "requests"),
        (["--max-requests", "20", "--max-requests-jitter", "5"], "requests"),
        (["--max-age", "1"], "age"),
    ],
)
def test_workers_are_replaced_in_time(own: Own, flags: list[str], reason: str) -> None:
    puff = own(APP, *flags)
    old = served_by(puff.port)
    with load(puff.port, 2) as work:
        until("another", lambda: gone(old))
    assert (work.faults, work.lost) == ([], [])
    puff.wait_for(f"replacing worker.*reason={reason}")


def test_a_worker_that_grows_is_replaced(own: Own) -> None:
    puff = own(APP, "--max-rss", "150")
    old = served_by(puff.port)
    assert get(puff.port, "/grow").status == 200
    until("another", lambda: gone(old))
    puff.wait_for("replacing worker.*reason=rss")
    assert served_by(puff.port) != old


def test_a_new_parent_takes_over(own: Own, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    puff = own(APP, "--workers", "2", "--pid-file", str(file))
    port = puff.port
    assert file.read_text() == f"{puff.pid}\n"
    with load(port) as work:
        puff.signal(signal.SIGUSR2)
        assert puff.process.wait(DEADLINE) == 0
        new = int(file.read_text())
        assert new != puff.pid
        answers = work.answers
        until("more answers", lambda: work.answers > answers + 100)
    assert (work.faults, work.lost) == ([], [])
    os.kill(new, signal.SIGTERM)
    until("its end", lambda: gone(new))
    assert not file.exists()


def test_the_pid_file_is_not_taken_from_a_running_puff(own: Own, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    file.write_text("999999999\n")  # nobody's
    puff = own(APP, "--pid-file", str(file))
    assert get(puff.port).status == 200
    other = Puff(["serve", APP, "--port", "0", "--pid-file", str(file)])
    assert other.wait() == 1
    assert "still runs" in other.log()
    puff.stop()
    assert not file.exists()


def test_workers_end_with_their_parent(own: Own) -> None:
    puff = own(APP, "--workers", "2")
    assert get(puff.port).status == 200
    workers = puff.workers
    puff.kill()
    until("their end", lambda: all(gone(pid) for pid in workers))


def test_a_second_signal_ends_all_at_once(own: Own) -> None:
    puff = own(APP, "--workers", "2")
    with Connection(puff.port) as c:
        c.request(target="/sleep")
        puff.wait_for("app: sleeps")
        workers = puff.workers
        puff.signal(signal.SIGTERM)
        puff.wait_for("draining")
        puff.signal(signal.SIGTERM)
        assert puff.wait() == 1
    assert all(gone(pid) for pid in workers)


def test_the_first_line_counts_the_workers(own: Own) -> None:
    puff = own(APP, "--workers", "3")
    assert re.search(r"with Python 3\.\S+, 3 workers$", puff.wait_for("^puff "))
    assert len(puff.workers) == 3
