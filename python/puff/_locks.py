"""Locks, and data of one's own, for programs written for threads that greenlets run.

Who waits for a lock of :mod:`threading` blocks a thread. Where greenlets share one, the holder
may be a greenlet of the same thread that waits for an answer of Go's: it would never go on. A
:class:`Lock` lets the others run instead, and so does all that threading makes of it:
Condition, Event, Semaphore, and queue.Queue. To an :class:`RLock` and to :class:`local` each
greenlet's task is a thread. Threads without a hub wait as they are used to.

:func:`puff._patch.threads` puts them into threading.
"""

from __future__ import annotations

import _thread
import functools
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from greenlet import getcurrent

from puff._task import _Timer
from puff._wait import _local

if TYPE_CHECKING:
    from collections.abc import Callable

    from puff._hub import Hub

__all__ = ["Lock", "RLock", "local", "starting"]


class _Here(_thread._local):
    """What holds for a thread."""

    starts = False  # it waits for another to start


_here = _Here()


def _hub() -> Hub | None:
    """The hub that the caller may leave the thread to; None: it has to block."""
    hub = _local.hub
    if hub is None or not hub.may_wait() or hub.between_tasks() or _here.starts:
        return None
    return hub


def starting(start: Callable[[Any], None]) -> Callable[[Any], None]:
    """Thread.start that blocks until the thread runs, which is soon.

    Libraries start threads with locks held that were made before ours were there.
    """

    @functools.wraps(start)
    def starts(self: Any) -> None:
        before, _here.starts = _here.starts, True
        try:
            start(self)
        finally:
            _here.starts = before

    return starts


class _Parked:
    """A greenlet that waits for a lock."""

    __slots__ = ("_greenlet", "_hub", "_waits", "woken")

    def __init__(self, hub: Hub) -> None:
        self._hub, self._greenlet = hub, getcurrent()
        self._waits, self.woken = True, False

    def wake(self) -> None:
        """Has it go on, from any thread."""
        self.woken = True
        soon = self._hub.soon if _local.hub is self._hub else self._hub.soon_threadsafe
        soon(self.resume)

    def resume(self) -> None:
        """Has it go on, from its hub."""
        if self._waits:
            self._greenlet.switch()

    def over(self) -> None:
        """It does not wait any more."""
        self._waits = False


class Lock:
    """threading.Lock; a greenlet that waits for it lets others run."""

    __slots__ = ("__weakref__", "_lock", "_parked")

    def __init__(self) -> None:
        self._lock = _thread.allocate_lock()
        self._parked: list[_Parked] | None = None  # who waits, the first that came first

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Whether the caller has it now; waits for that, at most timeout seconds."""
        if not blocking or not (timeout == -1 or 0 < timeout <= _thread.TIMEOUT_MAX):
            return self._lock.acquire(blocking, timeout)  # or it raises
        if self._lock.acquire(False):
            return True
        hub = _hub()
        if hub is None:
            return self._lock.acquire(True, timeout)
        return self._park(hub, timeout)

    def _park(self, hub: Hub, timeout: float) -> bool:
        me = _Parked(hub)
        timer = None if timeout == -1 else _Timer(hub, timeout, me.resume)
        got = False
        if self._parked is None:
            self._parked = []
        try:
            while True:
                # Tried once more when whoever releases it can see who waits.
                self._parked.append(me)
                while not (got := self._lock.acquire(False)) and not me.woken:
                    if timer is not None and timer.over:
                        return False
                    hub.wait()
                if got:
                    return True
                me.woken = False
        finally:
            me.over()
            if timer is not None:
                timer.cancel()
            if me in self._parked:
                self._parked.remove(me)
            elif not got:
                self._wake()  # it was told, and has no use for it

    def release(self) -> None:
        """Gives it to who comes next. Raises RuntimeError when nobody has it."""
        self._lock.release()
        if self._parked:
            self._wake()

    def _wake(self) -> None:
        try:
            first = self._parked.pop(0) if self._parked else None
        except IndexError:  # another thread was faster
            return
        if first is not None:
            first.wake()

    def locked(self) -> bool:
        """Whether somebody has it."""
        return self._lock.locked()

    def __enter__(self) -> bool:
        return self._lock.acquire(False) or self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self._lock._at_fork_reinit()  # type: ignore[attr-defined]
        self._parked = None

    def __repr__(self) -> str:
        state = "locked" if self.locked() else "unlocked"
        return f"<{state} {type(self).__module__}.Lock object at {id(self):#x}>"


def _me() -> Any:
    """Whom a lock that may be taken again belongs to: a thread, or a greenlet where a hub is.

    Other greenlets than a hub's wait for none of each other: theirs are their thread's locks.
    """
    return _thread.get_ident() if _local.hub is None else getcurrent()


class RLock:
    """threading.RLock, whose owner may be a greenlet."""

    __slots__ = ("__weakref__", "_count", "_lock", "_owner", "_thread")

    def __init__(self) -> None:
        self._lock = Lock()
        self._owner: Any = None
        self._thread = 0
        self._count = 0

    def _is_owned(self) -> bool:
        """Whether the caller has it.

        A hub between its tasks can wait for none of them, and counts as all of them: there a
        handler of a signal may run, or the end of an object.
        """
        if self._owner == _me():
            return True
        here = self._owner is not None and self._thread == _thread.get_ident()
        return here and _local.hub is not None and _hub() is None

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Whether the caller has it now; waits for that, at most timeout seconds."""
        if self._owner is not None and self._is_owned():
            self._count += 1
            return True
        if not self._lock.acquire(blocking, timeout):
            return False
        self._owner, self._thread, self._count = _me(), _thread.get_ident(), 1
        return True

    def release(self) -> None:
        """Undoes one acquire. Raises RuntimeError when the caller does not have it."""
        if self._owner is None or not self._is_owned():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._owner = None
            self._lock.release()

    def locked(self) -> bool:
        """Whether somebody has it."""
        return self._lock.locked()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    # For threading.Condition.
    def _release_save(self) -> tuple[int, Any, int]:
        if not self._count:
            raise RuntimeError("cannot release un-acquired lock")
        state = (self._count, self._owner, self._thread)
        self._count, self._owner = 0, None
        self._lock.release()
        return state

    def _acquire_restore(self, state: tuple[int, Any, int]) -> None:
        self._lock.acquire()
        self._count, self._owner, self._thread = state

    def _recursion_count(self) -> int:
        return self._count if self._is_owned() else 0

    def _at_fork_reinit(self) -> None:
        self._lock._at_fork_reinit()
        self._owner, self._count = None, 0

    def __repr__(self) -> str:
        state = "locked" if self.locked() else "unlocked"
        return (
            f"<{state} {type(self).__module__}.RLock object owner={self._owner!r} "
            f"count={self._count} at {id(self):#x}>"
        )


