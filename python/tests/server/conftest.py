"""Servers for tests: one per application for the whole run, or one of a test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .process import APPS, PYTHON, Puff

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Own", "Shared"]


def pytest_configure(config: pytest.Config) -> None:
    """A thread of a test that raises has the test fail."""
    config.addinivalue_line("filterwarnings", "error::pytest.PytestUnhandledThreadExceptionWarning")


def _arguments(app: str, flags: tuple[str, ...]) -> list[str]:
    return ["serve", app, "--python", PYTHON, "--app-dir", str(APPS), "--port", "0", *flags]


class Shared:
    """Servers that every test may use; ended when the run is."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, ...], Puff] = {}

    def __call__(self, app: str, *flags: str) -> Puff:
        key = (app, *flags)
        if key not in self._running:
            self._running[key] = Puff(_arguments(app, flags))
        return self._running[key]

    def end(self) -> None:
        """Ends them all, then says what was wrong."""
        faults = []
        for puff in self._running.values():
            try:
                puff.stop()
            except AssertionError as e:
                faults.append(str(e))
        assert not faults, "\n\n".join(faults)


class Own:
    """Servers of one test; each must end well unless the test has ended it."""

    def __init__(self) -> None:
        self._running: list[Puff] = []

    def __call__(
        self,
        app: str,
        *flags: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | str = APPS,
    ) -> Puff:
        puff = Puff(_arguments(app, flags), env=env, cwd=cwd)
        self._running.append(puff)
        return puff

    def end(self) -> None:
        """Ends those that still run."""
        running = [p for p in self._running if p.process.poll() is None]
        for puff in self._running:
            if puff in running:
                puff.stop()
            else:
                puff.wait()


@pytest.fixture(scope="session")
def shared() -> Iterator[Shared]:
    """shared("module:app", *flags) is a server that other tests use too."""
    s = Shared()
    yield s
    s.end()


@pytest.fixture
def own() -> Iterator[Own]:
    """own("module:app", *flags, env=, cwd=) is a server for this test alone."""
    s = Own()
    yield s
    s.end()
