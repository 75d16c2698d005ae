"""What 64 callers cost who fetch a page over HTTP, by client.

    python http_load.py URL CLIENT CALLERS COUNT

CLIENT is puff-greenlets, puff-tasks, aiohttp-tasks or httpx-tasks. It prints the CPU microseconds
of this process for each answer, its body read, and how many a second.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

from meter import Meter

Fetch = Callable[[], Awaitable[int]]


def puff_greenlets(url: str, callers: int, count: int) -> None:
    import puff
    from puff import http

    def caller(n: int) -> None:
        for _ in range(n):
            response = http.get(url)
            assert response.status == 200 and response.content

    def load(n: int) -> None:
        puff.join_all([puff.spawn(caller, n // callers) for _ in range(callers)])

    load(count // 4)
    with Meter(count):
        load(count)


async def puff_tasks(url: str, callers: int, count: int) -> None:
    from puff import http

    async def fetch() -> int:
        response = await http.get(url)
        return len(response.content) if response.status == 200 else 0

    await tasks(fetch, callers, count)


async def aiohttp_tasks(url: str, callers: int, count: int) -> None:
    import aiohttp

    connector = aiohttp.TCPConnector(limit=callers)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def fetch() -> int:
            async with session.get(url) as response:
                return len(await response.read()) if response.status == 200 else 0

        await tasks(fetch, callers, count)


async def httpx_tasks(url: str, callers: int, count: int) -> None:
    import httpx

    limits = httpx.Limits(max_connections=callers, max_keepalive_connections=callers)
    async with httpx.AsyncClient(limits=limits) as client:

        async def fetch() -> int:
            response = await client.get(url)
            return len(response.content) if response.status_code == 200 else 0

        await tasks(fetch, callers, count)


async def tasks(fetch: Fetch, callers: int, count: int) -> None:
    """Has callers fetch count times between them, and measures that."""

    async def caller(n: int) -> None:
        for _ in range(n):
            assert await fetch()

    async def load(n: int) -> None:
        await asyncio.gather(*(caller(n // callers) for _ in range(callers)))

    await load(count // 4)
    with Meter(count):
        await load(count)


TASKS = {"puff": puff_tasks, "aiohttp": aiohttp_tasks, "httpx": httpx_tasks}


def main() -> None:
    url, client, callers, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    name, _, mode = client.rpartition("-")
    if mode == "tasks":
        import uvloop

        uvloop.run(TASKS[name](url, callers, count))
    else:
        import puff

        puff.spawn(puff_greenlets, url, callers, count).join()


if __name__ == "__main__":
    main()
