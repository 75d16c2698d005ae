"""Flask, FastAPI (and with it Starlette) and Django, as their users know them."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import TYPE_CHECKING

import pytest

from .client import Connection, get, post
from .process import APPS

if TYPE_CHECKING:
    from .conftest import Own, Shared
    from .process import Puff

LINES = "".join(f"line {i}\n" for i in range(100))
DATA = bytes(range(256)) * 20_000  # five megabytes


def multipart() -> tuple[bytes, list[tuple[str, str]]]:
    """A form with a field and a file."""
    parts = [
        b"--limit",
        b'Content-Disposition: form-data; name="note"',
        b"",
        "caf\u00e9".encode(),
        b"--limit",
        b'Content-Disposition: form-data; name="file"; filename="data.bin"',
        b"Content-Type: application/octet-stream",
        b"",
        DATA,
        b"--limit--",
        b"",
    ]
    return b"\r\n".join(parts), [("Content-Type", "multipart/form-data; boundary=limit")]


def check_upload(puff: Puff, *, chunked: bool) -> None:
    body, headers = multipart()
    pieces = [body[i : i + 100_000] for i in range(0, len(body), 100_000)]
    for chunks in [None, pieces] if chunked else [None]:
        with Connection(puff.port) as c:
            r = c.exchange(
                "POST", "/upload", headers, body if chunks is None else b"", chunks=chunks
            )
            assert r.status == 200, r
            got = json.loads(r.body)
            assert got == {
                "name": "data.bin", "size": len(DATA), "note": "caf\u00e9",
                "sum": hashlib.sha256(DATA).hexdigest(),
            }  # fmt: skip
            if chunks is None:
                assert c.exchange("GET", "/").status == 200


class TestFlask:
    """Flask, under WSGI."""

    @pytest.fixture
    def puff(self, shared: Shared) -> Puff:
        return shared("flask_app:app")

    def test_routes_and_sessions(self, puff: Puff) -> None:
        with Connection(puff.port) as c:
            assert c.exchange("GET", "/").text == "hello from /"
            r = c.exchange("GET", "/login/ann")
            assert (r.status, r.get("Location")) == (302, "/who")
            cookie = (r.get("Set-Cookie") or "").split(";")[0]
            got = json.loads(c.exchange("GET", "/who", [("Cookie", cookie)]).body)
            assert got == {"name": "ann", "cookies": ["session"]}

    def test_uploads(self, puff: Puff) -> None:
        check_upload(puff, chunked=True)

    def test_streams_and_files(self, puff: Puff) -> None:
        r = get(puff.port, "/stream")
        assert (r.text, r.framing) == (LINES, "chunked")
        assert get(puff.port, "/stream", method="HEAD").status == 200
        assert get(puff.port, "/file").body == (APPS / "flask_app.py").read_bytes()
        r = get(puff.port, "/file", [("Range", "bytes=0-9")])
        assert (r.status, len(r.body)) == (206, 10)

    def test_error_pages(self, puff: Puff) -> None:
        puff.expect("a fault of the view")
        mark = puff.mark()
        with Connection(puff.port) as c:
            r = c.exchange("GET", "/missing")
            assert (r.status, r.text) == (404, "not found: nothing of the kind")
            r = c.exchange("GET", "/fails")
            assert (r.status, b"a fault" in r.body) == (500, False)
            puff.wait_for("^RuntimeError: a fault of the view", mark)
            assert c.exchange("DELETE", "/").status == 405

    def test_requests_that_wait_keep_their_context(self, puff: Puff) -> None:
        answers: dict[int, str] = {}

        def ask(i: int) -> None:
            answers[i] = get(puff.port, f"/waits/{i}").text

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(30)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert answers == {i: f"/waits/{i}" for i in range(30)}


class TestFastAPI:
    """FastAPI, under ASGI, with middleware of Starlette's."""

    @pytest.fixture
    def puff(self, shared: Shared) -> Puff:
        return shared("fastapi_app:app")

    def test_json_and_validation(self, puff: Puff) -> None:
        kind = [("Content-Type", "application/json")]
        with Connection(puff.port) as c:
            r = c.exchange("GET", "/")
            assert json.loads(r.body) == {"message": "hello"}
            assert r.get("x-middleware") == "/"
            r = c.exchange("POST", "/items", kind, b'{"name": "pen", "price": 1.5}')
            assert json.loads(r.body) == {"item": {"name": "pen", "price": 1.5}, "total": 3.0}
            r = c.exchange("POST", "/items", kind, b'{"name": "pen"}')
            assert (r.status, json.loads(r.body)["detail"][0]["loc"]) == (422, ["body", "price"])
            assert c.exchange("POST", "/items", kind, b"{").status == 422

    def test_dependencies_and_views_in_threads(self, puff: Puff) -> None:
        mark = puff.mark()
        got = json.loads(get(puff.port, "/thread").body)
        assert got == {"dependency": True, "view": True}
        puff.wait_for("app: the dependency is closed", mark)

    @pytest.mark.parametrize("target", ["/stream", "/stream-sync"])
    def test_streams(self, puff: Puff, target: str) -> None:
        assert get(puff.port, target).text == LINES

    def test_a_stream_ends_when_the_client_leaves(self, puff: Puff) -> None:
        mark = puff.mark()
        with Connection(puff.port) as c:
            c.request("GET", "/endless/e1")
            assert c.chunk_after_head()
            c.reset()
        puff.wait_for("app: stream ended e1", mark)

    def test_files(self, puff: Puff) -> None:
        with Connection(puff.port) as c:
            want = (APPS / "fastapi_app.py").read_bytes()
            assert c.exchange("GET", "/file").body == want
            r = c.exchange("GET", "/file", [("Range", "bytes=0-9")])
            assert (r.status, r.body) == (206, want[:10])

    def test_background_tasks(self, puff: Puff) -> None:
        mark = puff.mark()
        assert get(puff.port, "/background/b1").text == '"begun"'
        puff.wait_for("app: background b1", mark)
        puff.wait_for("app: in a thread b1", mark)

    def test_errors(self, puff: Puff) -> None:
        puff.expect("a fault of the view")
        mark = puff.mark()
        with Connection(puff.port) as c:
            r = c.exchange("GET", "/missing")
            assert (r.status, json.loads(r.body)) == (404, {"detail": "nothing of the kind"})
            assert c.exchange("GET", "/fails").status == 500
            puff.wait_for("^RuntimeError: a fault of the view", mark)

    def test_a_view_may_ask_whether_the_client_left(self, shared: Shared) -> None:
        puff = shared("fastapi_app:plain")  # BaseHTTPMiddleware hides it
        mark = puff.mark()
        with Connection(puff.port) as c:
            c.request("GET", "/left/l1")
            puff.wait_for("app: left has begun l1", mark)
        puff.wait_for("app: left l1", mark)

    def test_bodies_are_streamed(self, puff: Puff) -> None:
        assert json.loads(post(puff.port, "/raw", DATA).body) == {"size": len(DATA)}

    def test_the_lifespan_ends(self, own: Own) -> None:
        puff = own("fastapi_app:app")
        assert get(puff.port, "/").status == 200
        puff.stop()
        assert "app: lifespan is over" in puff.log()


