"""The one exception that ends a command with a message instead of a traceback."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn


class Trouble(Exception):
    """Something the person at the keyboard can put right; its text says how."""


def note(text: str) -> None:
    """Tells how far the work is, apart from the results."""
    print(text, file=sys.stderr, flush=True)


INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def leave(number: int, frame: FrameType | None) -> NoReturn:
    # A second interrupt must not stop the clearing up, which takes seconds at most.
    for each in INTERRUPTS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def run_main(main: Callable[[], int]) -> NoReturn:
    """Runs a command so that an interrupt of any kind still ends the servers it started."""
    for number in INTERRUPTS:
        signal.signal(number, leave)
    try:
        sys.exit(main())
    except Trouble as trouble:
        note(f"error: {trouble}")
        sys.exit(1)
    except KeyboardInterrupt:
        note("interrupted")
        sys.exit(130)
