"""A Flask application as people write them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import puff
from flask import Flask, Response, abort, g, jsonify, redirect, request, send_file, session, url_for

if TYPE_CHECKING:
    from collections.abc import Iterator

app = Flask(__name__)
app.secret_key = "tests only"


@app.before_request
def remember() -> None:
    g.path = request.path


@app.get("/")
def index() -> str:
    return f"hello from {g.path}"


@app.get("/login/<name>")
def login(name: str) -> Any:
    session["name"] = name
    return redirect(url_for("who"))


@app.get("/who")
def who() -> dict[str, Any]:
    return {"name": session.get("name"), "cookies": sorted(request.cookies)}


@app.post("/upload")
def upload() -> Any:
    file = request.files["file"]
    data = file.read()
    return jsonify(
        name=file.filename, size=len(data), sum=hashlib.sha256(data).hexdigest(),
        note=request.form["note"],
    )  # fmt: skip


@app.get("/stream")
def stream() -> Response:
    def lines() -> Iterator[str]:
        for i in range(100):
            puff.sleep_ms(0)
            yield f"line {i}\n"

    return Response(lines(), mimetype="text/plain")


@app.get("/file")
def file() -> Any:
    return send_file(__file__)


@app.get("/waits/<int:ms>")
def waits(ms: int) -> str:
    puff.sleep_ms(ms)
    return g.path  # type: ignore[no-any-return]


@app.get("/fails")
def fails() -> str:
    raise RuntimeError("a fault of the view")


@app.get("/missing")
def missing() -> str:
    abort(404, "nothing of the kind")


@app.errorhandler(404)
def not_found(e: Any) -> tuple[str, int]:
    return f"not found: {e.description}", 404
