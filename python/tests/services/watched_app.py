"""Uses each service when it is asked to; for tests of what operators see."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import psycopg2
import puff
from puff.http import global_http_client
from puff.postgres import global_postgres
from puff.pubsub import global_pubsub
from puff.redis import global_redis

kept: list[Any] = []


def query(body: str) -> str:
    return str(global_postgres.fetchval(body or "select 1"))


def command(body: str) -> str:
    return repr(global_redis.incr("n"))


def messages(body: str) -> str:
    conn = global_pubsub.connection(queue_size=1, overflow="drop_oldest")
    conn.subscribe("a")
    kept.append(conn)
    for i in range(5):
        global_pubsub.publish("a", str(i))
    while True:
        message = conn.receive()
        if message.text == "4":
            return str(conn.dropped)


def request(body: str) -> str:
    return str(global_http_client.get(body).status)


def keep(body: str) -> str:
    """Leaves a connection of the pool, and one of its own, in a transaction."""
    for conn in (global_postgres.connect(), psycopg2.connect(body)):
        cursor = conn.cursor()
        cursor.execute("select 1")
        kept.append(conn)
    return "kept"


def sleep(body: str) -> str:
    """A statement that does not end, in a greenlet that nobody waits for."""
    kept.append(puff.spawn(global_postgres.execute, "select pg_sleep(600)"))
    return "asleep"


ROUTES: dict[str, Callable[[str], str]] = {
    f"/{f.__name__}": f for f in (query, command, messages, request, keep, sleep)
}


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read().decode()
    route = ROUTES.get(environ["PATH_INFO"])
    try:
        answer = "hello" if route is None else route(body)
    except Exception as e:
        start_response("503 Service Unavailable", [])
        return [f"{type(e).__name__}: {e}".encode()]
    start_response("200 OK", [])
    return [answer.encode()]
