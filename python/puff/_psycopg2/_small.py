"""The small objects that connections and cursors give out."""

from __future__ import annotations

from typing import Any

__all__ = ["Column", "Notify"]


class Column:
    """A column of a result; a sequence of seven, as the DB-API has it."""

    __slots__ = (
        "display_size",
        "internal_size",
        "name",
        "null_ok",
        "precision",
        "scale",
        "table_column",
        "table_oid",
        "type_code",
    )
    _order = (
        "name",
        "type_code",
        "display_size",
        "internal_size",
        "precision",
        "scale",
        "null_ok",
    )

    def __init__(
        self,
        name: str | None = None,
        type_code: int | None = None,
        display_size: int | None = None,
        internal_size: int | None = None,
        precision: int | None = None,
        scale: int | None = None,
        null_ok: bool | None = None,
        table_oid: int | None = None,
        table_column: int | None = None,
    ) -> None:
        self.name = name
        self.type_code = type_code
        self.display_size = display_size
        self.internal_size = internal_size
        self.precision = precision
        self.scale = scale
        self.null_ok = null_ok
        self.table_oid = table_oid
        self.table_column = table_column

    def _tuple(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._order)

    def __len__(self) -> int:
        return 7

    def __getitem__(self, i: Any) -> Any:
        return self._tuple()[i]

    def __eq__(self, other: object) -> bool:
        return self._tuple() == (other._tuple() if isinstance(other, Column) else other)

    def __lt__(self, other: Any) -> bool:
        return self._tuple() < (other._tuple() if isinstance(other, Column) else other)

    def __gt__(self, other: Any) -> bool:
        return self._tuple() > (other._tuple() if isinstance(other, Column) else other)

    def __hash__(self) -> int:
        return hash(self._tuple())

    def __repr__(self) -> str:
        shown = f"name={self.name!r}, type_code={self.type_code}"
        for name in self._order[2:]:
            value = getattr(self, name)
            if value is not None:
                shown += f", {name}={value}"
        return f"Column({shown})"

    def __getstate__(self) -> tuple[Any, ...]:
        return (*self._tuple(), self.table_oid, self.table_column)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.__init__(*state)  # type: ignore[misc]


def column(name: Any, oid: int, size: int, modifier: int, table: int, number: int) -> Column:
    """The column that the server describes so."""
    precision = scale = None
    if modifier > 0:
        modifier -= 4
    if oid == 1700 and modifier > 0:
        precision, scale = modifier >> 16 & 0xFFFF, modifier & 0xFFFF
    if size == -1:
        size = precision if precision is not None else modifier
    return Column(name, oid, None, size, precision, scale, None, table or None, number or None)


class Notify:
    """What somebody sent with NOTIFY; it unpacks to (pid, channel)."""

    __slots__ = ("channel", "payload", "pid")

    def __init__(self, pid: int, channel: str, payload: str = "") -> None:
        self.pid = pid
        self.channel = channel
        self.payload = payload

    def __len__(self) -> int:
        return 2

    def __getitem__(self, i: int) -> Any:
        return (self.pid, self.channel)[i]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Notify):
            return (self.pid, self.channel, self.payload) == (
                other.pid,
                other.channel,
                other.payload,
            )
        return (self.pid, self.channel) == other

    def __hash__(self) -> int:
        if not self.payload:
            return hash((self.pid, self.channel))
        return hash((self.pid, self.channel, self.payload))

    def __repr__(self) -> str:
        return f"Notify({self.pid!r}, {self.channel!r}, {self.payload!r})"
