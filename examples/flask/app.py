"""A Flask application: a page, a form, an answer that comes in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, request
from markupsafe import escape

app = Flask(__name__)

PAGE = """<!doctype html>
<title>Flask under Puff</title>
<h1>Flask under Puff</h1>
<p>Served by <code>{software}</code>.</p>
<form action="/hello"><input name="name" placeholder="your name"> <button>Greet</button></form>
<p><a href="/count?to=5">An answer in pieces</a></p>
"""


@app.get("/")
def index() -> str:
    """The page."""
    return PAGE.format(software=escape(request.environ["SERVER_SOFTWARE"]))


@app.get("/hello")
def hello() -> str:
    """Greets ?name=."""
    return f"Hello, {escape(request.args.get('name') or 'World')}!\n"


@app.post("/echo")
def echo() -> dict[str, Any]:
    """Says back what was posted as JSON, and how it came."""
    return {"you_sent": request.get_json(), "as": request.content_type}


@app.get("/count")
def count() -> Response:
    """Counts up to ?to=, one line at a time."""

    def lines(to: int) -> Iterator[str]:
        for number in range(1, to + 1):
            yield f"{number}\n"

    return Response(lines(request.args.get("to", 10, int)), mimetype="text/plain")
