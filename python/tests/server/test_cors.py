"""[cors]: what answers say to pages of other origins, and preflights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .client import Connection

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Own

MINE, OTHER = ("Origin", "https://mine.example"), ("Origin", "https://other.example")
LIST = """
allow_credentials = true
max_age_secs = 600
allowed_origins = ["https://mine.example/"]
allowed_methods = ["PUT"]
allowed_headers = ["x-token"]
"""


@pytest.mark.parametrize("app", ["filtered:wsgi", "filtered:asgi"])
def test_every_answer_carries_the_fields(own: Own, tmp_path: Path, app: str) -> None:
    (tmp_path / "puff.toml").write_text(f"[cors]\n{LIST}")
    (tmp_path / "a.css").write_text("body {}")
    puff = own(app, "--static", f"/s={tmp_path}", cwd=tmp_path)
    puff.expect("ValueError: a fault")
    with Connection(puff.port) as c:
        for path, status in [("/page", 200), ("/none", 404), ("/s/a.css", 200), ("/fault", 500)]:
            r = c.exchange(target=path, headers=[MINE])
            assert r.status == status
            assert r.get("Access-Control-Allow-Origin") == MINE[1]
            assert r.get("Access-Control-Allow-Credentials") == "true"
            assert r.get("Vary") == "Origin"
            r = c.exchange(target=path, headers=[OTHER])
            assert (r.status, r.get("Access-Control-Allow-Origin")) == (status, None)


def test_preflights_are_answered_without_the_application(own: Own, tmp_path: Path) -> None:
    (tmp_path / "puff.toml").write_text(f"[cors]\n{LIST}")
    puff = own("filtered:wsgi", cwd=tmp_path)
    asks = ("Access-Control-Request-Method", "PUT")
    with Connection(puff.port) as c:
        r = c.exchange("OPTIONS", "/wait", [MINE, asks, ("Access-Control-Request-Headers", "x-a")])
        assert r.status == 204
        assert r.get("Access-Control-Allow-Origin") == MINE[1]
        assert r.get("Access-Control-Allow-Methods") == "PUT"
        assert r.get("Access-Control-Allow-Headers") == "x-token"
        assert r.get("Access-Control-Max-Age") == "600"
        r = c.exchange("OPTIONS", "/wait", [OTHER, asks])
        assert (r.status, r.get("Access-Control-Allow-Origin")) == (204, None)
        assert c.exchange("OPTIONS", "/page", [MINE]).status == 200


@pytest.mark.parametrize(
    ("base", "origin", "credentials"),
    [("Permissive", "*", None), ("VeryPermissive", OTHER[1], "true")],
)
def test_bases_allow_everybody(
    own: Own, tmp_path: Path, base: str, origin: str, credentials: str | None
) -> None:
    (tmp_path / "puff.toml").write_text(f'[cors]\nbase_config = "{base}"\n')
    puff = own("filtered:asgi", cwd=tmp_path)
    with Connection(puff.port) as c:
        r = c.exchange(target="/page", headers=[OTHER])
        assert r.get("Access-Control-Allow-Origin") == origin
        assert r.get("Access-Control-Allow-Credentials") == credentials
