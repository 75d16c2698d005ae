"""Redis of several servers: a cluster, and a master that Sentinel watches."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import trustme
from server.ports import free_port
from server.process import DEADLINE

from .conftest import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Encryption", "cluster", "sentinel", "until"]

SLOTS = 16384


def until(condition: Callable[[], bool], what: str) -> None:
    """Asks until it is so."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


class Encryption:
    """The files of servers that speak TLS with nobody but those who have a certificate too."""

    def __init__(self, folder: Path) -> None:
        issuer = trustme.CA()
        self.ca, self.other = folder / "ca.pem", folder / "other.pem"
        issuer.cert_pem.write_to_path(str(self.ca))
        trustme.CA().cert_pem.write_to_path(str(self.other))
        self._pem = folder / "server.pem"
        issuer.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(self._pem))
        self.client = folder / "client.pem"
        issuer.issue_cert("client").private_key_and_cert_chain_pem.write_to_path(str(self.client))

    @property
    def options(self) -> list[str]:
        """What tells a server of it."""
        files = ("--tls-cert-file", self._pem, "--tls-key-file", self._pem)
        return [*map(str, files), "--tls-ca-cert-file", str(self.ca), "--tls-replication", "yes"]

    def query(self, ca: Path | None = None) -> str:
        """What tells a client of it, at the end of a URL."""
        return f"?ssl_ca_certs={ca or self.ca}&ssl_certfile={self.client}"


def _server(
    stack: contextlib.ExitStack,
    *args: str,
    before: tuple[str, ...] = (),
    tls: Encryption | None = None,
) -> RedisServer:
    where = ["--tls-port", str(free_port()), *tls.options] if tls else ["--port", str(free_port())]
    server = RedisServer("--bind", "127.0.0.1", *where, *args, before=before)
    stack.callback(server.end)
    return server


def _complete(node: RedisServer) -> bool:
    said = node.text("CLUSTER", "INFO")
    return "cluster_state:ok" in said and "cluster_known_nodes:3" in said


@contextlib.contextmanager
def cluster() -> Iterator[list[RedisServer]]:
    """Three nodes that have all slots."""
    with contextlib.ExitStack() as stack:
        buses = [str(free_port()) for _ in range(3)]
        nodes = [_server(stack, "--cluster-enabled", "yes", "--cluster-port", bus) for bus in buses]
        for i, node in enumerate(nodes):
            first, last = SLOTS * i // 3, SLOTS * (i + 1) // 3 - 1
            node.command("CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
            node.command("CLUSTER", "SET-CONFIG-EPOCH", str(i + 1))
        for node, bus in zip(nodes, buses, strict=True):
            nodes[0].command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        until(lambda: all(map(_complete, nodes)), "the cluster is not complete")
        yield nodes


@contextlib.contextmanager
def sentinel(
    folder: Path, tls: Encryption | None = None
) -> Iterator[tuple[RedisServer, RedisServer, RedisServer]]:
    """A master called main, its replica, and Sentinel; with tls they hear nothing else."""
    with contextlib.ExitStack() as stack:
        master = _server(stack, tls=tls)
        replicates = ("--replicaof", "127.0.0.1", master.port, "--repl-diskless-sync-delay", "0")
        replica = _server(stack, *replicates, tls=tls)
        until(lambda: "master_link_status:up" in replica.text("INFO", "replication"), "no link")
        file = folder / "sentinel.conf"
        file.write_text(
            f"sentinel monitor main 127.0.0.1 {master.port} 1\n"
            "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n"
        )
        watcher = _server(stack, before=(str(file), "--sentinel"), tls=tls)
        until(lambda: "slaves=1" in watcher.text("INFO", "sentinel"), "no replica is known")
        yield master, replica, watcher
