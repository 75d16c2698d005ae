"""``puff dev``: what changes is served, what is broken is shown; and ``puff new``."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .client import Connection, Response, get
from .load import until
from .process import BINARY, DEADLINE, PYTHON, Puff, environment, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., Puff]

HTML = [("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

HELLO = """
    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise ValueError
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": {word!r}.encode()}})
"""
RAISING = {
    "asgi": """
        async def app(scope, receive, send):
            word = scope["query_string"].decode()
            raise LookupError("<script>alert(1)</script>" + word)
    """,
    "wsgi": """
        def app(environ, start_response):
            word = environ["QUERY_STRING"]
            raise LookupError("<script>alert(1)</script>" + word)
    """,
}


def write(folder: Path, name: str, text: str) -> None:
    """Writes a file, and the folders to it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


def hello(folder: Path, word: str) -> None:
    """Has the application answer a word."""
    write(folder, "app.py", HELLO.format(word=word))


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Start]:
    """dev("module:app", *flags) is a puff dev in tmp_path; each must end well."""
    running: list[Puff] = []

    def start(app: str = "app:app", *flags: str, command: str = "dev") -> Puff:
        args = [command, app, "--python", PYTHON, "--port", "0", *flags]
        running.append(Puff(args, cwd=tmp_path))
        return running[-1]

    yield start
    for puff in running:
        puff.stop()


def changed(puff: Puff, change: Callable[[], None]) -> None:
    """Makes a change, and waits until it was noticed: who asks then waits for the new worker."""
    mark = puff.mark()
    change()
    puff.wait_for("starting again", mark)


def fresh(puff: Puff, change: Callable[[], None], path: str = "/") -> Response:
    """The answer of the worker that a change brings."""
    before = set(puff.workers)
    changed(puff, change)
    until("the end of the old worker", lambda: not before & set(puff.workers))
    return get(puff.port, path, headers=HTML)


def test_a_change_is_served(dev: Start, tmp_path: Path) -> None:
    hello(tmp_path, "one")
    puff = dev()
    assert get(puff.port).text == "one"
    assert fresh(puff, lambda: hello(tmp_path, "two")).text == "two"  # of the same size
    puff.wait_for(r"^app\.py has changed: starting again$")
    assert fresh(puff, lambda: hello(tmp_path, "three")).text == "three"
    assert len(puff.workers) == 1


def test_a_change_in_a_new_folder_is_served(dev: Start, tmp_path: Path) -> None:
    hello(tmp_path, "one")
    puff = dev()
    assert get(puff.port).text == "one"
    changed(puff, lambda: write(tmp_path, "deep/er/words.py", "word = 'two'\n"))
    text = textwrap.dedent(HELLO.replace("{word!r}", "words.word").format())
    using = "from deep.er import words\n" + text
    assert fresh(puff, lambda: write(tmp_path, "app.py", using)).text == "two"
    answer = fresh(puff, lambda: write(tmp_path, "deep/er/words.py", "word = 'six'\n"))
    assert answer.text == "six"


def test_what_is_no_source_changes_nothing(dev: Start, tmp_path: Path) -> None:
    hello(tmp_path, "one")
    puff = dev()
    assert get(puff.port).text == "one"
    mark = puff.mark()
    for name in (
        ".git/a.py",
        "__pycache__/app.pyc",
        ".venv/a.py",
        "node_modules/a.py",
        "db.sqlite3",
    ):
        write(tmp_path, name, "x = 1\n")
    write(tmp_path, ".app.py.swp", "")
    changed(puff, lambda: hello(tmp_path, "two"))
    line = puff.wait_for("starting again", mark)
    assert line == "app.py has changed: starting again"  # and nothing before it


