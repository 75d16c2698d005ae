"""wsgi.file_wrapper (PEP 3333): which files go out without passing through Python."""

from __future__ import annotations

import os
import stat
from io import BufferedRandom, BufferedReader, FileIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FileWrapper", "descriptor"]


_READERS = (FileIO, BufferedReader, BufferedRandom)


class FileWrapper:
    """wsgi.file_wrapper: a file as an iterable of blocks."""

    def __init__(self, file: Any, block_size: int = 64 << 10) -> None:
        self.file = file
        self.block_size = block_size
        if hasattr(file, "close"):
            self.close = file.close

    def __iter__(self) -> Iterator[bytes]:
        while block := self.file.read(self.block_size):
            yield block


def descriptor(file: Any) -> tuple[int, int, int] | None:
    """A descriptor of the caller's own, where to begin, and how many bytes there are.

    None: no regular file, an empty one (as those of /proc say they are), or one whose bytes
    are not those that read() returns. A fileno() alone says little: that of gzip.GzipFile is
    the compressed file's. So what counts is who does the reading, also on behalf of a wrapper
    such as those of tempfile and Django.
    """
    read = getattr(file, "read", None)
    reader: Any = getattr(getattr(read, "__wrapped__", read), "__self__", None)
    try:
        raw = reader.raw if isinstance(reader, (BufferedReader, BufferedRandom)) else reader
        if type(reader) not in _READERS or type(raw) is not FileIO or not raw.readable():
            return None
        offset = reader.tell()
        if type(reader) is BufferedRandom:
            reader.flush()
        info = os.fstat(raw.fileno())
        if not stat.S_ISREG(info.st_mode) or info.st_size <= offset:
            return None
        return os.dup(raw.fileno()), offset, info.st_size - offset
    except (OSError, ValueError):  # it is closed, or there are no descriptors left
        return None
