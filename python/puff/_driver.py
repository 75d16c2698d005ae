"""The driver behind puff.postgres: psycopg2 where that is Puff's, else under its own name.

A process has it once: the classes of its exceptions are the same everywhere.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

__all__ = ["driver"]


def _load() -> Any:
    from importlib.util import find_spec

    name = "puff._psycopg2"
    found = sys.modules.get("psycopg2") or find_spec("psycopg2")
    origin = getattr(found, "__file__", None) or getattr(found, "origin", None) or ""
    if origin.replace("\\", "/").endswith("/puff/_psycopg2/__init__.py"):
        name = "psycopg2"
    module: Any = importlib.import_module(name)
    for part in ("extensions", "extras", "_composite", "_range", "_casts", "_dates", "_errors"):
        importlib.import_module(f"{name}.{part}")
    return module


if TYPE_CHECKING:
    from puff import _psycopg2 as driver
else:
    driver = _load()
