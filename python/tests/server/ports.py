"""Ports for servers that have to be told one before they start."""

from __future__ import annotations

import random
import socket
from pathlib import Path

__all__ = ["free_port"]

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")

# Each claims a port among tests for as long as this process lives.
_claims: list[socket.socket] = []


def free_port() -> int:
    """A port that nobody listens on, and nobody gets by chance later.

    It is below those that the kernel hands out, to clients and for port 0, where these leave
    any, and is claimed with an abstract unix socket, which other tests of this machine's respect.
    """
    end = int(RANGE.read_text().split()[0])
    while True:
        port = random.randrange(10000, end if end > 12000 else 60000)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0puff.port.{port}")
            with socket.socket() as s:
                s.bind(("", port))
        except OSError:
            claim.close()
        else:
            _claims.append(claim)
            return port
