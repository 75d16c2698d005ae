"""Time zones, as older programs know them; datetime.timezone is what new ones use."""

from __future__ import annotations

import datetime
import time
from typing import Any

__all__ = ["LOCAL", "ZERO", "FixedOffsetTimezone", "LocalTimezone"]

ZERO = datetime.timedelta(0)
STDOFFSET = datetime.timedelta(seconds=-time.timezone)
DSTOFFSET = datetime.timedelta(seconds=-time.altzone) if time.daylight else STDOFFSET
DSTDIFF = DSTOFFSET - STDOFFSET


class FixedOffsetTimezone(datetime.tzinfo):
    """So many minutes, or a timedelta, east of UTC; each is made once."""

    _name: str | None = None
    _offset = ZERO
    _made: dict[Any, FixedOffsetTimezone] = {}

    def __new__(cls, offset: Any = None, name: str | None = None) -> FixedOffsetTimezone:
        key = (offset, name)
        found = cls._made.get(key)
        if found is None:
            found = cls._made[key] = super().__new__(cls)
        return found

    def __init__(self, offset: Any = None, name: str | None = None) -> None:
        if offset is not None:
            if not isinstance(offset, datetime.timedelta):
                offset = datetime.timedelta(minutes=offset)
            self._offset = offset
        if name is not None:
            self._name = name

    def __repr__(self) -> str:
        return f"psycopg2.tz.FixedOffsetTimezone(offset={self._offset!r}, name={self._name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FixedOffsetTimezone) and self._offset == other._offset

    def __hash__(self) -> int:
        return hash(self._offset)

    def __getinitargs__(self) -> tuple[Any, ...]:
        return self._offset, self._name

    def utcoffset(self, dt: Any) -> datetime.timedelta:
        """As tzinfo has it."""
        return self._offset

    def tzname(self, dt: Any) -> str:
        """The name, or the offset."""
        if self._name is not None:
            return self._name
        minutes, seconds = divmod(self._offset.total_seconds(), 60)
        hours, minutes = divmod(int(minutes), 60)
        text = f"{hours:+03d}"
        if minutes or seconds:
            text += f":{minutes:02d}"
        if seconds:
            text += f":{int(seconds):02d}"
        return text

    def dst(self, dt: Any) -> datetime.timedelta:
        """None of it."""
        return ZERO


class LocalTimezone(datetime.tzinfo):
    """The zone of this machine."""

    def utcoffset(self, dt: Any) -> datetime.timedelta:
        """As tzinfo has it."""
        return DSTOFFSET if self._isdst(dt) else STDOFFSET

    def dst(self, dt: Any) -> datetime.timedelta:
        """As tzinfo has it."""
        return DSTDIFF if self._isdst(dt) else ZERO

    def tzname(self, dt: Any) -> str:
        """As tzinfo has it."""
        return time.tzname[self._isdst(dt)]

    def _isdst(self, dt: Any) -> bool:
        at = (dt.year, dt.month, dt.day, dt.hour, dt.minute, dt.second, dt.weekday(), 0, -1)
        return time.localtime(time.mktime(at)).tm_isdst > 0


LOCAL = LocalTimezone()
