"""What :mod:`puff.http` answers with: heads, bodies, streams."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from puff import json as _json
from puff._steps import ready, run
from puff._wait import call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterable, Iterator

__all__ = ["Headers", "Response", "Stream"]

_PIECE = 64 << 10
_LONGEST = 16 << 20  # of a line


class Headers(dict[str, bytes]):
    """The fields of a head by name, in lower case; names are asked for in any case.

    Of several fields with one name the last counts; get_list has all.
    """

    def __init__(self, fields: Iterable[tuple[str, bytes]]) -> None:
        self.fields = list(fields)
        super().__init__(self.fields)

    def __getitem__(self, name: str) -> bytes:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """The field's value, or default."""
        return super().get(name.lower(), default)

    def get_list(self, name: str) -> list[bytes]:
        """The values of all fields with that name, in their order."""
        return [value for key, value in self.fields if key == name.lower()]


def _fields(block: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and values, of what Go sends of a head."""
    for line in block.split(b"\n")[:-1]:
        name, _, value = line.partition(b":")
        yield name.decode("latin-1"), value


class Head:
    """What is known of an answer before its body."""

    def __init__(self, head: tuple[Any, ...]) -> None:
        self._head = head
        self.status: int = head[0]
        self.http_version: str = head[1]
        self.url: str = head[2]

    @cached_property
    def headers(self) -> Headers:
        """The fields, by name."""
        return Headers(_fields(self._head[3]))

    @cached_property
    def cookies(self) -> dict[str, str]:
        """What the answer sets."""
        return {k: v.decode("latin-1") for k, v in self._head[4] or ()}

    @cached_property
    def history(self) -> list[Head]:
        """The redirects that led here, the first one first."""
        hops = self._head[5] or ()
        return [Head((status, "", url, fields, None, None)) for status, url, fields in hops]

    def header(self, name: str) -> bytes | None:
        """The value of a field, None if there is none."""
        value: bytes | None = self.headers.get(name)
        return value

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    def raise_for_status(self) -> Head:
        """This. Raises StatusError if the status is 400 or more."""
        if self.ok:
            return self
        from puff.http import StatusError

        raise StatusError(f"{self.url} answered {self.status}", self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} of {self.url}>"


class Response(Head):
    """A whole answer. Its body may be asked for as often as wanted."""

    def __init__(self, head: tuple[Any, ...]) -> None:
        self._head = head
        self.status, self.http_version, self.url, _, _, _, self.content = head

    content: bytes

    def body(self) -> Any:
        """The body as bytes."""
        return ready(self.content)

    def body_text(self) -> Any:
        """The body as str, by the charset of Content-Type, else UTF-8."""
        return ready(_decoded(self))

    text = body_text

    def json(self) -> Any:
        """The value that the body encodes. Raises JSONDecodeError when it is none."""
        return ready(_json.loads(self.content))


def _decoded(r: Response) -> str:
    kind = (r.header("content-type") or b"").decode("latin-1")
    for parameter in kind.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            try:
                return r.content.decode(value.strip().strip('"'), "replace")
            except LookupError:
                break
    return r.content.decode("utf-8", "replace")


class Stream(Head):
    """An answer whose body is read in pieces; what ``stream()`` is as a context manager."""

    def __init__(self, begin: Generator[Any, Any, tuple[int, tuple[Any, ...]]]) -> None:
        self._begin = begin
        self._id = 0

    def _open(self) -> Generator[Any, Any, Stream]:
        self._id, head = yield from self._begin
        Head.__init__(self, head)
        return self

    def __enter__(self) -> Stream:
        stream: Stream = run(self._open())
        return stream

    def __exit__(self, *_: object) -> None:
        call("http.close", self._id)

    async def __aenter__(self) -> Stream:
        stream: Stream = await run(self._open())
        return stream

    async def __aexit__(self, *_: object) -> None:
        await call("http.close", self._id)

    def read(self) -> Any:
        """What is left of the body, as bytes."""
        return call("http.rest", self._id)

    def iter_bytes(self, size: int = _PIECE) -> Pieces:
        """Pieces of the body as they come, each of up to size bytes; for and async for."""
        return Pieces(self._id, size)

    def iter_lines(self) -> Lines:
        """The lines of the body as str, without their ends; for and async for."""
        return Lines(self._id, _PIECE)


class Pieces:
    """An iterator over pieces of a body."""

    def __init__(self, stream: int, size: int) -> None:
        self._stream, self._size = stream, size

    def __iter__(self) -> Iterator[bytes]:
        while piece := call("http.read", self._stream, self._size):
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await call("http.read", self._stream, self._size):
            yield piece


class Lines:
    """An iterator over the lines of a body; they end with LF or CRLF."""

    def __init__(self, stream: int, size: int) -> None:
        self._pieces = Pieces(stream, size)
        self._held: list[bytes] = []
        self._size = 0

    def _take(self, piece: bytes) -> list[str]:
        *whole, rest = piece.split(b"\n")
        if whole:
            whole[0] = b"".join([*self._held, whole[0]])
            self._held, self._size = [], 0
        if rest:
            self._held.append(rest)
            self._size += len(rest)
            if self._size > _LONGEST:
                from puff.http import BodyTooLarge

                raise BodyTooLarge(f"a line has more than {_LONGEST} bytes: use iter_bytes()")
        return [_line(line) for line in whole]

    def _last(self) -> list[str]:
        return [_line(b"".join(self._held))] if self._held else []

    def __iter__(self) -> Iterator[str]:
        for piece in self._pieces:
            yield from self._take(piece)
        yield from self._last()

    async def __aiter__(self) -> AsyncIterator[str]:
        async for piece in self._pieces:
            for line in self._take(piece):
                yield line
        for line in self._last():
            yield line


def _line(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace")
