"""What a process has, inside a served application: signals, threads, children."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from .client import get

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Own, Shared


def test_handlers_of_the_application_run(own: Own) -> None:
    puff = own("processes:with_handlers", "--factory")
    assert get(puff.port).text == str(puff.worker)
    mark = puff.mark()
    os.kill(puff.worker, signal.SIGUSR1)
    puff.wait_for("app: handler SIGUSR1 main", mark)
    assert get(puff.port).status == 200
    puff.signal(signal.SIGTERM)
    assert puff.wait() == 0
    assert "app: handler SIGTERM main" in puff.log()
    assert "draining" in puff.log()


def test_a_handler_of_sigint_runs_beside_the_drain(own: Own) -> None:
    puff = own("processes:with_int_handler", "--factory")
    assert get(puff.port).status == 200
    puff.signal(signal.SIGINT)
    assert puff.wait() == 0
    assert "app: handler SIGINT main" in puff.log()


def test_a_signal_that_is_ignored_still_drains(own: Own) -> None:
    puff = own("processes:with_ignored", "--factory")
    assert get(puff.port).status == 200
    puff.stop()


@pytest.mark.parametrize(
    ("app", "flags"),
    [
        ("raises_in_handler", ["--interface", "wsgi"]),
        # With uvloop: the loop of asyncio ends, as it does under any server.
        ("raises_in_handler_async", ["--interface", "asgi", "--lifespan", "off"]),
    ],
)
def test_a_handler_that_raises_harms_no_request(own: Own, app: str, flags: list[str]) -> None:
    puff = own(f"processes:{app}", "--factory", *flags)
    puff.expect("the handler fails")
    assert get(puff.port).status == 200
    mark = puff.mark()
    os.kill(puff.worker, signal.SIGUSR1)
    puff.wait_for("ValueError: the handler fails", mark)
    for _ in range(3):
        assert get(puff.port).status == 200


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_handlers_of_the_loop_run(own: Own, tmp_path: Path, loop: str) -> None:
    env = {}
    if loop == "asyncio":
        (tmp_path / "uvloop.py").write_text("raise ImportError('not for this test')\n")
        env["PYTHONPATH"] = str(tmp_path)
    puff = own("processes:asgi", env=env)
    assert get(puff.port).text == str(puff.worker)
    assert f"app: loop of {loop}" in puff.log()
    mark = puff.mark()
    os.kill(puff.worker, signal.SIGUSR1)
    puff.wait_for("app: loop handler SIGUSR1", mark)
    assert get(puff.port).status == 200
    assert get(puff.port, "/child-async").text == "from a child\n0"
    puff.signal(signal.SIGTERM)
    assert puff.wait() == 0
    assert "app: loop handler SIGTERM" in puff.log()
    assert "app: shutdown" in puff.log()


@pytest.mark.parametrize("app", ["app", "asgi"])
@pytest.mark.parametrize(
    ("target", "want"),
    [
        ("/thread", "mine"),
        ("/child", "0 hello False"),
        ("/children", "[2, 4, 6]"),
        ("/method", "spawn"),
    ],
)
def test_threads_and_children_work(shared: Shared, app: str, target: str, want: str) -> None:
    assert get(shared(f"processes:{app}").port, target).text == want


@pytest.mark.parametrize("app", ["app", "asgi"])
def test_a_shell_is_a_child_of_the_server(shared: Shared, app: str) -> None:
    puff = shared(f"processes:{app}")
    assert get(puff.port, "/shell").text == str(puff.worker)
