"""Values of the server as objects of Python: the types, and who makes what of which."""

from __future__ import annotations

import decimal
import re
from typing import TYPE_CHECKING, Any

from ._dates import parse_date, parse_datetime, parse_interval, parse_time
from ._errors import DataError, InterfaceError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Registry", "Type", "binary_types", "new_array_type", "new_type", "register_type"]


class Registry(dict[int, Any]):
    """Types by their number; it counts its changes, so that who depends on it may look once."""

    changes = 0

    def __setitem__(self, key: int, value: Any) -> None:
        self.changes += 1
        super().__setitem__(key, value)

    def __delitem__(self, key: int) -> None:
        self.changes += 1
        super().__delitem__(key)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """As dict has it."""
        self.changes += 1
        super().update(*args, **kwargs)

    def clear(self) -> None:
        """As dict has it."""
        self.changes += 1
        super().clear()

    def pop(self, *args: Any) -> Any:
        """As dict has it."""
        self.changes += 1
        return super().pop(*args)


string_types = Registry()
"""The types that everybody has."""
binary_types: dict[int, Any] = {}
"""Nobody has any."""


class Type:
    """A type: numbers of the server's, and a function that makes an object of a text.

    It equals each of its numbers, so ``column.type_code == NUMBER`` holds.
    """

    def __init__(
        self, values: tuple[int, ...], name: str, cast: Any, base: Any = None, native: bool = False
    ) -> None:
        self.values = tuple(values)
        self.name = name
        self._cast = cast
        self._base = base
        self._native = native  # Go makes the same of it
        self._post: Any = None  # what is left to do to what Go makes

    def __call__(self, value: Any, cursor: Any = None) -> Any:
        return self._cast(value, cursor)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Type):
            return (
                self is other
                or len(other.values) > 0
                and other.values[0] in self.values
                and self.values == other.values
            )
        return other in self.values

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.values)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.type '{self.name}' at {id(self):#x}>"


def new_type(values: tuple[int, ...], name: str, castobj: Callable[..., Any]) -> Type:
    """A type whose objects castobj(text or None, cursor) makes."""
    values = tuple(values)
    for value in values:
        if not isinstance(value, int):
            raise TypeError("the numbers of a type are integers")

    def cast(value: Any, cursor: Any) -> Any:
        return castobj(value.decode(_codec(cursor)) if isinstance(value, bytes) else value, cursor)

    return Type(values, name, cast)


def new_array_type(values: tuple[int, ...], name: str, base: Type) -> Type:
    """The type of arrays of base."""
    if not isinstance(base, Type):
        raise TypeError("the base of an array is a type")

    def cast(value: Any, cursor: Any) -> Any:
        return None if value is None else parse_array(value, base, cursor)

    return Type(tuple(values), name, cast, base)


def register_type(obj: Type, conn_or_curs: Any = None) -> None:
    """Has obj make the objects of its types: for everybody, a connection, or a cursor."""
    if not isinstance(obj, Type):
        raise TypeError("argument 1 must be a type")
    if conn_or_curs is None:
        registry: Any = string_types
    else:
        from ._connection import connection
        from ._cursor import cursor

        if not isinstance(conn_or_curs, (connection, cursor)):
            raise TypeError("argument 2 must be a connection, cursor or None")
        registry = conn_or_curs._registry()
    for value in obj.values:
        registry[value] = obj


_ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"|((?:[^,{}"\\]|\\.)+)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MOST_DIMENSIONS = 16


def parse_array(value: Any, base: Any, cursor: Any) -> list[Any]:
    """The array that {…} is the text of."""
    encoding = _codec(cursor)
    text = value.decode(encoding) if isinstance(value, bytes) else value
    if text.startswith("["):  # bounds other than 1
        text = text[text.find("=") + 1 :]
    if not text.startswith("{"):
        raise DataError("array does not start with '{'")
    stack: list[list[Any]] = []
    top: list[Any] = []
    at = 0
    while at < len(text):
        c = text[at]
        if c == "{":
            if len(stack) >= _MOST_DIMENSIONS:
                raise DataError("excessive array dimensions")
            inner: list[Any] = []
            if stack:
                stack[-1].append(inner)
            elif at:
                raise DataError("malformed array")
            else:
                top = inner
            stack.append(inner)
            at += 1
        elif c == "}":
            if not stack:
                raise DataError("unbalanced braces in array")
            stack.pop()
            at += 1
        elif c in ", ":
            at += 1
        else:
            m = _ITEM.match(text, at)
            if m is None or not stack:
                raise DataError("malformed array")
            at = m.end()
            item = m[1] if m[1] is not None else m[2]
            if m[1] is None and item.upper() == "NULL":
                item = None
            elif "\\" in item:
                item = _ESCAPED.sub(r"\1", item)
            stack[-1].append(base(item, cursor))
    if stack:
        raise DataError("unbalanced braces in array")
    return top


def _codec(cursor: Any) -> str:
    conn = getattr(cursor, "connection", cursor)
    found: str = getattr(conn, "_codec", None) or "utf-8"
    return found


