"""Counts of what Puff holds in Python, for those who look for leaks."""

from __future__ import annotations

import gc

import _puff

from puff import _lanes, _wait
from puff._threads import pool
from puff._wait import ThreadLane

__all__ = ["counts"]


def counts() -> dict[str, int]:
    """What is held: handles and tickets that Go may use, greenlets, goroutines, threads."""
    handles, tickets = _puff.counts()
    hub = _wait.hub_here() or _lanes.existing_hub()
    return {
        "handles": handles,
        "tickets": tickets,
        "greenlets": hub.size if hub is not None else 0,
        "goroutines": ThreadLane().call(("debug.goroutines",)),
        "blocking_threads": pool.threads,
        "objects": len(gc.get_objects()),
    }
