"""Children: started anew they have Puff, made by fork they are plain Python."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from python.conftest import Sides

# Starts Go: a call that is answered.
GO = "from puff import _wait; _wait.call('sleep', 0.0)\n"

MODULE = """
import os, sys

def double(n):
    return 2 * n

def ask(n):
    from puff import _wait
    _wait.call('sleep', 0.0)
    return n, os.getppid(), sys.executable

def put(queue, n):
    queue.put(ask(n))
"""


@pytest.fixture(params=["", GO], ids=["before Go", "with Go"])
def go(request: pytest.FixtureRequest) -> str:
    """A line that has Go running, or none."""
    return str(request.param)


def program(sides: Sides, text: str) -> str:
    """A script that imports the module of functions, as a child that is spawned does too."""
    sides.write("functions.py", MODULE)
    indented = "\n    ".join(text.strip().splitlines())
    return sides.write("program.py", f"if __name__ == '__main__':\n    {indented}\n")


def run(sides: Sides, text: str) -> str:
    # From 3.12 on Python warns of forks beside threads, and Go's are such.
    ended = sides.run(sides.puff, "-W", "ignore::DeprecationWarning", program(sides, text))
    assert (ended.status, ended.err) == (0, ""), ended
    return ended.out


def test_subprocess_starts_puff_again(sides: Sides, go: str) -> None:
    child = f"import sys; {GO.strip()}; print(sys.executable, sys.prefix)"
    text = (
        f"{go}import subprocess, sys\n"
        f"out = subprocess.run([sys.executable, '-c', {child!r}], capture_output=True, text=True)\n"
        "print(out.stdout == f'{sys.executable} {sys.prefix}\\n', out.stderr, out.returncode)"
    )
    assert run(sides, text) == "True  0\n"


def test_subprocess_with_a_function_before_it_runs(sides: Sides, go: str) -> None:
    text = (
        f"{go}import subprocess, sys, os\n"
        f"run = subprocess.run([sys.executable, '-c', {GO + 'print(7)'!r}], preexec_fn=os.setsid)\n"
        "print(run.returncode)"
    )
    assert run(sides, text) == "7\n0\n"


def test_multiprocessing_spawns_by_default(sides: Sides) -> None:
    text = "import multiprocessing as m; print(m.get_start_method(), m.get_all_start_methods()[0])"
    ended = sides.run(sides.puff, "-c", text)
    assert ended.out.split()[0] == "spawn"
    again = text.replace("print", "m.set_start_method('fork'); print")
    assert sides.run(sides.puff, "-c", again).out.split()[0] == "fork"


def test_spawned_children_of_multiprocessing_have_puff(sides: Sides, go: str) -> None:
    text = f"""
{go.strip()}
import multiprocessing, os, sys
import functions
context = multiprocessing.get_context('spawn')
queue = context.Queue()
children = [context.Process(target=functions.put, args=(queue, n)) for n in range(2)]
for c in children: c.start()
got = sorted(queue.get(timeout=60) for _ in children)
for c in children: c.join()
print([n for n, _, _ in got], [c.exitcode for c in children])
print({{name for _, _, name in got}} == {{sys.executable}})
with context.Pool(2) as pool:
    print(pool.map(functions.double, range(4)))
"""
    assert run(sides, text) == "[0, 1] [0, 0]\nTrue\n[0, 2, 4, 6]\n"


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_forked_children_of_multiprocessing_run_python(sides: Sides, go: str, method: str) -> None:
    text = f"""
{go.strip()}
import multiprocessing
import functions
context = multiprocessing.get_context({method!r})
with context.Pool(2) as pool:
    print(pool.map(functions.double, range(4)))
    try:
        pool.map(functions.ask, range(1))
    except RuntimeError as e:
        print(e)
"""
    out = run(sides, text)
    assert out.startswith("[0, 2, 4, 6]\nthis process was made by fork: Puff is not in it")


def test_a_pool_of_processes_works(sides: Sides, go: str) -> None:
    text = f"""
{go.strip()}
import concurrent.futures, sys
import functions
with concurrent.futures.ProcessPoolExecutor(2) as pool:
    print(list(pool.map(functions.double, range(4))))
    print(pool.submit(functions.ask, 5).result()[2] == sys.executable)
