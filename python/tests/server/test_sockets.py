"""``puff serve`` and its sockets: unix ones, several at once, those that systemd opens."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .client import DEADLINE, Connection, get
from .ports import free_port
from .process import APPS, BINARY, PYTHON, Puff, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Own

    Serve = Callable[..., Puff]

APP = "socket_app:app"
ASYNC_APP = "socket_app:async_app"

# Makes descriptors 3, 4, ... of the numbers it is given, says so as systemd does, and becomes the
# command that follows.
SYSTEMD = """
import os, sys
numbers, command = sys.argv[1], sys.argv[2:]
fds = [os.dup(int(n)) for n in numbers.split(",")]
spare = [os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]
for i, fd in enumerate(spare):
    os.dup2(fd, 3 + i)
    os.close(fd)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)))
os.execv(command[0], command)
"""


@pytest.fixture
def serve() -> Iterator[Serve]:
    """serve(app, *flags) is a server with these flags alone; it must end well."""
    running: list[Puff] = []

    def start(app: str, *flags: str, **kw: Any) -> Puff:
        args = ["serve", app, "--python", PYTHON, "--app-dir", str(APPS), *flags]
        running.append(Puff(args, **kw))
        return running[-1]

    yield start
    for puff in running:
        if puff.process.poll() is None:
            puff.stop()


def ready(puff: Puff) -> Puff:
    """puff, when it serves."""
    puff.wait_for(r"^puff \S+ serves ")
    return puff


def curl(*args: str) -> str:
    """What curl prints."""
    done = subprocess.run(
        ["curl", "-sS", "--fail", "--max-time", str(DEADLINE), *args],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def stale(path: Path) -> None:
    """A socket that a server left behind when it was killed."""
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
        s.listen()


@pytest.mark.parametrize("app", [APP, ASYNC_APP])
def test_a_unix_socket_is_served_and_removed_at_the_end(
    serve: Serve, tmp_path: Path, app: str
) -> None:
    path = tmp_path / "s"
    puff = ready(serve(app, "--bind", f"unix:{path}"))
    assert f" on unix:{path} with Python 3." in puff.log()
    shown = json.loads(curl("--unix-socket", str(path), "http://app.example/"))
    if app == APP:
        assert shown["HTTP_HOST"] == "app.example"
        assert shown["SERVER_PORT"] == ""
        assert not shown["REMOTE_ADDR"]
    else:
        assert shown["client"] is None
        assert shown["scheme"] == "http"
    puff.stop()
    assert not path.exists()


@pytest.mark.parametrize(("flags", "mode"), [([], 0o600), (["--uds-mode", "666"], 0o666)])
def test_a_unix_socket_has_its_mode(
    serve: Serve, tmp_path: Path, flags: list[str], mode: int
) -> None:
    path = tmp_path / "s"
    ready(serve(APP, "--bind", f"unix:{path}", *flags))
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_socket_that_was_left_behind_is_replaced(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "s"
    stale(path)
    ready(serve(APP, "--bind", f"unix:{path}"))
    curl("--unix-socket", str(path), "http://app.example/")


def test_a_socket_that_somebody_answers_on_is_not_taken_over(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "s"
    ready(serve(APP, "--bind", f"unix:{path}"))
    second = run(["serve", APP, "--python", PYTHON, "--bind", f"unix:{path}"])
    assert second.returncode == 1
    assert f"listen on unix:{path}: somebody answers there already" in second.stderr
    curl("--unix-socket", str(path), "http://app.example/")


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("kept")
    r = run(["serve", APP, "--python", PYTHON, "--bind", f"unix:{path}"])
    assert r.returncode == 1
    assert "the path is there and is no socket" in r.stderr
    assert path.read_text() == "kept"


def test_the_socket_of_a_successor_is_left_alone(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "s"
    puff = ready(serve(APP, "--bind", f"unix:{path}"))
    path.unlink()
    ready(serve(APP, "--bind", f"unix:{path}"))
    puff.stop()
    curl("--unix-socket", str(path), "http://app.example/")


@pytest.mark.parametrize("app", ["broken.raises:app", "broken.exits:app", "lifespans:failing"])
def test_nothing_is_left_where_the_application_cannot_start(tmp_path: Path, app: str) -> None:
    path = tmp_path / "s"
    r = run(["serve", app, "--python", PYTHON, "--app-dir", str(APPS), "--bind", f"unix:{path}"])
    assert r.returncode != 0
    assert not path.exists()


def test_a_second_signal_leaves_nothing_either(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "s"
    puff = ready(serve("wsgi_app:app", "--bind", f"unix:{path}"))
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(DEADLINE)
        s.connect(str(path))
        s.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234")
        puff.signal(signal.SIGTERM)
        puff.wait_for("draining")
        puff.signal(signal.SIGTERM)
        assert puff.wait() == 1
    assert not path.exists()


def test_every_address_is_served(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "s"
    binds = ["127.0.0.1:0", "[::1]:0", f"unix:{path}"]
    puff = ready(serve(APP, *(word for b in binds for word in ("--bind", b))))
    line = puff.wait_for(r" on http://127\.0\.0\.1:\d+ http://\[::1\]:\d+ unix:/")
    urls = [w for w in line.split() if w.startswith("http://")]
    for url, address in zip(urls, ["127.0.0.1", "::1"], strict=True):
        shown = json.loads(curl(url))
        assert shown["REMOTE_ADDR"] == address
        assert url.endswith(shown["SERVER_PORT"])
    curl("--unix-socket", str(path), "http://app.example/")


def test_ipv4_and_ipv6_share_a_port(own: Own) -> None:
    port = free_port()
    own(APP, "--bind", f"0.0.0.0:{port}", "--bind", f"[::]:{port}").wait_for("serves")
    for host in ("127.0.0.1", "::1"):
        with Connection(port, host=host) as c:
            assert json.loads(c.exchange().body)["REMOTE_ADDR"] == host


def test_two_servers_share_a_port_only_if_both_say_so(own: Own) -> None:
    first = own(APP, "--reuse-port")
    own(APP, "--bind", f"127.0.0.1:{first.port}", "--reuse-port").wait_for("serves")
    third = run(["serve", APP, "--python", PYTHON, "--bind", f"127.0.0.1:{first.port}"])
    assert third.returncode == 1
    assert "somebody else does already" in third.stderr


def test_sockets_of_systemd_take_the_place_of_addresses(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.create_server(("127.0.0.1", 0)) as web, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(path))
        local.listen()
        numbers = [web.fileno(), local.fileno()]
        puff = serve(
            "socket_app:activated",
            "--bind",
            "127.0.0.1:1",
            launcher=[sys.executable, "-c", SYSTEMD, ",".join(map(str, numbers))],
            fds=numbers,
        )
        port = web.getsockname()[1]
        assert puff.port == port
        assert get(port).text == "[]"
        curl("--unix-socket", str(path), "http://app.example/")
        puff.stop()
        # They are systemd's: it serves them again when somebody comes.
        assert path.exists()
        with Connection(port) as c:
            c.request()


def test_variables_for_another_process_are_nothing_to_us(own: Own) -> None:
    puff = own(APP, env={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
    assert get(puff.port).status == 200


def test_what_is_passed_must_be_a_listening_socket(tmp_path: Path) -> None:
    with socket.socket() as s:
        done = subprocess.run(
            [
                *(sys.executable, "-c", SYSTEMD, str(s.fileno())),
                *(BINARY, "serve", APP),
                *("--python", PYTHON, "--app-dir", str(APPS)),
            ],
            pass_fds=[s.fileno()],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    assert done.returncode == 1
    assert "take socket 1 of LISTEN_FDS" in done.stderr


class Manager:
    """The end of the notification socket that systemd holds."""

    def __init__(self, path: Path) -> None:
        self.env = {"NOTIFY_SOCKET": str(path)}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(DEADLINE)
        self.socket.bind(str(path))

    def hears(self) -> list[str]:
        """The lines of the next message."""
        return self.socket.recv(4096).decode().split("\n")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """A service manager that listens."""
    m = Manager(tmp_path / "notify")
    yield m
    m.socket.close()


def test_systemd_hears_of_start_reload_and_end(own: Own, manager: Manager) -> None:
    puff = own(APP, env=manager.env)
    assert manager.hears() == ["READY=1", f"STATUS=serves {APP} on http://127.0.0.1:{puff.port}"]
    puff.signal(signal.SIGHUP)
    begun = manager.hears()
    assert begun[0] == "RELOADING=1"
    assert begun[1].startswith("MONOTONIC_USEC=")
    assert manager.hears() == ["READY=1"]
    puff.stop()
    assert manager.hears() == ["STOPPING=1"]


def test_the_watchdog_of_systemd_is_fed(own: Own, manager: Manager) -> None:
    puff = own(APP, env={**manager.env, "WATCHDOG_USEC": "100000"})
    heard = [manager.hears()[0] for _ in range(4)]
    assert heard.count("READY=1") == 1
    assert heard.count("WATCHDOG=1") == 3
    puff.stop()


def test_a_new_parent_takes_sockets_and_systemd_over(
    serve: Serve, tmp_path: Path, manager: Manager
) -> None:
    path, pid_file = tmp_path / "s", tmp_path / "pid"
    flags = ["--bind", f"unix:{path}", "--bind", "127.0.0.1:0", "--pid-file", str(pid_file)]
    old = serve(APP, *flags, "--workers", "2", env=manager.env)
    assert manager.hears()[0] == "READY=1"
    port = old.port
    old.signal(signal.SIGUSR2)
    said = [manager.hears()[0], manager.hears()[0]]
    assert old.process.wait(DEADLINE) == 0  # the new one still writes where it did
    new = int(pid_file.read_text())
    assert sorted(said) == [f"MAINPID={new}", "READY=1"]
    try:
        curl("--unix-socket", str(path), "http://app.example/")
        assert get(port).status == 200
    finally:
        os.kill(new, signal.SIGTERM)
    assert manager.hears() == ["STOPPING=1"]
    while path.exists():
        assert Path(f"/proc/{new}").exists()


def test_a_new_parent_that_fails_leaves_the_socket(serve: Serve, tmp_path: Path) -> None:
    path, app = tmp_path / "s", tmp_path / "changing.py"
    app.write_text("from socket_app import app\n")
    puff = ready(serve("changing:app", "--bind", f"unix:{path}", cwd=tmp_path))
    app.write_text("raise RuntimeError('the new one is broken')\n")
    puff.expect("RuntimeError: the new one is broken")
    puff.signal(signal.SIGUSR2)
    puff.wait_for("new parent did not start")
    curl("--unix-socket", str(path), "http://app.example/")


def test_all_workers_serve_a_unix_socket(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "s"
    puff = ready(serve(APP, "--bind", f"unix:{path}", "--workers", "3"))
    puff.signal(signal.SIGTTOU)
    puff.wait_for("one worker fewer")
    for _ in range(10):
        curl("--unix-socket", str(path), "http://app.example/")
    puff.signal(signal.SIGHUP)
    puff.wait_for("reloading")
    for _ in range(10):
        curl("--unix-socket", str(path), "http://app.example/")
    puff.stop()
    assert not path.exists()
