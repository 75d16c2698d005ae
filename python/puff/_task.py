"""The handle of a task: what it returned or raised, and how to wait for it or end it.

It stands for a greenlet, for work on a thread, or for an answer of Go's, and needs no
greenlet itself: only who waits in one does.
"""

from __future__ import annotations

import _thread
import threading
from typing import TYPE_CHECKING, Any

import _puff

from puff._wait import _local

try:
    from greenlet import GreenletExit, getcurrent
except ImportError:  # asyncio and threads work without

    class GreenletExit(BaseException):  # type: ignore[no-redef]
        """What ends a task that is killed."""

    def getcurrent() -> Any:  # type: ignore[misc]
        """Nobody: there are no greenlets."""
        return None


if TYPE_CHECKING:
    from collections.abc import Callable

    from puff._hub import Hub

__all__ = ["Greenlet", "getcurrent"]


class Greenlet:
    """A task: what it returned or raised, and how to wait for it or end it.

    result is None and exception None until ``done``; ``finished`` is another name of it.
    """

    def __init__(self, hub: Hub | None) -> None:
        self._hub = hub
        self._greenlet: Any = None
        self._waiting: list[Callable[[], Any]] = []
        self._lock = _thread.allocate_lock()
        self._killed: BaseException | type[BaseException] | None = None
        self.thread = hub.thread if hub is not None else None
        self.result: Any = None
        self.exception: BaseException | None = None
        self.finished = False

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self.finished

    def _task(
        self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Callable[[int, Any], None]:
        def run(ticket: int, value: Any) -> None:
            self._greenlet = getcurrent()
            try:
                if self._killed is not None:
                    raise self._killed
                self._finish(f(*args, **kwargs), None)
            except GreenletExit as e:
                self._finish(e, None)  # as greenlet itself has it: not a failure
            except BaseException as e:
                self._finish(None, e)
                if not isinstance(e, Exception):
                    raise
            finally:
                self._greenlet = None

        return run

    def _finish(self, result: Any, exception: BaseException | None) -> None:
        with self._lock:
            self.result, self.exception, self.finished = result, exception, True
            waiting, self._waiting = self._waiting, []
        for resume in waiting:
            resume()

    # What the border calls when the handle itself waits for an answer of Go's.
    def switch(self, value: Any = None) -> None:
        """Ends it with a result."""
        self._finish(value, None)

    def throw(self, error: BaseException) -> None:
        """Ends it with an exception."""
        self._finish(None, error)

    def _on_done(self, resume: Callable[[], Any]) -> bool:
        with self._lock:
            if self.finished:
                return False
            self._waiting.append(resume)
            return True

    def _forget(self, resume: Callable[[], Any]) -> None:
        with self._lock:
            if resume in self._waiting:
                self._waiting.remove(resume)

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until it is over or timeout seconds have passed; whether it is over."""
        if self.finished:
            return True
        hub = _local.hub
        if hub is None or not hub.may_wait():
            event = threading.Event()
            return event.wait(timeout) if self._on_done(event.set) else True
        me, woken = getcurrent(), False

        def resume() -> None:
            nonlocal woken
            woken = True
            hub.soon_threadsafe(wake)

        def wake() -> None:
            if waiting:
                me.switch()

        waiting = True
        timer = _Timer(hub, timeout, wake) if timeout is not None else None
        try:
            if self._on_done(resume):
                while not woken and not (timer is not None and timer.over):
                    hub.wait()
        finally:
            waiting = False
            self._forget(resume)
            if timer is not None:
                timer.cancel()
        return self.finished

    def join(self, timeout: float | None = None) -> Any:
        """What the task returned; raises what it raised, TimeoutError after timeout seconds."""
        if not self.wait(timeout):
            raise TimeoutError(f"join: not done after {timeout} s")
        if self.exception is not None:
            raise self.exception
        return self.result

    def kill(self, exc: BaseException | type[BaseException] = GreenletExit) -> None:
        """Raises exc in the task where it waits; one that has not begun never does."""
        if self.finished or self._hub is None:
            return
        if self._killed is None:
            self._killed = exc
        hub = self._hub
        hub.soon_threadsafe(self._throw, exc)

    cancel = kill

    def _throw(self, exc: BaseException | type[BaseException]) -> None:
        if self._greenlet is not None:
            self._greenlet.throw(exc)


class _Timer:
    """Calls wake once, in the hub, when the time is over."""

    def __init__(self, hub: Hub, seconds: float, wake: Callable[[], None]) -> None:
        self.over = False
        self._wake = wake
        self._ticket = _puff.call(hub.lane, ("sleep", max(0.0, float(seconds))), self)

    def switch(self, value: Any) -> None:
        """The time is over."""
        self.over = True
        self._wake()

    def throw(self, error: BaseException) -> None:
        """Puff ends: so does the wait."""
        self.switch(None)

    def cancel(self) -> None:
        """Nobody waits any more."""
        _puff.cancel(self._ticket)
