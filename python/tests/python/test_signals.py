"""Signals end or reach a program as they do under python3, whether Go runs yet or not."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from python.conftest import Sides

# Starts Go: a call that is answered.
GO = "from puff import _wait; _wait.call('sleep', 0.0)\n"
HANDLED = [
    "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGTERM", "SIGCHLD",
    "SIGCONT", "SIGURG", "SIGPROF", "SIGVTALRM", "SIGIO", "SIGWINCH", "SIGRTMIN",
]  # fmt: skip
FATAL = [
    "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGTERM", "SIGPROF",
    "SIGVTALRM", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGSYS", "SIGTRAP",
]  # fmt: skip


@pytest.fixture(params=["", GO], ids=["before Go", "with Go"])
def go(request: pytest.FixtureRequest) -> str:
    """A line that has Go running, or none."""
    return str(request.param)


def test_an_uncaught_interrupt_kills_by_the_signal(sides: Sides, go: str) -> None:
    program = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True: pass\n"
    plain = sides.run(sides.plain, "-c", program)
    puff = sides.run(sides.puff, "-c", go + program)
    assert (puff.status, puff.out) == (plain.status, plain.out) == (-signal.SIGINT, "")
    assert puff.err.splitlines()[-1] == "KeyboardInterrupt"


@pytest.mark.parametrize("name", FATAL)
def test_a_signal_that_kills_python_kills(sides: Sides, go: str, name: str) -> None:
    number = getattr(signal, name)
    program = (
        "import os, resource, signal\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        f"signal.signal(signal.{name}, signal.SIG_DFL)\n"
        "print('alive', flush=True)\n"
        f"{go}os.kill(os.getpid(), signal.{name})\n"
        "signal.pause()"
    )
    ended = sides.run(sides.puff, "-c", program)
    assert (ended.status, ended.out, ended.err) == (-number, "alive\n", "")


@pytest.mark.parametrize("name", HANDLED)
def test_handlers_set_before_and_after_go_are_called(sides: Sides, name: str) -> None:
    program = (
        "import os, signal, threading\n"
        "got = []\n"
        "def handler(s, frame): got.append((s, threading.current_thread().name))\n"
        f"s = signal.{name}\n"
        "signal.signal(s, handler)\n"
        "os.kill(os.getpid(), s)\n"
        f"{GO}"
        "assert signal.getsignal(s) is handler\n"
        "os.kill(os.getpid(), s)\n"
        "signal.signal(s, signal.SIG_IGN)\n"
        "os.kill(os.getpid(), s)\n"
        "signal.signal(s, handler)\n"
        "os.kill(os.getpid(), s)\n"
        "print(got == [(s, 'MainThread')] * 3, got)"
    )
    assert sides.says(program).startswith("True")


def test_dispositions_are_as_they_were(sides: Sides) -> None:
    program = (
        "def caught():\n"
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    return {k: v for k, v in (l.split(':\\t') for l in lines if l[:3] == 'Sig')}\n"
        "before = caught()\n"
        f"{GO}"
        "after = caught()\n"
        "bits = int(after['SigCgt'], 16) & ~int(before['SigCgt'], 16)\n"
        "added = [s for s in range(1, 65) if bits >> (s - 1) & 1]\n"
        "print(added, before['SigIgn'] == after['SigIgn'], before['SigBlk'] == after['SigBlk'])"
    )
    added, same_ignored, same_blocked = sides.says(program).rsplit(" ", 2)
    # What Go can not do without, and 33, which is the C library's for setuid.
    assert set(eval(added)) <= {
        signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGURG, signal.SIGPROF, 32, 33
    }  # fmt: skip
    assert (same_ignored, same_blocked) == ("True", "True\n")


def test_no_signal_is_lost_while_go_starts(sides: Sides) -> None:
    program = (
        "import os, signal, threading\n"
        "got = 0\n"
        "def handler(s, frame):\n"
        "    global got\n"
        "    got += 1\n"
        "signal.signal(signal.SIGUSR1, handler)\n"
        "started = threading.Event()\n"
        "def start():\n"
        "    from puff import _wait\n"
        "    _wait.call('sleep', 0.0)\n"
        "    started.set()\n"
        "thread = threading.Thread(target=start)\n"
        "thread.start()\n"
        "sent = 0\n"
        "while not started.is_set():\n"
        "    os.kill(os.getpid(), signal.SIGUSR1)\n"
        "    sent += 1\n"
        "    while got < sent: pass\n"
        "thread.join()\n"
        "print(got == sent > 0)"
    )
    assert sides.says(program) == "True\n"


def test_preemption_is_no_signal_of_the_programs(sides: Sides) -> None:
    program = (
        "import signal\n"
        "got = []\n"
        "signal.signal(signal.SIGURG, lambda *a: got.append(a))\n"
        "from puff import _wait\n"
        "for _ in range(300): _wait.call('sleep', 0.0)\n"
        "print(got)"
    )
    assert sides.says(program) == "[]\n"


@pytest.mark.parametrize("how", ["raise SystemExit(5)", "raise KeyError('mine')"])
def test_a_handlers_exception_ends_a_call_of_puffs(sides: Sides, how: str) -> None:
    program = (
        "import os, signal, threading\n"
        "from puff import _wait\n"
        f"def handler(s, frame): {how}\n"
        "signal.signal(signal.SIGUSR1, handler)\n"
        "_wait.call('sleep', 0.0)\n"
        "threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()\n"
        "_wait.call('sleep', 600.0)"
    )
    ended = sides.run(sides.puff, "-c", program)
    assert ended.status == (5 if "SystemExit" in how else 1)
    assert ("KeyError: 'mine'" in ended.err) == ("KeyError" in how)


def test_an_interrupt_ends_a_call_of_puffs(sides: Sides) -> None:
    program = (
        "from puff import _wait\n"
        "_wait.call('sleep', 0.0)\n"
        "try:\n"
        "    print('waits', flush=True)\n"
        "    _wait.call('sleep', 600.0)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', _wait.call('sleep', 0.0), flush=True)\n"
        "    _wait.call('sleep', 600.0)"
    )
    process = sides.start(sides.puff, "-c", program)
    assert process.stdout is not None
    assert process.stdout.readline() == "waits\n"
    # The second may come before the call that it is to end; then it ends the program as well.
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted None\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.splitlines()[-1]) == (-signal.SIGINT, "KeyboardInterrupt")


def test_a_broken_pipe_is_an_exception(sides: Sides, go: str) -> None:
    program = (
        f"{go}import os, signal, sys\n"
        "r, w = os.pipe(); os.close(r)\n"
        "try: os.write(w, b'x')\n"
        "except BrokenPipeError: print('broken', int(signal.getsignal(signal.SIGPIPE)))\n"
    )
    assert sides.says(program) == "broken 1\n"


def test_sigpipe_by_default_kills(sides: Sides, go: str) -> None:
    program = (
        f"{go}import os, signal\n"
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        "r, w = os.pipe(); os.close(r); os.write(w, b'x')"
    )
    assert sides.run(sides.puff, "-c", program).status == -signal.SIGPIPE


def test_a_fault_of_the_program_kills_by_the_signal(sides: Sides, go: str) -> None:
    program = (
        "import ctypes, resource\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        f"{go}ctypes.string_at(0)"
    )
    plain = sides.run(sides.plain, "-c", program.replace(go, ""))
    assert sides.run(sides.puff, "-c", program) == plain
    assert plain.status == -signal.SIGSEGV


def test_faulthandler_says_where(sides: Sides, go: str) -> None:
    program = (
        "import ctypes, resource\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        "{}\n{}\n{}\n"
        "def broken(): ctypes.string_at(0)\n"
        "broken()"
    )
    enable = "import faulthandler; faulthandler.enable()"
    for lines in ([enable, go.strip(), ""], ["", go.strip(), enable]):
        ended = sides.run(sides.puff, "-c", program.format(*lines))
        assert ended.status == -signal.SIGSEGV
        assert "Fatal Python error: Segmentation fault" in ended.err
        assert "in broken" in ended.err
        assert "goroutine" not in ended.err


def test_asyncio_handles_signals_and_children(sides: Sides, go: str) -> None:
    program = (
        "import asyncio, os, signal, sys\n"
        f"{go}"
        "async def main():\n"
        "    loop, got = asyncio.get_running_loop(), asyncio.Event()\n"
        "    loop.add_signal_handler(signal.SIGUSR1, got.set)\n"
        "    os.kill(os.getpid(), signal.SIGUSR1)\n"
        "    await got.wait()\n"
        "    pipe, child = asyncio.subprocess.PIPE, 'import puff; print(6 * 7)'\n"
        "    child = await asyncio.create_subprocess_exec(\n"
        "        sys.executable, '-c', child, stdout=pipe)\n"
        "    out, _ = await child.communicate()\n"
        "    print(out, child.returncode)\n"
        "asyncio.run(main())"
    )
    assert sides.says(program) == "b'42\\n' 0\n"


def test_sigwait_gets_what_was_blocked_before(sides: Sides) -> None:
    program = (
        "import os, signal\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGALRM])\n"
        f"{GO}"
        "for s in (signal.SIGUSR1, signal.SIGALRM):\n"
        "    os.kill(os.getpid(), s)\n"
        "    print(signal.sigwait([s]).name)"
    )
    assert sides.says(program) == "SIGUSR1\nSIGALRM\n"


def test_a_timer_of_the_profiler_is_the_programs(sides: Sides) -> None:
    program = (
        f"{GO}"
        "import signal\n"
        "got = []\n"
        "signal.signal(signal.SIGPROF, lambda *a: got.append(a))\n"
        "signal.setitimer(signal.ITIMER_PROF, 0.01)\n"
        "while not got: pass\n"
        "print(len(got))"
    )
    assert sides.says(program) == "1\n"


def test_the_limit_of_descriptors_stays(sides: Sides) -> None:
    program = (
        "import resource\n"
        "_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))\n"
        f"{GO}"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE) == (512, hard))"
    )
    assert sides.says(program) == "True\n"
