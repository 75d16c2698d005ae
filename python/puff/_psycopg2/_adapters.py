"""Objects of Python as SQL: how a parameter is written into a statement."""

from __future__ import annotations

import datetime
import decimal
import math
from typing import Any

from ._errors import ProgrammingError

__all__ = [
    "AsIs",
    "Binary",
    "Boolean",
    "Date",
    "DateFromPy",
    "DateFromTicks",
    "Decimal",
    "Float",
    "ISQLQuote",
    "Int",
    "IntervalFromPy",
    "List",
    "NoneAdapter",
    "QuotedString",
    "SQL_IN",
    "Time",
    "TimeFromPy",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromPy",
    "TimestampFromTicks",
    "adapt",
    "adapters",
    "getquoted",
    "register_adapter",
]

adapters: dict[tuple[Any, Any], Any] = {}
"""(class, protocol) -> what makes an adapter of an object of the class."""


class ISQLQuote:
    """What an adapter is: it returns an object as SQL."""

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    def getquoted(self) -> bytes | None:
        """The object as SQL."""
        return None

    def getbinary(self) -> bytes | None:
        """The object as bytes of the binary format; nobody has any."""
        return None

    def getbuffer(self) -> bytes | None:
        """As getbinary."""
        return None


def adapt(obj: Any, proto: Any = ISQLQuote, alt: Any = None) -> Any:
    """The adapter of an object. Raises ProgrammingError when there is none."""
    cls = type(obj)
    made = adapters.get((cls, proto))
    if made is not None:
        return made(obj)
    for method, owner, argument in (("__adapt__", proto, obj), ("__conform__", obj, proto)):
        ask = getattr(owner, method, None)
        if ask is not None:
            found = ask(argument)
            if found is not None:
                return found
    for base in cls.__mro__[1:]:
        made = adapters.get((base, proto))
        if made is not None:
            return made(obj)
    raise ProgrammingError(f"can't adapt type '{cls.__name__}'")


def getquoted(obj: Any, conn: Any) -> bytes:
    """An object as SQL, for a connection."""
    if obj is None:
        return b"NULL"
    kind = type(obj)
    if kind is int and adapters.get(_OF_INT) is Int:
        return b"%d" % obj if obj >= 0 else b" %d" % obj
    if kind is str and conn is not None and adapters.get(_OF_STR) is QuotedString:
        return quote(obj.encode(conn._codec), conn)
    adapter = obj if isinstance(obj, ISQLQuote) else adapt(obj)
    prepare = getattr(adapter, "prepare", None)
    if prepare is not None and conn is not None:
        prepare(conn)
    quoted = adapter.getquoted()
    if isinstance(quoted, str):
        return quoted.encode(conn._codec if conn is not None else "utf-8")
    return quoted or b""


# What most parameters are needs no adapter as long as nobody else's is registered.
_OF_INT = (int, ISQLQuote)
_OF_STR = (str, ISQLQuote)


def register_adapter(cls: Any, adapter: Any) -> None:
    """Has objects of cls adapted by adapter(object)."""
    adapters[cls, ISQLQuote] = adapter


class _Adapter(ISQLQuote):
    """An adapter that shows what it adapts."""

    @property
    def adapted(self) -> Any:
        """The object."""
        return self._wrapped

    def __conform__(self, proto: Any) -> Any:
        return self if proto is ISQLQuote else None

    def __str__(self) -> str:
        return (self.getquoted() or b"").decode("utf-8", "replace")


class AsIs(_Adapter):
    """What an object is as a str, as it is."""

    def getquoted(self) -> bytes:
        text = self._wrapped
        return text if isinstance(text, bytes) else str(text).encode()


class Boolean(_Adapter):
    """true or false."""

    def getquoted(self) -> bytes:
        return b"true" if self._wrapped else b"false"


class _Number(_Adapter):
    def getquoted(self) -> bytes:
        text = self._text().encode()
        return b" " + text if text[:1] == b"-" else text  # "--" would begin a comment

    def _text(self) -> str:
        raise NotImplementedError