def test_what_can_not_be_imported_is_shown_until_it_is_repaired(dev: Start, tmp_path: Path) -> None:
    hello(tmp_path, "one")
    puff = dev()
    puff.expect("RuntimeError: the <b>moon", "SyntaxError")
    assert get(puff.port).text == "one"
    mark = puff.mark()
    page = fresh(puff, lambda: write(tmp_path, "app.py", "def app(:\n    pass\n"))
    assert page.status == 500
    assert page.get("Content-Type") == "text/html; charset=utf-8"
    for part in ("SyntaxError", "app.py", "invalid syntax", "def app("):
        assert part in page.text
    puff.wait_for("SyntaxError: invalid syntax", mark)
    broken = 'raise RuntimeError("the <b>moon</b>")\n'
    page = fresh(puff, lambda: write(tmp_path, "app.py", "x = 1\n" + broken), "/any/path")
    assert page.status == 500
    assert "the &lt;b&gt;moon&lt;/b&gt;" in page.text
    assert "<b>moon" not in page.text
    plain = get(puff.port, headers=[("Accept", "*/*")])
    assert (plain.status, plain.get("Content-Type")) == (500, "text/plain; charset=utf-8")
    assert "Traceback (most recent call last):" in plain.text
    assert 'app.py", line 2' in plain.text
    assert "importlib" not in plain.text
    assert fresh(puff, lambda: hello(tmp_path, "two")).text == "two"


def test_it_starts_with_what_can_not_be_imported(dev: Start, tmp_path: Path) -> None:
    write(tmp_path, "app.py", "import nowhere\n")
    puff = dev()
    puff.expect("ModuleNotFoundError")
    page = get(puff.port, headers=HTML)
    assert page.status == 500
    assert "No module named &#39;nowhere&#39;" in page.text
    assert fresh(puff, lambda: hello(tmp_path, "one")).text == "one"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ap = 1\n", "has no &#39;app&#39; (did you mean &#39;ap&#39;?)"),
        ("import sys\nsys.exit(3)\n", "SystemExit"),
        (
            """
            async def app(scope, receive, send):
                await receive()
                await send({"type": "lifespan.startup.failed", "message": "no <moon>"})
            """,
            "no &lt;moon&gt;",
        ),
    ],
)
def test_every_reason_not_to_start_is_shown(
    dev: Start, tmp_path: Path, text: str, shown: str
) -> None:
    write(tmp_path, "app.py", text)
    puff = dev()
    puff.expect("SystemExit")
    page = get(puff.port, headers=HTML)
    assert page.status == 500
    assert shown in page.text


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_exceptions_of_handlers_are_shown_escaped(
    dev: Start, tmp_path: Path, interface: str
) -> None:
    write(tmp_path, "app.py", RAISING[interface])
    puff = dev()
    puff.expect("LookupError")
    page = get(puff.port, "/a%3Cb?<u>&x", headers=HTML)
    assert page.status == 500
    assert page.get("Content-Type") == "text/html; charset=utf-8"
    assert "default-src 'none'" in (page.get("Content-Security-Policy") or "")
    for part in (
        "LookupError",
        "&lt;script&gt;alert(1)&lt;/script&gt;&lt;u&gt;",
        "app.py",
        "/a%3Cb",
    ):
        assert part in page.text
    assert "raise LookupError(&#34;&lt;script&gt;" in page.text  # the source
    for part in ("<script>alert", "<u>", "_wsgi.py", "_asgi.py"):
        assert part not in page.text
    plain = get(puff.port)
    assert plain.status == 500
    assert plain.get("Content-Type") == "text/plain; charset=utf-8"
    assert plain.text.startswith("Traceback (most recent call last):\n")
    puff.wait_for(r"^GET /a%3Cb\?<u>&x 500 \d+\.\d ms$")


def test_other_names_of_this_machine_see_nothing(dev: Start, tmp_path: Path) -> None:
    write(tmp_path, "app.py", RAISING["asgi"])
    puff = dev()
    puff.expect("LookupError")
    with Connection(puff.port) as c:
        c.send(b"GET / HTTP/1.1\r\nHost: rebound.example.org\r\nAccept: text/html\r\n\r\n")
        answer = c.response()
    assert (answer.status, answer.text) == (500, "Internal Server Error\n")


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_serve_shows_nothing(dev: Start, tmp_path: Path, interface: str) -> None:
    write(tmp_path, "app.py", RAISING[interface])
    puff = dev(command="serve")
    puff.expect("LookupError")
    answer = get(puff.port, headers=HTML)
    assert (answer.status, answer.text) == (500, "Internal Server Error\n")
    assert get(puff.port, "/-/puff/generation").status == 500  # as any other path


