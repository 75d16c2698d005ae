"""An HTTP client: pooled, HTTP/2 where the server has it, waiting outside the interpreter.

Every call is synchronous in a greenlet and awaitable under asyncio::

    from puff import http

    def view(environ, start_response):
        user = http.get("http://localhost:8000/users/1").raise_for_status().json()

    async def handler(request):
        response = await http.get("http://localhost:8000/users", params={"page": 2})
        return await response.json()

The module's functions use the client "default"; ``[[http_client]]`` of puff.toml names and
configures more. Times are milliseconds; a whole request has 30 s unless told otherwise.

::

    HTTPError                  a request failed
    ├── ConnectError           no connection came about
    ├── TimeoutError           a time was over
    ├── TLSError               the other side could not be trusted
    ├── TooManyRedirects
    ├── StatusError            raise_for_status(): .response has the answer
    ├── BodyTooLarge           more than fits one piece: use stream()
    └── InvalidRequest         the request is wrong; nothing was sent
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any

from puff import json as _json
from puff._http_request import is_stream
from puff._http_request import options as _options
from puff._http_response import Head, Headers, Response, Stream
from puff._steps import run
from puff._wait import call, mode
from puff.errors import PuffError

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = [
    "DEFAULT_TIMEOUT",
    "BodyTooLarge",
    "ConnectError",
    "HTTPError",
    "Headers",
    "HttpClient",
    "HttpResponse",
    "InvalidRequest",
    "Response",
    "Session",
    "StatusError",
    "Stream",
    "TLSError",
    "TimeoutError",
    "TooManyRedirects",
    "delete",
    "get",
    "global_http_client",
    "head",
    "named_client",
    "options",
    "patch",
    "post",
    "put",
    "request",
    "session",
    "stream",
]

DEFAULT_TIMEOUT = 30_000

_Asked = tuple[str, str, str, dict[str, Any] | None]  # a client's name, method, URL, options


class HTTPError(PuffError):
    """A request failed."""


class ConnectError(HTTPError, ConnectionError):
    """No connection came about."""


class TimeoutError(HTTPError, builtins.TimeoutError):
    """A time was over."""


class TLSError(HTTPError):
    """The other side could not be trusted, or speaks no TLS."""


class TooManyRedirects(HTTPError):
    """There were more redirects than max_redirects."""


class BodyTooLarge(HTTPError):
    """The body does not fit one piece: read it with stream()."""


class InvalidRequest(HTTPError, ValueError):
    """The request is wrong; nothing was sent."""


class StatusError(HTTPError):
    """The status is 400 or more. ``response`` is the answer."""

    def __init__(self, message: str, response: Head) -> None:
        super().__init__(message)
        self.response = response


HttpResponse = Response


class HttpClient:
    """A named pool of connections.

    ``request`` and the functions named after methods take, all of them optional:

    - params: a dict or pairs for the query
    - headers, cookies: a dict or pairs
    - json, body (str, bytes, or an iterable or async iterable of bytes), files, data: what is
      sent, the first of them that is there; files go with data as a multipart form
    - auth: (user, password)
    - timeout_ms, connect_timeout_ms, head_timeout_ms: for all of it, for connecting, until
      the answer begins
    - follow_redirects=True, max_redirects=10
    - max_body_size: the most bytes of an answer that is not a stream, 128 MiB
    - retries=0: how often GET, HEAD, OPTIONS, PUT and DELETE are repeated when the connection
      fails or the answer is 502, 503 or 504
    """

    def __init__(self, name: str = "default") -> None:
        self.name = name
        self._jar = 0

    def __call__(self) -> HttpClient:
        return self

    def request(self, method: str, url: str, **asked: Any) -> Any:
        """A Response. Raises HTTPError, see the module."""
        what = self._asked(method, url, asked)
        if not is_stream(asked.get("body")):
            return call("http.request", *what, wrap=Response)
        return run(_sent(what, asked["body"]))

    def _asked(self, method: str, url: str, asked: dict[str, Any]) -> _Asked:
        """What Go is told of a request, first of all by whom."""
        if not isinstance(method, str):
            raise TypeError(f"the method is a str such as 'GET', not {method!r}")
        said = _options(**asked) if asked else None
        if self._jar:
            said = {**(said or {}), "jar": self._jar}
        return self.name, method.upper(), str(url), said

    def get(self, url: str, **asked: Any) -> Any:
        """A Response to GET."""
        if asked or self._jar:
            return self.request("GET", url, **asked)
        return call("http.request", self.name, "GET", str(url), None, wrap=Response)

    def head(self, url: str, **asked: Any) -> Any:
        """A Response to HEAD."""
        return self.request("HEAD", url, **asked)

    def options(self, url: str, **asked: Any) -> Any:
        """A Response to OPTIONS."""
        return self.request("OPTIONS", url, **asked)

    def delete(self, url: str, **asked: Any) -> Any:
        """A Response to DELETE."""
        return self.request("DELETE", url, **asked)

    def post(self, url: str, **asked: Any) -> Any:
        """A Response to POST."""
        return self.request("POST", url, **asked)

    def put(self, url: str, **asked: Any) -> Any:
        """A Response to PUT."""
        return self.request("PUT", url, **asked)

    def patch(self, url: str, **asked: Any) -> Any:
        """A Response to PATCH."""
        return self.request("PATCH", url, **asked)

    def json(
        self,
        method: str,
        url: str,
        headers: Any = None,
        json: Any = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Any:
        """The value that the answer's body encodes."""
        asked = {"headers": headers, "json": json, "timeout_ms": timeout}
        what = self._asked(method, url, asked)
        return call("http.request", *what, wrap=lambda head: _json.loads(head[6]))

    def stream(self, method: str, url: str, **asked: Any) -> Stream:
        """An answer whose body is read in pieces.

        >>> with http.stream("GET", "http://localhost:8000/log") as r:
        ...     for line in r.iter_lines():
        ...         print(line)
        """
        what, body = self._asked(method, url, asked), asked.get("body")
        return Stream(_uploaded(what, body) if is_stream(body) else _opened(what))

    def session(self) -> Session:
        """A client that keeps cookies, until it is closed; a context manager."""
        return Session(self.name)


