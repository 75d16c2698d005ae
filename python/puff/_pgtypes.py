"""Types of PostgreSQL that Go leaves to Python: what makes objects of their text.

Go sends the common types, and arrays of them, as objects. Here are addresses, JSON, ranges
and intervals with months in them; composites and what else a database has of its own are
looked up in its catalog when first met.
"""

from __future__ import annotations

import contextlib
import datetime
import decimal
import ipaddress
import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from puff._driver import driver

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KNOWN", "Interval", "Range", "converter", "plain"]

Range = driver.extensions.Range
_composite: Any = vars(driver)["_composite"].CompositeCaster


class Interval:
    """An interval that no timedelta holds: with months in it, or too long."""

    __slots__ = ("days", "microseconds", "months")

    def __init__(self, months: int = 0, days: int = 0, microseconds: int = 0) -> None:
        self.months = months
        self.days = days
        self.microseconds = microseconds

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Interval) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple[int, int, int]:
        return self.months, self.days, self.microseconds

    def __repr__(self) -> str:
        return f"Interval(months={self.months}, days={self.days}, microseconds={self.microseconds})"

    def __str__(self) -> str:
        return f"{self.months} months {self.days} days {self.microseconds} microseconds"

    def __conform__(self, proto: Any) -> Any:
        return driver.extensions.AsIs(f"'{self}'::interval")


_PART = re.compile(r"([+-]?\d+) (year|mon|day)s?|([+-]?)(\d+):(\d+):(\d+)(?:\.(\d+))?")


def _interval(text: str) -> Any:
    months = days = micros = 0
    for m in _PART.finditer(text):
        if m[1] is not None:
            n = int(m[1])
            months += n * {"year": 12, "mon": 1, "day": 0}[m[2]]
            days += n if m[2] == "day" else 0
        else:
            total = (int(m[4]) * 3600 + int(m[5]) * 60 + int(m[6])) * 1000000
            total += int((m[7] or "0").ljust(6, "0"))
            micros += -total if m[3] == "-" else total
    if not months:
        with contextlib.suppress(OverflowError):
            return datetime.timedelta(days=days, microseconds=micros)
    return Interval(months, days, micros)


def _inet(text: str) -> Any:
    return ipaddress.ip_interface(text) if "/" in text else ipaddress.ip_address(text)


def _date(text: str) -> Any:
    return driver._dates.parse_date(text, None)


def _timestamp(text: str) -> Any:
    return driver._dates.parse_datetime(text, None)


def _timestamptz(text: str) -> Any:
    return driver._dates.parse_datetime(text, None, True)


def _time(text: str) -> Any:
    return driver._dates.parse_time(text, None)


_PLAIN: dict[int, Callable[[str], Any]] = {
    16: lambda text: text == "t",
    17: lambda text: driver._casts.parse_bytea(text, None).tobytes(),
    **dict.fromkeys((20, 21, 23, 26), int),
    **dict.fromkeys((700, 701), float),
    1700: decimal.Decimal,
    1082: _date,
    **dict.fromkeys((1083, 1266), _time),
    1114: _timestamp,
    1184: _timestamptz,
    1186: _interval,
    2950: uuid.UUID,
}
"""What Go makes objects of where a column is of the type; inside of others it is done here."""

_OURS: dict[int, Callable[[str], Any]] = {
    **dict.fromkeys((114, 3802), json.loads),
    869: _inet,
    650: ipaddress.ip_network,
    1266: _time,
}
_RANGES = {3904: 23, 3906: 1700, 3908: 1114, 3910: 1184, 3912: 1082, 3926: 20}
_MULTIRANGES = {4451: 3904, 4532: 3906, 4533: 3908, 4534: 3910, 4535: 3912, 4536: 3926}
_ARRAYS = {
    199: 114, 3807: 3802, 1041: 869, 651: 650, 1270: 1266, 1187: 1186,
    3905: 3904, 3907: 3906, 3909: 3908, 3911: 3910, 3913: 3912, 3927: 3926,
}  # fmt: skip
# Types that stay text, so that nobody asks the catalog for them.
_TEXT = frozenset((18, 19, 24, 25, 142, 194, 600, 601, 602, 603, 604, 628, 705, 718, 774, 790, 829,
                   1042, 1043, 1560, 1562, 2202, 2205, 2206, 2249, 2275, 2278, 3614,
                   3615))  # fmt: skip
# Arrays of which Go makes lists.
_GO_ARRAYS = frozenset((1000, 1001, 1002, 1003, 1005, 1007, 1009, 1014, 1015, 1016, 1021, 1022,
                        1028, 1115, 1182, 1183, 1185, 1187, 1231, 2951))  # fmt: skip
