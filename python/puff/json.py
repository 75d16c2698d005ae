"""JSON: compact, raw UTF-8, and as strict as it must be.

Output is ``{"a":1}`` without spaces or ``\\u`` escapes; NaN and infinities become null; keys
keep their order. Input is what :mod:`json` reads, str or bytes.
"""

from __future__ import annotations

import json as _json
from json import JSONDecodeError
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["JSONDecodeError", "dump", "dumpb", "dumps", "load", "loadb", "loads"]


def loads(
    s: str | bytes | bytearray,
    *,
    parse_float: Callable[[str], Any] | None = None,
    parse_int: Callable[[str], Any] | None = None,
    **_ignored: Any,
) -> Any:
    """The value that s encodes. Raises JSONDecodeError when it is none.

    >>> loads('{"b": 1, "a": [true]}')
    {'b': 1, 'a': [True]}
    """
    return _json.loads(s, parse_float=parse_float, parse_int=parse_int)


def loadb(b: bytes, **options: Any) -> Any:
    """loads for bytes."""
    return loads(b, **options)


def load(fp: IO[Any], **options: Any) -> Any:
    """The value that a file encodes, from its beginning where it can be sought."""
    if hasattr(fp, "seekable") and fp.seekable():
        fp.seek(0)
    return loads(fp.read(), **options)


def _unknown(value: object) -> Any:
    raise TypeError(f"Value is not JSON serializable: {value!r}")


def dumps(
    obj: Any,
    *,
    indent: int | None = None,
    sort_keys: bool = False,
    default: Callable[[Any], Any] | None = None,
    **_ignored: Any,
) -> str:
    """obj as JSON. Raises TypeError for what JSON has no form for, unless default gives one.

    >>> dumps({"a": 1, "b": None})
    '{"a":1,"b":null}'
    """
    between = (",", ":") if indent is None else (",", ": ")
    encoder = _json.JSONEncoder(
        ensure_ascii=False,
        allow_nan=False,
        indent=indent,
        separators=between,
        sort_keys=sort_keys,
        default=default or _unknown,
    )
    try:
        return encoder.encode(obj)
    except ValueError as e:
        if "Circular" in str(e):
            raise
        return encoder.encode(_finite(obj))


def _finite(obj: Any) -> Any:
    """A copy of obj in which every float that JSON has no form for is None."""
    if isinstance(obj, float):
        return obj if obj - obj == 0 else None
    if isinstance(obj, dict):
        return {_finite_key(k): _finite(v) for k, v in obj.items()}
    if isinstance(obj, (list, tuple)):
        return [_finite(v) for v in obj]
    return obj


def _finite_key(key: Any) -> Any:
    return str(key) if isinstance(key, float) and key - key != 0 else key


def dumpb(obj: Any, **options: Any) -> bytes:
    """dumps as UTF-8."""
    return dumps(obj, **options).encode()


def dump(obj: Any, fp: IO[Any], **options: Any) -> None:
    """Writes obj as JSON to a file, text or binary."""
    text = dumps(obj, **options)
    try:
        fp.write(text)
    except TypeError:
        fp.write(text.encode())