class TestDjango:
    """Django, under both."""

    @pytest.fixture(params=["wsgi", "asgi"])
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def puff(self, shared: Shared, kind: str) -> Puff:
        return shared(f"django_site.{kind}:application")

    def test_views(self, puff: Puff, kind: str) -> None:
        with Connection(puff.port) as c:
            r = c.exchange("GET", "/?q=caf%C3%A9")
            assert r.text == "sync GET / caf\u00e9"
            assert r.get("X-Marked") == {"wsgi": "sync", "asgi": "async"}[kind]
            assert c.exchange("GET", "/async").text == "async thread"
            assert c.exchange("GET", "/crossing").text == "crossed"
            assert c.exchange("GET", "/nothing").status == 404

    def test_uploads(self, puff: Puff) -> None:
        check_upload(puff, chunked=False)  # Django itself reads Content-Length bytes

    def test_streams_and_files(self, puff: Puff) -> None:
        assert get(puff.port, "/stream").text == LINES
        assert get(puff.port, "/async-stream").text == LINES
        want = (APPS / "django_site" / "urls.py").read_bytes()
        assert get(puff.port, "/file").body == want

    def test_errors(self, puff: Puff) -> None:
        puff.expect("a fault of the view")
        assert get(puff.port, "/fails").status == 500
        assert get(puff.port, "/").status == 200
