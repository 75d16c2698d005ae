"""Dates, times and intervals as the server writes them."""

from __future__ import annotations

import datetime
import re
from typing import Any

from ._errors import DataError, NotSupportedError

__all__ = ["parse_date", "parse_datetime", "parse_interval", "parse_time"]

_DATE = re.compile(r"(\d+)-(\d\d?)-(\d\d?)")
_TIME = re.compile(r"(\d\d?):(\d\d?):(\d\d?)(?:\.(\d+))?")
_ZONE = re.compile(r"([+-])(\d\d?)(?::?(\d\d))?(?::?(\d\d))?$")


def _text(value: str | bytes) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value


def _date(text: str) -> tuple[datetime.date, int]:
    m = _DATE.match(text)
    if m is None:
        raise DataError(f"unable to parse date: '{text}'")
    if text.endswith("BC"):
        raise ValueError(f"year {m[1]} BC is out of range")
    return datetime.date(int(m[1]), int(m[2]), int(m[3])), m.end()


def _time(text: str, at: int, make_zone: Any) -> datetime.time:
    m = _TIME.match(text, at)
    if m is None:
        raise DataError(f"unable to parse time: '{text}'")
    zone = None
    z = _ZONE.match(text, m.end())
    if z is not None and make_zone is not None:
        offset = int(z[2]) * 3600 + int(z[3] or 0) * 60 + int(z[4] or 0)
        zone = make_zone(datetime.timedelta(seconds=-offset if z[1] == "-" else offset))
    elif z is None and m.end() < len(text) and not text[m.end() :].startswith(" BC"):
        raise DataError(f"unable to parse time: '{text}'")
    hour, minute, second = int(m[1]), int(m[2]), int(m[3])
    micro = int((m[4] or "0")[:6].ljust(6, "0"))
    if hour == 24:  # the end of a day
        hour = 0
    return datetime.time(hour, minute, second, micro, zone)


def _zones(cursor: Any) -> Any:
    return cursor.tzinfo_factory if cursor is not None else datetime.timezone


def parse_date(value: str | bytes | None, cursor: Any) -> datetime.date | None:
    """A date; infinity is the last one that Python has."""
    if value is None:
        return None
    text = _text(value)
    if text.endswith("infinity"):
        return datetime.date.min if text[0] == "-" else datetime.date.max
    return _date(text)[0]


def parse_time(value: str | bytes | None, cursor: Any) -> datetime.time | None:
    """A time of the day, with its zone if it has one."""
    if value is None:
        return None
    return _time(_text(value), 0, _zones(cursor))


def parse_datetime(
    value: str | bytes | None, cursor: Any, zoned: bool = False
) -> datetime.datetime | None:
    """A moment, with its zone if it has one; infinity is the last one that Python has."""
    if value is None:
        return None
    text = _text(value)
    if text.endswith("infinity"):
        end = datetime.datetime.min if text[0] == "-" else datetime.datetime.max
        make = _zones(cursor)
        if zoned and make is not None:
            return end.replace(tzinfo=make(datetime.timedelta(0)))
        return end
    day, at = _date(text)
    if text[at : at + 1] not in (" ", "T"):
        raise DataError(f"unable to parse time: '{text}'")
    clock = _time(text, at + 1, _zones(cursor))
    return datetime.datetime.combine(day, clock)


_PART = re.compile(r"([+-]?\d+) (year|mon|day)s?|([+-]?)(\d+):(\d+):(\d+)(?:\.(\d+))?|([+-]?\d+)$")
_MOST = 2**63


def parse_interval(value: str | bytes | None, cursor: Any) -> datetime.timedelta | None:
    """An interval: a year is 365 days, a month 30. Alone, a number is microseconds."""
    if value is None:
        return None
    text = _text(value)
    if text.startswith("P"):
        raise NotSupportedError("iso_8601 intervalstyle currently not supported")
    days = micros = 0
    for m in _PART.finditer(text):
        if m[8] is not None:
            micros += int(m[8])
        elif m[1] is not None:
            days += int(m[1]) * {"year": 365, "mon": 30, "day": 1}[m[2]]
        else:
            fraction = m[7] or ""
            if len(fraction.lstrip("0")) > 17:  # the server sends six at most
                raise OverflowError("interval component too big")
            micro = round(float("0." + (fraction or "0")) * 1e6)
            total = (int(m[4]) * 3600 + int(m[5]) * 60 + int(m[6])) * 1000000 + micro
            micros += -total if m[3] == "-" else total
    if max(abs(days), abs(micros)) >= _MOST:
        raise OverflowError("interval component too big")
    return datetime.timedelta(days=days, microseconds=micros)
