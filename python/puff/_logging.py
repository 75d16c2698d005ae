"""Python's log beside Go's: the same stream, the same shape, one line per record.

A record that no handler of the program's takes is written by Puff, where Python would have
written it bare; so a program that configures logging has what it configured, and
``logging.basicConfig`` goes on working. In the format json tracebacks, warnings and what
nobody caught become records as well, and each says the name of the request it is about.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import warnings
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    Handler = Callable[[int, Any], None]

__all__ = ["configure", "named", "request_id"]

request_id: ContextVar[str] = ContextVar("puff.request_id", default="")

_LEVELS = {"warning": "WARN", "critical": "ERROR"}  # as Go's text has them
_OWN = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"}
_log = logging.getLogger("puff")
_warnings = logging.getLogger("py.warnings")


def configure(form: str, level: str, root: bool) -> None:
    """Has Python log in the format "text" or "json", Puff's own loggers from the level on.

    With root the program's loggers, too, as long as it does not say otherwise.
    """
    formatter = _Json() if form == "json" else _Text()
    last = _Stderr()
    last.setFormatter(formatter)
    logging.lastResort = last
    number = logging.getLevelName(level.upper())
    _log.setLevel(number)
    if root:
        logging.getLogger().setLevel(number)
    if form == "json":
        warnings.showwarning = _warned
        sys.excepthook = _uncaught
        threading.excepthook = _uncaught_in_thread


class _Stderr(logging.Handler):
    """Writes each record at once: records of other threads and of Go can not come between."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            data = (self.format(record) + "\n").encode(errors="backslashreplace")
            while data:
                data = data[os.write(2, data) :]
        except Exception:
            self.handleError(record)


def _time(record: logging.LogRecord) -> str:
    second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{second}.{int(record.msecs):03d}Z"


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = []
    if record.exc_info and record.exc_info[0] is not None:
        parts.append(formatter.formatException(record.exc_info))
    elif record.exc_text:
        parts.append(record.exc_text)
    if record.stack_info:
        parts.append(record.stack_info)
    return "\n".join(parts)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """A line as Go writes it, the traceback below it."""
        level = record.levelname.lower()
        shown = _LEVELS.get(level, level.upper())
        line = f"time={_time(record)} level={shown} msg={_quoted(record.getMessage())}"
        line += f" logger={_quoted(record.name)}"
        trace = _traceback(self, record)
        return f"{line}\n{trace}" if trace else line


def _quoted(text: str) -> str:
    if text and text.isprintable() and not any(c in text for c in ' "='):
        return text
    return json.dumps(text, ensure_ascii=False)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """An object with the keys that Go's records have; extra attributes follow."""
        fields: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        name = request_id.get()
        if name:
            fields["request_id"] = name
        trace = _traceback(self, record)
        if trace:
            fields["traceback"] = trace
        for key, value in record.__dict__.items():
            if key not in _OWN and key not in fields:
                fields[key] = value
        return json.dumps(fields, default=str)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if file is not None:
        file.write(warnings.formatwarning(message, category, filename, lineno, line))
        return
    # Not logging.captureWarnings: that sees to it that nobody hears of them.
    where = {"file": filename, "line": lineno}
    _warnings.warning("%s: %s", category.__name__, message, extra=where)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    _log.error("uncaught exception", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def named(handle: Handler, name_of: Callable[[Any], str], *, copied: bool) -> Handler:
    """handle, which takes a ticket and a request, in a context that knows the name of it.

    copied says that each call has a context of its own already.
    """

    def run(ticket: int, value: Any) -> None:
        request_id.set(name_of(value))
        handle(ticket, value)

    def begin(ticket: int, value: Any) -> None:
        copy_context().run(run, ticket, value)

    return run if copied else begin


def name_in_environ(value: tuple[dict[str, Any], Any]) -> str:
    """The name of a WSGI request."""
    name: str = value[0].get("HTTP_X_REQUEST_ID", "")
    return name


def name_in_scope(value: tuple[dict[str, Any], Any]) -> str:
    """The name of an ASGI request."""
    for name, text in reversed(value[0]["headers"]):
        if name == b"x-request-id":
            decoded: str = text.decode("latin-1")
            return decoded
    return ""
