"""The monkey patches, all of them.

* :func:`signals`: ``signal.signal`` leaves a handler that Puff has for a signal in place
  beside the program's. Applied where Puff runs a program.
* :func:`threads`: the locks and locals of threading keep greenlets apart, and waiting for a
  lock lets others run. Applied where Puff runs a program, before that is imported.
* :func:`multiprocessing_context`: children are started by ``spawn``: a forked one has no
  Puff. Applied when multiprocessing is imported.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import _puff

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["multiprocessing_context", "signals", "threads"]


def signals() -> None:
    """Has Puff listen on for signals that the program sets a handler for."""
    import signal

    original = signal.signal

    @functools.wraps(original)
    def set_handler(signalnum: Any, handler: Any) -> Any:
        before = original(signalnum, handler)
        _puff.rewatch(int(signalnum))
        return before

    signal.signal = set_handler


def threads() -> None:
    """Has threading make locks and locals for greenlets, see puff._locks."""
    import threading

    try:
        from puff import _locks
    except ImportError as e:
        if e.name != "greenlet":
            raise
        return  # there are none
    names: dict[str, Any] = vars(threading)
    if names["Lock"] is _locks.Lock:
        return
    threading.Thread.start = _locks.starting(threading.Thread.start)  # type: ignore
    names["Lock"] = names["_allocate_lock"] = _locks.Lock
    names["RLock"] = _locks.RLock
    names["local"] = _locks.local


def multiprocessing_context(module: ModuleType) -> None:
    """Makes spawn the method that multiprocessing starts children by."""
    default: Any = module._default_context
    default._default_context = module._concrete_contexts["spawn"]


def asgiref_local(module: ModuleType) -> None:
    """Keeps the locals of greenlets apart, see puff._asgiref."""
    if _first(module):
        from puff import _asgiref

        _asgiref.patch_local(module)


def asgiref_sync(module: ModuleType) -> None:
    """Makes sync_to_async and async_to_sync go from lane to lane, see puff._asgiref."""
    if _first(module):
        from puff import _asgiref

        _asgiref.patch_sync(module)


def apply() -> None:
    """Patches threading, and what was imported before Puff's finder was there."""
    threads()
    for name, patch in {"asgiref.local": asgiref_local, "asgiref.sync": asgiref_sync}.items():
        module = sys.modules.get(name)
        if module is not None:
            patch(module)


def _first(module: ModuleType) -> bool:
    """Whether module has not been patched; it has from now on."""
    first = "__puff__" not in module.__dict__
    module.__dict__["__puff__"] = True
    return first
