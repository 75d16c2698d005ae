"""A WSGI application that answers with files of many kinds; ?kind=, &length=, &tag=, &at=."""

# ruff: noqa: SIM115 (the server closes them)

from __future__ import annotations

import gzip
import io
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

FOLDER = tempfile.TemporaryDirectory(prefix="puff-files-")
LINES = b"".join(b"line %d of the file\n" % i for i in range(20_000))
PAGE = Path(FOLDER.name, "page.txt")
PAGE.write_bytes(LINES)
HUGE = Path(FOLDER.name, "huge")
HUGE_SIZE = 64 << 20


def say(*words: object) -> None:
    """Tells the test."""
    sys.stderr.write(f"app: {' '.join(map(str, words))}\n")


def _temporary(file: Any) -> Any:
    file.write(LINES)
    file.seek(0)
    return file


def _written() -> Any:
    file = open(PAGE, "r+b")
    file.seek(len(LINES) - 5)
    file.write(b"other")  # the buffer has it
    file.seek(0)
    file.write(b"again")
    file.seek(0)
    return file


def _pipe() -> Any:
    ours, theirs = os.pipe()
    os.write(theirs, LINES[:1000])
    os.close(theirs)
    return open(ours, "rb")


def _packed() -> Any:
    path = Path(FOLDER.name, "page.gz")
    path.write_bytes(gzip.compress(LINES))
    return gzip.open(path)


def _shouting() -> Any:
    class File(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(size).upper()

    return File(PAGE)


def _closed() -> Any:
    file = open(PAGE, "rb")
    file.close()
    return file


def _huge() -> Any:
    with open(HUGE, "wb") as f:
        f.truncate(HUGE_SIZE)
    return open(HUGE, "rb")


FILES: dict[str, Callable[[], Any]] = {
    "open": lambda: open(PAGE, "rb"),
    "raw": lambda: open(PAGE, "rb", buffering=0),
    "named": lambda: _temporary(tempfile.NamedTemporaryFile()),
    "nameless": lambda: _temporary(tempfile.TemporaryFile()),
    "written": _written,
    "huge": _huge,
    "bytes": lambda: io.BytesIO(LINES),
    "spooled": lambda: _temporary(tempfile.SpooledTemporaryFile(max_size=10)),
    "gzip": _packed,
    "shouting": _shouting,
    "pipe": _pipe,
    "proc": lambda: open("/proc/self/limits", "rb"),
    "empty": tempfile.TemporaryFile,
    "text": lambda: open(PAGE),
    "closed": _closed,
    "write-only": lambda: open(Path(FOLDER.name, "new"), "wb"),
}


class Closing:
    """A file that says when it is closed, as wrappers do that read for others."""

    def __init__(self, file: Any, tag: str) -> None:
        self.file, self.tag = file, tag
        self.read = file.read

    def close(self) -> None:
        say("closed", self.tag)
        self.file.close()


def _tell_of_blocks(wrapper: Any) -> None:
    """Has the class say when Python reads the file."""
    blocks = wrapper.__iter__

    def iterate(self: Any) -> Iterator[bytes]:
        say("blocks", getattr(self.file, "tag", ""))
        yield from blocks(self)

    if blocks.__name__ != "iterate":
        wrapper.__iter__ = iterate


def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Answers with a file."""
    query = {k: v[0] for k, v in parse_qs(environ["QUERY_STRING"]).items()}
    if environ["PATH_INFO"] == "/descriptors":
        start("200 OK", [])
        return [b"%d" % len(os.listdir("/proc/self/fd"))]
    if environ["PATH_INFO"] == "/truncate":
        os.truncate(HUGE, 1 << 20)
        start("200 OK", [])
        return [b""]
    _tell_of_blocks(environ["wsgi.file_wrapper"])
    file = FILES[query["kind"]]()
    if "at" in query:
        file.seek(int(query["at"]) - 10)
        file.read(10)  # what is read ahead does not count
    headers = [("Content-Type", query.get("type", "application/octet-stream"))]
    if "length" in query:
        headers.append(("Content-Length", query["length"]))
    write = start(query.get("status", "200 OK"), headers)
    if "first" in query:
        write(query["first"].encode())
    result: Iterable[bytes] = environ["wsgi.file_wrapper"](Closing(file, query["tag"]), 4096)
    return result
