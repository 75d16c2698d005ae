"""What a request of :mod:`puff.http` is made of, as Go reads it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any

from puff import json as _json

__all__ = ["is_stream", "options"]

Text = str | bytes
DEFAULT_REDIRECTS = 10  # also where Go is not told


def is_stream(body: Any) -> bool:
    """Whether body comes in pieces."""
    if body is None or isinstance(body, (str, bytes, bytearray, memoryview)):
        return False
    return isinstance(body, (Iterable, AsyncIterable))


def options(
    *,
    params: Any = None,
    headers: Any = None,
    json: Any = None,
    data: Any = None,
    files: Any = None,
    body: Any = None,
    auth: tuple[Text, Text] | None = None,
    cookies: Any = None,
    timeout_ms: float | None = None,
    connect_timeout_ms: float | None = None,
    head_timeout_ms: float | None = None,
    follow_redirects: bool = True,
    max_redirects: int = DEFAULT_REDIRECTS,
    max_body_size: int | None = None,
    retries: int = 0,
) -> dict[str, Any]:
    """The options of a request. Raises TypeError for what can not be sent."""
    said: dict[str, Any] = {}
    fields = [(_name(k), _field(k, v)) for k, v in _pairs(headers, "headers")]
    if params is not None:
        said["params"] = [(_text(k), _text(v)) for k, v in _pairs(params, "params")]
    if cookies is not None:
        said["cookies"] = [(_text(k), _text(v)) for k, v in _pairs(cookies, "cookies")]
    if auth is not None:
        said["user"], said["password"] = auth
    for name, milliseconds in (
        ("timeout", timeout_ms),
        ("connect_timeout", connect_timeout_ms),
        ("head_timeout", head_timeout_ms),
    ):
        if milliseconds is not None:
            if milliseconds <= 0:
                raise ValueError(f"{name}_ms is how many milliseconds, not {milliseconds!r}")
            said[name] = milliseconds
    if not follow_redirects or max_redirects != DEFAULT_REDIRECTS:
        said["max_redirects"] = max_redirects if follow_redirects else 0
    if max_body_size is not None:
        said["max_body_size"] = max_body_size
    if retries:
        said["retries"] = retries
    kind = _content(said, json, data, files, body)
    if kind is None and not fields:
        return said
    typed = any(name.lower() == "content-type" for name, _ in fields)
    if kind is not None and not typed:
        fields.append(("Content-Type", kind))
    elif typed and ("form" in said or "parts" in said):
        # Go names the boundary, so a type that is not its own would lie.
        fields = [f for f in fields if f[0].lower() != "content-type"]
    if fields:
        said["headers"] = fields
    return said


def _content(said: dict[str, Any], json: Any, data: Any, files: Any, body: Any) -> str | None:
    """Puts what is to be sent into said; its type, unless Go knows that."""
    if json is not None:
        said["body"] = _json.dumpb(json)
        return "application/json"
    if body is not None:
        if not is_stream(body):
            said["body"] = body.encode() if isinstance(body, str) else bytes(body)
        return None
    if files:
        said["parts"] = [(_text(k), "", "", _bytes(v)) for k, v in _pairs(data, "data")]
        said["parts"] += [_part(name, file) for name, file in _pairs(files, "files")]
        return None
    if data is not None:
        if isinstance(data, (str, bytes, bytearray)):
            said["body"] = data.encode() if isinstance(data, str) else bytes(data)
            return None
        said["form"] = [(_text(k), _text(v)) for k, v in _pairs(data, "data")]
    return None


def _pairs(given: Any, what: str) -> list[tuple[Any, Any]]:
    """Names and values, of a dict or of pairs; a list as a value is several of one name."""
    if given is None:
        return []
    items = given.items() if isinstance(given, Mapping) else given
    out: list[tuple[Any, Any]] = []
    for item in items:
        try:
            name, value = item
        except (TypeError, ValueError):
            raise TypeError(f"{what} is a dict or a list of pairs, not {given!r}") from None
        several = isinstance(value, list) and what != "files"
        out += [(name, one) for one in value] if several else [(name, value)]
    return out


def _name(name: Any) -> str:
    if isinstance(name, bytes):
        return name.decode("latin-1")
    if not isinstance(name, str):
        raise TypeError(f"Header name should be string, not {name!r}")
    return name


def _field(name: Any, value: Any) -> Text:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, (str, bytes)):
        raise TypeError(f"Header value should be bytes or str: {name!r} is {value!r}")
    return value


def _text(value: Any) -> Text:
    """A value of a form or a query as text: True is true, as in JSON, and None is empty."""
    if isinstance(value, (str, bytes)):
        return value
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bytes(value: Any) -> bytes:
    text = _text(value)
    return text.encode() if isinstance(text, str) else text


def _part(name: Any, file: Any) -> tuple[Text, Text, Text, bytes]:
    """(name, file name, type, content) of a file: its content, or (file name, content[, type])."""
    filename, kind, content = None, "", file
    if isinstance(file, tuple):
        filename, content, *rest = file
        kind = rest[0] if rest else ""
    read = getattr(content, "read", None)
    if read is not None:
        if filename is None and isinstance(getattr(content, "name", None), str):
            filename = os.path.basename(content.name)
        content = read()
    if not isinstance(content, (str, bytes, bytearray)):
        raise TypeError(f"the file {name!r} is str, bytes or has read(), not {content!r}")
    raw = content.encode() if isinstance(content, str) else bytes(content)
    return _text(name), _text(filename if filename is not None else name), _text(kind), raw