"""
    assert run(sides, text) == "[0, 2, 4, 6]\nTrue\n"


def test_a_forked_child_runs_python_and_puff_refuses(sides: Sides, go: str) -> None:
    text = f"""
{go.strip()}
import os, subprocess, sys, threading
pid = os.fork()
if pid == 0:
    status = 1
    try:
        import json, _puff
        from puff import _wait
        thread = threading.Thread(target=print, args=('thread',), kwargs={{'flush': True}})
        thread.start()
        thread.join()
        for f in (lambda: _wait.call('sleep', 0.0), _puff.start, _puff.lane):
            try:
                f()
            except RuntimeError as e:
                print(e, flush=True)
        subprocess.run([sys.executable, '-c', {GO + "print('anew')"!r}], check=True)
        status = 7
    finally:
        os._exit(status)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
{GO.strip()}
print('parent', _wait.call('sleep', 0.0))
"""
    out = run(sides, text).splitlines()
    assert out[0] == "thread"
    assert len(out) == 7
    assert all("this process was made by fork: Puff is not in it" in line for line in out[1:4])
    assert out[4:] == ["anew", "7", "parent None"]


def test_a_forked_child_ends_as_python_ends(sides: Sides, go: str) -> None:
    text = f"""
{go.strip()}
import atexit, os, signal, sys
atexit.register(lambda: os.write(1, b'atexit\\n'))
for how in ('return', 'signal', 'interrupt', 'exception'):
    pid = os.fork()
    if pid:
        print(how, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        continue
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    if how == 'return': sys.exit(3)
    if how == 'signal': os.kill(os.getpid(), signal.SIGTERM)
    if how == 'interrupt': os.kill(os.getpid(), signal.SIGINT)
    if how == 'interrupt': signal.pause()
    if how == 'exception': raise ValueError
"""
    out = run(sides, text)
    assert out == (
        "atexit\nreturn 3\nsignal -15\natexit\ninterrupt -2\natexit\nexception 1\natexit\n"
    )


def test_a_fork_by_a_thread_is_a_fork(sides: Sides) -> None:
    text = f"""
import os, threading
{GO.strip()}
def child():
    pid = os.fork()
    if pid == 0:
        try:
            _wait.call('sleep', 0.0)
        except RuntimeError:
            os._exit(5)
        os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
thread = threading.Thread(target=child)
thread.start()
thread.join()
"""
    assert run(sides, text) == "5\n"


def test_a_fork_amid_many_calls_harms_nobody(sides: Sides) -> None:
    text = f"""
import os, threading
{GO.strip()}
stop = threading.Event()
def caller():
    while not stop.is_set():
        _wait.call('sleep', 0.0)
threads = [threading.Thread(target=caller) for _ in range(3)]
for t in threads: t.start()
statuses = []
for _ in range(20):
    pid = os.fork()
    if pid == 0:
        os._exit(sum(range(10)))
    statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
stop.set()
for t in threads: t.join()
print(set(statuses))
"""
    assert run(sides, text) == "{45}\n"


def test_exec_replaces_the_program(sides: Sides, go: str) -> None:
    text = f"{go}import os, sys\nos.execv(sys.executable, ['x', '-c', 'import puff; print(1)'])"
    assert run(sides, text) == "1\n"


def test_a_child_has_the_signals_that_its_parent_left_it(sides: Sides, go: str) -> None:
    child = (
        "import json\n"
        "lines = open('/proc/self/status').read().splitlines()\n"
        "print([l for l in lines if l.startswith(('SigBlk', 'SigIgn', 'SigCgt'))])"
    )
    text = f"import subprocess\n{{go}}subprocess.run([{sides.plain[0]!r}, '-c', {child!r}])"
    before = signal.getsignal(signal.SIGQUIT)
    for quits in (signal.SIG_DFL, signal.SIG_IGN):  # as in what a shell runs in the background
        signal.signal(signal.SIGQUIT, quits)
        try:
            plain = sides.run(sides.plain, program(sides, text.format(go="")))
            puff = sides.run(sides.puff, program(sides, text.format(go=go)))
        finally:
            signal.signal(signal.SIGQUIT, before)
        assert puff == plain
