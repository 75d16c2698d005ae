"""How transactions begin: isolation, read-only, deferrable, autocommit."""

from __future__ import annotations

from typing import Any

from ._errors import ProgrammingError

__all__ = ["Session"]

_LEVELS = {1: "READ COMMITTED", 2: "REPEATABLE READ", 3: "SERIALIZABLE", 4: "READ UNCOMMITTED"}
_NUMBERS = {name: number for number, name in _LEVELS.items()}
_READY = 1


class Session:
    """What of a connection says how its transactions begin."""

    status: int
    closed: int
    _entered: bool

    def _init_session(self) -> None:
        self._autocommit = False
        self._level: int | None = None
        self._readonly: bool | None = None
        self._deferrable: bool | None = None

    def _check(self) -> None:
        raise NotImplementedError

    def _not_async(self, what: str) -> None:
        raise NotImplementedError

    def _simple(self, sql: str, begin: bool = False) -> Any:
        raise NotImplementedError

    def rollback(self) -> None:
        """Undoes what was done since the last commit."""
        raise NotImplementedError

    def _begin(self) -> str | None:
        """What has to be sent in front of a statement when no transaction is open."""
        if self._autocommit and not self._entered:
            return None
        if self.status == _READY:
            self.status = 2
        if self._level is None and self._readonly is None and self._deferrable is None:
            return "BEGIN"
        parts = ["BEGIN"]
        if self._level is not None:
            parts.append("ISOLATION LEVEL " + _LEVELS[self._level])
        if self._readonly is not None:
            parts.append("READ ONLY" if self._readonly else "READ WRITE")
        if self._deferrable is not None:
            parts.append("DEFERRABLE" if self._deferrable else "NOT DEFERRABLE")
        return " ".join(parts)

    def _may_set(self, what: str) -> None:
        self._check()
        self._not_async(what)
        if self.status == 5:
            raise ProgrammingError(f"{what} cannot be used with a prepared two-phase transaction")
        if self.status != _READY:
            raise ProgrammingError(f"{what} cannot be used inside a transaction")

    def set_session(
        self,
        isolation_level: Any = None,
        readonly: Any = None,
        deferrable: Any = None,
        autocommit: Any = None,
    ) -> None:
        """Sets how transactions begin from now on; None leaves as it is."""
        self._may_set("set_session")
        wanted = (
            self._level if isolation_level is None else _level(isolation_level),
            self._readonly if readonly is None else _switch(readonly),
            self._deferrable if deferrable is None else _switch(deferrable),
        )
        self._set(wanted, self._autocommit if autocommit is None else bool(autocommit))

    def _set(self, wanted: tuple[Any, Any, Any], autocommit: bool) -> None:
        """Autocommitted statements know nothing of BEGIN: there the server has defaults."""
        before = (self._level, self._readonly, self._deferrable)
        was = self._autocommit
        if autocommit or was:
            names = ("isolation", "read_only", "deferrable")
            for name, old, new in zip(names, before, wanted, strict=True):
                old_there = old if was else None
                new_there = new if autocommit else None
                if old_there == new_there:
                    continue
                self._simple(f"SET default_transaction_{name} TO {_default(new_there)}")
        self._level, self._readonly, self._deferrable = wanted
        self._autocommit = autocommit

    @property
    def autocommit(self) -> bool:
        """Whether each statement is a transaction of its own."""
        return self._autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self._may_set("set_session")
        self._set((self._level, self._readonly, self._deferrable), bool(value))

    @property
    def isolation_level(self) -> int | None:
        """One of extensions.ISOLATION_LEVEL_…, None for the server's own."""
        return self._level

    @isolation_level.setter
    def isolation_level(self, value: Any) -> None:
        self._may_set("set_isolation_level")
        self._set((_level(value), self._readonly, self._deferrable), self._autocommit)

    @property
    def readonly(self) -> bool | None:
        """Whether transactions only read, None for the server's own."""
        return self._readonly

    @readonly.setter
    def readonly(self, value: Any) -> None:
        self._may_set("set readonly")
        self._set((self._level, _switch(value), self._deferrable), self._autocommit)

    @property
    def deferrable(self) -> bool | None:
        """Whether transactions wait until they can not fail, None for the server's own."""
        return self._deferrable

    @deferrable.setter
    def deferrable(self, value: Any) -> None:
        self._may_set("set deferrable")
        self._set((self._level, self._readonly, _switch(value)), self._autocommit)

    def set_isolation_level(self, level: int | None) -> None:
        """Rolls back and sets the level; 0 is autocommit."""
        self._check()
        self._not_async("set_isolation_level")
        if self.status == 5:
            raise ProgrammingError(
                "set_isolation_level cannot be used with a prepared two-phase transaction"
            )
        if level is not None and (not isinstance(level, int) or not 0 <= level <= 4):
            raise ValueError("isolation level must be between 0 and 4")
        self.rollback()
        if level == 0:
            self._set((None, self._readonly, self._deferrable), True)
        else:
            self._set((level, self._readonly, self._deferrable), False)


def _default(value: Any) -> str:
    if value is None:
        return "DEFAULT"
    if value is True or value is False:
        return "on" if value else "off"
    return f"'{_LEVELS[value].lower()}'"


def _level(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, str):
        name = value.upper().replace("_", " ")
        if name == "DEFAULT":
            return None
        if name not in _NUMBERS:
            raise ValueError(f"bad value for isolation_level: '{value}'")
        return _NUMBERS[name]
    if isinstance(value, int):
        if value not in _LEVELS:
            raise ValueError("isolation_level must be between 1 and 4")
        return value
    raise TypeError("isolation_level must be a string or an integer")


def _switch(value: Any) -> bool | None:
    if value is None:
        return None
    if isinstance(value, (str, bytes)):
        text = value.decode() if isinstance(value, bytes) else value
        if text.upper() != "DEFAULT":
            raise ValueError(f"the only string accepted is 'default'; got {text}")
        return None
    return bool(value)
