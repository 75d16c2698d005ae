"""A PostgreSQL server of our own, on a socket in a folder of its own, for tests."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Cluster", "cluster"]

# What is safe to leave out where nothing has to survive.
SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
fsync = off
synchronous_commit = off
full_page_writes = off
max_prepared_transactions = 20
max_connections = 60
timezone = 'UTC'
"""


def binaries() -> Path:
    """The folder of the newest server that is installed."""
    found = shutil.which("postgres")
    if found:
        return Path(found).resolve().parent
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda f: int(f.split("/")[4]))
    if not folders:
        raise FileNotFoundError("there is no PostgreSQL server: apt-get install postgresql")
    return Path(folders[-1])


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom the server runs as, since it refuses root; None: as we do."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise LookupError("PostgreSQL does not run as root, and there is no user postgres or nobody")


class Cluster:
    """A server; host is the folder of its socket, user "postgres", no password."""

    def __init__(self, folder: Path) -> None:
        self.host = str(folder)
        self.user = "postgres"
        self.port = 5432
        self._bin = binaries()
        self._data = folder / "data"
        self._as = _unprivileged()
        self._server: subprocess.Popen[bytes] | None = None
        if self._as is not None:
            os.chown(folder, self._as.pw_uid, self._as.pw_gid)
        self._run(
            "initdb",
            "-D",
            str(self._data),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        )
        with (self._data / "postgresql.conf").open("a") as conf:
            conf.write(SETTINGS.format(folder=folder))

    def listen(self, port: int, settings: str, access: str, **files: bytes) -> None:
        """Has it listen on 127.0.0.1 too from its next start, and believe whom access says.

        Each of files is put into its folder of data.
        """
        self.port = port
        with (self._data / "postgresql.conf").open("a") as conf:
            conf.write(f"listen_addresses = '127.0.0.1'\nport = {port}\n{settings}\n")
        (self._data / "pg_hba.conf").write_text(access)
        for name, content in files.items():
            file = self._data / name
            file.write_bytes(content)
            file.chmod(0o600)
            if self._as is not None:
                os.chown(file, self._as.pw_uid, self._as.pw_gid)

    def _options(self) -> dict[str, object]:
        if self._as is None:
            return {"cwd": self.host}
        return {
            "cwd": self.host,
            "user": self._as.pw_uid,
            "group": self._as.pw_gid,
            "extra_groups": [],
        }

    def _run(self, command: str, *args: str) -> None:
        subprocess.run(
            [str(self._bin / command), *args],
            check=True,
            stdout=subprocess.DEVNULL,
            **self._options(),  # type: ignore[call-overload]
        )

    def start(self) -> None:
        """Returns when the server takes connections."""
        end = time.monotonic() + 60
        self._server = self._spawn()
        ready = [str(self._bin / "pg_isready"), "-q", "-h", self.host, "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode != 0:
            if time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL does not start: {self.log()}")
            time.sleep(0.02)
            if self._server.poll() is not None:  # processes of one that was killed still end
                self._server = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with open(os.path.join(self.host, "log"), "ab") as log:
            server: subprocess.Popen[bytes] = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", str(self._data)],
                stdout=log,
                stderr=log,
                **self._options(),  # type: ignore[call-overload]
            )
            return server

    def stop(self, how: int = signal.SIGINT) -> None:
        """Ends the server: at once and in order, or with SIGKILL."""
        if self._server is None:
            return
        self._server.send_signal(how)
        self._server.wait(60)
        self._server = None

    @property
    def url(self) -> str:
        """What puff.toml would say of its database postgres."""
        return f"postgres://postgres@/postgres?host={self.host}"

    def log(self) -> str:
        """What the server has said."""
        return Path(self.host, "log").read_text()

    def ask(self, sql: str) -> str:
        """The answer to a statement, as psql has it."""
        done = subprocess.run(
            [
                str(self._bin / "psql"),
                "-h",
                self.host,
                "-p",
                str(self.port),
                "-U",
                "postgres",
                "-Atc",
                sql,
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def backends(self) -> int:
        """How many clients the server has, but for the one that asks."""
        return int(
            self.ask(
                "select count(*) from pg_stat_activity "
                "where backend_type = 'client backend' and pid <> pg_backend_pid()"
            )
        )

    def run(self, sql: str) -> None:
        """Has psql run statements, as the superuser on the socket."""
        self._run(
            *("psql", "-h", self.host, "-p", str(self.port), "-U", "postgres"),
            *("-v", "ON_ERROR_STOP=1", "-qc", sql),
        )

    def create(self, name: str) -> None:
        """Makes a database."""
        self._run("createdb", "-h", self.host, "-U", "postgres", name)


@contextlib.contextmanager
def cluster(prepare: Callable[[Cluster], object] | None = None) -> Iterator[Cluster]:
    """A server that runs, prepared before its start, and is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="puff-pg-"))
    made = Cluster(folder)
    try:
        if prepare is not None:
            prepare(made)
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)
