"""An HTTP/1.1 client that shows what came, byte for byte, and forgives nothing."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

__all__ = ["Connection", "CutOff", "Response", "get", "post"]

DEADLINE = float(os.environ.get("PUFF_TEST_DEADLINE", "30"))  # how long anything may take


class CutOff(Exception):
    """The connection ended before the answer did; ``response`` is what there was of it."""

    def __init__(self, response: Response | None) -> None:
        super().__init__(f"the answer was cut off: {response}")
        self.response = response


@dataclass
class Response:
    """One answer, and the interim ones before it."""

    status: int
    reason: str
    version: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    framing: str = "none"  # or "length", "chunked", "close"
    interim: list[Response] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """The one value of a field; None where there is none."""
        values = self.all(name)
        assert len(values) < 2, f"{name} came {len(values)} times: {self.headers}"
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        """Every value of a field, in order."""
        return [v for n, v in self.headers if n.lower() == name.lower()]

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()


class Connection:
    """One connection to a server, to be used in a with statement."""

    def __init__(self, port: int, *, host: str = "127.0.0.1", receive_buffer: int = 0) -> None:
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(DEADLINE)
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self.was_reset = False

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, cls: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.sock.sendall(data)

    def request(
        self,
        method: str = "GET",
        target: str = "/",
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        chunks: Iterable[bytes] | None = None,
        version: str = "1.1",
    ) -> None:
        """Sends a request; chunks makes its body a chunked one."""
        lines = [f"{method} {target} HTTP/{version}", "Host: test.example"]
        lines += [f"{n}: {v}" for n, v in headers]
        if chunks is not None:
            lines.append("Transfer-Encoding: chunked")
        elif body or method in {"POST", "PUT", "PATCH"}:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        if chunks is not None:
            for chunk in chunks:
                self.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.send(b"0\r\n\r\n")

    def exchange(
        self,
        method: str = "GET",
        target: str = "/",
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        chunks: Iterable[bytes] | None = None,
        version: str = "1.1",
    ) -> Response:
        """Sends a request and reads its answer."""
        self.request(method, target, headers, body, chunks=chunks, version=version)
        return self.response(method)

    def more(self) -> bool:
        """Reads what has come; False at the end of the stream."""
        try:
            data = self.sock.recv(1 << 18)
        except ConnectionError:
            self.was_reset = True
            return False
        self._buffer += data
        return bool(data)

    def line(self) -> bytes | None:
        """The next line without its end, None where the stream ended first."""
        while b"\r\n" not in self._buffer:
            if not self.more():
                return None
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        assert b"\n" not in line, f"a bare line feed in {line!r}"
        return line

    def exactly(self, n: int) -> bytes | None:
        """The next n bytes, None where the stream ended first."""
        parts, have = [self._buffer], len(self._buffer)
        while have < n:
            self._buffer = b""
            if not self.more():
                self._buffer = b"".join(parts)
                return None
            parts.append(self._buffer)
            have += len(self._buffer)
        whole = b"".join(parts)
        self._buffer = whole[n:]
        return whole[:n]

    def head(self) -> Response:
        """The next head."""
        line = self.line()
        if line is None:
            raise CutOff(None)
        version, status, reason = line.decode("latin-1").split(" ", 2)
        head = Response(int(status), reason, version.removeprefix("HTTP/"), [])
        while (line := self.line()) != b"":
            if line is None:
                raise CutOff(head)
            name, colon, value = line.decode("latin-1").partition(":")
            assert colon, f"a field without a colon: {line!r}"
            assert name == name.strip(), f"spaces around a name: {line!r}"
            head.headers.append((name, value.strip(" ")))
        return head

    def response(self, method: str = "GET") -> Response:
        """The next answer whole, checked for framing. Raises CutOff."""
        interim = []
        head = self.head()
        while head.status < 200 and head.status != 101:
            interim.append(head)
            head = self.head()
        head.interim = interim
        self.body(head, method)
        return head

    def body(self, r: Response, method: str = "GET") -> None:
        """Reads the body that belongs to a head."""
        length, coding = r.get("Content-Length"), r.get("Transfer-Encoding")
        assert length is None or coding is None, f"two framings: {r.headers}"
        if method == "HEAD" or r.status in {204, 304}:
            if r.status == 204:
                assert length is None, f"204 with a length: {r.headers}"
            assert coding is None or method == "HEAD", f"no body, but a coding: {r.headers}"
        elif coding is not None:
            assert coding == "chunked", coding
            r.framing = "chunked"
            self._chunked(r)
        elif length is not None:
            r.framing = "length"
            body = self.exactly(int(length))
            if body is None:
                r.body, self._buffer = self._buffer, b""
                raise CutOff(r)
            r.body = body
        else:
            r.framing = "close"
            while self.more():
                pass
            r.body, self._buffer = self._buffer, b""

    def _chunked(self, r: Response) -> None:
        parts: list[bytes] = []
        while True:
            chunk = self.chunk()
            if chunk is None:
                r.body = b"".join(parts)
                raise CutOff(r)
            if not chunk:
                break
            parts.append(chunk)
        r.body = b"".join(parts)

    def chunk(self) -> bytes | None:
        """The next chunk, empty for the last one; None where the stream ended first."""
        size = self.line()
        if size is None:
            return None
        n = int(size, 16)
        data = self.exactly(n)
        if data is None or self.line() != b"":
            return None
        return data

    def chunk_after_head(self) -> bytes | None:
        """Reads a head, which must be 200, and the first chunk."""
        assert self.head().status == 200
        return self.chunk()

    def ended(self) -> bool:
        """Waits for the server to close the connection; False if more bytes came first."""
        return not self._buffer and not self.more()

    def shut_writing(self) -> None:
        """Says that no more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Hangs up at once: the server's next write fails."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def get(
    port: int, target: str = "/", headers: Iterable[tuple[str, str]] = (), method: str = "GET"
) -> Response:
    """One request on a connection of its own."""
    with Connection(port) as c:
        return c.exchange(method, target, headers)


def post(port: int, target: str, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """One POST on a connection of its own."""
    with Connection(port) as c:
        return c.exchange("POST", target, headers, body)
