"""Real servers of Redis and PostgreSQL, and programs under Puff that use them."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from server.process import BINARY, DEADLINE, PYTHON, environment

from .cluster import Cluster, cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["RedisServer", "inside", "run_python"]

# Those run under Puff, started by the tests here.
collect_ignore = ["inside"]

HERE = Path(__file__).resolve().parent
PORTS = ("--port", "--tls-port")


class RedisServer:
    """A redis-server on a socket, with nothing on disk; args are more of its options."""

    def __init__(self, *args: str, before: tuple[str, ...] = ()) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        assert program is not None, "redis-server is missing: make setup installs it"
        self.dir = tempfile.mkdtemp(prefix="puff-redis-")
        self.socket = f"{self.dir}/s"
        self.url = f"unix://{self.socket}"
        self.port = next((args[args.index(p) + 1] for p in PORTS if p in args), "")
        self._command = [
            *(program, *before, "--port", "0", "--unixsocket", self.socket),
            *("--save", "", "--dir", self.dir, *args),
        ]
        self.start()

    @property
    def environment(self) -> dict[str, str]:
        """What tells a puff to use it."""
        return {"PUFF_DEFAULT_REDIS_URL": self.url, "PUFF_DEFAULT_PUBSUB_URL": self.url}

    def start(self) -> None:
        """Starts it, again after kill; returns when it answers."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + DEADLINE
        while not self._answers():
            assert time.monotonic() < end, "redis-server does not answer"
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            return self.command("PING") == "+PONG"
        except OSError:
            return False

    def command(self, *words: str) -> str:
        """The first line of the answer to a command of words without spaces."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(self.socket)
            s.sendall(" ".join(words).encode() + b"\r\n")
            return s.recv(64).decode().splitlines()[0]

    def text(self, *words: str) -> str:
        """The text that is the answer to a command of words without spaces."""
        with socket.socket(socket.AF_UNIX) as s, s.makefile("rb") as answer:
            s.settimeout(5)
            s.connect(self.socket)
            s.sendall(" ".join(words).encode() + b"\r\n")
            return answer.read(int(answer.readline()[1:])).decode()

    def until_received(self, channel: str, text: str) -> None:
        """Publishes until somebody gets it."""
        end = time.monotonic() + DEADLINE
        while self.command("PUBLISH", channel, text) == ":0":
            assert time.monotonic() < end, f"nobody listens on {channel}"
            time.sleep(0.01)

    def kill(self) -> None:
        """Ends it at once."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """It is killed, and comes back."""
        self.kill()
        self.start()

    def end(self) -> None:
        """Ends it and removes what it left."""
        self.kill()
        shutil.rmtree(self.dir)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A server that tests share and none may end."""
    server = RedisServer()
    yield server
    server.end()


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server of one test, which may end it."""
    server = RedisServer()
    yield server
    server.end()


def run_python(
    *args: str, env: dict[str, str], cwd: Path | str = HERE
) -> subprocess.CompletedProcess[str]:
    """Runs python under Puff with args."""
    return subprocess.run(
        [BINARY, "--python", PYTHON, "python", *args],
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=8 * DEADLINE,
        check=False,
    )


def inside(name: str, env: dict[str, str]) -> None:
    """Runs the tests of a file inside Puff."""
    python = str(HERE.parents[1])
    done = run_python(
        *("-m", "pytest", "-q", "-x", "--noconftest"),
        *("-c", f"{python}/pyproject.toml", "--rootdir", python, name),
        env=env,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A server that runs."""
    with cluster() as made:
        yield made


@pytest.fixture
def own_postgres() -> Iterator[Cluster]:
    """A server of one test, which may end it."""
    with cluster() as made:
        yield made


@pytest.fixture
def puff(postgres: Cluster, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs puff in a folder whose puff.toml names the server as its pools default and small."""
    (tmp_path / "puff.toml").write_text(
        f'[[postgres]]\nurl = "{postgres.url}"\n'
        f'[[postgres]]\nname = "small"\nurl = "{postgres.url}"\npool_size = 1\n'
        'pool_timeout = "50ms"\n'
        f'[[postgres]]\nname = "one"\nurl = "{postgres.url}"\npool_size = 1\n'
        f'[[postgres]]\nname = "two"\nurl = "{postgres.url}"\npool_size = 2\n'
        '[[postgres]]\nname = "gone"\n'
        'url = "postgres://u:secret@/db?host=/nowhere/at/all"\n'
    )

    def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BINARY, "--python", PYTHON, *args],
            cwd=tmp_path,
            env=environment({"POSTGRES_HOST": postgres.host, **env}),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run
