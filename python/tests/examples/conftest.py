"""Copies of examples, and servers that run in them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from server.browser import CHROMIUM, Browser
from server.process import PYTHON, Puff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.fixture
def copy(tmp_path: Path) -> Callable[..., Path]:
    """copy(name, toml) is the folder of an example of one's own, toml in front of its puff.toml.

    The machine may have a Redis or PostgreSQL: toml says what is to be taken for it.
    """

    def make(name: str, toml: str = 'embedded = "always"\n') -> Path:
        folder = tmp_path / name
        shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        file = folder / "puff.toml"
        file.write_text(toml + file.read_text())
        return folder

    return make


@pytest.fixture
def serve() -> Iterator[Callable[..., Puff]]:
    """serve(folder, *flags, env=) is a puff serve in it, which must end well."""
    running: list[Puff] = []

    def start(folder: Path, *flags: str, env: Mapping[str, str] | None = None) -> Puff:
        args = ["serve", "--python", PYTHON, "--port", "0", *flags]
        running.append(Puff(args, cwd=folder, env=env))
        return running[-1]

    yield start
    for puff in running:
        puff.stop()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that tests share; each of its pages is somebody else's."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with Browser(tmp_path_factory.mktemp("chromium")) as started:
        yield started
