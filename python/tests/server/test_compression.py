"""compression_middleware: answers of the application and files, as clients accept them."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import pytest

from .client import Connection

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Own
    from .process import Puff

PAGE = b"".join(b"line %d of the page\n" % i for i in range(500))
CODINGS = ["gzip", "deflate", "br", "zstd"]


@pytest.fixture(params=["filtered:wsgi", "filtered:asgi"])
def puff(own: Own, request: pytest.FixtureRequest, tmp_path: Path) -> Puff:
    (tmp_path / "puff.toml").write_text("compression_middleware = true\n")
    (tmp_path / "a.css").write_bytes(PAGE)
    return own(request.param, "--static", f"/s={tmp_path}", cwd=tmp_path)


def decode(coding: str | None, body: bytes) -> bytes:
    if coding == "gzip":
        return gzip.decompress(body)
    return zlib.decompress(body) if coding == "deflate" else body


@pytest.mark.parametrize("coding", CODINGS)
def test_answers_are_compressed_as_the_client_takes_them(puff: Puff, coding: str) -> None:
    with Connection(puff.port) as c:
        for path, end in [("/page", b""), ("/stream", b"the end\n"), ("/s/a.css", b"")]:
            r = c.exchange(target=path, headers=[("Accept-Encoding", coding)])
            assert (r.status, r.get("Content-Encoding"), r.get("Vary")) == (
                200,
                coding,
                "Accept-Encoding",
            )
            assert len(r.body) < len(PAGE) / 2
            if coding in {"gzip", "deflate"}:
                assert decode(coding, r.body) == PAGE + end
            if path == "/page":
                assert r.get("ETag") == 'W/"v1"'


def test_who_takes_no_coding_gets_the_page_itself(puff: Puff) -> None:
    with Connection(puff.port) as c:
        for headers in [[], [("Accept-Encoding", "identity")], [("Accept-Encoding", "gzip;q=0")]]:
            r = c.exchange(target="/page", headers=headers)
            assert (r.body, r.get("Content-Encoding"), r.get("Vary")) == (
                PAGE,
                None,
                "Accept-Encoding",
            )


def test_small_answers_and_heads_have_no_compressed_body(puff: Puff) -> None:
    with Connection(puff.port) as c:
        r = c.exchange(target="/small", headers=[("Accept-Encoding", "gzip")])
        assert (r.status, r.text, r.get("Content-Encoding")) == (404, "/small", None)
        r = c.exchange("HEAD", "/page", headers=[("Accept-Encoding", "gzip")])
        assert (r.status, r.get("Content-Encoding"), r.get("Content-Length")) == (200, "gzip", None)
        assert c.exchange(target="/small").status == 404


def test_a_file_range_is_not_compressed(puff: Puff) -> None:
    with Connection(puff.port) as c:
        r = c.exchange(
            target="/s/a.css", headers=[("Accept-Encoding", "gzip"), ("Range", "bytes=0-499")]
        )
        assert (r.status, r.body, r.get("Content-Encoding")) == (206, PAGE[:500], None)
