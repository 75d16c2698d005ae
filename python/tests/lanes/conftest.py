"""What tests of lanes have in common."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import puff
import pytest
from puff import _patch


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Threading as it is in a program of Puff's."""
    for name in ("Lock", "RLock", "_allocate_lock", "local"):
        monkeypatch.setattr(threading, name, getattr(threading, name))
    monkeypatch.setattr(threading.Thread, "start", threading.Thread.start)
    _patch.threads()
    yield
    puff.spawn(lambda: None).join()  # the hub is well
