"""Files that Puff serves itself, in front of an application and without one."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from .client import Connection, get
from .process import PYTHON, Puff

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Own

BIG = b"0123456789" * 500_000


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of files."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "a.css").write_text("body {}")
    (site / "big.bin").write_bytes(BIG)
    (site / ".env").write_text("KEY=secret")
    (site / "docs").mkdir()
    (site / "docs" / "index.html").write_text("<h1>docs</h1>")
    (tmp_path / "secret.txt").write_text("secret")
    (site / "out.txt").symlink_to(tmp_path / "secret.txt")
    return site


@pytest.mark.parametrize("app", ["filtered:wsgi", "filtered:asgi"])
def test_files_come_first_and_the_application_gets_the_rest(own: Own, site: Path, app: str) -> None:
    puff = own(app, "--static", f"/s={site}")
    with Connection(puff.port) as c:
        r = c.exchange(target="/s/a.css")
        assert (r.status, r.text) == (200, "body {}")
        assert r.get("Content-Type") == "text/css; charset=utf-8"
        tag = r.get("ETag") or ""
        assert c.exchange(target="/s/a.css", headers=[("If-None-Match", tag)]).status == 304
        assert c.exchange(target="/s/big.bin").body == BIG
        r = c.exchange(target="/s/big.bin", headers=[("Range", "bytes=10-19")])
        assert (r.status, r.text) == (206, "0123456789")
        for path in [
            "/s/none",
            "/s/.env",
            "/s/../secret.txt",
            "/s/out.txt",
            "/s/%2e%2e/secret.txt",
        ]:
            assert c.exchange(target=path).status == 404, path
        assert c.exchange("POST", "/s/a.css", body=b"x").status == 405
        assert c.exchange(target="/page").status == 200


def test_the_file_says_how_folders_are_served(own: Own, site: Path, tmp_path: Path) -> None:
    (tmp_path / "puff.toml").write_text(
        f'[[static]]\nurl = "/s"\ndir = "{site}"\n'
        'cache_age = "1h"\nindex = true\nfollow_symlinks = true\n'
    )
    puff = own("filtered:wsgi", cwd=tmp_path)
    assert get(puff.port, "/s/docs/").text == "<h1>docs</h1>"
    r = get(puff.port, "/s/docs?a=b")
    assert (r.status, r.get("Location")) == (301, "/s/docs/?a=b")
    r = get(puff.port, "/s/out.txt")
    assert (r.text, r.get("Cache-Control")) == ("secret", "public, max-age=3600")


def test_files_are_served_without_an_application_and_without_python(site: Path) -> None:
    puff = Puff(["serve", "--port", "0", "--python", PYTHON, "--static", f"/={site}"])
    try:
        assert get(puff.port, "/a.css").text == "body {}"
        assert get(puff.port, "/none").status == 404
        with open(f"/proc/{puff.pid}/maps") as maps:
            assert "libpython" not in maps.read()
    finally:
        puff.stop()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_resumes_a_download(own: Own, site: Path, tmp_path: Path) -> None:
    puff = own("filtered:wsgi", "--static", f"/s={site}")
    half = tmp_path / "half"
    half.write_bytes(BIG[:1_234_567])
    url = f"http://127.0.0.1:{puff.port}/s/big.bin"
    subprocess.run(["curl", "-sf", "-C", "-", "-o", str(half), url], check=True, timeout=30)
    assert half.read_bytes() == BIG
