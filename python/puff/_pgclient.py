"""Statements with $1 and so on, for every kind of caller: pools, transactions, pipelines."""

from __future__ import annotations

import keyword
from collections import _tuplegetter  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

import _puff

from puff import _wait
from puff._driver import driver
from puff._pgtypes import KNOWN, converter, plain
from puff._steps import run

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

__all__ = ["Client", "Listener", "Pipeline", "PostgresClient", "Row", "Transaction"]


class Row(tuple[Any, ...]):
    """A row: ``row[0]``, ``row["name"]``, ``row.name``, and what a tuple can."""

    __slots__ = ()
    _index: dict[str, int] = {}

    def __getitem__(self, key: Any) -> Any:
        if key.__class__ is str:
            return tuple.__getitem__(self, self._index[key])
        return tuple.__getitem__(self, key)

    def keys(self) -> Iterable[str]:
        """The names of the columns."""
        return self._index.keys()

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name, or default when there is no such column."""
        at = self._index.get(name)
        return default if at is None else tuple.__getitem__(self, at)

    def asdict(self) -> dict[str, Any]:
        """Names and values."""
        return {name: tuple.__getitem__(self, at) for name, at in self._index.items()}

    def __repr__(self) -> str:
        values = ", ".join(f"{n}={tuple.__getitem__(self, i)!r}" for n, i in self._index.items())
        return f"<Row {values}>"

    def __reduce__(self) -> Any:
        return _row, (tuple(self._index), tuple(self))


_MOST_CLASSES = 1000
_classes: dict[tuple[str, ...], type[Row]] = {}
_new = tuple.__new__


def _class(names: tuple[str, ...]) -> type[Row]:
    found = _classes.get(names)
    if found is None:
        if len(_classes) >= _MOST_CLASSES:
            _classes.clear()
        space: dict[str, Any] = {"__slots__": (), "_index": {n: i for i, n in enumerate(names)}}
        for i, name in enumerate(names):
            if name.isidentifier() and not keyword.iskeyword(name) and name[:1] != "_":
                space[name] = _tuplegetter(i, "")
        found = _classes[names] = type("Row", (Row,), space)
    return found


def _row(names: tuple[str, ...], values: tuple[Any, ...]) -> Row:
    made: Row = _new(_class(names), values)
    return made


_catalogs: dict[Any, dict[int, Any]] = {}

_TYPES = """
WITH RECURSIVE wanted(oid) AS (
  SELECT unnest($1::oid[])
  UNION
  SELECT part FROM wanted w, LATERAL (
    SELECT typelem FROM pg_type WHERE oid = w.oid AND typelem <> 0
    UNION ALL SELECT typbasetype FROM pg_type WHERE oid = w.oid AND typbasetype <> 0
    UNION ALL SELECT rngsubtype FROM pg_range WHERE rngtypid = w.oid
    UNION ALL SELECT rngtypid FROM pg_range WHERE rngmultitypid = w.oid
    UNION ALL SELECT atttypid FROM pg_attribute a JOIN pg_type t ON a.attrelid = t.typrelid
      WHERE t.oid = w.oid AND t.typtype = 'c' AND attnum > 0 AND NOT attisdropped
  ) AS p(part)
)
SELECT t.oid, CASE WHEN t.typcategory = 'A' THEN 'a' ELSE t.typtype::text END,
  COALESCE(r.rngsubtype, m.rngtypid, NULLIF(t.typelem, 0), t.typbasetype),
  ARRAY(SELECT atttypid FROM pg_attribute a WHERE a.attrelid = t.typrelid AND t.typtype = 'c'
        AND attnum > 0 AND NOT attisdropped ORDER BY attnum)
