"""The servers that Puff runs for a project that was given none."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from server.process import DEADLINE, PYTHON, Puff, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAM = """
import sys
import puff
from puff.redis import global_redis as r

def count():
    print("count", r.incr("n"), file=sys.stderr, flush=True)

def hold():
    count()
    puff.sleep(600)
"""


def _lives(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A folder with a program; no server of it is left behind."""
    (tmp_path / "puff.toml").write_text(
        'embedded = "always"\n[[redis]]\n'
        '[[commands]]\nfunction = "program.count"\ncommand_name = "count"\n'
        '[[commands]]\nfunction = "program.hold"\ncommand_name = "hold"\n'
    )
    (tmp_path / "program.py").write_text(PROGRAM)
    yield tmp_path
    _until(lambda: not (tmp_path / ".puff" / "redis" / "state.json").exists())


def _state(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / ".puff" / "redis" / "state.json").read_text())
    return found


def _count(project: Path, *args: str) -> str:
    done = run(["--python", PYTHON, *args, "count"], cwd=project)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_server_starts_says_so_keeps_its_data_and_ends(project: Path) -> None:
    first = _count(project).splitlines()
    assert len(first) == 2, first
    assert first[0].startswith("puff: started redis-server ")
    assert str(project / ".puff" / "redis") in first[0]
    assert first[1] == "count 1"
    assert _count(project).splitlines()[-1] == "count 2"


def test_commands_of_one_folder_share_it(project: Path) -> None:
    puff = Puff(["--python", PYTHON, "hold"], cwd=project)
    try:
        puff.wait_for("^count 1$")
        assert _count(project) == "count 2\n"
        listed = run(["services"], cwd=project)
        assert listed.returncode == 0, listed.stderr
        state = _state(project)
        for part in ("redis-server", state["address"], str(state["pid"]), state["data"]):
            assert part in listed.stdout
        client = run(["services", "redis-cli", "--", "get", "n"], cwd=project)
        assert (client.stdout, client.returncode) == ("2\n", 0)
    finally:
        puff.kill()
    # It was killed: the system has said that its user is gone.
    _until(lambda: not _lives(state["pid"]) and not _lives(state["guardian"]))
    assert _count(project).splitlines()[-1] == "count 3"


@pytest.mark.parametrize("who", ["pid", "guardian"])
def test_a_server_that_is_killed_comes_again(project: Path, who: str) -> None:
    puff = Puff(["--python", PYTHON, "hold"], cwd=project)
    try:
        puff.wait_for("^count 1$")
        state = _state(project)
        os.kill(state[who], signal.SIGKILL)
        _until(lambda: not _lives(state["pid"]))
        assert _count(project).splitlines()[-1] == "count 2"
    finally:
        puff.kill()


def test_psql_opens_a_database_of_the_project(project: Path) -> None:
    for _ in range(2):  # the second finds what the first made
        done = run(
            ["services", "psql", "--", "-qAtc", "create table if not exists t(); select 7"],
            cwd=project,
        )
        assert (done.stdout, done.returncode) == ("7\n", 0), done.stderr
    failed = run(["services", "psql", "--", "-c", "select nonsense"], cwd=project)
    assert failed.returncode == 1
    _until(lambda: not (project / ".puff" / "postgres" / "state.json").exists())


POSTGRES = """
import sys
import psycopg2
import puff
from puff.postgres import global_postgres as pg, connect

def say(*words):
    print(*words, file=sys.stderr, flush=True)

def add(conn):
    with conn, conn.cursor() as cur:
        cur.execute("create table if not exists t (n serial)")
        cur.execute("insert into t default values returning n")
        return cur.fetchone()[0]

def both():
    one = psycopg2.connect()
    n = add(one)
    one.close()
    two = connect()
    say("numbers", n, add(two), pg.fetchval("select count(*) from t"))
    two.close()

def keep():
    puff.spawn(keep_on).join()

def keep_on():
    pid = None
    lost = 0
    while True:
        try:
            now = pg.fetchval("select pg_backend_pid()")
            conn = psycopg2.connect()
            n = add(conn)
            conn.close()
            if now != pid:
                pid = now
                say("added", n, "lost" if lost else "first")
        except psycopg2.OperationalError as e:
            lost += 1
        puff.sleep(0.01)
"""


def test_postgres_serves_pools_and_psycopg2_without_a_url(project: Path) -> None:
    file = project / "puff.toml"
    file.write_text(
        'embedded = "always"\n[[commands]]\nfunction = "both.both"\ncommand_name = "both"\n'
    )
    (project / "both.py").write_text(POSTGRES)
    for want in ("numbers 1 2 2", "numbers 3 4 4"):  # the data is kept
        done = run(["--python", PYTHON, "both"], cwd=project)
        assert done.returncode == 0, done.stderr
        assert done.stderr.splitlines()[-1] == want
    _until(lambda: not (project / ".puff" / "postgres" / "state.json").exists())


@pytest.mark.parametrize("who", ["pid", "guardian"])
def test_a_postgres_that_is_killed_comes_again_for_who_uses_it(project: Path, who: str) -> None:
    file = project / "puff.toml"
    file.write_text(
        'embedded = "always"\n[[commands]]\nfunction = "both.keep"\ncommand_name = "keep"\n'
    )
    (project / "both.py").write_text(POSTGRES)
    puff = Puff(["--python", PYTHON, "keep"], cwd=project)
    try:
        puff.wait_for("^added 1 first")
        state = json.loads((project / ".puff" / "postgres" / "state.json").read_text())
        mark = puff.mark()
        os.kill(state[who], signal.SIGKILL)
        puff.wait_for("^added .* lost", since=mark)
        # The numbers go on: it is the same data.
        assert int(puff.wait_for("^added .* lost", since=mark).split()[1]) > 1
    finally:
        puff.kill()
    _until(lambda: not (project / ".puff" / "postgres" / "state.json").exists())


def test_never_means_never(project: Path) -> None:
    file = project / "puff.toml"
    file.write_text(file.read_text().replace("always", "never"))
    done = run(
        ["--python", PYTHON, "--default-redis-url", "redis://127.0.0.1:1", "count"], cwd=project
    )
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr
    assert not (project / ".puff").exists()


def test_an_unknown_client_is_wrong_usage(project: Path) -> None:
    done = run(["services", "psq"], cwd=project)
    assert done.returncode == 2
    assert 'did you mean "psql"' in done.stderr
