"""``puff dev``, Python's part: what Go needs to show an exception as a page."""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
import traceback
from itertools import islice
from typing import TYPE_CHECKING, Any

import _puff

from puff import _wait, errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    Frame = tuple[str, int, str, int, tuple[str, ...], int, int, bool]
    Link = tuple[str, str, str, int, tuple[Frame, ...]]

__all__ = ["describe", "prepare", "show"]

_AROUND = 5  # lines before and after the one at fault
_LONGEST = 1000  # characters of a line
_MESSAGE = 20_000  # characters of a message
_TEXT = 200_000  # characters of a traceback
_CHAIN = 16  # exceptions of a chain
_OUTER, _INNER = 10, 40  # frames of an exception


def prepare() -> None:
    """Has frameworks that hide exceptions from the server show them."""
    os.environ.setdefault("FLASK_DEBUG", "1")


def show(error: BaseException, version: str) -> int:
    """Has Go show why there is no application until it is stopped; returns the status.

    version is that of this Python.
    """
    cause = error.__cause__
    _wait.call("serve.failed", str(error), describe(cause) if cause else None, version)
    return 0


def describe(error: BaseException) -> tuple[str, str, Any]:
    """What :func:`puff.errors.describe` says, with the source instead of the text alone.

    The third is (text, exceptions), each exception (relation, class, message, number of
    frames left out, frames), each frame (file, line, function, number of the first line,
    lines, first byte at fault, the one after the last, whether it is the program's own).
    """
    kind, message, _ = errors.describe(error)
    trace = _users(error.__traceback__)
    text = "".join(traceback.format_exception(type(error), error, trace))
    if len(text) > _TEXT:
        text = text[: _TEXT // 2] + "\n...\n" + text[-_TEXT // 2 :]
    links = tuple(_link(relation, e) for relation, e in _chain(error))
    return kind, _text(message[:_MESSAGE]), (_text(text), links)


def _chain(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    seen: set[int] = set()
    left = [("", error)]
    while left and len(seen) < _CHAIN:
        relation, e = left.pop(0)
        if id(e) in seen:
            continue
        seen.add(id(e))
        yield relation, e
        members: tuple[BaseException, ...] = getattr(e, "exceptions", ())
        if isinstance(members, tuple):
            left += [("one of the group", m) for m in members if isinstance(m, BaseException)]
        if e.__cause__ is not None:
            left.append(("caused by", e.__cause__))
        elif e.__context__ is not None and not e.__suppress_context__:
            left.append(("raised while this was handled", e.__context__))


def _link(relation: str, error: BaseException) -> Link:
    kind, message, _ = errors.describe(error)
    steps = []
    trace = _users(error.__traceback__)
    while trace is not None:
        steps.append(trace)
        trace = trace.tb_next
    omitted = max(0, len(steps) - _OUTER - _INNER)
    if omitted:
        steps = steps[:_OUTER] + steps[-_INNER:]
    frames = [_frame(step) for step in reversed(steps)]
    if isinstance(error, SyntaxError):
        message = error.msg
        if error.filename and error.lineno:
            frames.insert(0, _syntax(error, error.filename, error.lineno))
    return relation, kind, _text(message[:_MESSAGE]), omitted, tuple(frames)


def _users(trace: TracebackType | None) -> TracebackType | None:
    """What of a traceback begins after Puff's own part and the import system."""
    first = trace
    while first is not None and _between(first.tb_frame.f_code.co_filename):
        first = first.tb_next
    return first


def _between(filename: str) -> bool:
    return filename.startswith((_puff.faces, "<frozen importlib")) or filename.endswith(
        "importlib/__init__.py"
    )


def _frame(step: TracebackType) -> Frame:
    code = step.tb_frame.f_code
    start, end = _columns(step)
    name: str = getattr(code, "co_qualname", code.co_name)
    return _place(
        code.co_filename,
        step.tb_lineno or code.co_firstlineno,
        "" if name == "<module>" else name,
        start,
        end,
        step.tb_frame.f_globals,
    )


def _columns(step: TracebackType) -> tuple[int, int]:
    """The bytes of the line at fault, where this Python knows them and they are of one line."""
    if sys.version_info < (3, 11):
        return 0, 0
    positions = step.tb_frame.f_code.co_positions()  # one for each two bytes of the code
    line, last, start, end = next(islice(positions, step.tb_lasti // 2, None), (None,) * 4)
    if start is None or end is None or line != last:
        return 0, 0
    return start, end


def _syntax(error: SyntaxError, filename: str, line: int) -> Frame:
    lines = linecache.getlines(filename)
    text = lines[line - 1] if line <= len(lines) else ""
    first = max(0, (error.offset or 0) - 1)
    last = (getattr(error, "end_offset", None) or 0) - 1
    if getattr(error, "end_lineno", line) != line or last <= first:
        last = first + 1
    start, end = (len(text[:n].encode(errors="replace")) for n in (first, last))
    return _place(filename, line, "", start, end, None)


def _place(
    filename: str, line: int, name: str, start: int, end: int, module: dict[str, Any] | None
) -> Frame:
    linecache.checkcache(filename)
    lines = linecache.getlines(filename, module)
    first = max(1, line - _AROUND)
    around = lines[first - 1 : line + _AROUND]
    source = tuple(_text(text[:_LONGEST].rstrip("\r\n")) for text in around)
    return _text(_shown(filename)), line, name, first, source, start, end, _own(filename)


def _text(text: str) -> str:
    """Text that Go can take: without halves of surrogate pairs."""
    return text.encode(errors="replace").decode()


# The longest first: that of packages is within that of Python.
_LIBRARIES = sorted(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    key=len,
    reverse=True,
)


def _own(filename: str) -> bool:
    if filename.startswith((*_LIBRARIES, _puff.faces, "<")):
        return False
    return not {"site-packages", "dist-packages"} & set(filename.split(os.sep))


def _shown(filename: str) -> str:
    """A name from this folder, or from that of libraries, where the file is in one."""
    for folder in (os.getcwd(), *_LIBRARIES):
        if filename.startswith(folder + os.sep):
            return os.path.relpath(filename, folder)
    return filename