FROM wanted JOIN pg_type t USING (oid)
LEFT JOIN pg_range r ON r.rngtypid = t.oid LEFT JOIN pg_range m ON m.rngmultitypid = t.oid
"""


class Client:
    """What runs statements: a pool, or one connection of it in a transaction."""

    def __init__(self, where: Any, pool: str) -> None:
        self._where = where
        self._pool = pool

    def fetch(self, sql: str, *args: Any) -> Any:
        """The rows, a list."""
        return run(self._fetch(sql, args, 0))

    def fetchrow(self, sql: str, *args: Any) -> Any:
        """The first row, or None."""
        return run(self._first(sql, args))

    def fetchval(self, sql: str, *args: Any, column: int = 0) -> Any:
        """The value in the first row, or None."""
        return run(self._value(sql, args, column))

    def execute(self, sql: str, *args: Any) -> Any:
        """What the server says it did, as in ``"UPDATE 3"``."""
        return run(self._execute(sql, args))

    def pipeline(self) -> Pipeline:
        """Statements that go to the server together: ``p.fetch(…); p.execute(…); p.run()``."""
        return Pipeline(self)

    def copy_from(
        self, table: str, source: Any, *, columns: Any = None, format: str = "text"
    ) -> Any:
        """Copies rows into a table and returns how many.

        source is bytes, a str, something with read(), or an iterable of those or of tuples.
        """
        from puff._pgcopy import copy_from

        return run(copy_from(self, table, source, columns, format))

    def copy_to(self, what: str, to: Any = None, *, format: str = "text") -> Any:
        """Copies a table, or the rows of a query, to something with write(); else the bytes."""
        from puff._pgcopy import copy_to

        return run(copy_to(self, what, to, format))

    def _ask(self, name: str, *args: Any) -> Any:
        return _wait.ask("postgres." + name, *args)

    def _fetch(self, sql: str, args: tuple[Any, ...], most: int) -> Generator[Any, Any, Any]:
        args = tuple([plain(a) for a in args])
        answer = yield self._ask("fetch", self._where, sql, args, most)
        if answer[0] is not None:
            raise driver._errors.make(answer[0], sql)
        if answer[2] is None:
            return []
        rows = yield from self._rows(answer)
        return rows

    def _rows(self, answer: Any) -> Generator[Any, Any, Any]:
        _, _, columns, piece, number, pieces = answer
        cls = _class(tuple([c[0] for c in columns]))
        try:
            casts = yield from self._casts(columns)
            rows = self._first_made(cls, casts, *piece)
            if number:
                yield from self._more(rows, cls, casts, number, pieces)
        except BaseException:
            if number:  # nobody will ask for the rest
                _wait.post("postgres.drop", number)
            raise
        return rows

    def _more(
        self, rows: list[Any], cls: type[Row], casts: Any, number: int, pieces: int
    ) -> Generator[Any, Any, Any]:
        """Adds the rows that are in the other pieces."""
        handle = _puff.handle(cls)
        try:
            for n in range(1, pieces):
                more, spots = yield self._ask("next", number, n, handle)
                rows += self._made(cls, casts, more, spots)
        finally:
            _puff.release(handle)

    def _casts(self, columns: Any) -> Generator[Any, Any, Any]:
        catalog = _catalogs.setdefault(self._pool, {})
        unknown = [c[1] for c in columns if c[1] not in KNOWN and c[1] not in catalog]
        if unknown:
            answer = yield self._ask("fetch", self._where, _TYPES, ([*map(int, unknown)],), 0)
            if answer[0] is not None:
                raise driver._errors.make(answer[0], _TYPES)
            for oid, kind, item, fields in _puff.decode(answer[3][0]):
                catalog[oid] = (kind, item, fields)
            for oid in unknown:
                catalog.setdefault(oid, ("b", 0, ()))
        found = [(i, converter(c[1], catalog), c[1]) for i, c in enumerate(columns)]
        return [(i, make, oid) for i, make, oid in found if make is not None], columns, catalog

    def _first_made(self, cls: type[Row], how: Any, data: bytes, spots: Any) -> list[Any]:
        """The rows that data encodes."""
        if not how[0] and not spots:
            return _puff.rows(data, cls)
        return self._made(cls, how, _puff.decode(data), spots)

    def _made(self, cls: type[Row], how: Any, rows: list[Any], spots: Any) -> list[Any]:
        """Rows, each a cls or some tuple, with what Go left to Python made of their values."""
        casts, columns, catalog = how
        if not casts and not spots:
            return rows
        if spots:
            rows = [list(r) for r in rows]
            for at, i in spots:
                make = converter(columns[i][1], catalog, False)
                if make is not None:
                    rows[at][i] = make(rows[at][i])
        if casts:
            if not spots:
                rows = [list(r) for r in rows]
            done = {(at, i) for at, i in spots}
            for i, make, _ in casts:
                for at, row in enumerate(rows):
                    if row[i] is not None and (not done or (at, i) not in done):
                        row[i] = make(row[i])
        return [_new(cls, r) for r in rows]

    def _first(self, sql: str, args: tuple[Any, ...]) -> Generator[Any, Any, Any]:
        rows = yield from self._fetch(sql, args, 1)
        return rows[0] if rows else None

    def _value(self, sql: str, args: tuple[Any, ...], column: int) -> Generator[Any, Any, Any]:
        rows = yield from self._fetch(sql, args, 1)
        return tuple.__getitem__(rows[0], column) if rows else None

    def _execute(self, sql: str, args: tuple[Any, ...]) -> Generator[Any, Any, Any]:
        answer = yield self._ask("fetch", self._where, sql, tuple([plain(a) for a in args]), 0)
        if answer[0] is not None:
            raise driver._errors.make(answer[0], sql)
        if answer[4]:
            yield self._ask("drop", answer[4])
        return answer[1]

    def _transaction(self, *args: Any) -> Transaction:
        raise NotImplementedError


class PostgresClient(Client):
    """A pool of connections: each statement is a transaction of its own, on any of them."""

    def __init__(self, name: str = "default") -> None:
        super().__init__(name, name)

    def __call__(self) -> PostgresClient:
        return self

    def __repr__(self) -> str:
        return f"<PostgresClient {self._pool!r}>"

    @property
    def name(self) -> str:
        """The name in puff.toml."""
        return self._pool

    def transaction(
        self,
        isolation: str | None = None,
        *,
        readonly: bool | None = None,
        deferrable: bool | None = None,
    ) -> Transaction:
        """A transaction, for ``with`` or ``async with``: committed at its end, or undone."""
        return Transaction(self._pool, None, isolation, readonly, deferrable)

    def listen(self, *channels: str) -> Listener:
        """What is sent to channels by NOTIFY, for ``with`` or ``async with``."""
        return Listener(self._pool, channels)

    def stats(self) -> Any:
        """Counters of the pool, a dict."""
        return self._ask("stats", self._pool)

    def connect(self, **kwargs: Any) -> Any:
        """A connection of the DB-API out of the pool."""
        from puff.postgres import connect

        return connect(name=self._pool, **kwargs)


_LEVELS = ("serializable", "repeatable_read", "read_committed", "read_uncommitted")


class Transaction(Client):
    """One connection in a transaction; one inside another is a savepoint of it."""

    def __init__(
        self,
        pool: str,
        outer: Transaction | None,
        isolation: str | None = None,
        readonly: bool | None = None,
        deferrable: bool | None = None,
    ) -> None:
        super().__init__(None, pool)
        if isolation is not None and isolation not in _LEVELS:
            raise ValueError(f"the isolation is one of {', '.join(_LEVELS)}, not {isolation!r}")
        self._outer = outer
        self._depth: int = outer._depth + 1 if outer is not None else 0
        self._sql = "BEGIN"
        if isolation is not None:
            self._sql += " ISOLATION LEVEL " + isolation.replace("_", " ").upper()
        if readonly is not None:
            self._sql += " READ ONLY" if readonly else " READ WRITE"
        if deferrable is not None:
            self._sql += " DEFERRABLE" if deferrable else " NOT DEFERRABLE"

    def transaction(self) -> Transaction:
        """A savepoint, for ``with`` or ``async with``."""
        return Transaction(self._pool, self)

    def _enter(self) -> Generator[Any, Any, Any]:
        if self._where is not None:
            raise driver.ProgrammingError("the transaction has begun already")
        if self._outer is not None:
            where = self._outer._where
            yield from self._outer._execute(f"SAVEPOINT puff_{self._depth}", ())
            self._where = where
            return self
        answer = yield self._ask("begin", self._pool, self._sql, "transaction")
        if answer[0] is not None:
            raise driver._errors.make(answer[0], self._sql)
        self._where = answer[1]
        return self

    def _exit(self, failed: bool) -> Generator[Any, Any, Any]:
        where, outer, depth = self._where, self._outer, self._depth
        if outer is not None:
            if failed:
                yield from outer._execute(f"ROLLBACK TO SAVEPOINT puff_{depth}", ())
            yield from outer._execute(f"RELEASE SAVEPOINT puff_{depth}", ())
            self._where = None
            return
        self._where = None
        sql = "ROLLBACK" if failed else "COMMIT"
        answer = yield self._ask("finish", where, sql)
        if answer[0] is not None and not failed:
            raise driver._errors.make(answer[0], sql)

    def __enter__(self) -> Transaction:
        made: Transaction = run(self._enter())
        return made

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        run(self._exit(kind is not None))

    async def __aenter__(self) -> Transaction:
        made: Transaction = await run(self._enter())
        return made

    async def __aexit__(self, kind: Any, value: Any, trace: Any) -> None:
        await run(self._exit(kind is not None))


class Pipeline:
    """Statements that wait for :meth:`run`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._steps: list[tuple[str, str, tuple[Any, ...]]] = []

    def __len__(self) -> int:
        return len(self._steps)

    def _add(self, kind: str, sql: str, args: tuple[Any, ...]) -> Pipeline:
        self._steps.append((kind, sql, tuple([plain(a) for a in args])))
        return self

    def fetch(self, sql: str, *args: Any) -> Pipeline:
        """Adds a statement whose rows are wanted."""
        return self._add("rows", sql, args)

    def fetchrow(self, sql: str, *args: Any) -> Pipeline:
        """Adds a statement whose first row is wanted."""
        return self._add("row", sql, args)

    def fetchval(self, sql: str, *args: Any) -> Pipeline:
        """Adds a statement of whose first row the first value is wanted."""
        return self._add("value", sql, args)

    def execute(self, sql: str, *args: Any) -> Pipeline:
        """Adds a statement of which only what the server says is wanted."""
        return self._add("tag", sql, args)

    def run(self) -> Any:
        """Runs them; a list of what each method would have returned."""
        steps, self._steps = self._steps, []
        return run(self._run(steps))

    def _run(self, steps: list[Any]) -> Generator[Any, Any, Any]:
        client = self._client
        if not steps:
            return []
        answer = yield client._ask("pipeline", client._where, [s[1:] for s in steps])
        if answer[0] is not None:
            raise driver._errors.make(answer[0])
        found = []
        for (kind, _, _), one in zip(steps, answer[1], strict=True):
            if kind == "tag":
                found.append(one[1])
                if one[4]:
                    yield client._ask("drop", one[4])
                continue
            rows = []
            if one[2] is not None:
                rows = yield from client._rows(one)
            if kind == "rows":
                found.append(rows)
            elif kind == "row":
                found.append(rows[0] if rows else None)
            else:
                found.append(tuple.__getitem__(rows[0], 0) if rows else None)
        return found


