"""Programs that Puff runs as commands of its own: ``puff pytest`` and ``puff django``."""

from __future__ import annotations

import os
import sys

__all__ = ["django", "pytest"]


def pytest() -> None:
    """Runs pytest in this folder, in a greenlet: tests may call what waits. Ends as it ends."""
    from pytest import main

    sys.exit(main([f"--rootdir={os.getcwd()}", "--import-mode=importlib", *sys.argv[1:]]))


def django() -> None:
    """Runs Django's management utility. Ends as it ends."""
    from django.core.management import ManagementUtility  # type: ignore[import-untyped]

    ManagementUtility(["django", *sys.argv[1:]]).execute()
