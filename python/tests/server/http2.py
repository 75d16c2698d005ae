"""An HTTP/2 client that shows what came, event by event."""

from __future__ import annotations

import os
import socket
import ssl
from typing import TYPE_CHECKING, TypeVar

from h2.config import H2Configuration
from h2.connection import ConnectionInputs, ConnectionState, H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    InformationalResponseReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

__all__ = ["Answer", "Client"]

DEADLINE = float(os.environ.get("PUFF_TEST_DEADLINE", "30"))
E = TypeVar("E", bound=Event)


class Answer:
    """What came on one stream."""

    def __init__(self) -> None:
        self.headers: list[tuple[str, str]] = []
        self.interim: list[list[tuple[str, str]]] = []
        self.trailers: list[tuple[str, str]] = []
        self.body = b""
        self.ended = False
        self.reset: int | None = None
        self.held = False
        """Whether the window is left as it is: the server then has to wait."""

    @property
    def status(self) -> int:
        """The status of the answer."""
        return int(dict(self.headers)[":status"])


def _text(headers: Iterable[tuple[bytes | str, bytes | str]] | None) -> list[tuple[str, str]]:
    def one(s: bytes | str) -> str:
        return s.decode("latin-1") if isinstance(s, bytes) else s

    return [(one(n), one(v)) for n, v in headers or []]


class Client:
    """One connection, to be used in a with statement: by prior knowledge, or over TLS.

    preface is what is sent before anything else.
    """

    def __init__(
        self, port: int, context: ssl.SSLContext | None = None, *, preface: bytes = b""
    ) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self.sock.sendall(preface)
        self.scheme = "http"
        if context is not None:
            context.set_alpn_protocols(["h2"])
            self.sock = context.wrap_socket(self.sock, server_hostname="localhost")
            self.scheme = "https"
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        # h2 takes a GOAWAY for the end, but streams that are open go on.
        goes_on = {
            (state, ConnectionInputs.RECV_GOAWAY): (None, state)
            for state in (ConnectionState.IDLE, ConnectionState.CLIENT_OPEN)
        }
        machine = self.h2.state_machine
        machine._transitions = {**machine._transitions, **goes_on}
        self.answers: dict[int, Answer] = {}
        self.goodbyes: list[tuple[int, int]] = []
        self.settings: dict[int, int] | None = None
        """What the server has said of itself; None: nothing yet."""
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, cls: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        self.sock.close()

    def flush(self) -> None:
        """Sends what is ready."""
        self.sock.sendall(self.h2.data_to_send())

    def request(
        self,
        path: str,
        method: str = "GET",
        headers: Iterable[tuple[str, str]] = (),
        *,
        end: bool = True,
    ) -> int:
        """Opens a stream; its number."""
        stream = self.h2.get_next_available_stream_id()
        head = [
            (":method", method), (":scheme", self.scheme), (":authority", "test"), (":path", path),
        ]  # fmt: skip
        self.h2.send_headers(stream, [*head, *headers], end_stream=end)
        self.answers[stream] = Answer()
        self.flush()
        return stream

    def send(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Sends content as the windows allow."""
        while data:
            n = min(
                self.h2.local_flow_control_window(stream),
                self.h2.max_outbound_frame_size,
                len(data),
            )
            if n == 0:
                self.more()
                continue
            self.h2.send_data(stream, data[:n])
            data = data[n:]
            self.flush()
        if end:
            self.h2.end_stream(stream)
            self.flush()

    def reset(self, stream: int) -> None:
        """Gives a stream up."""
        self.h2.reset_stream(stream, 8)
        self.flush()

    def more(self) -> bool:
        """Reads what has come; False at the end."""
        data = self.sock.recv(1 << 16)
        for event in self.h2.receive_data(data) if data else []:
            self._take(event)
        self.flush()
        return bool(data)

    def _take(self, event: Event) -> None:
        if isinstance(event, RemoteSettingsChanged):
            changed = {int(code): s.new_value for code, s in event.changed_settings.items()}
            self.settings = {**(self.settings or {}), **changed}
            return
        if isinstance(event, ConnectionTerminated):
            self.goodbyes.append((event.last_stream_id or 0, int(event.error_code or 0)))
            return
        stream = getattr(event, "stream_id", None)
        answer = self.answers.get(stream) if isinstance(stream, int) else None
        if answer is None:
            return
        if isinstance(event, ResponseReceived):
            answer.headers = _text(event.headers)
        elif isinstance(event, InformationalResponseReceived):
            answer.interim.append(_text(event.headers))
        elif isinstance(event, TrailersReceived):
            answer.trailers = _text(event.headers)
        elif isinstance(event, DataReceived):
            answer.body += event.data or b""
            if answer.held:
                return
            self.h2.acknowledge_received_data(
                event.flow_controlled_length or 0, event.stream_id or 0
            )
        elif isinstance(event, StreamEnded):
            answer.ended = True
        elif isinstance(event, StreamReset):
            answer.reset = int(event.error_code or 0)

    def until(self, done: Callable[[], bool]) -> None:
        """Reads until something is so."""
        while not done():
            assert self.more(), "the connection ended"

    def answer(self, stream: int) -> Answer:
        """The whole answer on a stream, or as much as came before a reset."""
        answer = self.answers[stream]
        self.until(lambda: answer.ended or answer.reset is not None)
        return answer

    def get(self, path: str) -> Answer:
        """One request and its answer."""
        return self.answer(self.request(path))