KNOWN = frozenset({*_PLAIN, *_OURS, *_RANGES, *_MULTIRANGES, *_ARRAYS, *_TEXT, *_GO_ARRAYS})


class _Base:
    """What a range or an array makes of its parts, as the driver's parsers want it."""

    def __init__(self, make: Callable[[str], Any]) -> None:
        self._make = make

    def __call__(self, text: str | None, cursor: Any) -> Any:
        return None if text is None else self._make(text)

    def cast(self, oid: int, text: str | None) -> Any:
        """As cursor.cast."""
        return None if text is None else self._make(text)


def _range_of(make: Callable[[str], Any]) -> Callable[[str], Any]:
    caster = driver._range.RangeCaster("range", "Range", 0, 0)
    caster.range = Range
    base = _Base(make)
    return lambda text: caster.parse(text, base)


def _array_of(make: Callable[[str], Any]) -> Callable[[str], Any]:
    base = _Base(make)
    return lambda text: driver._casts.parse_array(text, base, None)


_BOUND = r'(?:"(?:[^"\\]|\\.|"")*"|[^,"\])]*)'
_BOUND = r'(?:"(?:[^"\\]|\\.|"")*"|[^,"\])]*)'
_RANGE_TEXT = re.compile(rf"empty|[\[(]{_BOUND},{_BOUND}[\])]")


def _multirange_of(make: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: [make(part) for part in _RANGE_TEXT.findall(text[1:-1])]


def _composite_of(fields: list[Callable[[str], Any]]) -> Callable[[str], Any]:
    def make(text: str) -> Any:
        parts = _composite.tokenize(text)
        # The type may have got more fields since it was looked up: those stay text.
        makers: list[Callable[[str], Any]] = [*fields, *[str] * (len(parts) - len(fields))]
        return tuple([None if p is None else f(p) for f, p in zip(makers, parts, strict=False)])

    return make


def converter(oid: int, catalog: dict[int, Any], top: bool = True) -> Callable[[str], Any] | None:
    """What makes an object of a text of a type; None: the text is one, or Go made it.

    catalog has what the database said of types of its own: (kind, item, fields).
    """
    if top and (oid in _PLAIN and oid not in _OURS or oid in _GO_ARRAYS) or oid in _TEXT:
        return None
    if oid in _OURS:
        return _OURS[oid]
    if oid in _PLAIN:
        return _PLAIN[oid]
    if oid in _RANGES:
        return _range_of(_inner(_RANGES[oid], catalog))
    if oid in _MULTIRANGES:
        return _multirange_of(_inner(_MULTIRANGES[oid], catalog))
    if oid in _ARRAYS:
        return _array_of(_inner(_ARRAYS[oid], catalog))
    kind, item, fields = catalog.get(oid, ("b", 0, ()))
    if kind == "a":
        return _array_of(_inner(item, catalog))
    if kind == "r":
        return _range_of(_inner(item, catalog))
    if kind == "m":
        return _multirange_of(_inner(item, catalog))
    if kind == "d":
        return converter(item, catalog, top)
    if kind == "c":
        return _composite_of([_inner(f, catalog) for f in fields])
    return None


def _inner(oid: int, catalog: dict[int, Any]) -> Callable[[str], Any]:
    return converter(oid, catalog, False) or str


# What crosses to Go as it is.
_BASIC = frozenset((type(None), bool, int, float, str, bytes, datetime.datetime, datetime.date))
_LONG = datetime.timedelta(days=106751)  # a duration of Go holds no more
_ADDRESSES = (
    ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Interface, ipaddress.IPv6Interface,
    ipaddress.IPv4Network, ipaddress.IPv6Network,
)  # fmt: skip


def plain(value: Any) -> Any:
    """A parameter as Go takes it."""
    cls = type(value)
    if cls in _BASIC:
        return value
    if cls is datetime.timedelta:
        if -_LONG < value < _LONG:
            return value
        return f"{value.days} days {value.seconds} seconds {value.microseconds} microseconds"
    if cls is list:
        return [plain(v) for v in value]
    if cls is tuple:
        return tuple([plain(v) for v in value])
    if cls is dict:
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, _ADDRESSES):
        return str(value)
    if isinstance(value, Range):
        return _range_text(value)
    if isinstance(value, Interval):
        return str(value)
    if cls is datetime.time and value.tzinfo is not None:
        return value.isoformat()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    return value


def _range_text(r: Any) -> str:
    if r.isempty:
        return "empty"
    bounds = []
    for bound in (r.lower, r.upper):
        text = "" if bound is None else str(bound).replace("\\", "\\\\").replace('"', '\\"')
        bounds.append(text if bound is None else f'"{text}"')
    return f"{r._bounds[0]}{bounds[0]},{bounds[1]}{r._bounds[1]}"
