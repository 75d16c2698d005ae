"""What a Python that runs a program of Puff's does: it asks Go what, and does that."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from typing import Any

import _puff

from puff import _patch
from puff._wait import ThreadLane

__all__ = ["main"]


def main() -> int:
    """Runs what Go orders, to its end; returns the status the process ends with."""
    _puff.start()
    _patch.signals()
    _patch.threads()
    module, name, options = ThreadLane().call(("boot.order",))
    sys.argv = options.pop("argv", ["puff"])
    try:
        status: int = getattr(importlib.import_module(module), name)(**dict(options))
    except SystemExit as e:
        status = _exit_status(e)
    except BaseException:
        traceback.print_exc()
        status = 1
    _end()
    return status


def _exit_status(e: SystemExit) -> int:
    """The status that Python itself would make of it."""
    if e.code is None:
        return 0
    if isinstance(e.code, int):
        return e.code & 0xFF
    print(e.code, file=sys.stderr)
    return 1


def _end() -> None:
    """What Python does at its end, but for tearing itself down: threads may still run."""
    import atexit

    run: Any = getattr(atexit, "_run_exitfuncs", None)
    if run is not None:
        try:
            run()
        except BaseException:
            traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    logging = sys.modules.get("logging")
    if logging is not None:
        logging.shutdown()


def prepare(app_dir: str | None, add_cwd: bool) -> None:
    """Puts the folders that programs are imported from in front of sys.path."""
    for folder in ([os.getcwd()] if add_cwd else []) + ([app_dir] if app_dir else []):
        path = os.path.abspath(folder)
        if path not in sys.path[:1]:
            sys.path.insert(0, path)
