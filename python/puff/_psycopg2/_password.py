"""Passwords as the server keeps them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from typing import Any

from ._errors import ProgrammingError

__all__ = ["encrypt"]


def encrypt(password: Any, user: Any, scope: Any, algorithm: str | None) -> str:
    """The password of a user, by md5 or scram-sha-256; None asks the server of scope."""
    from ._connection import connection
    from ._cursor import cursor

    secret = password.encode() if isinstance(password, str) else password
    name = user.encode() if isinstance(user, str) else user
    if not isinstance(secret, bytes) or not isinstance(name, bytes):
        raise TypeError("password and user must be strings")
    if scope is not None and not isinstance(scope, (connection, cursor)):
        raise TypeError("the scope must be a connection or a cursor")
    if algorithm is None and scope is None:
        algorithm = "md5"
    if algorithm is None:
        conn = scope if isinstance(scope, connection) else scope.connection
        with conn.cursor() as cur:
            cur.execute("SHOW password_encryption")
            algorithm = cur.fetchone()[0]
    if algorithm in ("md5", "on"):
        return "md5" + hashlib.md5(secret + name).hexdigest()
    if algorithm != "scram-sha-256":
        raise ProgrammingError(f'unrecognized password encryption algorithm "{algorithm}"')
    if scope is None:
        raise ProgrammingError(
            "password encryption (other than 'md5' algorithm) requires a connection"
        )
    return _scram(secret, os.urandom(16), 4096)


def _scram(secret: bytes, salt: bytes, rounds: int) -> str:
    """RFC 5802's keys, in the server's form of them."""
    salted = hashlib.pbkdf2_hmac("sha256", secret, salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(b).decode() for b in (salt, stored, server))
    return f"SCRAM-SHA-256${rounds}:{salt64}${stored64}:{server64}"
