"""Fails while it is imported."""

from __future__ import annotations


def inner() -> None:
    raise RuntimeError("the settings are wrong")


inner()
