"""What a Go program gives to its Python: puff.global_state. None under the stock command."""

from __future__ import annotations

from typing import Any

from puff._wait import ThreadLane

__all__ = ["global_state"]

global_state: Any = ThreadLane().call(("global_state",))
