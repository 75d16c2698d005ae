"""What a connection tells of itself."""

from __future__ import annotations

from typing import Any

from ._casts import Registry
from ._dsn import make_dsn, parse_dsn
from ._errors import Error, NotSupportedError
from ._info import ConnectionInfo, server_version
from ._link import ask

__all__ = ["Facts", "masked"]


class Facts:
    """What of a connection says what it is, and what is not there."""

    _id: int
    _pid: int
    _dsn: str
    _about: dict[str, str]
    _string_types: Registry | None

    def _check(self) -> None:
        raise NotImplementedError

    def _not_async(self, what: str) -> None:
        raise NotImplementedError

    @property
    def dsn(self) -> str:
        """What the connection was opened with, the password masked."""
        return masked(self._dsn)

    @property
    def info(self) -> ConnectionInfo:
        """What is known of the connection."""
        return ConnectionInfo(self)

    @property
    def server_version(self) -> int:
        """The server's version: 150004 is 15.4."""
        self._check()
        return server_version(self._about.get("server_version", ""))

    @property
    def protocol_version(self) -> int:
        """3."""
        return 3

    @property
    def string_types(self) -> Any:
        """The types that only this connection has."""
        return self._registry()

    @property
    def binary_types(self) -> dict[int, Any]:
        """Nobody has any."""
        return {}

    def _registry(self) -> Any:
        if self._string_types is None:
            self._string_types = Registry()
        return self._string_types

    def get_backend_pid(self) -> int:
        """The server's process."""
        self._check()
        pid: int = self._pid
        return pid

    def get_parameter_status(self, parameter: str) -> str | None:
        """What the server last said of a parameter."""
        self._check()
        found: str | None = ask("param", self._id, parameter)[1]
        return found

    def get_transaction_status(self) -> int:
        """One of extensions.TRANSACTION_STATUS_…"""
        self._check()
        return ConnectionInfo(self).transaction_status

    def get_dsn_parameters(self) -> dict[str, str]:
        """The keywords of the connection, without the password."""
        self._check()
        found = {
            name: self._about[name]
            for name in ("user", "dbname", "host", "port", "options")
            if self._about.get(name)
        }
        found.update(parse_dsn(self._dsn))
        found.pop("password", None)
        return found

    def get_native_connection(self) -> Any:
        """libpq's own connection: there is none."""
        raise NotSupportedError("there is no libpq under Puff's driver")

    @property
    def pgconn_ptr(self) -> None:
        """libpq's own connection: there is none."""
        return None

    def lobject(self, *args: Any, **kwargs: Any) -> Any:
        """Large objects are not supported: bytea holds up to 1 GB."""
        self._not_async("lobject")
        raise NotSupportedError("large objects are not supported by Puff's driver: use bytea")


def masked(dsn: str) -> str:
    """A dsn as it may be shown."""
    if "password" not in dsn and "://" not in dsn:
        return dsn
    try:
        found = parse_dsn(dsn)
    except Error:
        return "***"
    if "password" not in found:
        return dsn
    return make_dsn(**{**found, "password": "xxx"})
