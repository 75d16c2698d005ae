"""What goes on while the program does something else, and what a program waits for itself.

On an asynchronous connection statements are begun, and :meth:`poll` says how far they are.
On any other one each wait is a call of what ``set_wait_callback`` was given, which polls the
connection. Go does the work either way; ``fileno()`` is ready when there is news of it.
"""

from __future__ import annotations

import weakref
from typing import Any

from ._errors import InterfaceError, OperationalError, ProgrammingError
from ._link import ask, tell

__all__ = ["Underway", "get_wait_callback", "set_wait_callback", "waiting"]

_POLL_OK, _POLL_READ, _POLL_WRITE = 0, 1, 2
_UNDER_WAY, _ENDED, _SENDING = 0, 1, 3  # what Go says; else nothing was begun
_READY = 1


class _Waiting:
    """Who waits in the place of the driver."""

    __slots__ = ("callback",)

    def __init__(self) -> None:
        self.callback: Any = None


waiting = _Waiting()


def set_wait_callback(f: Any) -> None:
    """Has f(connection) wait, by polling the connection until that is ready; None: nobody."""
    waiting.callback = f


def get_wait_callback() -> Any:
    """What was set last."""
    return waiting.callback


class Underway:
    """What of a connection is about that."""

    async_ = 0
    status: int
    closed: int
    _id: int
    _state: str
    _about: dict[str, str]
    _gate = -1
    # What is done with the answer that is to come; None: nothing is under way.
    _then: Any = None
    _answer: Any = None

    def _check(self) -> None:
        raise NotImplementedError

    def _answered(self, answer: Any, sql: Any, cursor: Any = None) -> Any:
        raise NotImplementedError

    def _connected(self, answer: Any) -> list[str]:
        raise NotImplementedError

    def close(self) -> None:
        """Ends the connection; what was not committed is undone."""
        raise NotImplementedError

    # What may not be done.

    def _not_async(self, what: str) -> None:
        if self.async_:
            raise ProgrammingError(f"{what} cannot be used in asynchronous mode")

    def _not_underway(self, what: str) -> None:
        if self._then is not None:
            raise ProgrammingError(f"{what} cannot be used while an asynchronous query is underway")

    def _is_there(self) -> None:
        """Refuses what a connection can not do before it is connected."""
        if not self.status:
            raise OperationalError("asynchronous connection attempt underway")

    # Beginning and looking.

    def _begin_connecting(self, *args: Any) -> None:
        self._id, self._gate = ask("connect_later", *args)

    def _start(self, then: Any, name: str, *args: Any) -> None:
        """Has Go begin; then is called with the answer by the poll that sees it."""
        if self._gate < 0:
            failure, gate = ask("gate", self._id)
            if failure is not None:
                self._answered((failure,), None)
            self._gate = gate
        state, self._state, self._then = self._state, "A", then
        try:
            failure = ask("start", self._id, name, *args)[0]
        except BaseException:  # nobody knows whether it has begun
            self.close()
            raise
        if failure is not None:
            self._state, self._then = state, None
            self._answered((failure,), None)

    def poll(self) -> int:
        """POLL_OK when nothing is under way any more, else what to wait for."""
        self._check()
        if self._gate < 0:
            self._answered(ask("poll", self._id), None)
            return _POLL_OK
        then = self._then
        try:
            what, answer = ask("look", self._id, then is not None)
        except Exception:  # instead of the answer
            self._then = None
            if not self.status:
                self.closed = 2
            raise
        if what == _UNDER_WAY:
            return _POLL_READ
        if what == _SENDING:
            return _POLL_WRITE
        self._then = None
        if what == _ENDED and then is not None:
            done: int = then(answer)
            return done
        self._answered(answer, None)
        return _POLL_OK

    def fileno(self) -> int:
        """The descriptor to wait for: readable when poll may tell something new."""
        self._check()
        return self._gate if self._gate >= 0 else int(self._about["socket"])

    def isexecuting(self) -> bool:
        """Whether an asynchronous connection is connecting, or a statement is under way."""
        return bool(self.async_) and (not self.status or self._then is not None)

    # Asynchronous connections.

    def _connect_later(self, *args: Any) -> None:
        self._begin_connecting(*args)
        self.closed = 0
        self._then = self._connection_there

    def _connection_there(self, answer: Any) -> int:
        setup = self._connected(answer)
        if setup:
            self.status = 0
            self._start(self._setup_done, "query", None, "; ".join(setup), None)
            return _POLL_READ
        return _POLL_OK

    def _setup_done(self, answer: Any) -> int:
        self._answered(answer, None)
        self.status = _READY
        return _POLL_OK

    def _execute_later(self, cursor: Any, sql: bytes, text: Any) -> None:
        """Begins a statement; the cursor has its result when it is polled to its end."""
        mine = weakref.ref(cursor)

        def then(answer: Any) -> int:
            cursor = mine()
            answer = self._answered(answer, sql, cursor)
            if cursor is None:
                if answer[8]:
                    tell("free", self._id, answer[8])
                raise InterfaceError("the asynchronous cursor has disappeared")
            cursor._take(answer)
            return _POLL_OK

        self._start(then, "query", None, sql, text)

    # Connections whose waiting is the program's.

    def _ask(self, name: str, *args: Any) -> Any:
        """Go's answer, which the program's function waits for if there is one."""
        if waiting.callback is None:
            return ask(name, self._id, *args)
        self._not_underway("another statement")
        self._answer = None
        self._start(self._keep, name, *args)
        return self._wait()

    def _keep(self, answer: Any) -> int:
        self._answer = answer
        return _POLL_OK

    def _connect_and_wait(self, *args: Any) -> Any:
        self._answer = None
        self._begin_connecting(*args)
        self.closed, self._then = 0, self._keep
        answer = self._wait()
        self.closed = 1
        return answer

    def _wait(self) -> Any:
        """What is under way belongs to nobody when the callback fails: so it is ended."""
        try:
            waiting.callback(self)
        except BaseException:
            self._then = None
            self.close()
            raise
        answer, self._answer = self._answer, None
        if answer is None:
            self._then = None
            self.close()
            raise OperationalError("the wait callback returned before the answer was there")
        return answer
