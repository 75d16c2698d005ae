"""A tea shop in Flask: each view is plain Python that waits for a service, in a greenlet.

This file has the views, store.py what PostgreSQL keeps, public/ the page.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import store
from flask import Flask, Response, abort, request
from puff import http
from puff.pubsub import global_pubsub
from puff.redis import global_redis

FRESH = 60  # seconds that rates are good for

app = Flask(__name__)
store.prepare()


@app.get("/items")
def items() -> dict[str, Any]:
    """What there is to buy, in ?currency=."""
    found = rates()
    rate = found["rates"].get(request.args.get("currency", "EUR"))
    if rate is None:
        abort(400, f"prices are in {', '.join(found['rates'])}")
    listed = [
        {**item.asdict(), "price": str((item.price * Decimal(rate)).quantize(Decimal("0.01")))}
        for item in store.items()
    ]
    return {"items": listed, **found}


@app.post("/items/<int:number>/buy")
def buy(number: int) -> tuple[dict[str, Any], int]:
    """Sells one of an item, unless there is none left."""
    left = store.sell(number)
    if left is None:
        return {"error": "sold out"}, 409
    return {"id": number, "stock": left}, 200


@app.get("/live")
def live() -> Response:
    """The stock as it changes, whoever changes it: server-sent events."""

    def events() -> Iterator[str]:
        with global_pubsub.connection(queue_size=100, overflow="drop_oldest") as inbox:
            inbox.subscribe(store.CHANNEL)
            yield "event: ready\ndata: {}\n\n"
            for message in inbox:
                # Where something was missed, the page asks for everything again.
                yield "event: ready\ndata: {}\n\n" if message.gap else f"data: {message.text}\n\n"

    return Response(events(), mimetype="text/event-stream", headers={"Cache-Control": "no-store"})


@app.get("/rates")
def bank() -> dict[str, str]:
    """What one euro is worth. It stands for a service elsewhere: RATES_URL is another one."""
    return {"EUR": "1", "USD": "1.08", "GBP": "0.85", "SEK": "11.4"}


def rates() -> dict[str, Any]:
    """The rates, and since when they are known: asked for once a minute, whoever needs them."""
    known = global_redis.get("shop:rates")
    if known is not None:
        cached: dict[str, Any] = json.loads(known)
        return cached
    answer = http.get(rates_url(), timeout_ms=2000, retries=1)
    found = {"rates": answer.raise_for_status().json(), "since": time.time()}
    global_redis.set("shop:rates", json.dumps(found), ex=FRESH)
    return found


def rates_url() -> str:
    """Where the rates are: here, if nobody says otherwise."""
    here = "http://{SERVER_NAME}:{SERVER_PORT}/rates".format_map(request.environ)
    return os.environ.get("RATES_URL", here)
