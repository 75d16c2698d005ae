"""A WebSocket client that shows every frame, and sends any."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from .client import Connection, Response

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "BINARY", "CLOSE", "MORE", "PING", "PONG", "TEXT", "Frame", "Frames", "Socket", "frame",
    "opening",
]  # fmt: skip

MORE, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"
KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


class Frame(NamedTuple):
    """A frame of the server's."""

    first: int
    payload: bytes


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bool = True
) -> bytes:
    """A frame as a client sends it, or must not."""
    n = len(payload)
    short = n if n < 126 else 126 if n < 1 << 16 else 127
    head = bytes([opcode | rsv << 4 | (0x80 if fin else 0), short | (0x80 if mask else 0)])
    if short > 125:
        head += struct.pack("!H" if short == 126 else "!Q", n)
    if not mask:
        return head + payload
    repeated = MASK * (n // 4 + 1)
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(repeated[:n], "big")
    return head + MASK + masked.to_bytes(n, "big")


def opening(headers: Iterable[tuple[str, str]] = ()) -> list[tuple[str, str]]:
    """The fields of a request for a WebSocket."""
    return [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
        *headers,
    ]


class Frames(ABC):
    """Frames both ways, over whatever carries bytes."""

    was_reset = False

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Sends bytes."""

    @abstractmethod
    def exactly(self, n: int) -> bytes | None:
        """The next n bytes, None where the stream ended first."""

    def put(self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> None:
        """Sends a frame."""
        self.send(frame(opcode, payload, fin=fin, rsv=rsv))

    def take(self) -> Frame | None:
        """The next frame, None at the end of the stream."""
        head = self.exactly(2)
        if head is None:
            return None
        assert not head[1] & 0x80, "a frame of the server is masked"
        n = head[1]
        if n > 125:
            more = self.exactly(2 if n == 126 else 8)
            assert more is not None
            n = int.from_bytes(more, "big")
        payload = self.exactly(n)
        assert payload is not None, "a frame was cut off"
        return Frame(head[0], payload)

    def text(self) -> str:
        """The next message, which is a text."""
        got = self.take()
        assert got is not None
        assert got.first == 0x80 | TEXT, got
        return got.payload.decode()

    def closed(self) -> tuple[int, str] | None:
        """What the server says last: a close frame, and then nothing."""
        got = self.take()
        if got is None:
            return None
        assert got.first == 0x80 | CLOSE, got
        code = int.from_bytes(got.payload[:2], "big")
        return code, got.payload[2:].decode()

    def goodbye(self, code: int = 1000, reason: str = "") -> None:
        """Says goodbye, wants to hear it, and then the end."""
        self.put(CLOSE, struct.pack("!H", code) + reason.encode())
        assert self.closed() == (code, "")
        assert self.take() is None
        assert not self.was_reset


class Socket(Connection, Frames):
    """One WebSocket, open when made; in a with statement."""

    def __init__(
        self,
        port: int,
        target: str = "/",
        headers: Iterable[tuple[str, str]] = (),
        *,
        receive_buffer: int = 0,
    ) -> None:
        super().__init__(port, receive_buffer=receive_buffer)
        self.request("GET", target, opening(headers))
        self.answer: Response = self.head()
        assert self.answer.status == 101, self.answer
        assert self.answer.get("Sec-WebSocket-Accept") == ACCEPT
        assert (self.answer.get("Upgrade") or "").lower() == "websocket"
        assert (self.answer.get("Connection") or "").lower() == "upgrade"

    def __enter__(self) -> Socket:
        return self
