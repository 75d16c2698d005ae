"""Pools of connections that the program keeps; Puff's own are in puff.postgres."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from . import connect
from . import extensions as _ext
from ._errors import Error

__all__ = ["AbstractConnectionPool", "PoolError", "SimpleConnectionPool", "ThreadedConnectionPool"]


class PoolError(Error):
    """A pool has no connection to give, or does not know one."""


class AbstractConnectionPool:
    """What a pool is: it opens minconn connections, and up to maxconn when they are needed."""

    def __init__(self, minconn: int, maxconn: int, *args: Any, **kwargs: Any) -> None:
        self.minconn = int(minconn)
        self.maxconn = int(maxconn)
        self.closed = False
        self._args = args
        self._kwargs = kwargs
        self._pool: list[Any] = []
        self._used: dict[Any, Any] = {}
        self._rused: dict[int, Any] = {}
        self._keys = 0
        for _ in range(self.minconn):
            self._connect()

    def _connect(self, key: Any = None) -> Any:
        conn = connect(*self._args, **self._kwargs)
        if key is None:
            self._pool.append(conn)
        else:
            self._used[key] = conn
            self._rused[id(conn)] = key
        return conn

    def _getkey(self) -> int:
        self._keys += 1
        return self._keys

    def _getconn(self, key: Any = None) -> Any:
        if self.closed:
            raise PoolError("connection pool is closed")
        if key is None:
            key = self._getkey()
        if key in self._used:
            return self._used[key]
        if self._pool:
            conn = self._used[key] = self._pool.pop()
            self._rused[id(conn)] = key
            return conn
        if len(self._used) >= self.maxconn:
            raise PoolError("connection pool exhausted")
        return self._connect(key)

    def _putconn(self, conn: Any, key: Any = None, close: bool = False) -> None:
        if self.closed:
            raise PoolError("connection pool is closed")
        if key is None:
            key = self._rused.get(id(conn))
            if key is None:
                raise PoolError("trying to put unkeyed connection")
        if len(self._pool) < self.minconn and not close:
            # A transaction that is open is not for the next one.
            if not conn.closed:
                status = conn.info.transaction_status
                if status == _ext.TRANSACTION_STATUS_UNKNOWN:
                    conn.close()
                elif status != _ext.TRANSACTION_STATUS_IDLE:
                    conn.rollback()
                    self._pool.append(conn)
                else:
                    self._pool.append(conn)
        else:
            conn.close()
        if not self.closed or key in self._used:
            del self._used[key]
            del self._rused[id(conn)]

    def _closeall(self) -> None:
        if self.closed:
            raise PoolError("connection pool is closed")
        for conn in [*self._pool, *self._used.values()]:
            with contextlib.suppress(Exception):  # it was of no use any more
                conn.close()
        self.closed = True


class SimpleConnectionPool(AbstractConnectionPool):
    """A pool for one thread, or for greenlets of one."""

    getconn = AbstractConnectionPool._getconn
    putconn = AbstractConnectionPool._putconn
    closeall = AbstractConnectionPool._closeall


class ThreadedConnectionPool(AbstractConnectionPool):
    """A pool for several threads."""

    def __init__(self, minconn: int, maxconn: int, *args: Any, **kwargs: Any) -> None:
        self._lock = threading.Lock()
        super().__init__(minconn, maxconn, *args, **kwargs)

    def getconn(self, key: Any = None) -> Any:
        """A connection; with a key the same one each time."""
        with self._lock:
            return self._getconn(key)

    def putconn(self, conn: Any = None, key: Any = None, close: bool = False) -> None:
        """Gives a connection back."""
        with self._lock:
            self._putconn(conn, key, close)

    def closeall(self) -> None:
        """Closes all, also those in use."""
        with self._lock:
            self._closeall()
