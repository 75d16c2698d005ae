"""Locks and locals of threading in greenlets; runs inside Puff."""

from __future__ import annotations

import gc
import queue
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import puff
import pytest

pytestmark = pytest.mark.usefixtures("patched")


def together(*functions: Any) -> list[Any]:
    """What the functions return, each in a greenlet."""
    return list(puff.join_all([puff.spawn(f) for f in functions]))


@pytest.mark.parametrize("kind", ["Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore"])
def test_who_waits_for_a_lock_lets_its_holder_go_on(kind: str) -> None:
    lock = getattr(threading, kind)()
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
            puff.sleep_ms(1)
            inside -= 1

    together(*[work] * 20)
    assert (inside, most) == (0, 1)


def test_they_get_it_in_the_order_they_came() -> None:
    lock = threading.Lock()
    order: list[int] = []

    def work(i: int) -> None:
        with lock:
            order.append(i)
            puff.sleep_ms(1)

    puff.join_all([puff.spawn(work, i) for i in range(10)])
    assert order == list(range(10))


def test_a_wait_ends_with_its_time_and_others_run_meanwhile() -> None:
    lock = threading.Lock()
    seen: list[Any] = []

    def wait() -> None:
        seen.append(lock.acquire(timeout=0.05))
        seen.append(lock.acquire(blocking=False))

    def other() -> None:
        puff.sleep_ms(1)
        seen.append("other")

    with lock:
        together(wait, other)
    assert seen == ["other", False, False]
    assert not lock.locked()


def test_who_is_killed_leaves_its_turn_to_the_next() -> None:
    lock = threading.Lock()
    seen: list[str] = []

    def wait(name: str) -> None:
        with lock:
            seen.append(name)

    def main() -> None:
        lock.acquire()
        first, second = puff.spawn(wait, "first"), puff.spawn(wait, "second")
        first.kill()
        lock.release()
        first.wait()
        second.join()

    puff.spawn(main).join()
    assert seen[-1] == "second"
    assert not lock.locked()


def test_threads_and_greenlets_share_a_lock() -> None:
    lock = threading.Lock()
    count = 0

    def work() -> None:
        nonlocal count
        for _ in range(50):
            with lock:
                before = count
                puff.sleep_ms(0)
                count = before + 1

    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    together(*[work] * 3)
    for t in threads:
        t.join()
    assert count == 300


def test_a_lock_of_a_greenlet_may_be_taken_again_by_that_one_alone() -> None:
    lock = threading.RLock()
    seen: list[Any] = []

    def holder() -> None:
        with lock, lock:
            puff.sleep_ms(5)
            seen.append("released")

    def other() -> None:
        seen.append(lock.acquire(blocking=False))
        with pytest.raises(RuntimeError):
            lock.release()
        with lock:
            seen.append("acquired")

    together(holder, other)
    assert seen == [False, "released", "acquired"]


def test_what_is_made_of_locks_lets_others_run() -> None:
    event, ready = threading.Event(), threading.Condition()
    items: queue.Queue[int] = queue.Queue(maxsize=1)
    barrier = threading.Barrier(2)
    told = False

    def give() -> None:
        nonlocal told
        for i in range(3):
            items.put(i)
        event.set()
        with ready:
            told = True
            ready.notify_all()
        barrier.wait()

    def take() -> list[int]:
        got = [items.get() for _ in range(3)]
        assert event.wait(10)
        with ready:
            assert ready.wait_for(lambda: told, 10)
        barrier.wait()
        return got

    assert together(take, give)[0] == [0, 1, 2]


def test_the_answer_of_a_thread_is_waited_for_by_one_greenlet_alone() -> None:
    gate = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        waits = lambda: pool.submit(lambda: gate.wait(10)).result()  # noqa: E731
        assert together(waits, gate.set) == [True, None]


def test_greenlets_start_threads_at_a_time() -> None:
    def ask(i: int) -> int:
        with ThreadPoolExecutor(1) as pool:  # whose own lock is held while it starts a thread
            return pool.submit(lambda: i).result()

    assert list(puff.join_all([puff.spawn(ask, i) for i in range(10)])) == list(range(10))


def test_each_task_has_locals_of_its_own() -> None:
    class Mine(threading.local):
        kind = "class"

        def __init__(self, name: str) -> None:
            self.names = [name]

        @property
        def first(self) -> str:
            return self.names[0]

    mine = Mine("x")
    mine.kind = "main"

    def work(i: int) -> Any:
        before = mine.kind, mine.names
        mine.kind = str(i)
        mine.names.append(str(i))
        puff.sleep_ms(1)
        assert vars(mine) == {"kind": str(i), "names": ["x", str(i)]}
        return before, mine.kind, mine.first

    found = list(puff.join_all([puff.spawn(work, i) for i in range(10)]))
    assert found == [(("class", ["x", str(i)]), str(i), "x") for i in range(10)]
    thread = threading.Thread(target=lambda: found.append((mine.kind, mine.names)))
    thread.start()
    thread.join()
    assert found[-1] == ("class", ["x"])
    assert (mine.kind, mine.names) == ("main", ["x"])
    del mine.kind
    assert mine.kind == "class"
    with pytest.raises(AttributeError):
        del mine.nothing
    with pytest.raises(AttributeError):
        setattr(mine, "first", "y")  # noqa: B010  # a property can not be set


def test_what_a_task_has_set_ends_with_the_task() -> None:
    class Thing:
        pass

    mine = threading.local()
    things: list[weakref.ref[Thing]] = []

    def work() -> None:
        assert not hasattr(mine, "thing")
        mine.thing = Thing()
        things.append(weakref.ref(mine.thing))
        puff.sleep_ms(1)

    for _ in range(3):
        together(work, work)
    gc.collect()
    assert [t() for t in things] == [None] * 6