class Session(HttpClient):
    """A client that keeps cookies from one answer to the next request."""

    def _open(self) -> Generator[Any, Any, Session]:
        self._jar = yield call("http.jar")
        return self

    def close(self) -> Any:
        """Forgets the cookies."""
        return call("http.jar_close", self._jar)

    def __enter__(self) -> Session:
        opened: Session = run(self._open())
        return opened

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Session:
        opened: Session = await run(self._open())
        return opened

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _opened(what: _Asked) -> Generator[Any, Any, tuple[int, tuple[Any, ...]]]:
    *head, number = yield call("http.open", *what)
    return number, tuple(head)


def _uploaded(what: _Asked, body: Any) -> Generator[Any, Any, tuple[int, tuple[Any, ...]]]:
    """Sends body piece by piece, each when the one before is on its way."""
    number = yield call("http.begin", *what)
    try:
        if isinstance(body, AsyncIterable):
            if mode() != "asyncio":
                raise TypeError("an async iterable as a body needs asyncio around it")
            pieces = aiter(body)
            while True:
                try:
                    piece = yield anext(pieces)
                except StopAsyncIteration:
                    break
                if not (yield call("http.write", number, _piece(piece))):
                    break
        else:
            for piece in body:
                if not (yield call("http.write", number, _piece(piece))):
                    break
        return number, (yield call("http.end", number))
    except BaseException:
        # Under asyncio the call is on its way at once: it need not be waited for.
        call("http.close", number)
        raise


def _piece(piece: Any) -> bytes:
    if isinstance(piece, str):
        return piece.encode()
    if not isinstance(piece, (bytes, bytearray, memoryview)):
        raise TypeError(f"a piece of a body is bytes, not {piece!r}")
    return bytes(piece)


def _sent(what: _Asked, body: Any) -> Generator[Any, Any, Response]:
    number, head = yield from _uploaded(what, body)
    try:
        content = yield call("http.rest", number)
    finally:
        call("http.close", number)
    return Response((*head, content))


def named_client(name: str = "default") -> HttpClient:
    """The client of that name in puff.toml. It is looked for when first used."""
    return HttpClient(name)


global_http_client = HttpClient()

request = global_http_client.request
get = global_http_client.get
head = global_http_client.head
options = global_http_client.options
delete = global_http_client.delete
post = global_http_client.post
put = global_http_client.put
patch = global_http_client.patch
stream = global_http_client.stream
session = global_http_client.session
