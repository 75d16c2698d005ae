"""Applications that use what a process has: signals, threads, children."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import queue
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Never


def say(*words: object) -> None:
    """Tells the test."""
    sys.stderr.write(f"app: {' '.join(map(str, words))}\n")


def handle(number: int, frame: Any) -> None:
    main = threading.current_thread() is threading.main_thread()
    say("handler", signal.Signals(number).name, "main" if main else "other")


def double(n: int) -> int:
    return 2 * n


def in_thread() -> str:
    out: queue.Queue[str] = queue.Queue()
    thread = threading.Thread(target=lambda: out.put(threading.current_thread().name), name="mine")
    thread.start()
    thread.join()
    return out.get()


def in_child() -> str:
    code = "import sys; print(sys.argv[1], 'puff' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code, "hello"], capture_output=True, text=True)
    return f"{run.returncode} {run.stdout.strip()}{run.stderr}"


def in_children() -> str:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return str(pool.map(double, [1, 2, 3]))


def in_shell() -> str:
    return subprocess.check_output("echo $PPID", shell=True, text=True).strip()


WORK = {"/thread": in_thread, "/child": in_child, "/children": in_children, "/shell": in_shell}


def default_method() -> str:
    return multiprocessing.get_start_method()


WORK["/method"] = default_method


def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    path = environ["PATH_INFO"]
    return [WORK[path]().encode() if path in WORK else str(os.getpid()).encode()]


def with_handlers() -> Any:
    """The WSGI application, and handlers of its own."""
    signal.signal(signal.SIGUSR1, handle)
    signal.signal(signal.SIGTERM, handle)
    return app


def with_int_handler() -> Any:
    signal.signal(signal.SIGINT, handle)
    return app


def with_ignored() -> Any:
    """TERM ignored by the program still drains Puff."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return app


def fail(number: int, frame: Any) -> Never:
    raise ValueError("the handler fails")


def raises_in_handler() -> Any:
    signal.signal(signal.SIGUSR1, fail)
    return app


def raises_in_handler_async() -> Any:
    signal.signal(signal.SIGUSR1, fail)
    return asgi


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGUSR1, signal.SIGTERM):
            loop.add_signal_handler(number, say, "loop handler", number.name)
        say("loop of", type(loop).__module__.split(".")[0])
        await send({"type": "lifespan.startup.complete"})
        await receive()
        say("shutdown")
        await send({"type": "lifespan.shutdown.complete"})
        return
    path = scope["path"]
    if path == "/child-async":
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "print('from a child')", stdout=subprocess.PIPE
        )
        out, _ = await child.communicate()
        body = out + str(child.returncode).encode()
    elif path in WORK:
        body = (await asyncio.get_running_loop().run_in_executor(None, WORK[path])).encode()
    else:
        body = str(os.getpid()).encode()
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": body})
