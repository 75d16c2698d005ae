"""Tests of the application, without a server: "puff pytest" runs them."""

import asyncio
import json

from app import app


def get(path):
    """The status and the JSON of the answer to GET path."""
    sent = []
    scope = {"type": "http", "method": "GET", "path": path, "headers": [(b"x-test", b"yes")]}

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    start, body = sent
    return start["status"], json.loads(body["body"])


def test_the_front_page_says_hello():
    assert get("/") == (200, {"hello": "world"})


def test_headers_come_back():
    assert get("/headers") == (200, {"x-test": "yes"})


def test_other_pages_are_not_found():
    assert get("/nowhere")[0] == 404
