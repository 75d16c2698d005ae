"""What 64 callers cost who read from Redis, and 100 who hear its channels, by client.

    python redis_load.py KIND CLIENT CALLERS COUNT

KIND is get or pubsub, CLIENT puff-greenlets, puff-tasks, redis-py-tasks or redis-py-threads.
It prints the CPU microseconds of this process for each value or message, and how many a second.
PUFF_DEFAULT_REDIS_URL is where Redis is.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from meter import Meter

URL = os.environ["PUFF_DEFAULT_REDIS_URL"]
VALUE = "v" * 32


def get_puff_greenlets(callers: int, count: int) -> None:
    import puff
    from puff.redis import global_redis as r

    def caller(n: int) -> None:
        for _ in range(n):
            r.get("k")

    def load(n: int) -> None:
        puff.join_all([puff.spawn(caller, n // callers) for _ in range(callers)])

    r.set("k", VALUE)
    load(count // 4)
    with Meter(count):
        load(count)


def get_redis_py_threads(callers: int, count: int) -> None:
    import redis

    r = redis.Redis.from_url(URL, max_connections=callers)

    def caller(n: int) -> None:
        for _ in range(n):
            r.get("k")

    def load(n: int) -> None:
        threads = [threading.Thread(target=caller, args=(n // callers,)) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    r.set("k", VALUE)
    load(count // 4)
    with Meter(count):
        load(count)


async def get_tasks(r: Any, callers: int, count: int) -> None:
    async def caller(n: int) -> None:
        for _ in range(n):
            await r.get("k")

    async def load(n: int) -> None:
        await asyncio.gather(*(caller(n // callers) for _ in range(callers)))

    await r.set("k", VALUE)
    await load(count // 4)
    with Meter(count):
        await load(count)


def pubsub_puff_greenlets(callers: int, count: int) -> None:
    import puff
    from puff.pubsub import global_pubsub as ps

    conns = [ps.connection() for _ in range(callers)]
    for conn in conns:
        conn.subscribe("x")

    def receiver(conn: Any, n: int) -> None:
        for _ in range(n):
            conn.receive()

    def load(n: int) -> None:
        tasks = [puff.spawn(receiver, conn, n) for conn in conns]
        for _ in range(n):
            ps.publish("x", VALUE)
        puff.join_all(tasks)

    load(count // callers // 4)
    with Meter(count):
        load(count // callers)


async def pubsub_tasks(
    receivers: list[Callable[[], Awaitable[Any]]], publish: Callable[[], Any], count: int
) -> None:
    async def receiver(receive: Callable[[], Awaitable[Any]], n: int) -> None:
        for _ in range(n):
            await receive()

    async def load(n: int) -> None:
        tasks = [asyncio.create_task(receiver(receive, n)) for receive in receivers]
        for _ in range(n):
            await publish()
        await asyncio.gather(*tasks)

    each = count // len(receivers)
    await load(each // 4)
    with Meter(count):
        await load(each)


async def tasks(kind: str, client: str, callers: int, count: int) -> None:
    if client == "puff":
        from puff.pubsub import global_pubsub as ps
        from puff.redis import global_redis

        if kind == "get":
            await get_tasks(global_redis, callers, count)
            return
        conns = [ps.connection() for _ in range(callers)]
        for conn in conns:
            await conn.subscribe("x")
        await pubsub_tasks([c.receive for c in conns], lambda: ps.publish("x", VALUE), count)
        return
    import redis.asyncio

    r = redis.asyncio.Redis.from_url(URL, max_connections=2 * callers + 2)
    if kind == "get":
        await get_tasks(r, callers, count)
    else:
        receivers = []
        for _ in range(callers):
            ps = r.pubsub(ignore_subscribe_messages=True)
            await ps.subscribe("x")
            await ps.get_message(timeout=5)
            receivers.append(_receiver(ps))
        await pubsub_tasks(receivers, lambda: r.publish("x", VALUE), count)
    await r.aclose()


def _receiver(ps: Any) -> Callable[[], Awaitable[Any]]:
    messages = ps.listen()
    return messages.__anext__  # type: ignore[no-any-return]


def main() -> None:
    kind, client, callers, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    name, _, mode = client.rpartition("-")
    if mode == "tasks":
        import uvloop

        uvloop.run(tasks(kind, name, callers, count))
        return
    run = {
        "get puff-greenlets": get_puff_greenlets,
        "get redis-py-threads": get_redis_py_threads,
        "pubsub puff-greenlets": pubsub_puff_greenlets,
    }[f"{kind} {client}"]
    if client == "puff-greenlets":
        import puff

        puff.spawn(run, callers, count).join()
    else:
        run(callers, count)


if __name__ == "__main__":
    main()
