"""``puff run``, the commands of puff.toml, and ``puff wait_forever``."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from python.conftest import Ended, Sides

PROGRAM = """
import sys

def plain():
    import puff
    print(puff.is_greenlet(), puff.sleep_ms(1), sys.argv)
    return 5

async def coroutine():
    import asyncio, puff
    print(type(asyncio.get_running_loop()).__module__.split('.')[0], puff.is_greenlet())
    print(await asyncio.gather(puff.sleep_ms(1), puff.sleep_ms(1)))

def spawns():
    import puff
    def work(n):
        puff.sleep_ms(n)
        return n
    print(puff.join_all([puff.spawn(work, n) for n in (3, 2, 1)]))
    puff.spawn(puff.sleep, 600)

def ends(): sys.exit(3)
async def coroutine_ends(): sys.exit(4)
def says(): sys.exit('no luck')
def fails(): raise KeyError('mine')
async def coroutine_fails(): raise KeyError('mine')
def imports(): import no_such_module_at_all
value = 5

def threads():
    import threading
    def work():
        import puff
        puff.sleep(0.1)
        print('worked')
    threading.Thread(target=work).start()

def waits():
    import puff
    try:
        print('waits', flush=True)
        puff.sleep(600)
    except KeyboardInterrupt:
        print('cleans up', puff.sleep_ms(1))
        raise

async def coroutine_waits():
    import puff
    try:
        print('waits', flush=True)
        await puff.sleep(600)
    except BaseException:
        print('cleans up', await puff.sleep_ms(1))
        raise

def computes():
    print('waits', flush=True)
    while True: pass
"""


def puff(sides: Sides, *args: str) -> list[str]:
    """The command line of a project with that program in it."""
    sides.write("program.py", PROGRAM)
    names = [line.split("(")[0].split()[-1] for line in PROGRAM.splitlines() if "def " in line[:10]]
    names += ["value", "no_such", "nothing"]
    paths = {"nothing": "no_module.here"}
    sides.write(
        "puff.toml",
        "".join(
            f'[[commands]]\ncommand_name = "c-{n}"\nfunction = "{paths.get(n, "program." + n)}"\n'
            for n in names
        ),
    )
    return [sides.puff[0], "--python", sides.plain[0], *args]


def run(sides: Sides, *args: str) -> Ended:
    return sides.run(puff(sides, *args))


@pytest.mark.parametrize("start", [["c-plain"], ["run", "c-plain"]], ids=" ".join)
def test_a_function_runs_in_a_greenlet_with_its_arguments(sides: Sides, start: list[str]) -> None:
    ended = run(sides, *start, "a", "--", "--b")
    assert ended.err == ""
    assert (ended.status, ended.out.split(" ", 2)[:2]) == (0, ["True", "None"])
    assert "'c-plain', 'a'" in ended.out


def test_a_function_runs_plainly_where_greenlets_are_switched_off(sides: Sides) -> None:
    line = puff(sides, "c-plain")
    config = (sides.folder / "puff.toml").read_text()
    sides.write("puff.toml", "greenlets = false\n" + config)
    ended = sides.run(line)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.split(" ", 2)[:2] == ["False", "None"]


def test_a_coroutine_function_runs_on_a_loop(sides: Sides) -> None:
    ended = run(sides, "c-coroutine")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == "uvloop False\n[None, None]\n"


def test_tasks_that_still_wait_hold_no_command_up(sides: Sides) -> None:
    ended = run(sides, "c-spawns")
    assert (ended.status, ended.out, ended.err) == (0, "[3, 2, 1]\n", "")


def test_threads_of_a_command_are_waited_for(sides: Sides) -> None:
    assert run(sides, "c-threads").out == "worked\n"


@pytest.mark.parametrize(
    ("name", "status", "err"),
    [
        ("ends", 3, ""),
        ("coroutine_ends", 4, ""),
        ("says", 1, "no luck\n"),
        (
            "value",
            1,
            "puff: run program.value: it is int, which can not be called: name a function\n",
        ),
        ("no_such", 1, "puff: run program.no_such: program has no 'no_such'\n"),
    ],
)
def test_a_command_ends_with_its_status(sides: Sides, name: str, status: int, err: str) -> None:
    ended = run(sides, f"c-{name}")
    assert (ended.status, ended.err) == (status, err)


@pytest.mark.parametrize("name", ["fails", "coroutine_fails", "imports"])
def test_what_a_command_raises_is_shown_as_its_own(sides: Sides, name: str) -> None:
    ended = run(sides, f"c-{name}")
    lines = ended.err.splitlines()
    assert ended.status == 1
    assert lines[0] == "Traceback (most recent call last):"
    assert "program.py" in lines[1]
    assert lines[-1].startswith(("KeyError: 'mine'", "ModuleNotFoundError: No module"))


def test_a_module_that_is_not_there_is_named(sides: Sides) -> None:
    ended = run(sides, "c-nothing")
    assert (ended.status, ended.err.count("\n")) == (1, 1)
    assert ended.err.startswith("puff: import no_module.here: there is no module 'no_module'")


@pytest.mark.parametrize("name", ["waits", "coroutine_waits", "computes"])
def test_an_interrupt_reaches_the_command(sides: Sides, name: str) -> None:
    process = sides.start(puff(sides, f"c-{name}"))
    assert process.stdout is not None
    assert process.stdout.readline() == "waits\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "" if name == "computes" else "cleans up None\n")
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    assert "/puff/_" not in err.splitlines()[1]


def test_a_command_is_ended_by_sigterm(sides: Sides) -> None:
    process = sides.start(puff(sides, "c-waits"))
    assert process.stdout is not None
    assert process.stdout.readline() == "waits\n"
    process.terminate()
    assert process.wait(60) == -signal.SIGTERM
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_wait_forever_waits_for_a_signal(sides: Sides, number: signal.Signals) -> None:
    process = sides.start(puff(sides, "wait_forever"))
    assert process.stderr is not None
    # It listens for signals once it says that it waits.
    assert "waiting" in process.stderr.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "stopping" in err
