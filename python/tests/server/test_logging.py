"""The log of a server: Go's records and Python's, in one shape on one stream."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from .client import Connection, get

if TYPE_CHECKING:
    from .conftest import Own
    from .process import Puff

APPS = ["logging_app:wsgi", "logging_app:asgi"]


def port_of(puff: Puff) -> int:
    """Where it serves, when it says so in JSON."""
    line = puff.wait_for(r'"message":"puff \S+ serves')
    found = re.search(r"http://[^ ]*:(\d+)", json.loads(line)["message"])
    assert found is not None
    return int(found[1])


def records(puff: Puff) -> list[dict[str, Any]]:
    """Every line of the log, once the server has ended."""
    puff.stop()
    return [json.loads(line) for line in puff.log().splitlines()]


@pytest.mark.parametrize("app", APPS)
def test_every_line_of_a_json_log_is_a_record(own: Own, app: str) -> None:
    puff = own(app, "--log-format", "json")
    port = port_of(puff)
    names = {
        path: get(port, path).get("X-Request-ID")
        for path in ("/plain", "/exception", "/warning", "/thread", "/fault")
    }
    found = records(puff)
    for record in found:
        assert {"time", "level", "logger", "message"} <= record.keys()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["time"])
    shop = {r["message"]: r for r in found if r["logger"] == "shop"}
    plain = shop['a "quoted"\nline 1']
    assert plain["level"] == "warning"
    assert plain["request_id"] == names["/plain"]
    assert plain["user"] == 7
    failed = shop["it failed"]
    assert failed["level"] == "error"
    assert failed["traceback"].startswith("Traceback (most recent call last):")
    assert failed["traceback"].endswith("KeyError: 'MISSING'")
    assert failed["request_id"] == names["/exception"]
    (warning,) = [r for r in found if r["logger"] == "py.warnings"]
    assert warning["message"] == "UserWarning: old"
    assert warning["request_id"] == names["/warning"]
    (fault,) = [r for r in found if r["message"] == "exception in application"]
    assert fault["request_id"] == names["/fault"]
    assert fault["traceback"].endswith("ValueError: a fault\n")
    (thread,) = [r for r in found if r["message"] == "uncaught exception"]
    assert thread["traceback"].endswith("IndexError: list index out of range")


@pytest.mark.parametrize("app", APPS)
def test_concurrent_requests_keep_their_names(own: Own, app: str) -> None:
    puff = own(app, "--log-format", "json")
    port = port_of(puff)
    connections = [Connection(port) for _ in range(8)]
    for c in connections:
        c.request("GET", "/plain")
    names = {c.response().get("X-Request-ID") for c in connections}
    for c in connections:
        c.sock.close()
    assert {r["request_id"] for r in records(puff) if r["logger"] == "shop"} == names


@pytest.mark.parametrize("app", APPS)
def test_text_lines_look_like_gos(own: Own, app: str) -> None:
    puff = own(app)
    get(puff.port, "/plain")
    get(puff.port, "/exception")
    line = puff.wait_for("quoted")
    assert re.fullmatch(r'time=\S+Z level=WARN msg="a \\"quoted\\"\\nline 1" logger=shop', line)
    puff.expect("KeyError")
    puff.wait_for("^KeyError: 'MISSING'$")
    assert re.search(
        r"level=ERROR msg=\"it failed\" logger=shop\nTraceback \(most recent", puff.log()
    )


def test_a_level_that_was_given_is_the_programs_too(own: Own) -> None:
    quiet, curious = own("logging_app:wsgi"), own("logging_app:wsgi", "--log-level", "info")
    for puff in (quiet, curious):
        get(puff.port, "/info")
        puff.wait_for("for all")
    assert "for the curious" in curious.log()
    assert "for the curious" not in quiet.log()


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_programs_own_handler_has_the_word(own: Own, form: str) -> None:
    puff = own("logging_app:wsgi", "--log-format", form, env={"TEST_OWN_HANDLER": "1"})
    get(puff.port if form == "text" else port_of(puff), "/info")
    puff.wait_for("^own ERROR for all$")
    puff.stop()
    assert puff.log().count("for all") == 1


def test_records_of_many_workers_stay_whole(own: Own) -> None:
    puff = own("logging_app:wsgi", "--log-format", "json", "--workers", "2")
    port = port_of(puff)
    connections = [Connection(port) for _ in range(6)]
    for c in connections:
        c.request("GET", "/burst")
    for c in connections:
        assert c.response().status == 200
        c.sock.close()
    assert sum(r["logger"] == "shop" for r in records(puff)) == 6 * 200
