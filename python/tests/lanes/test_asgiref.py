"""asgiref across the lanes."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import puff
import pytest
from asgiref.local import Local
from asgiref.sync import async_to_sync, sync_to_async
from puff import _lanes

var: contextvars.ContextVar[int] = contextvars.ContextVar("var", default=0)


def on_loop(coro: Any) -> Any:
    return asyncio.run_coroutine_threadsafe(coro, _lanes.asyncio_lane().loop).result(30)


def test_sync_to_async_runs_in_a_greenlet() -> None:
    def where() -> tuple[bool, str]:
        puff.sleep_ms(1)
        return puff.is_greenlet(), threading.current_thread().name

    async def main() -> Any:
        return await sync_to_async(where)()

    assert on_loop(main()) == (True, "puff-greenlets")


def test_many_wait_at_once() -> None:
    async def main() -> Any:
        wait = sync_to_async(lambda: puff.sleep_ms(1))
        return await asyncio.gather(*(wait() for _ in range(500)))

    assert on_loop(main()) == [None] * 500


def test_context_travels_both_ways() -> None:
    def change() -> int:
        before = var.get()
        var.set(before + 1)
        return before

    async def main() -> tuple[int, int]:
        var.set(5)
        return await sync_to_async(change)(), var.get()

    assert on_loop(main()) == (5, 6)

    async def change_there() -> None:
        var.set(var.get() + 10)

    def sync() -> int:
        var.set(1)
        async_to_sync(change_there)()
        return var.get()

    assert puff.spawn(sync).join() == 11


def test_async_to_sync_suspends_only_the_greenlet() -> None:
    async def waits(n: int) -> int:
        await asyncio.sleep(0.001)
        return n

    def main() -> Any:
        return puff.join_all([puff.spawn(async_to_sync(waits), n) for n in range(50)])

    assert puff.spawn(main).join() == [*range(50)]


def test_nesting() -> None:
    async def inner() -> str:
        return "inner"

    def sync() -> str:
        return async_to_sync(inner)() + str(puff.is_greenlet())

    async def main() -> Any:
        return await sync_to_async(sync)()

    assert on_loop(main()) == "innerTrue"


def test_errors_cross() -> None:
    def fails() -> None:
        raise KeyError("k")

    async def main() -> None:
        with pytest.raises(KeyError):
            await sync_to_async(fails)()

    on_loop(main())

    async def fails_too() -> None:
        raise ValueError("v")

    with pytest.raises(ValueError, match="v"):
        puff.spawn(async_to_sync(fails_too)).join()


def test_cancelling_reaches_the_greenlet() -> None:
    seen: list[str] = []

    def waits() -> None:
        try:
            puff.sleep(60)
        except BaseException as e:
            seen.append(type(e).__name__)
            raise

    async def main() -> None:
        task = asyncio.create_task(sync_to_async(waits)())
        await puff.sleep_ms(5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    on_loop(main())
    assert seen == ["CancelledError"]


@pytest.mark.parametrize("critical", [True, False])
def test_locals_are_a_greenlets_own(critical: bool) -> None:
    local = Local(thread_critical=critical)

    def sets(n: int) -> int:
        assert not hasattr(local, "n")
        local.n = n
        puff.sleep_ms(1)
        return int(local.n)

    def main() -> Any:
        return puff.join_all([puff.spawn(sets, n) for n in range(20)])

    assert puff.spawn(main).join() == [*range(20)]
    assert not puff.spawn(hasattr, local, "n").join()


def test_thread_critical_local_lives_as_long_as_the_request() -> None:
    local = Local(thread_critical=True)

    def connect() -> None:
        local.connection = object()

    def same() -> int:
        return id(local.connection)

    async def request() -> bool:
        await sync_to_async(connect)()
        return await sync_to_async(same)() == await sync_to_async(same)()

    assert on_loop(request())


def test_threads_where_threads_are_asked_for() -> None:
    async def main() -> Any:
        return await sync_to_async(threading.current_thread, thread_sensitive=False)()

    assert on_loop(main()).name != "puff-greenlets"


def test_stock_behaviour_outside_puffs_loop() -> None:
    async def main() -> Any:
        return await sync_to_async(puff.is_greenlet)()

    assert asyncio.run(main()) is False
    assert async_to_sync(main)() is False