class Int(_Number):
    """An integer."""

    def _text(self) -> str:
        return int.__repr__(int(self._wrapped))


class Float(_Number):
    """A float."""

    def _text(self) -> str:
        f = float(self._wrapped)
        if math.isnan(f):
            return "'NaN'::float"
        if math.isinf(f):
            return "'Infinity'::float" if f > 0 else "'-Infinity'::float"
        return repr(f)


class Decimal(_Number):
    """A decimal.Decimal."""

    def _text(self) -> str:
        d: decimal.Decimal = self._wrapped
        return str(d) if d.is_finite() else "'NaN'::numeric"


class NoneAdapter(_Adapter):
    """NULL."""

    def getquoted(self) -> bytes:
        return b"NULL"


class QuotedString(_Adapter):
    """A str, or bytes of one, between quotes."""

    def __init__(self, wrapped: Any) -> None:
        super().__init__(wrapped)
        self._encoding = "latin1"
        self._own = None
        self._conn: Any = None

    @property
    def encoding(self) -> str:
        """The codec that the str goes through: the connection's when there is one."""
        return self._conn._codec if self._conn is not None else self._encoding

    @encoding.setter
    def encoding(self, name: str) -> None:
        self._encoding = name

    def prepare(self, conn: Any) -> None:
        """Has the quotes as conn wants them."""
        self._conn = conn

    def getquoted(self) -> bytes:
        text = self._wrapped
        if isinstance(text, str):
            data = text.encode(self.encoding)
        elif isinstance(text, bytes):
            data = text
        else:
            raise TypeError(f"can't quote {type(text).__name__} as a string")
        return quote(data, self._conn)


def quote(data: bytes, conn: Any) -> bytes:
    """Bytes as a string of SQL."""
    if b"\0" in data:
        raise ValueError("A string literal cannot contain NUL (0x00) characters.")
    data = data.replace(b"'", b"''")
    if conn is not None and conn._escapes and b"\\" in data:
        return b"E'" + data.replace(b"\\", b"\\\\") + b"'"
    return b"'" + data + b"'"


class Binary(_Adapter):
    """Bytes, or what has the bytes of one, as bytea."""

    def __init__(self, wrapped: Any) -> None:
        super().__init__(wrapped)
        self._conn: Any = None

    def prepare(self, conn: Any) -> None:
        """Has the quotes as conn wants them."""
        self._conn = conn

    def getquoted(self) -> bytes:
        if self._wrapped is None:
            return b"NULL"
        data = memoryview(self._wrapped).tobytes().hex().encode()
        if not data:
            return b"''::bytea"
        escapes = self._conn is not None and self._conn._escapes
        return (b"E'\\\\x" if escapes else b"'\\x") + data + b"'::bytea"


class List(_Adapter):
    """A list as an array."""

    def __init__(self, wrapped: Any) -> None:
        super().__init__(wrapped)
        self._conn: Any = None

    def prepare(self, conn: Any) -> None:
        """For its items."""
        self._conn = conn

    def getquoted(self) -> bytes:
        text, plain = self._array(self._wrapped)
        return b"'" + text + b"'" if plain else b"ARRAY" + text

    def _array(self, items: list[Any]) -> tuple[bytes, bool]:
        """The array without its beginning, and whether its text alone says all: there is
        nothing in it that would tell an ARRAY its type."""
        parts: list[tuple[bytes, bool]] = []
        for item in items:
            if item is None:
                parts.append((b"NULL", True))
            elif isinstance(item, list):
                parts.append(self._array(item))
            else:
                parts.append((getquoted(item, self._conn), False))
        if all(plain for _, plain in parts):
            # The server reads nothing but one empty array, whatever it should be empty in.
            return b"{" + b",".join(text for text, _ in parts if text != b"{}") + b"}", True
        texts = []
        for (text, plain), item in zip(parts, items, strict=True):
            if plain and isinstance(item, list):
                text = text.translate(bytes.maketrans(b"{}", b"[]"))
            texts.append(text)
        return b"[" + b",".join(texts) + b"]", False


