"""Threads that call Puff, and how a process with Go in it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from python.conftest import Sides

# Starts Go: a call that is answered.
GO = "from puff import _wait; _wait.call('sleep', 0.0)\n"


@pytest.fixture(params=["", GO], ids=["before Go", "with Go"])
def go(request: pytest.FixtureRequest) -> str:
    """A line that has Go running, or none."""
    return str(request.param)


def test_a_call_blocks_its_thread_only(sides: Sides) -> None:
    program = (
        "import threading\n"
        "from puff import _wait\n"
        "order = []\n"
        "def sleeper(name, seconds):\n"
        "    _wait.call('sleep', seconds)\n"
        "    order.append(name)\n"
        "threads = [threading.Thread(target=sleeper, args=(n, n / 4)) for n in (2, 1)]\n"
        "for t in threads: t.start()\n"
        "order.append(0)\n"
        "for t in threads: t.join()\n"
        "print(order)"
    )
    assert sides.says(program) == "[0, 1, 2]\n"


def test_many_threads_start_go_at_once(sides: Sides) -> None:
    program = (
        "import threading\n"
        "from puff import _wait\n"
        "barrier, done = threading.Barrier(8), []\n"
        "def caller():\n"
        "    barrier.wait()\n"
        "    for _ in range(20): done.append(_wait.call('sleep', 0.0))\n"
        "threads = [threading.Thread(target=caller) for _ in range(8)]\n"
        "for t in threads: t.start()\n"
        "for t in threads: t.join()\n"
        "print(len(done), set(done))"
    )
    assert sides.says(program) == "160 {None}\n"


def test_threads_that_are_no_daemons_are_waited_for(sides: Sides) -> None:
    program = (
        "import atexit, threading\n"
        "from puff import _wait\n"
        "def work():\n"
        "    _wait.call('sleep', 0.2)\n"
        "    print('worked')\n"
        "atexit.register(print, 'atexit')\n"
        "threading.Thread(target=work).start()\n"
        "print('main is over')"
    )
    assert sides.says(program) == "main is over\nworked\natexit\n"


@pytest.mark.parametrize("status", ["", "raise SystemExit(6)", "import os; os._exit(6)"])
def test_daemons_that_wait_hold_nobody_up(sides: Sides, status: str) -> None:
    program = (
        "import threading\n"
        "from puff import _wait\n"
        "waits = threading.Barrier(5)\n"
        "def work():\n"
        "    _wait.call('sleep', 0.0)\n"
        "    waits.wait()\n"
        "    _wait.call('sleep', 600.0)\n"
        "for _ in range(4): threading.Thread(target=work, daemon=True).start()\n"
        "waits.wait()\n"
        f"{status}"
    )
    ended = sides.run(sides.puff, "-c", program)
    assert (ended.status, ended.out, ended.err) == (6 if status else 0, "", "")


def test_daemons_that_are_answered_at_the_end_harm_nobody(sides: Sides) -> None:
    program = (
        "import threading\n"
        "from puff import _wait\n"
        "waits = threading.Barrier(5)\n"
        "def work():\n"
        "    waits.wait()\n"
        "    while True: _wait.call('sleep', 0.0)\n"
        "for _ in range(4): threading.Thread(target=work, daemon=True).start()\n"
        "waits.wait()"
    )
    for _ in range(5):
        assert sides.says(program) == ""


def test_objects_may_call_puff_while_all_ends(sides: Sides) -> None:
    program = (
        "from puff import _wait\n"
        "import atexit\n"
        "class Late:\n"
        "    def __del__(self): print('late', _wait.call('sleep', 0.0), flush=True)\n"
        "atexit.register(lambda: print('atexit', _wait.call('sleep', 0.0), flush=True))\n"
        "late = Late()"
    )
    assert sides.says(program) == "atexit None\nlate None\n"


@pytest.mark.parametrize(
    "options", [[], ["-X", "dev"], ["-X", "faulthandler"], ["-I"]], ids=" ".join
)
def test_a_call_works_under_options(sides: Sides, options: list[str]) -> None:
    assert sides.says(f"{GO}print(_wait.call('sleep', 0.01))", *options) == "None\n"


def test_output_is_flushed_at_the_end(sides: Sides, go: str) -> None:
    program = f"{go}import sys; sys.stdout.write('x' * 100_000)"
    assert sides.says(program) == "x" * 100_000


def test_tracing_sees_the_programs_own_code(sides: Sides) -> None:
    program = (
        "import sys\n"
        "seen = []\n"
        "def mine():\n"
        "    return 1\n"
        "def trace(frame, event, arg):\n"
        "    seen.append((frame.f_code.co_name, event))\n"
        "    return trace\n"
        "{go}"
        "sys.settrace(trace)\n"
        "mine()\n"
        "sys.settrace(None)\n"
        "print(seen)"
    )
    plain = sides.run(sides.plain, "-c", program.format(go=""))
    assert sides.says(program.format(go=GO)) == plain.out
    assert "('mine', 'return')" in plain.out


def test_an_unknown_function_is_an_error(sides: Sides) -> None:
    program = (
        "from puff import _wait\ntry: _wait.call('no such')\nexcept LookupError as e: print(e)"
    )
    assert sides.says(program) == 'call Go: there is no function "no such"\n'


def test_deep_recursion_is_pythons_error(sides: Sides, go: str) -> None:
    program = (
        f"{go}import sys\n"
        "x = []\n"
        "for _ in range(100_000): x = [x]\n"
        "try: repr(x)\n"
        "except RecursionError: print('recursion')\n"
        "def f(): f()\n"
        "try: f()\n"
        "except RecursionError: print('recursion')"
    )
    assert sides.says(program) == "recursion\nrecursion\n"
