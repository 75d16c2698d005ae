"""Cursors whose rows are more than tuples."""

from __future__ import annotations

import copy
import re
from collections import OrderedDict, namedtuple
from functools import lru_cache
from typing import Any

from ._connection import connection as _connection
from ._cursor import cursor as _cursor

__all__ = [
    "DictConnection",
    "DictCursor",
    "DictCursorBase",
    "DictRow",
    "NamedTupleConnection",
    "NamedTupleCursor",
    "RealDictConnection",
    "RealDictCursor",
    "RealDictRow",
]


class DictCursorBase(_cursor):
    """What a cursor with rows of its own kind has: a ``row_factory``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "row_factory" not in kwargs:
            raise NotImplementedError("DictCursorBase can't be instantiated without a row factory.")
        row_factory = kwargs.pop("row_factory")
        super().__init__(*args, **kwargs)
        self.row_factory = row_factory
        self._query_executed = False

    def _build_index(self) -> None:
        """Says which column has which name."""

    def _prepare(self) -> None:
        if self._query_executed:
            self._build_index()
            self._query_executed = False

    def _row(self) -> Any:
        self._prepare()
        return super()._row()

    def execute(self, query: Any, vars: Any = None) -> Any:
        """As cursor has it."""
        self._query_executed = True
        return super().execute(query, vars)

    def callproc(self, procname: str, vars: Any = None) -> Any:
        """As cursor has it."""
        self._query_executed = True
        return super().callproc(procname, vars)

    def executemany(self, query: Any, vars_list: Any) -> Any:
        """As cursor has it."""
        self._query_executed = True
        return super().executemany(query, vars_list)


class DictConnection(_connection):
    """A connection whose cursors are DictCursors."""

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """As connection has it."""
        kwargs.setdefault("cursor_factory", self.cursor_factory or DictCursor)
        return super().cursor(*args, **kwargs)


class DictCursor(DictCursorBase):
    """Rows that are lists, and dicts too."""

    index: dict[str, int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["row_factory"] = DictRow
        super().__init__(*args, **kwargs)
        self.index = {}

    def _build_index(self) -> None:
        self.index = OrderedDict((d[0], i) for i, d in enumerate(self.description or ()))


class DictRow(list[Any]):
    """A row by position and by name."""

    __slots__ = ("_index",)

    def __init__(self, cursor: Any) -> None:
        self._index = cursor.index
        super().__init__([None] * len(cursor.description))

    def __getitem__(self, x: Any) -> Any:
        if not isinstance(x, (int, slice)):
            x = self._index[x]
        return super().__getitem__(x)

    def __setitem__(self, x: Any, v: Any) -> None:
        if not isinstance(x, (int, slice)):
            x = self._index[x]
        super().__setitem__(x, v)

    def items(self) -> Any:
        """Names and values."""
        for n in self._index:
            yield n, self[n]

    def keys(self) -> Any:
        """The names."""
        return iter(self._index)

    def values(self) -> Any:
        """The values."""
        for n in self._index:
            yield self[n]

    def get(self, x: Any, default: Any = None) -> Any:
        """The value of a name."""
        try:
            return self[x]
        except (KeyError, IndexError):
            return default

    def copy(self) -> Any:
        """A dict of it."""
        return OrderedDict(self.items())

    def __copy__(self) -> DictRow:
        made = type(self).__new__(type(self))
        made.extend(self)
        made._index = self._index
        return made

    def __deepcopy__(self, memo: Any) -> DictRow:
        made = type(self).__new__(type(self))
        made.extend(copy.deepcopy(list(self), memo))
        made._index = self._index
        return made

    def __contains__(self, x: Any) -> bool:
        return x in self._index

    def __getstate__(self) -> Any:
        return self[:], self._index.copy()

    def __setstate__(self, data: Any) -> None:
        self[:] = data[0]
        self._index = data[1]


class RealDictConnection(_connection):
    """A connection whose cursors are RealDictCursors."""

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """As connection has it."""
        kwargs.setdefault("cursor_factory", self.cursor_factory or RealDictCursor)
        return super().cursor(*args, **kwargs)


class RealDictCursor(DictCursorBase):
    """Rows that are dicts."""

    column_mapping: list[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["row_factory"] = RealDictRow
        super().__init__(*args, **kwargs)
        self.column_mapping = []

    def _build_index(self) -> None:
        self.column_mapping = [d[0] for d in self.description or ()]


class RealDictRow(OrderedDict[Any, Any]):
    """A row as a dict."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and isinstance(args[0], _cursor):
            cursor, args = args[0], args[1:]
            super().__init__(*args, **kwargs)
            # Until the last column is set the keys are numbers.
            self[RealDictRow] = cursor.column_mapping  # type: ignore[attr-defined]
        else:
            super().__init__(*args, **kwargs)

    def __setitem__(self, key: Any, value: Any) -> None:
        if RealDictRow in self:
            mapping = self[RealDictRow]
            super().__setitem__(mapping[key], value)
            if key == len(mapping) - 1:
                del self[RealDictRow]
            return
        super().__setitem__(key, value)


class NamedTupleConnection(_connection):
    """A connection whose cursors are NamedTupleCursors."""

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """As connection has it."""
        kwargs.setdefault("cursor_factory", self.cursor_factory or NamedTupleCursor)
        return super().cursor(*args, **kwargs)


class NamedTupleCursor(_cursor):
    """Rows that are namedtuples."""

    Record: Any = None
    MAX_CACHE = 1024

    def execute(self, query: Any, vars: Any = None) -> Any:
        """As cursor has it."""
        self.Record = None
        return super().execute(query, vars)

    def executemany(self, query: Any, vars: Any) -> Any:
        """As cursor has it."""
        self.Record = None
        return super().executemany(query, vars)

    def callproc(self, procname: str, vars: Any = None) -> Any:
        """As cursor has it."""
        self.Record = None
        return super().callproc(procname, vars)

    def _record(self) -> Any:
        if self.Record is None:
            self.Record = self._make_nt()
        return self.Record

    def fetchone(self) -> Any:
        """As cursor has it."""
        t = super().fetchone()
        return None if t is None else self._record()._make(t)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """As cursor has it."""
        ts = super().fetchmany(size)
        return list(map(self._record()._make, ts))

    def fetchall(self) -> list[Any]:
        """As cursor has it."""
        ts = super().fetchall()
        return list(map(self._record()._make, ts))

    def __next__(self) -> Any:
        t = super().__next__()
        return self._record()._make(t)

    def _make_nt(self) -> Any:
        key = tuple(d[0] for d in self.description) if self.description else ()
        make: Any = self._cached_make_nt  # type: ignore[attr-defined]
        return make(key)

    @classmethod
    def _do_make_nt(cls, key: tuple[str, ...]) -> Any:
        fields = []
        for s in key:
            s = s if s.isidentifier() else re.sub("[^a-zA-Z0-9_]", "_", s)
            fields.append("f" + s if s[:1] == "_" or s[:1].isdigit() else s)
        return namedtuple("Record", fields)


@lru_cache(512)
def _cached_make_nt(cls: Any, key: tuple[str, ...]) -> Any:
    return cls._do_make_nt(key)


_make: Any = _cached_make_nt
_method: Any = classmethod(_make)
setattr(NamedTupleCursor, "_cached_make_nt", _method)  # noqa: B010