class Listener:
    """What comes by NOTIFY, in order; its connection is none of the pool's."""

    def __init__(self, pool: str, channels: tuple[str, ...]) -> None:
        self._pool = pool
        self._channels = channels
        self._number = 0
        self._waiting: list[Any] = []

    def receive(self) -> Any:
        """The next notification: its .channel, .payload and .pid."""
        return run(self._receive())

    def _receive(self) -> Generator[Any, Any, Any]:
        if not self._number:
            raise driver.InterfaceError("the listener is not open: use it with `with`")
        while not self._waiting:
            answer = yield _wait.call("postgres.receive", self._number)
            if answer[0] is not None:
                raise driver._errors.make(answer[0])
            self._waiting += [driver.extensions.Notify(*n) for n in answer[1]]
        return self._waiting.pop(0)

    def _open(self) -> Generator[Any, Any, Any]:
        answer = yield _wait.call("postgres.listen", self._pool, list(self._channels))
        if answer[0] is not None:
            raise driver._errors.make(answer[0])
        self._number = answer[1]
        return self

    def _close(self) -> Generator[Any, Any, Any]:
        number, self._number = self._number, 0
        yield _wait.call("postgres.unlisten", number)

    def __enter__(self) -> Listener:
        made: Listener = run(self._open())
        return made

    def __exit__(self, *error: Any) -> None:
        run(self._close())

    async def __aenter__(self) -> Listener:
        made: Listener = await run(self._open())
        return made

    async def __aexit__(self, *error: Any) -> None:
        await run(self._close())

    def __iter__(self) -> Listener:
        return self

    def __next__(self) -> Any:
        return self.receive()

    def __aiter__(self) -> Listener:
        return self

    async def __anext__(self) -> Any:
        return await self.receive()
