"""OpenTelemetry: what the application sees of a trace, and what a collector is sent."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from .client import get

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Own

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


class Collector(ThreadingHTTPServer):
    """A collector that keeps what it is sent."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                bodies.append(self.path.encode() + b"\n" + body)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def collector() -> Iterator[Collector]:
    c = Collector()
    thread = threading.Thread(target=c.serve_forever)
    thread.start()
    yield c
    c.shutdown()
    thread.join()
    c.server_close()


@pytest.mark.parametrize("app", ["wsgi_app:app", "asgi_app:app"])
def test_a_request_becomes_a_span_that_the_application_sees(
    own: Own, collector: Collector, app: str
) -> None:
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    puff = own(app, env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_SERVICE_NAME": "shop"})
    shown = json.loads(get(puff.port, "/show?a=b", [("traceparent", PARENT)]).body)
    if app.startswith("wsgi"):
        seen = shown["plain"]["HTTP_TRACEPARENT"]
    else:
        (seen,) = [v[1] for _, n, v in shown["headers"][1:] if n[1] == "traceparent"]
    version, trace, span, flags = seen.split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert span != PARENT.split("-")[2]
    puff.stop()  # and sends what it has
    sent = b"".join(collector.bodies)
    assert sent.startswith(b"/v1/traces\n")
    for part in (
        bytes.fromhex(TRACE),
        bytes.fromhex(span),
        b"/show",
        b"shop",
        b"http.request.method",
    ):
        assert part in sent


def test_without_the_variables_nothing_is_rewritten(own: Own) -> None:
    shown = json.loads(get(own("wsgi_app:app").port, "/show", [("traceparent", PARENT)]).body)
    assert shown["plain"]["HTTP_TRACEPARENT"] == PARENT
