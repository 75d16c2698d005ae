"""The lifespan of ASGI applications, under each --lifespan."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from .client import get

if TYPE_CHECKING:
    from .conftest import Own
    from .process import Puff


def fails_to_start(puff: Puff, message: str) -> str:
    """Asserts that it ends at once, with the message; returns the log."""
    assert puff.wait() == 1
    log = puff.log()
    assert message in log
    assert " serves " not in log
    return log


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_startup_comes_first_and_shutdown_last(own: Own, mode: str) -> None:
    puff = own("lifespans:complete", "--lifespan", mode)
    assert get(puff.port).text == "[('ready', True)]"
    puff.signal()
    assert puff.wait() == 0
    told = [line.removeprefix("app: ") for line in puff.lines if line.startswith("app: ")]
    assert told == [
        "['asgi', 'state', 'type'] {'version': '3.0', 'spec_version': '2.0'}",
        "lifespan.startup",
        "lifespan.shutdown",
        "lifespan is over",
    ]


def test_off_means_off(own: Own) -> None:
    puff = own("lifespans:complete", "--lifespan", "off")
    assert get(puff.port).text == "[('no', 'state')]"
    puff.stop()
    assert "app:" not in puff.log()


@pytest.mark.parametrize("mode", ["auto", "on"])
@pytest.mark.parametrize("app", ["failed", "failed_and_raises"])
def test_startup_failed_ends_with_its_message(own: Own, mode: str, app: str) -> None:
    log = fails_to_start(own(f"lifespans:{app}", "--lifespan", mode), "no database here")
    assert "Traceback" not in log


def test_startup_failed_may_have_no_message(own: Own) -> None:
    fails_to_start(own("lifespans:failed_silently"), "the application failed to start")


@pytest.mark.parametrize("app", ["raises", "returns", "nonsense", "only_http", "cancelled"])
def test_auto_serves_what_has_no_lifespan(own: Own, app: str) -> None:
    puff = own(f"lifespans:{app}")
    assert get(puff.port).text == "[('no', 'state')]"
    puff.stop()
    assert puff.faults() == []


@pytest.mark.parametrize(
    ("app", "message"),
    [
        ("breaks", "RuntimeError: the disk is full"),
        ("nonsense", "ValueError: lifespan: unexpected message 'lifespan.nonsense'"),
        ("raises", ""),
        ("only_http", ""),
        ("for_requests", ""),
    ],
)
def test_a_lifespan_that_fails_is_told_of_and_none_is_not(own: Own, app: str, message: str) -> None:
    puff = own(f"lifespans:{app}")
    assert get(puff.port).status == 200
    told = [line for line in puff.log().splitlines() if "the application has no lifespan" in line]
    assert len(told) == (1 if message else 0)
    assert message in "".join(told)


@pytest.mark.parametrize(
    ("app", "message"),
    [
        ("raises", "RuntimeError: lifespan is not for me"),
        ("returns", "returned before lifespan.startup.complete"),
        ("only_http", "AssertionError"),
        ("nonsense", "lifespan.nonsense"),
        ("cancelled", "CancelledError"),
    ],
)
def test_on_wants_a_lifespan(own: Own, app: str, message: str) -> None:
    fails_to_start(own(f"lifespans:{app}", "--lifespan", "on"), message)


def test_a_lifespan_may_end_early(own: Own) -> None:
    puff = own("lifespans:ends_early", "--lifespan", "on")
    assert get(puff.port).text == "[]"
    puff.stop()


@pytest.mark.parametrize(
    ("app", "message"),
    [("stop_failed", "the disk is full"), ("raises_later", "RuntimeError: while it stops")],
)
def test_a_shutdown_that_fails_is_status_1(own: Own, app: str, message: str) -> None:
    puff = own(f"lifespans:{app}")
    assert get(puff.port).status == 200
    puff.signal(signal.SIGTERM)
    assert puff.wait() == 1
    assert message in puff.log()


def test_tasks_end_with_the_lifespan(own: Own) -> None:
    puff = own("lifespans:tasks")
    assert get(puff.port).status == 200
    puff.stop()
    assert "app: the task beside has ended" in puff.log()
