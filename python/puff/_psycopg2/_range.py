"""Ranges: the objects, and what makes them of the server's text."""

from __future__ import annotations

import re
from typing import Any

from ._adapters import ISQLQuote, adapt, getquoted, register_adapter
from ._casts import new_array_type, new_type, register_type
from ._errors import InterfaceError, ProgrammingError

__all__ = [
    "DateRange",
    "DateTimeRange",
    "DateTimeTZRange",
    "NumberRangeAdapter",
    "NumericRange",
    "Range",
    "RangeAdapter",
    "RangeCaster",
    "register_range",
]


class Range:
    """What lies between two bounds, each of which may be there, or missing: None."""

    __slots__ = ("_bounds", "_lower", "_upper")

    def __init__(
        self, lower: Any = None, upper: Any = None, bounds: str = "[)", empty: bool = False
    ) -> None:
        if empty:
            self._lower = self._upper = self._bounds = None
            return
        if bounds not in ("[)", "(]", "()", "[]"):
            raise ValueError(f"bound flags not valid: {bounds!r}")
        self._lower, self._upper, self._bounds = lower, upper, bounds

    def __repr__(self) -> str:
        if self._bounds is None:
            return f"{type(self).__name__}(empty=True)"
        return f"{type(self).__name__}({self._lower!r}, {self._upper!r}, {self._bounds!r})"

    def __str__(self) -> str:
        if self._bounds is None:
            return "empty"
        return f"{self._bounds[0]}{self._lower}, {self._upper}{self._bounds[1]}"

    @property
    def lower(self) -> Any:
        """The lower bound, None when there is none."""
        return self._lower

    @property
    def upper(self) -> Any:
        """The upper bound, None when there is none."""
        return self._upper

    @property
    def isempty(self) -> bool:
        """Whether nothing is in it."""
        return self._bounds is None

    @property
    def lower_inf(self) -> bool:
        """Whether it has no lower bound."""
        return self._bounds is not None and self._lower is None

    @property
    def upper_inf(self) -> bool:
        """Whether it has no upper bound."""
        return self._bounds is not None and self._upper is None

    @property
    def lower_inc(self) -> bool:
        """Whether the lower bound is in it."""
        return self._bounds is not None and self._lower is not None and self._bounds[0] == "["

    @property
    def upper_inc(self) -> bool:
        """Whether the upper bound is in it."""
        return self._bounds is not None and self._upper is not None and self._bounds[1] == "]"

    def __contains__(self, x: Any) -> bool:
        if self._bounds is None:
            return False
        if self._lower is not None and (
            x < self._lower or x == self._lower and self._bounds[0] == "("
        ):
            return False
        return not (
            self._upper is not None
            and (x > self._upper or x == self._upper and self._bounds[1] == ")")
        )

    def __bool__(self) -> bool:
        return self._bounds is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Range) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple[Any, Any, Any]:
        return self._lower, self._upper, self._bounds

    def _compare(self, other: Any) -> int:
        """Empty ones first, then those without a lower bound, then by the bounds."""
        for mine, its in zip(self._parts(), other._parts(), strict=True):
            if mine == its:
                continue
            if mine is None:
                return -1
            if its is None:
                return 1
            return -1 if mine < its else 1
        return 0

    def __lt__(self, other: Any) -> bool:
        return self._compare(other) < 0 if isinstance(other, Range) else NotImplemented

    def __le__(self, other: Any) -> bool:
        return self._compare(other) <= 0 if isinstance(other, Range) else NotImplemented

    def __gt__(self, other: Any) -> bool:
        return self._compare(other) > 0 if isinstance(other, Range) else NotImplemented

    def __ge__(self, other: Any) -> bool:
        return self._compare(other) >= 0 if isinstance(other, Range) else NotImplemented

    def __getstate__(self) -> tuple[Any, Any, Any]:
        return self._parts()

    def __setstate__(self, state: tuple[Any, Any, Any]) -> None:
        self._lower, self._upper, self._bounds = state


def register_range(
    pgrange: str, pyrange: Any, conn_or_curs: Any, globally: bool = False
) -> RangeCaster:
    """Has a range type of the database become pyrange, and back; who does it."""
    caster = RangeCaster._from_db(pgrange, pyrange, conn_or_curs)
    caster._register(None if globally else conn_or_curs)
    return caster


class RangeAdapter:
    """What writes a range; ``name`` is the type's."""

    name: str = None  # type: ignore[assignment]

    def __init__(self, adapted: Any) -> None:
        self.adapted = adapted
        self._conn: Any = None

    def __conform__(self, proto: Any) -> Any:
        return self if proto is ISQLQuote else None

    def prepare(self, conn: Any) -> None:
        """For the bounds."""
        self._conn = conn

    def getquoted(self) -> bytes:
        """The range as SQL."""
        if self.name is None:
            raise NotImplementedError("RangeAdapter must be subclassed overriding its 'name'")
        r = self.adapted
        if r.isempty:
            return b"'empty'::" + self.name.encode()
        bounds = []
        for bound in (r.lower, r.upper):
            adapter = adapt(bound)
            if hasattr(adapter, "prepare") and self._conn is not None:
                adapter.prepare(self._conn)
            bounds.append(adapter.getquoted() if bound is not None else b"NULL")
        return b"%s(%s, %s, '%s')" % (self.name.encode(), *bounds, r._bounds.encode())


