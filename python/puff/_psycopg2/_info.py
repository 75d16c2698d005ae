"""What is known of a connection."""

from __future__ import annotations

from typing import Any

__all__ = ["ConnectionInfo"]

_STATES = {"I": 0, "A": 1, "T": 2, "E": 3, "X": 4}


class ConnectionInfo:
    """What is known of a connection: ``conn.info``."""

    def __init__(self, connection: Any) -> None:
        from ._connection import connection as cls

        if not isinstance(connection, cls):
            raise TypeError("the argument must be a connection")
        self._conn = connection
        self._about = connection._about

    def _open(self, name: str) -> str | None:
        found: str | None = self._about.get(name)
        return None if self._conn.closed else found or None

    @property
    def dbname(self) -> str | None:
        """The database."""
        return self._open("dbname")

    @property
    def user(self) -> str | None:
        """Who is connected."""
        return self._open("user")

    @property
    def password(self) -> str | None:
        """The password that was given."""
        return None if self._conn.closed else self._about.get("password", "")

    @property
    def host(self) -> str | None:
        """The server, or the folder of its socket."""
        return self._open("host")

    @property
    def port(self) -> int | None:
        """The port."""
        port = self._open("port")
        return None if port is None else int(port)

    @property
    def options(self) -> str | None:
        """What was passed as options."""
        return None if self._conn.closed else self._about.get("options", "")

    @property
    def dsn_parameters(self) -> dict[str, str]:
        """The keywords of the connection, without the password."""
        found: dict[str, str] = self._conn.get_dsn_parameters()
        return found

    @property
    def status(self) -> int:
        """0: as it should be, 1: of no use."""
        return 1 if self._conn.closed else 0

    @property
    def transaction_status(self) -> int:
        """One of extensions.TRANSACTION_STATUS_…"""
        return 4 if self._conn.closed else _STATES[self._conn._state]

    @property
    def protocol_version(self) -> int:
        """3."""
        return 0 if self._conn.closed else 3

    @property
    def server_version(self) -> int:
        """The server's version: 150004 is 15.4."""
        return 0 if self._conn.closed else server_version(self._about.get("server_version", ""))

    @property
    def error_message(self) -> str | None:
        """What went wrong last."""
        found: str | None = self._conn._last_error
        return found

    @property
    def socket(self) -> int:
        """The descriptor of the connection."""
        return -1 if self._conn.closed else int(self._about.get("socket", -1))

    @property
    def backend_pid(self) -> int:
        """The server's process."""
        return 0 if self._conn.closed else self._conn._pid

    @property
    def needs_password(self) -> bool:
        """Whether the server asked for a password that nobody gave."""
        return False

    @property
    def used_password(self) -> bool:
        """Whether a password was given."""
        return bool(self._about.get("password"))

    @property
    def ssl_in_use(self) -> bool:
        """Whether the connection is encrypted."""
        return not self._conn.closed and bool(self._about.get("ssl"))

    def ssl_attribute(self, name: str) -> str | None:
        """Something of the encryption."""
        return {"library": "Go"}.get(name) if self.ssl_in_use else None

    @property
    def ssl_attribute_names(self) -> list[str]:
        """What ssl_attribute knows."""
        return ["library", "key_bits", "cipher", "compression", "protocol"]

    def parameter_status(self, name: str) -> str | None:
        """What the server last said of a parameter."""
        if self._conn.closed:
            return None
        found: str | None = self._conn.get_parameter_status(name)
        return found


def server_version(text: str) -> int:
    """15.4 -> 150004, 9.6.2 -> 90602."""
    numbers = []
    for part in text.split()[0].split(".") if text else []:
        digits = "".join(c for c in part if c.isdigit())
        if not digits:
            break
        numbers.append(int(digits))
    if not numbers:
        return 0
    numbers += [0, 0]
    if numbers[0] >= 10:
        return numbers[0] * 10000 + numbers[1]
    return numbers[0] * 10000 + numbers[1] * 100 + numbers[2]
