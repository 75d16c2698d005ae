"""A service that goes away and comes back while a program uses it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from server.process import PYTHON, Puff

from .conftest import HERE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

__all__ = ["survive"]


def survive(
    function: str, outages: Iterable[Callable[[], None]], env: Mapping[str, str], folder: Path
) -> dict[str, Any]:
    """The record that a program of services.load leaves when it went through the outages.

    After each of them all callers are answered, and no call took longer than its timeouts.
    """
    stop = folder / "stop"
    (folder / "puff.toml").write_text(
        f'[[commands]]\nfunction = "services.{function}"\ncommand_name = "load"\n'
    )
    path = {"PYTHONPATH": str(HERE.parent)}
    puff = Puff(["--python", PYTHON, "load"], env={**env, **path}, cwd=folder)
    try:
        puff.wait_for("^answered")
        for outage in outages:
            outage()
            puff.wait_for("^answered", since=puff.mark())
        stop.touch()
        assert puff.wait() == 0, puff.log()
    finally:
        if puff.process.poll() is None:
            puff.kill()
        stop.unlink(missing_ok=True)
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    assert result["wrong"] == [], result
    assert result["slowest"] < 12, result
    return result
