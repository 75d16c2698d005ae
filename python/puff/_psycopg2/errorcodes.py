"""The SQLSTATEs by name: ``errorcodes.UNIQUE_VIOLATION == "23505"``."""

from __future__ import annotations

from ._sqlstates import CLASSES, CODES

_names: dict[str, str] = {}


def _load() -> None:
    names = {}
    for line in CLASSES.splitlines():
        code, name = line.split()
        globals()["CLASS_" + name] = code
        names[code] = "CLASS_" + name
    for line in CODES.splitlines():
        code, name = line.split()
        globals()[name] = code
        names[code] = name.rstrip("_")
    _names.update(names)


_load()


def lookup(code: str) -> str:
    """The name of a code, or of a class when it has two places. Raises KeyError."""
    return _names[code]
