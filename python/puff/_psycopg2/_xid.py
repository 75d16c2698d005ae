"""Names of transactions that several databases take part in."""

from __future__ import annotations

import base64
import re
from typing import Any

__all__ = ["Xid"]


class Xid:
    """A name of a transaction, as X/Open has it: (format_id, gtrid, bqual).

    One that was found in the server and is not of this form has only a gtrid.
    """

    def __init__(self, format_id: int | None, gtrid: str, bqual: str | None) -> None:
        if format_id is not None and not 0 <= int(format_id) <= 0x7FFFFFFF:
            raise ValueError("format_id must be a non-negative 32-bit integer")
        for name, part in (("gtrid", gtrid), ("bqual", bqual)):
            if part is None:
                continue
            if len(part) > 64:
                raise ValueError(f"{name} must be a string no longer than 64 characters")
            if any(not 0x20 <= ord(c) < 0x7F for c in part):
                raise ValueError(f"{name} must contain only printable characters.")
        self.format_id = format_id
        self.gtrid = gtrid
        self.bqual = bqual
        self.prepared: Any = None
        self.owner: str | None = None
        self.database: str | None = None

    @classmethod
    def from_string(cls, text: str) -> Xid:
        """The name that the server has as text."""
        m = re.fullmatch(r"(\d+)_([^_]*)_([^_]*)", text)
        if m is not None:
            try:
                gtrid, bqual = (
                    base64.b64decode(part, validate=True).decode("ascii") for part in (m[2], m[3])
                )
                return cls(int(m[1]), gtrid, bqual)
            except ValueError:
                pass  # somebody else's
        found = cls.__new__(cls)
        found.format_id, found.gtrid, found.bqual = None, text, None
        found.prepared = found.owner = found.database = None
        return found

    def __str__(self) -> str:
        if self.format_id is None:
            return self.gtrid
        parts = (base64.b64encode((p or "").encode()).decode() for p in (self.gtrid, self.bqual))
        return "_".join((str(self.format_id), *parts))

    def __repr__(self) -> str:
        if self.format_id is None:
            return f"<Xid: {self.gtrid!r} (unparsed)>"
        return f"<Xid: ({self.format_id}, {self.gtrid!r}, {self.bqual!r})>"

    def __len__(self) -> int:
        return 3

    def __getitem__(self, i: int) -> Any:
        return (self.format_id, self.gtrid, self.bqual)[i]