class _Thread(_thread._local):
    """What a local has in a thread outside of tasks."""

    data: dict[str, Any] | None = None


class local:
    """threading.local, where each greenlet's task counts as a thread.

    What a task has set ends with the task.
    """

    __slots__ = ("__weakref__", "_puff_arguments", "_puff_thread")

    def __new__(cls, /, *args: Any, **kwargs: Any) -> Any:
        if (args or kwargs) and cls.__init__ is object.__init__:
            raise TypeError("Initialization arguments are not supported")
        made = object.__new__(cls)
        object.__setattr__(made, "_puff_arguments", (args, kwargs))
        thread = _Thread()
        object.__setattr__(made, "_puff_thread", thread)
        if _local.hub is None or not _local.hub.may_wait():
            thread.data = {}
        else:
            _of_task()[thread] = {}
        return made  # whose __init__ Python calls now

    def __getattribute__(self, name: str) -> Any:
        data = _data(self)
        if name in data:
            return data[name]
        return data if name == "__dict__" else object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _may_change(self, name)
        for cls in type(self).__mro__:
            found = cls.__dict__.get(name)
            if found is not None and hasattr(type(found), "__set__"):
                object.__setattr__(self, name, value)
                return
        _data(self)[name] = value

    def __delattr__(self, name: str) -> None:
        _may_change(self, name)
        data = _data(self)
        if name in data:
            del data[name]
        else:
            object.__delattr__(self, name)


def _may_change(of: local, name: str) -> None:
    if name == "__dict__":
        kind = type(of).__name__
        raise AttributeError(f"{kind!r} object attribute '__dict__' is read-only")


def _of_task() -> WeakKeyDictionary[_Thread, dict[str, Any]]:
    """What the locals have in the greenlet that runs."""
    me: Any = getcurrent()
    found: WeakKeyDictionary[_Thread, dict[str, Any]] | None = getattr(me, "locals", None)
    if found is None:
        found = me.locals = WeakKeyDictionary()
    return found


def _data(of: local) -> dict[str, Any]:
    """What a local has where the caller is; as a thread's first time it begins with __init__."""
    hub = _local.hub
    thread: _Thread = object.__getattribute__(of, "_puff_thread")
    data: dict[str, Any] | None
    if hub is None or not hub.may_wait():
        data = thread.data
        if data is None:
            data = thread.data = {}
            _begin(of)
        return data
    mine = _of_task()
    data = mine.get(thread)
    if data is None:
        data = mine[thread] = {}
        _begin(of)
    return data


def _begin(of: local) -> None:
    cls = object.__getattribute__(of, "__class__")
    if cls.__init__ is not object.__init__:
        args, kwargs = object.__getattribute__(of, "_puff_arguments")
        cls.__init__(of, *args, **kwargs)