@pytest.mark.parametrize("app", ["starlette", "flask"])
def test_frameworks_that_answer_themselves_are_heard(dev: Start, tmp_path: Path, app: str) -> None:
    text = {
        "starlette": """
            from starlette.applications import Starlette
            from starlette.routing import Route

            def fault(request):
                raise LookupError("the cupboard is bare")

            app = Starlette(routes=[Route("/", fault)])
        """,
        "flask": """
            from flask import Flask
            app = Flask(__name__)

            @app.get("/")
            def fault():
                raise LookupError("the cupboard is bare")
        """,
    }[app]
    pytest.importorskip(app)
    write(tmp_path, "app.py", text)
    puff = dev()
    puff.expect("LookupError")
    page = get(puff.port, headers=HTML)
    assert page.status == 500
    assert "the cupboard is bare" in page.text
    assert "app.py" in page.text


def test_an_answer_of_500_that_is_meant_stays(dev: Start, tmp_path: Path) -> None:
    text = HELLO.format(word="sorry").replace('"status": 200', '"status": 500')
    write(tmp_path, "app.py", text.replace('"headers": []', '"headers": [(b"x-own", b"yes")]'))
    puff = dev()
    answer = get(puff.port, headers=HTML)
    assert (answer.status, answer.text, answer.get("x-own")) == (500, "sorry", "yes")
    wsgi = """
        def app(environ, start_response):
            write = start_response("500 Own", [("Content-Length", "5"), ("X-Own", "yes")])
            write(b"sorry")
            return []
    """
    answer = fresh(puff, lambda: write(tmp_path, "app.py", wsgi))
    assert (answer.status, answer.reason, answer.text) == (500, "Own", "sorry")


def test_who_answers_500_and_waits_for_the_client_to_go_is_not_held_up(
    dev: Start, tmp_path: Path
) -> None:
    text = """
        async def app(scope, receive, send):
            if scope["type"] != "http":
                raise ValueError
            await receive()
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b"sorry"})
            assert (await receive())["type"] == "http.disconnect"
    """
    write(tmp_path, "app.py", text)
    puff = dev()
    assert get(puff.port).text == "sorry"


def test_the_cause_and_what_was_handled_are_shown(dev: Start, tmp_path: Path) -> None:
    write(
        tmp_path,
        "app.py",
        """
        def inner():
            return {}["count"]

        async def app(scope, receive, send):
            try:
                try:
                    inner()
                except KeyError as e:
                    raise ValueError("no count") from e
            except ValueError:
                raise LookupError("no order")
        """,
    )
    puff = dev()
    puff.expect("LookupError", "ValueError", "KeyError")
    text = get(puff.port, headers=HTML).text
    assert re.findall(r'<(?:p class="relation"|span class="kind")>([^<]*)<', text) == [
        "LookupError",
        "raised while this was handled",
        "ValueError",
        "caused by",
        "KeyError",
    ]


def test_endless_recursion_is_cut_short(dev: Start, tmp_path: Path) -> None:
    write(
        tmp_path,
        "app.py",
        """
        def again(n):
            return again(n + 1)

        async def app(scope, receive, send):
            again(0)
        """,
    )
    puff = dev()
    puff.expect("RecursionError")
    page = get(puff.port, headers=HTML)
    assert "frames in the middle are left out" in page.text
    assert page.text.count("<details") < 60


def test_it_listens_for_this_machine_alone(tmp_path: Path) -> None:
    hello(tmp_path, "one")
    for flags in (["--host", "0.0.0.0"], ["--bind", ":8000"], ["--bind", "[::]:8000"]):
        done = run(["dev", "app:app", "--python", PYTHON, *flags], cwd=tmp_path)
        assert done.returncode == 2
        assert "is not of this machine alone" in done.stderr
        assert done.stderr.count("\n") == 2


