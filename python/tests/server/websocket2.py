"""A WebSocket on a stream of HTTP/2 (RFC 8441)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .websocket import Frames

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .http2 import Answer, Client

__all__ = ["Stream"]


class Stream(Frames):
    """One WebSocket among the streams of a connection; open when made, unless refused."""

    def __init__(
        self, client: Client, path: str = "/", headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        self.client = client
        # Whoever asks before the settings have come may be refused.
        client.until(lambda: client.settings is not None)
        protocol = [(":protocol", "websocket"), ("sec-websocket-version", "13")]
        self.number = client.request(path, "CONNECT", [*protocol, *headers], end=False)
        self.answer: Answer = client.answers[self.number]
        client.until(lambda: bool(self.answer.headers) or self.answer.reset is not None)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves the connection as it is."""

    def get(self, name: str) -> str | None:
        """A field of the answer."""
        return dict(self.answer.headers).get(name)

    def send(self, data: bytes) -> None:
        """Sends bytes as the windows allow."""
        self.client.send(self.number, data)

    def exactly(self, n: int) -> bytes | None:
        """The next n bytes, None where the stream ended first."""
        answer = self.answer
        self.client.until(lambda: len(answer.body) >= n or answer.ended or answer.reset is not None)
        # A server that has ended its side may say that it needs no more of the other.
        self.was_reset = answer.reset is not None and not (answer.ended and answer.reset == 0)
        if len(answer.body) < n:
            return None
        data, answer.body = answer.body[:n], answer.body[n:]
        return data