class SQL_IN(_Adapter):
    """A tuple, as what stands behind IN."""

    def __init__(self, wrapped: Any) -> None:
        super().__init__(wrapped)
        self._conn: Any = None

    def prepare(self, conn: Any) -> None:
        """For its items."""
        self._conn = conn

    def getquoted(self) -> bytes:
        return b"(" + b", ".join(getquoted(item, self._conn) for item in self._wrapped) + b")"


class _Moment(_Adapter):
    """Something of datetime's."""

    def __init__(self, wrapped: Any, cast: str | None = None) -> None:
        super().__init__(wrapped)
        self._cast = cast

    def getquoted(self) -> bytes:
        value = self._wrapped
        cast = self._cast
        if cast is None:
            zone = "tz" if getattr(value, "tzinfo", None) is not None else ""
            cast = {
                datetime.date: "date",
                datetime.time: "time" + zone,
                datetime.datetime: "timestamp" + zone,
            }[_kind(value)]
        return f"'{value.isoformat()}'::{cast}".encode()


def _kind(value: Any) -> type:
    if isinstance(value, datetime.datetime):
        return datetime.datetime
    return datetime.time if isinstance(value, datetime.time) else datetime.date


class _Interval(_Adapter):
    def getquoted(self) -> bytes:
        d: datetime.timedelta = self._wrapped
        return f"'{d.days} days {d.seconds}.{d.microseconds:06d} seconds'::interval".encode()


def DateFromPy(obj: datetime.date) -> Any:
    """The adapter of a date."""
    return _Moment(obj, "date")


def TimeFromPy(obj: datetime.time) -> Any:
    """The adapter of a time."""
    return _Moment(obj)


def TimestampFromPy(obj: datetime.datetime) -> Any:
    """The adapter of a datetime."""
    return _Moment(obj)


def IntervalFromPy(obj: datetime.timedelta) -> Any:
    """The adapter of a timedelta."""
    return _Interval(obj)


def Date(year: int, month: int, day: int) -> Any:
    """The adapter of that date."""
    return DateFromPy(datetime.date(year, month, day))


def Time(hour: int, minutes: int, seconds: float, timezone: Any = None) -> Any:
    """The adapter of that time."""
    return TimeFromPy(datetime.time(hour, minutes, *_seconds(seconds), timezone))


def Timestamp(
    year: int,
    month: int,
    day: int,
    hour: int = 0,
    minutes: int = 0,
    seconds: float = 0,
    timezone: Any = None,
) -> Any:
    """The adapter of that moment."""
    return TimestampFromPy(
        datetime.datetime(year, month, day, hour, minutes, *_seconds(seconds), timezone)
    )


def _seconds(seconds: float) -> tuple[int, int]:
    whole = math.floor(seconds)
    return whole, min(round((seconds - whole) * 1e6), 999999)  # 59.9999999 has no next second


def DateFromTicks(ticks: float) -> Any:
    """The adapter of the local date so many seconds after the epoch."""
    return DateFromPy(datetime.date.fromtimestamp(ticks))


def TimeFromTicks(ticks: float) -> Any:
    """The adapter of the local time so many seconds after the epoch."""
    return TimeFromPy(datetime.datetime.fromtimestamp(ticks).time())


def TimestampFromTicks(ticks: float) -> Any:
    """The adapter of the moment so many seconds after the epoch, in the local zone."""
    return TimestampFromPy(datetime.datetime.fromtimestamp(ticks).astimezone())


for _class, _adapter in {
    float: Float,
    int: Int,
    bool: Boolean,
    str: QuotedString,
    bytes: Binary,
    bytearray: Binary,
    memoryview: Binary,
    list: List,
    tuple: SQL_IN,
    type(None): NoneAdapter,
    decimal.Decimal: Decimal,
    datetime.date: DateFromPy,
    datetime.time: TimeFromPy,
    datetime.datetime: TimestampFromPy,
    datetime.timedelta: IntervalFromPy,
}.items():
    register_adapter(_class, _adapter)
