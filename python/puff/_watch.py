"""The thread that answers an operator while the application's lane may be busy.

Being woken once a second, it also samples how long a thread waits for the GIL, whatever kind
of lane the application runs on.
"""

from __future__ import annotations

from typing import Any

import _puff

from puff._threads import pool, start_thread

__all__ = ["start"]


def start() -> tuple[Any, ...]:
    """Starts the thread; returns the request that tells Go of it."""
    lane, _ = _puff.lane()
    start_thread(_run, "puff-watch", lane)
    return ("serve.watch", lane, _puff.handle(_counts))


def _run(lane: int) -> None:
    while True:
        for kind, target, ticket, value in _puff.take(lane, -1):
            if kind == _puff.CALL:
                target(ticket, value)


def _counts(ticket: int, _: Any) -> None:
    _puff.answer(ticket, (pool.threads, pool.waiting))
