"""An ASGI application that needs nothing but Python.

puff serve looks for it under the name that puff.toml gives; any other WSGI or ASGI
application takes its place, as one of Django, Flask, FastAPI or Starlette.
"""

import json


async def app(scope, receive, send):
    """Answers requests over HTTP."""
    if scope["type"] != "http":
        raise ValueError(f"this application has no {scope['type']}")
    route = routes.get(scope["path"])
    if route is None:
        await answer(send, 404, {"error": f"there is no {scope['path']}"})
        return
    await answer(send, 200, await route(scope))


async def hello(scope):
    """The front page."""
    return {"hello": "world"}


async def headers(scope):
    """What the client sent."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


routes = {"/": hello, "/headers": headers}


async def answer(send, status, value):
    """Sends value as JSON."""
    body = json.dumps(value).encode() + b"\n"
    fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})
