"""Tasks and waiting, from a greenlet, from asyncio and from a plain thread.

Run with this Python under Puff: ``puff python -m pytest python/tests/lanes``.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import puff
import pytest


def in_greenlet(f: Any, *args: Any) -> Any:
    return puff.spawn(f, *args).join()


def test_sleep_in_a_greenlet_lets_others_run() -> None:
    order: list[str] = []

    def sleeper() -> None:
        order.append("sleep")
        puff.sleep_ms(1)
        order.append("woke")

    def main() -> None:
        handle = puff.spawn(sleeper)
        order.append("main")
        handle.join()

    in_greenlet(main)
    assert order == ["sleep", "main", "woke"]


def test_sleep_under_asyncio_is_awaitable() -> None:
    async def main() -> Any:
        return await asyncio.gather(*(puff.sleep_ms(1) for _ in range(100)), puff.sleep(0))

    assert asyncio.run(main()) == [None] * 101


def test_sleep_in_a_thread_blocks_it() -> None:
    assert puff.sleep_ms(1) is None
    done = []
    threads = [threading.Thread(target=lambda: done.append(puff.sleep(0.001))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert done == [None] * 8


def test_join_all_keeps_the_order_and_raises_the_first_error() -> None:
    def slow(n: int) -> int:
        puff.sleep_ms(5 - n)
        return n

    def fails() -> None:
        raise ValueError("no")

    assert in_greenlet(lambda: puff.join_all([puff.spawn(slow, n) for n in range(5)])) == [
        *range(5)
    ]
    assert in_greenlet(puff.join_all, []) == []
    with pytest.raises(ValueError, match="no"):
        in_greenlet(lambda: puff.join_all([puff.spawn(slow, 1), puff.spawn(fails)]))
    got = in_greenlet(
        lambda: puff.join_all([puff.spawn(slow, 1), puff.spawn(fails)], return_exceptions=True)
    )
    assert got[0] == 1
    assert isinstance(got[1], ValueError)


def test_join_iter_yields_as_tasks_end() -> None:
    def after(event: Any, n: int) -> int:
        event.join()
        return n

    def main() -> list[int]:
        gates = [puff.spawn(lambda: puff.sleep_ms(1)) for _ in range(1)]
        first = puff.spawn(lambda: 1)
        second = puff.spawn(after, gates[0], 2)
        return list(puff.join_iter([second, first]))

    assert in_greenlet(main) == [1, 2]


def test_join_raises_what_the_task_raised_every_time() -> None:
    def fails() -> None:
        raise KeyError("k")

    handle = puff.spawn(fails)
    for _ in range(2):
        with pytest.raises(KeyError):
            handle.join()
    assert handle.done
    assert handle.finished
    assert handle.result is None
    assert isinstance(handle.exception, KeyError)


def test_join_gives_up_after_its_timeout() -> None:
    def main() -> str:
        handle = puff.spawn(puff.sleep, 60)
        with pytest.raises(TimeoutError):
            handle.join(timeout=0.01)
        handle.kill()
        handle.join()
        return type(handle.result).__name__

    assert in_greenlet(main) == "GreenletExit"


def test_kill_raises_where_the_task_waits() -> None:
    seen: list[BaseException] = []

    def waits() -> None:
        try:
            puff.sleep(60)
        except BaseException as e:
            seen.append(e)
            raise

    def main() -> None:
        handle = puff.spawn(waits)
        handle.kill(KeyError("stop"))
        handle.join()

    with pytest.raises(KeyError, match="stop"):
        in_greenlet(main)
    assert len(seen) == 1


def test_cancelled_task_stops_waiting() -> None:
    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(puff.sleep(60), 0.01)
        task = asyncio.ensure_future(puff.sleep(60))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_spawn_under_asyncio_names_what_to_use() -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="create_task"):
            puff.spawn(print)

    asyncio.run(main())


def test_context_variables_are_a_tasks_own() -> None:
    var: contextvars.ContextVar[int] = contextvars.ContextVar("var", default=0)

    def sets(n: int) -> int:
        assert var.get() == 0
        var.set(n)
        puff.sleep_ms(1)
        return var.get()

    assert in_greenlet(lambda: puff.join_all([puff.spawn(sets, n) for n in range(1, 9)])) == [
        *range(1, 9)
    ]
    assert in_greenlet(var.get) == 0


def test_blocking_runs_on_a_named_thread_and_may_call_puff() -> None:
    @puff.blocking
    def where(n: int) -> tuple[str, int]:
        puff.sleep_ms(1)
        return threading.current_thread().name, n

    name, n = in_greenlet(where, 3)
    assert name.startswith("puff-blocking-")
    assert n == 3

    async def main() -> Any:
        waiting: Any = where(4)
        return await waiting

    name, n = asyncio.run(main())
    assert name.startswith("puff-blocking-")
    assert n == 4
    assert where(5) == (threading.current_thread().name, 5)


def test_the_blocking_pool_is_bounded() -> None:
    from puff._threads import Pool

    pool = Pool(limit=3, keep=5)
    gate = threading.Event()
    seen: list[int] = []
    running = threading.Semaphore(0)

    def work() -> None:
        running.release()
        gate.wait()

    for _ in range(10):
        pool.submit(lambda value, error: seen.append(1), work)
    for _ in range(3):
        running.acquire()
    assert pool.threads == 3
    assert pool.waiting == 7
    gate.set()
    for _ in range(7):
        running.acquire()
    assert pool.threads == 3


def test_read_file_bytes(tmp_path: Any) -> None:
    (tmp_path / "f").write_bytes(b"\x00data")
    assert puff.read_file_bytes(str(tmp_path / "f")) == b"\x00data"
    with pytest.raises(FileNotFoundError):
        puff.read_file_bytes(str(tmp_path / "none"))
    assert in_greenlet(puff.read_file_bytes, str(tmp_path / "f")) == b"\x00data"


def test_wrap_async_waits_for_its_callback() -> None:
    def later(ret: Any) -> None:
        threading.Thread(target=ret, args=(20, None)).start()

    def fails(ret: Any) -> None:
        ret(None, ValueError("no"))

    assert puff.wrap_async(later) == 20
    assert in_greenlet(lambda: puff.wrap_async(later, wrap_return=lambda v: v + 1)) == 21
    handle = in_greenlet(lambda: puff.wrap_async(later, join=False))
    assert handle.join() == 20
    with pytest.raises(ValueError, match="no"):
        in_greenlet(puff.wrap_async, fails)

    async def main() -> Any:
        with pytest.raises(ValueError, match="no"):
            await puff.wrap_async(fails)
        return await puff.wrap_async(later)

    assert asyncio.run(main()) == 20


def test_host_objects_call_back() -> None:
    host = puff.rust_objects
    assert host.is_puff
    got = puff.wrap_async(lambda ret: host.dispatch_greenlet(ret, puff.is_greenlet))
    assert got is True

    async def coro() -> bool:
        await puff.sleep_ms(1)
        return puff.is_asyncio()

    assert puff.wrap_async(lambda ret: host.dispatch_asyncio(ret, coro)) is True
    assert puff.wrap_async(lambda ret: host.sleep_ms(ret, 1)) is None
    assert in_greenlet(lambda: puff.wrap_async(lambda ret: host.sleep_ms(ret, 1))) is None


def test_mode_is_told_apart() -> None:
    assert not puff.is_greenlet()
    assert not puff.is_asyncio()
    assert in_greenlet(puff.is_greenlet)

    async def main() -> bool:
        return puff.is_asyncio() and not puff.is_greenlet()

    assert asyncio.run(main())


def test_import_string() -> None:
    import os.path

    assert puff.import_string("os.path.join") is os.path.join
    with pytest.raises(ImportError, match="doesn't look like a module path"):
        puff.import_string("os")
    with pytest.raises(ImportError, match="does not define"):
        puff.import_string("os.path.nothing")


def test_unknown_function_is_a_lookup_error() -> None:
    with pytest.raises(LookupError, match="no_such"):
        puff.call("no_such")


def test_global_state_is_none() -> None:
    assert puff.global_state is None


def test_thousands_of_greenlets_wait_at_once() -> None:
    def main() -> int:
        return len(puff.join_all([puff.spawn(puff.sleep_ms, 1) for _ in range(5000)]))

    assert in_greenlet(main) == 5000


def test_nothing_is_left_behind() -> None:
    import _puff

    before = _puff.counts()
    in_greenlet(lambda: puff.join_all([puff.spawn(puff.sleep_ms, 1) for _ in range(100)]))
    assert _puff.counts() == before
