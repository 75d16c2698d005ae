"""WSGI (PEP 3333), stop 5 of 5: a request comes as an environ and leaves as an answer.

What goes to Go: one answer (status, headers, body) when the body is whole; else, through a
channel, (status, headers, first chunk), then chunks, then an answer of None. A file goes as
(status, headers, descriptor, offset, size). Framing, and what a header may hold, is Go's
business.
"""

from __future__ import annotations

import os
import sys
from io import BytesIO, RawIOBase
from typing import TYPE_CHECKING, Any

import _puff
from greenlet import GreenletExit, getcurrent

from puff._wait import _local
from puff._wsgi_file import FileWrapper, descriptor
from puff.errors import ClientDisconnected, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from puff._hub import Hub

    Headers = list[tuple[str, str]]
    ExcInfo = tuple[type[BaseException], BaseException, TracebackType]
    Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

__all__ = ["handler"]


class Parked:
    """What a greenlet waits for; result() waits. The channel calls done and set_result."""

    __slots__ = ("_done", "_greenlet", "_hub", "_value")

    def __init__(self) -> None:
        hub: Hub | None = _local.hub
        assert hub is not None
        self._hub, self._done, self._value = hub, False, None
        self._greenlet: Any = None

    def done(self) -> bool:
        """Whether there is a result, or nobody waits any more."""
        return self._done

    def set_result(self, value: Any) -> None:
        """Wakes who waits."""
        self._done, self._value = True, value
        if self._greenlet is not None:
            # This runs within the hub's take, which otherwise goes on waiting.
            self._hub.soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if self._greenlet is not None:  # else it was cancelled in between
            self._greenlet.switch()

    def result(self) -> Any:
        """The result; the greenlet waits for it."""
        self._greenlet = getcurrent()
        try:
            while not self._done:
                self._hub.wait()
        finally:
            self._done, self._greenlet = True, None
        return self._value