_RANGE = re.compile(
    r"""\s* ([(\[]) (?: "((?:[^"\\]|""|\\.)*)" | ([^",]*) ) ,
        (?: "((?:[^"\\]|""|\\.)*)" | ([^",)\]]*) ) ([)\]])""",
    re.VERBOSE | re.DOTALL,
)
_DOUBLED = re.compile(r'(["\\])\1', re.DOTALL)


class RangeCaster:
    """What makes ranges of the server's text, and registers for both ways."""

    def __init__(
        self,
        pgrange: Any,
        pyrange: Any,
        oid: int,
        subtype_oid: int,
        array_oid: int | None = None,
    ) -> None:
        self.subtype_oid = subtype_oid
        self.adapter, self.range = self._classes(pgrange, pyrange)
        name = self.adapter.name or self.adapter.__name__
        self.typecaster = new_type((oid,), name, self.parse)
        self.array_typecaster = None
        if array_oid is not None:
            self.array_typecaster = new_array_type((array_oid,), name + "ARRAY", self.typecaster)

    @staticmethod
    def _classes(pgrange: Any, pyrange: Any) -> tuple[Any, Any]:
        if isinstance(pgrange, str):
            adapter: Any = type(pgrange, (RangeAdapter,), {"name": pgrange})
        elif (
            isinstance(pgrange, type)
            and issubclass(pgrange, RangeAdapter)
            and pgrange is not RangeAdapter
        ):
            adapter = pgrange
        else:
            raise TypeError("pgrange must be a string or a RangeAdapter strict subclass")
        if isinstance(pyrange, str):
            made: Any = type(pyrange, (Range,), {})
        elif isinstance(pyrange, type) and issubclass(pyrange, Range) and pyrange is not Range:
            made = pyrange
        else:
            raise TypeError("pyrange must be a type or a Range strict subclass")
        return adapter, made

    @classmethod
    def _from_db(cls, name: Any, pyrange: Any, conn_or_curs: Any) -> RangeCaster:
        from ._lookup import find_type

        rows = find_type(
            conn_or_curs,
            name if isinstance(name, str) else name.name,
            """SELECT rngtypid, rngsubtype, typarray
            FROM pg_range r JOIN pg_type t ON t.oid = rngtypid
            JOIN pg_namespace ns ON ns.oid = typnamespace WHERE {}""",
        )
        if not rows:
            raise ProgrammingError(f"range '{name}' not found")
        oid, subtype, array = rows[0]
        return cls(name, pyrange, oid=oid, subtype_oid=subtype, array_oid=array)

    def _register(self, scope: Any = None) -> None:
        register_type(self.typecaster, scope)
        if self.array_typecaster is not None:
            register_type(self.array_typecaster, scope)
        register_adapter(self.range, self.adapter)

    def parse(self, s: Any, cur: Any = None) -> Any:
        """The range that s is the text of."""
        if s is None:
            return None
        if s == "empty":
            return self.range(empty=True)
        m = _RANGE.match(s)
        if m is None:
            raise InterfaceError(f"failed to parse range: '{s}'")
        bounds = []
        for quoted, plain in ((m[2], m[3]), (m[4], m[5])):
            text = _DOUBLED.sub(r"\1", quoted) if quoted is not None else plain or None
            bounds.append(cur.cast(self.subtype_oid, text))
        return self.range(*bounds, m[1] + m[6])


class NumericRange(Range):
    """int4range, int8range and numrange."""


class DateRange(Range):
    """daterange."""


class DateTimeRange(Range):
    """tsrange."""


class DateTimeTZRange(Range):
    """tstzrange."""


class NumberRangeAdapter(RangeAdapter):
    """What writes a range of numbers, whichever of the three types it is."""

    name = ""

    def getquoted(self) -> bytes:
        """The range as SQL."""
        r = self.adapted
        if r.isempty:
            return b"'empty'"
        bounds = [
            getquoted(b, self._conn).decode("ascii").strip() if b is not None else ""
            for b in (r.lower, r.upper)
        ]
        return f"'{r._bounds[0]}{bounds[0]},{bounds[1]}{r._bounds[1]}'".encode("ascii")


for _oid, _subtype, _array, _name, _class in (
    (3904, 23, 3905, NumberRangeAdapter, NumericRange),
    (3926, 20, 3927, NumberRangeAdapter, NumericRange),
    (3906, 1700, 3907, NumberRangeAdapter, NumericRange),
    (3912, 1082, 3913, "daterange", DateRange),
    (3908, 1114, 3909, "tsrange", DateTimeRange),
    (3910, 1184, 3911, "tstzrange", DateTimeTZRange),
):
    RangeCaster(_name, _class, _oid, _subtype, _array)._register()
