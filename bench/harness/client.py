"""The plain client that checks an answer before it is timed."""

from __future__ import annotations

import http.client

from .cases import TEN_KB, Case

TIMEOUT_SECONDS = 10.0
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)",
    "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-GB,en;q=0.9",
    "Cookie": "session=5f0c9d2ab47e4d1f8f3b6a7c; theme=dark",
    "Sec-Fetch-Mode": "navigate",
}
# Method, body and fields by the kind of request.
KINDS: dict[str, tuple[str, bytes | None, dict[str, str]]] = {
    "plain": ("GET", None, {}),
    "browser": ("GET", None, BROWSER),
    "h2": ("GET", None, {}),
    "post": ("POST", TEN_KB, {"Content-Type": "application/octet-stream"}),
}


def fault(port: int, case: Case) -> str | None:
    """Returns what is wrong with the answers to two requests on one connection, if anything."""
    method, body, fields = KINDS[case.kind]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        for _ in range(2):
            connection.request(method, case.path, body, fields)
            response = connection.getresponse()
            got = response.read()
            if response.status != 200:
                return f"status {response.status}"
            if got != case.body:
                return f"{len(got)} bytes of body that are not the {len(case.body)} expected"
            if response.will_close:
                return "the connection is not kept alive"
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return None
