"""Counts of what Puff holds in Python, for those who look for leaks."""

from __future__ import annotations

import gc

import _puff

from puff import _lanes, _wait
from puff._threads import pool

__all__ = ["counts"]


def counts() -> dict[str, int]:
    """handles and tickets Go may use, greenlets of the hub, threads of the blocking pool."""
    handles, tickets = _puff.counts()
    hub = _wait.hub_here() or _lanes.existing_hub()
    return {
        "handles": handles,
        "tickets": tickets,
        "greenlets": hub.size if hub is not None else 0,
        "blocking_threads": pool.threads,
        "objects": len(gc.get_objects()),
    }
