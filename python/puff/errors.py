"""The exceptions of Puff.

::

    Exception
    ├── PuffError                what everything of Puff's own is
    │   ├── HostError            Go reported an error that has no class of its own
    │   │   └── GoPanic          a fault in Go code; .stack is where it happened
    │   └── NotUnderPuff         the program runs under a plain Python
    └── OSError
        └── ClientDisconnected   the client went away while it was being answered

What Python has a class for keeps it: a missing file is FileNotFoundError, a time that is
over TimeoutError, a cancelled task CancelledError.
"""

from __future__ import annotations

import builtins
import importlib
import traceback

__all__ = ["ClientDisconnected", "GoPanic", "HostError", "NotUnderPuff", "PuffError"]


class PuffError(Exception):
    """What everything of Puff's own is."""


class HostError(PuffError):
    """Go reported an error that has no class of its own."""


class GoPanic(HostError):
    """A fault in Go code. ``stack`` is the stack of Go."""

    stack: str = ""


class NotUnderPuff(PuffError, RuntimeError):
    """The program runs under a plain Python: start it with ``puff``."""


class ClientDisconnected(OSError):
    """The client went away while it was being answered."""


def _class(kind: str) -> type[BaseException]:
    module, dot, name = kind.rpartition(".")
    try:
        found = getattr(importlib.import_module(module) if dot else builtins, name)
    except (ImportError, AttributeError):
        return HostError
    return found if isinstance(found, type) and issubclass(found, BaseException) else HostError


def _make(kind: str, message: str, detail: object) -> BaseException:
    """The exception for an error of Go's: its class by name, its message, what it takes."""
    cls = _class(kind)
    if cls is GoPanic:
        panic = GoPanic(message)
        panic.stack = str(detail)
        return panic
    if issubclass(cls, OSError) and isinstance(detail, tuple):
        errno, path = detail
        return cls(errno, message, path) if path else cls(errno, message)
    if isinstance(detail, tuple):
        return cls(*detail)
    return cls(message)


def describe(error: BaseException) -> tuple[str, str, str]:
    """What Go is told of an exception: its class, its message, its traceback."""
    cls = type(error)
    name = (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )
    try:
        message = str(error)
    except Exception:
        message = ""
    return name, message, "".join(traceback.format_exception(cls, error, error.__traceback__))