def _str(value: Any, cursor: Any) -> Any:
    return value.decode(_codec(cursor)) if isinstance(value, bytes) else value


def _bytes(value: Any, cursor: Any) -> Any:
    return value.encode(_codec(cursor)) if isinstance(value, str) else value


def _int(value: Any, cursor: Any) -> Any:
    return None if value is None else int(value)


def _float(value: Any, cursor: Any) -> Any:
    return None if value is None else float(value)


def _decimal(value: Any, cursor: Any) -> Any:
    return None if value is None else decimal.Decimal(_str(value, cursor))


def _bool(value: Any, cursor: Any) -> Any:
    if value is None:
        return None
    first = value[:1]
    if first in ("t", "T", b"t", b"T"):
        return True
    if first in ("f", "F", b"f", b"F"):
        return False
    raise InterfaceError(f"can't parse boolean: '{_str(value, cursor)}'")


def view(data: bytes) -> Any:
    """The bytes as the driver gives them out: items are bytes of one."""
    return memoryview(data).cast("c")


_OCTAL = re.compile(rb"\\(?:([0-7]{3})|(.))", re.DOTALL)


def parse_bytea(value: Any, cursor: Any) -> Any:
    """The bytes that a bytea is the text of, in either form."""
    if value is None:
        return None
    data = value.encode("latin1") if isinstance(value, str) else value
    if data[:2] == b"\\x":
        return view(bytes.fromhex(data[2:].decode("ascii")))
    plain = _OCTAL.sub(lambda m: bytes([int(m[1], 8)]) if m[1] else m[2], data)
    return view(plain)


def _zoned(value: Any, cursor: Any) -> Any:
    return parse_datetime(value, cursor, True)


_TABLE: tuple[tuple[str, tuple[int, ...], Any, tuple[int, ...], bool], ...] = (
    # name, numbers, function, numbers of its arrays, whether Go makes the same of it
    ("NUMBER", (20, 23, 21, 701, 700, 1700), _float, (), False),
    ("LONGINTEGER", (20,), _int, (1016,), True),
    ("INTEGER", (23, 21), _int, (1005, 1006, 1007), True),
    ("FLOAT", (701, 700), _float, (1021, 1022), True),
    ("DECIMAL", (1700,), _decimal, (1231,), True),
    ("UNICODE", (19, 18, 25, 1042, 1043, 705), _str, (1002, 1003, 1009, 1014, 1015), True),
    ("BYTES", (19, 18, 25, 1042, 1043, 705), _bytes, (1002, 1003, 1009, 1014, 1015), False),
    ("STRING", (19, 18, 25, 1042, 1043), _str, (1002, 1003, 1009, 1014, 1015), True),
    ("BOOLEAN", (16,), _bool, (1000,), True),
    ("DATETIME", (1114,), parse_datetime, (1115,), True),
    ("DATETIMETZ", (1184,), _zoned, (1185,), True),
    ("TIME", (1083, 1266), parse_time, (1183, 1270), True),
    ("DATE", (1082,), parse_date, (1182,), True),
    ("INTERVAL", (704, 1186), parse_interval, (1187,), False),
    ("BINARY", (17,), parse_bytea, (1001,), True),
    ("ROWID", (26,), _int, (1028, 1013), True),
)

for _name, _values, _function, _arrays, _native in _TABLE:
    _type = Type(_values, _name, _function, native=_native)
    globals()[_name] = _type
    _array = new_array_type(_arrays, _name + "ARRAY", _type) if _arrays else None
    if _array is not None:
        globals()[_name + "ARRAY"] = _array
    if _name not in ("NUMBER", "UNICODE", "BYTES"):
        register_type(_type)
        if _array is not None:
            register_type(_array)
globals()["BINARY"]._post = view

UNKNOWN = Type((705,), "UNKNOWN", _str, native=True)
register_type(UNKNOWN)
for _name, _numbers in (("INET", (1041,)), ("CIDR", (651,)), ("MACADDR", (1040,))):
    globals()[_name + "ARRAY"] = new_array_type(_numbers, _name + "ARRAY", globals()["STRING"])
    register_type(globals()[_name + "ARRAY"])

default: Type = globals()["UNICODE"]
"""What makes objects of types that nobody registered."""


def __getattr__(name: str) -> Any:  # for those who read types; all are there
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# What Go makes objects of by itself; everything else comes as text.
NATIVE = frozenset((16, 17, 20, 21, 23, 26, 700, 701, 1082, 1083, 1114, 1184, 1700))

_overridden: tuple[int, list[int] | None] = (-1, None)


def overridden() -> list[int] | None:
    """The types of NATIVE that somebody has changed for everybody; None: there are none."""
    global _overridden
    if _overridden[0] != string_types.changes:
        changes = string_types.changes
        found = [n for n in NATIVE if not getattr(string_types.get(n), "_native", False)]
        _overridden = (changes, found or None)
    return _overridden[1]
