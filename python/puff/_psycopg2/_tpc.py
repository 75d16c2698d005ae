"""Transactions in two phases."""

from __future__ import annotations

from typing import Any

from ._errors import ProgrammingError
from ._xid import Xid

__all__ = ["TwoPhase"]

_READY, _BEGIN, _PREPARED = 1, 2, 5


class TwoPhase:
    """What of a connection is about transactions that other servers take part in."""

    status: int
    _xid: Any
    _autocommit: bool

    def _check(self) -> None:
        raise NotImplementedError

    def _not_async(self, what: str) -> None:
        raise NotImplementedError

    def _simple(self, sql: str, begin: bool = False) -> Any:
        raise NotImplementedError

    def _end(self, sql: str) -> None:
        raise NotImplementedError

    def cursor(self) -> Any:
        """A new cursor."""
        raise NotImplementedError

    def _not_in_tpc(self, what: str) -> None:
        if self._xid is not None:
            raise ProgrammingError(f"{what} cannot be used during a two-phase transaction")

    def xid(self, format_id: int, gtrid: str, bqual: str) -> Xid:
        """A name for a transaction."""
        self._check()
        return Xid(format_id, gtrid, bqual)

    def tpc_begin(self, xid: Any) -> None:
        """Begins a transaction of that name."""
        self._check()
        self._not_async("tpc_begin")
        xid = _as_xid(xid)
        if self.status != _READY:
            raise ProgrammingError("tpc_begin must be called outside a transaction")
        if self._autocommit:
            raise ProgrammingError("tpc_begin can't be called in autocommit mode")
        self._simple("", begin=True)
        self._xid = xid

    def tpc_prepare(self) -> None:
        """Ends the first phase: nothing but the second may follow."""
        self._check()
        self._not_async("tpc_prepare")
        if self._xid is None:
            raise ProgrammingError("prepare must be called inside a two-phase transaction")
        if self.status == _PREPARED:
            raise ProgrammingError(
                "tpc_prepare cannot be used with a prepared two-phase transaction"
            )
        self._simple(f"PREPARE TRANSACTION {_quoted(self._xid)}")
        self.status = _PREPARED

    def tpc_commit(self, xid: Any = None) -> None:
        """The second phase, of this transaction or of one that was recovered."""
        self._finish("COMMIT", xid)

    def tpc_rollback(self, xid: Any = None) -> None:
        """Undoes this transaction, or one that was recovered."""
        self._finish("ROLLBACK", xid)

    def _finish(self, verb: str, xid: Any) -> None:
        self._check()
        name = f"tpc_{verb.lower()}"
        self._not_async(name)
        if xid is not None:
            if self.status != _READY:
                raise ProgrammingError(f"{name} with a xid must be called outside a transaction")
            self._simple(f"{verb} PREPARED {_quoted(_as_xid(xid))}")
            return
        if self._xid is None:
            raise ProgrammingError(
                f"{name} with no parameter must be called in a two-phase transaction"
            )
        if self.status == _BEGIN:
            self._end(verb)
        else:
            self._simple(f"{verb} PREPARED {_quoted(self._xid)}")
        self.status = _READY
        self._xid = None

    def tpc_recover(self) -> list[Xid]:
        """The transactions that wait for their second phase."""
        self._check()
        self._not_async("tpc_recover")
        answer = self._simple(
            "SELECT gid, prepared, owner, database FROM pg_prepared_xacts", self.status == _BEGIN
        )
        from ._cursor import first_piece

        found = []
        for gid, prepared, owner, database in first_piece(self, answer):
            xid = Xid.from_string(gid)
            xid.prepared, xid.owner, xid.database = prepared, owner, database
            found.append(xid)
        return found


def _as_xid(xid: Any) -> Xid:
    if isinstance(xid, Xid):
        return xid
    if isinstance(xid, str):
        return Xid.from_string(xid)
    raise TypeError("not a valid transaction id")


def _quoted(xid: Xid) -> str:
    text = str(xid).replace("'", "''")
    return f"E'{text}'" if "\\" not in text else "E'" + text.replace("\\", "\\\\") + "'"