def test_an_import_that_hangs_is_given_up_at_the_next_change(dev: Start, tmp_path: Path) -> None:
    hello(tmp_path, "one")
    puff = dev()
    assert get(puff.port).text == "one"
    text = """
        import sys, time
        print("app: hangs", file=sys.stderr, flush=True)
        time.sleep(1000)
    """
    write(tmp_path, "app.py", text)
    puff.wait_for("app: hangs")
    mark = puff.mark()
    hello(tmp_path, "two")
    puff.wait_for("starting again", mark)
    assert get(puff.port).text == "two"


def test_a_stream_does_not_keep_a_change_waiting(dev: Start, tmp_path: Path) -> None:
    text = """
        import asyncio

        async def app(scope, receive, send):
            if scope["type"] != "http":
                raise ValueError
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"one", "more_body": True})
            await asyncio.sleep(1000)
    """
    write(tmp_path, "app.py", text)
    puff = dev()
    with Connection(puff.port) as c:
        c.request()
        assert c.chunk_after_head() == b"one"
        assert fresh(puff, lambda: hello(tmp_path, "two")).text == "two"


def terminal_log(cwd: Path, environ: dict[str, str]) -> str:
    """What a puff dev writes for one request to a terminal."""
    near, far = pty.openpty()
    process = subprocess.Popen(
        [BINARY, "dev", "app:app", "--python", PYTHON, "--port", "0"],
        cwd=cwd,
        env=environment({"TERM": "xterm", **environ}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=far,
        start_new_session=True,
    )
    os.close(far)
    log = b""
    while not re.search(rb"GET .* ms", log):
        log += os.read(near, 4096)
        found = re.search(rb"http://[^ ]*:(\d+) ", log)
        if found and b"GET" not in log:
            get(int(found[1]), "/path")
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0
    os.close(near)
    return log.decode()


def test_a_terminal_gets_colours_unless_it_wants_none(tmp_path: Path) -> None:
    hello(tmp_path, "one")
    assert "GET /path \x1b[32m200\x1b[0m" in terminal_log(tmp_path, {})
    assert "GET /path 200 " in terminal_log(tmp_path, {"NO_COLOR": "1"})


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
def test_a_browser_shows_the_page_and_runs_nothing_of_it(dev: Start, tmp_path: Path) -> None:
    write(
        tmp_path,
        "app.py",
        """
        async def app(scope, receive, send):
            raise LookupError("<script>document.title = 'taken'</script><img src=x onerror=x>")
        """,
    )
    puff = dev()
    puff.expect("LookupError")
    assert CHROMIUM is not None
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / '.profile'}",
            "--dump-dom",
            f"http://localhost:{puff.port}/x",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "<title>LookupError: &lt;script&gt;" in done.stdout
    assert "<img" not in done.stdout
    assert "app.py" in done.stdout


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
def test_an_open_page_loads_again_once_it_is_repaired(dev: Start, tmp_path: Path) -> None:
    write(tmp_path, "app.py", "def app(:\n")
    puff = dev()
    assert CHROMIUM is not None
    browser = subprocess.Popen(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--remote-debugging-port=0",  # has it stay
            f"--user-data-dir={tmp_path / '.profile'}",
            f"http://localhost:{puff.port}/x",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        puff.wait_for("^GET /x 500 ")
        hello(tmp_path, "one")
        puff.wait_for("^GET /x 200 ")
    finally:
        browser.terminate()
        browser.wait(DEADLINE)


def test_a_new_project_serves_and_its_tests_pass(tmp_path: Path, dev: Start) -> None:
    done = run(["new", "shop"], cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    project = tmp_path / "shop"
    found = {str(p.relative_to(project)) for p in project.rglob("*") if p.is_file()}
    assert found == {"app.py", "puff.toml", "tests/test_app.py", ".gitignore", "README.md"}
    for command in ("serve", "dev"):
        puff = Puff([command, "--python", PYTHON, "--port", "0"], cwd=project)
        assert get(puff.port).text == '{"hello": "world"}\n'
        assert get(puff.port, "/nowhere").status == 404
        puff.signal(signal.SIGINT)
        assert puff.wait() == 0
    done = run(["--python", PYTHON, "pytest", "-q", "-p", "no:cacheprovider"], cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    again = run(["new", "shop"], cwd=tmp_path)
    assert again.returncode == 1
    assert "there is something in it" in again.stderr