class _Exchange:
    """One request and its answer: start_response and write, and what has been sent."""

    __slots__ = ("channel", "head", "sent", "ticket")

    def __init__(self, ticket: int) -> None:
        self.ticket = ticket
        self.head: tuple[str, Headers] | None = None
        self.sent = False
        self.channel: Any = None

    def start_response(
        self, status: str, headers: Headers, exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """As PEP 3333 has it. Raises AssertionError when called twice without exc_info."""
        if exc_info is not None:
            try:
                if self.sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self.head is not None:
            raise AssertionError("start_response was called already: pass exc_info to replace it")
        if not isinstance(status, str):
            raise TypeError(f"start_response: the status is a str, not {type(status).__name__}")
        self.head = (status, headers)
        return self.write

    def open(self) -> Any:
        """The channel to the client."""
        if self.channel is None:
            self.channel = _puff.Channel(self.ticket, None, Parked, None, ClientDisconnected)
        return self.channel

    def write(self, data: bytes) -> None:
        """Sends data; the greenlet waits while the client is behind."""
        if self.head is None:
            raise AssertionError("write before start_response")
        channel = self.channel or self.open()
        if self.sent:
            room = channel.put(data)
        else:
            self.sent = True
            room = channel.put((*self.head, data))
        if not room:
            channel.drained().result()
            if channel.closed:
                raise ClientDisconnected("the client has closed the connection")

    def send_file(self, file: Any) -> bool:
        """Has Go send the rest of a file, and waits until it has left or the client has gone.

        False: it is none that Go can send.
        """
        if self.head is None or self.sent:
            return False
        part = descriptor(file)
        if part is None:
            return False
        channel = self.channel or self.open()
        self.sent = True
        try:
            channel.put((*self.head, *part))
        except BaseException:
            os.close(part[0])  # else it is Go's
            raise
        channel.receive().result()
        return True


class Input(RawIOBase):
    """wsgi.input of a body that is still on its way, read from Go a piece at a time."""

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange
        self._piece = b""
        self._ended = False

    def readable(self) -> bool:
        """It is."""
        return True

    def _pull(self) -> bool:
        """Has a piece ready; False: the body is over. Raises OSError if it was cut."""
        while not self._piece and not self._ended:
            got = self._exchange.open().receive().result()
            if got is None:
                raise ClientDisconnected("the client went away before the body was complete")
            self._piece, more = got
            self._ended = not more
        return bool(self._piece)

    def read(self, size: int | None = -1) -> bytes:
        """At most size bytes, fewer only at the end; all of them when negative."""
        if size is None or size < 0:
            return b"".join(self._pieces())
        out = []
        while size > 0 and self._pull():
            out.append(self._piece[:size])
            self._piece = self._piece[size:]
            size -= len(out[-1])
        return out[0] if len(out) == 1 else b"".join(out)

    def _pieces(self) -> Iterator[bytes]:
        while self._pull():
            piece, self._piece = self._piece, b""
            yield piece

    def readinto(self, buffer: Any) -> int:
        """Reads into a buffer; how many bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readline(self, size: int | None = -1) -> bytes:
        """One line with its end, at most size bytes."""
        limit = sys.maxsize if size is None or size < 0 else size
        out: list[bytes] = []
        while limit > 0 and self._pull():
            end = self._piece.find(b"\n", 0, limit) + 1
            line = self._piece[: end or limit]
            self._piece = self._piece[len(line) :]
            out.append(line)
            limit -= len(line)
            if end:
                break
        return b"".join(out)

    def readlines(self, hint: int | None = -1) -> list[bytes]:
        """The lines that are left; stops after about hint bytes."""
        lines, size = [], 0
        for line in self:
            lines.append(line)
            size += len(line)
            if hint is not None and 0 < hint <= size:
                break
        return lines

    def __iter__(self) -> Any:
        return iter(self.readline, b"")

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line


def handler(
    app: Application, describe: Callable[[BaseException], Any] = describe
) -> Callable[[int, Any], None]:
    """What the lane calls for each request: f(ticket, (environ, body)).

    body is the whole body, or None: it is still on its way. describe makes what Go is told
    of an exception.
    """

    answer = _puff.answer

    def handle(ticket: int, value: Any) -> None:
        environ, body = value
        exchange = _Exchange(ticket)
        environ["wsgi.input"] = Input(exchange) if body is None else BytesIO(body)
        try:
            result = app(environ, exchange.start_response)
            head = exchange.head
            if type(result) is list and len(result) == 1 and head and not exchange.sent:
                body = result[0]
                if type(body) is bytes:  # nothing to join and nothing to close: most answers
                    answer(ticket, (head[0], head[1], body))
                    exchange.sent = True
                    return
            try:
                _send(exchange, result)
            finally:
                if hasattr(result, "close"):
                    result.close()
        except BaseException as e:
            channel = exchange.channel
            if isinstance(e, ClientDisconnected) and channel is not None and channel.closed:
                _puff.answer(ticket, None)
                return
            _puff.fail(ticket, describe(e))
            if isinstance(e, GreenletExit):
                raise
        finally:
            if exchange.channel is not None:
                exchange.channel.finish()

    return handle


def _send(exchange: _Exchange, result: Iterable[bytes]) -> None:
    if not exchange.sent and (type(result) is list or type(result) is tuple):
        if exchange.head is None:
            raise AssertionError("the application did not call start_response")
        body = result[0] if len(result) == 1 else b"".join(result)
        if not isinstance(body, bytes):
            raise TypeError(f"the body is of bytes, not {type(body).__name__}")
        _puff.answer(exchange.ticket, (*exchange.head, body))
        exchange.sent = True
        return
    if type(result) is FileWrapper and exchange.send_file(result.file):
        _puff.answer(exchange.ticket, None)
        return
    for chunk in result:
        if not isinstance(chunk, bytes):
            raise TypeError(f"the body is of bytes, not {type(chunk).__name__}")
        if chunk:
            exchange.write(chunk)
    if exchange.sent:
        _puff.answer(exchange.ticket, None)
        return
    if exchange.head is None:
        raise AssertionError("the application did not call start_response")
    exchange.sent = True
    _puff.answer(exchange.ticket, (*exchange.head, b""))
