"""``puff serve`` as a command: what it is told, what it says, how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .client import Connection, CutOff, get
from .process import APPS, BINARY, PYTHON, Puff, environment, run

if TYPE_CHECKING:
    from .conftest import Own


def serve(
    *args: str, env: dict[str, str] | None = None, cwd: Path | str = APPS
) -> subprocess.CompletedProcess[str]:
    """Runs a puff serve that is expected to end by itself."""
    return run(["serve", *args, "--python", PYTHON, "--port", "0"], env=env, cwd=cwd)


@pytest.mark.parametrize(
    ("app", "body"),
    [
        ("command_app:app", "wsgi"),
        ("command_app.app", "wsgi"),
        ("command_app", "wsgi"),
        ("command_app:async_app", "asgi"),
        ("command_app:an_object", "asgi"),
        ("command_app:a_wsgi_object", "wsgi"),
        ("command_app:a_wsgi_object.inner", "wsgi"),
        ("command_app:AppClass", "wsgi"),
        ("command_app:a_partial", "asgi"),
        ("command_app:a_method", "asgi"),
        ("command_app:a_plain_one", "asgi"),
    ],
)
def test_the_application_and_its_kind_are_found(own: Own, app: str, body: str) -> None:
    puff = own(app)
    assert get(puff.port).text == body
    kind = {"wsgi": "(WSGI, greenlets)", "asgi": "(ASGI)"}[body]
    assert f"serves {app} {kind} on http://127.0.0.1:{puff.port} with Python 3." in puff.log()
    puff.stop()
    assert "app: atexit" in puff.log()


@pytest.mark.parametrize(("app", "body"), [("make", "wsgi"), ("make_async", "asgi")])
def test_a_factory_is_called(own: Own, app: str, body: str) -> None:
    assert get(own(f"command_app:{app}", "--factory").port).text == body


def test_the_interface_may_be_given(own: Own) -> None:
    assert get(own("command_app:a_plain_one", "--interface", "asgi3").port).text == "asgi"
    assert get(own("command_app:app", "--interface", "wsgi").port).text == "wsgi"


@pytest.mark.parametrize(
    ("app", "message"),
    [
        ("no_such_module:app", "there is no module 'no_such_module'"),
        ("command_app.no_such:app", "command_app"),
        ("command_app:ap", "command_app has no 'ap' (did you mean 'app'?)"),
        ("command_app:async_apq", "did you mean 'async_app'?"),
        ("command_app:number", "it is int, which can not be called"),
        ("broken:", "broken"),
        (":app", "module:attr"),
        ("broken", "name the application too"),
    ],
)
def test_what_can_not_be_found_is_said_without_a_traceback(app: str, message: str) -> None:
    r = serve(app)
    assert r.returncode == 1, r.stderr
    assert message in r.stderr
    assert "Traceback" not in r.stderr
    assert len([x for x in r.stderr.strip().split("\n") if not x.startswith("app: ")]) == 1


def test_a_syntax_error_is_shown_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "typo.py").write_text((APPS / "broken" / "syntax.py.txt").read_text())
    r = serve("typo:app", "--app-dir", str(tmp_path))
    assert r.returncode == 1
    assert f'File "{tmp_path}/typo.py", line 1' in r.stderr
    assert "SyntaxError" in r.stderr
    assert "importlib" not in r.stderr
    assert "/puff/_" not in r.stderr


@pytest.mark.parametrize(
    ("app", "flags", "frame", "error"),
    [
        ("broken.raises:app", [], "raises.py", "RuntimeError: the settings are wrong"),
        ("broken.needs:app", [], "needs.py", "No module named 'not_installed_anywhere'"),
        ("command_app:make_nothing", ["--factory"], "command_app.py", "the factory fails"),
    ],
)
def test_what_the_applications_code_raises_has_its_traceback(
    app: str, flags: list[str], frame: str, error: str
) -> None:
    r = serve(app, *flags)
    assert r.returncode == 1
    assert r.stderr.count("Traceback") == 1
    assert frame in r.stderr
    assert error in r.stderr
    assert "importlib" not in r.stderr
    assert "/puff/_" not in r.stderr


def test_an_application_may_end_the_command() -> None:
    assert serve("broken.exits:app").returncode == 5


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python that has nothing but itself."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    return str(folder / "bin" / "python")


def test_wsgi_without_greenlet_says_what_to_type(bare: str) -> None:
    r = run(["serve", "command_app:app", "--python", bare, "--port", "0"])
    assert r.returncode == 1
    assert "needs greenlet" in r.stderr
    assert f"type {bare} -m pip install greenlet" in r.stderr
    assert "Traceback" not in r.stderr


def test_wsgi_is_refused_where_greenlets_are_switched_off(tmp_path: Path) -> None:
    config = tmp_path / "puff.toml"
    config.write_text("greenlets = false\n")
    env = {"PUFF_CONFIG": str(config)}
    r = run(["serve", "command_app:app", "--python", PYTHON, "--port", "0"], env=env)
    assert r.returncode == 1
    assert "greenlets = false" in r.stderr
    assert "Traceback" not in r.stderr


def test_asgi_needs_no_greenlet(bare: str) -> None:
    puff = Puff(["serve", "asgi_app:app", "--python", bare, "--port", "0"])
    assert get(puff.port, "/hello").text == "hello"
    assert get(puff.port, "/sleeps").text == "slept"
    puff.stop()


def test_a_port_in_use_is_said() -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = str(s.getsockname()[1])
        r = run(["serve", "command_app:app", "--python", PYTHON, "--port", port])
    assert r.returncode == 1
    assert f"listen on 127.0.0.1:{port}: somebody else does already" in r.stderr


def test_two_addresses_are_served(own: Own) -> None:
    puff = own("command_app:app", "--bind", "127.0.0.1:0")
    ports = [u.rpartition(":")[2] for u in puff.wait_for(" serves ").split() if "http://" in u]
    assert ports
    assert all(get(int(p)).text == "wsgi" for p in ports)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("app", ["wsgi_app:app", "asgi_app:app"])
def test_ipv6_is_served(own: Own, app: str) -> None:
    puff = own(app, "--host", "::1")
    with Connection(puff.port, host="::1") as c:
        shown = json.loads(c.exchange("GET", "/show").body)
    assert "on http://[::1]:" in puff.log()
    if app == "asgi_app:app":
        assert shown["server"] == ["tuple", "::1", puff.port]
        assert shown["client"][1] == "::1"
    else:
        assert shown["plain"]["SERVER_NAME"] == shown["plain"]["REMOTE_ADDR"] == "::1"


def test_variables_and_the_file_count(tmp_path: Path) -> None:
    (tmp_path / "puff.toml").write_text(
        'wsgi = "mine.app"\n[serve]\nroot_path = "/file"\nmax_headers = 5\n'
    )
    (tmp_path / "mine.py").write_text(
        "def app(environ, start):\n    start('200 OK', [])\n"
        "    return [environ['SCRIPT_NAME'].encode()]\n"
    )
    args = ["serve", "--python", PYTHON, "--port", "0"]
    for extra, env, want in [
        ([], {}, "/file"),
        ([], {"PUFF_ROOT_PATH": "/env"}, "/env"),
        (["--root-path", "/flag"], {"PUFF_ROOT_PATH": "/env"}, "/flag"),
    ]:
        puff = Puff([*args, *extra], env=env, cwd=tmp_path)
        assert get(puff.port).text == want
        assert get(puff.port, "/", [("A", "b")] * 5).status == 431
        puff.stop()


def test_asgi_of_the_file_is_served(tmp_path: Path) -> None:
    (tmp_path / "puff.toml").write_text(
        f'asgi = "command_app.async_app"\n[serve]\napp_dir = "{APPS}"\n'
    )
    puff = Puff(["serve", "--python", PYTHON, "--port", "0"], cwd=tmp_path)
    assert get(puff.port).text == "asgi"
    puff.stop()


def test_an_unknown_flag_is_wrong_usage() -> None:
    r = serve("command_app:app", "--no-such-flag")
    assert r.returncode == 2
    assert "no-such-flag" in r.stderr


KINDS = ["app", "async_app"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_what_was_accepted_finish(
    own: Own, tmp_path: Path, kind: str, number: signal.Signals
) -> None:
    gate = tmp_path / "gate"
    puff = own(f"command_app:{kind}", env={"GATE": str(gate)})
    with Connection(puff.port) as slow, Connection(puff.port) as idle:
        assert idle.exchange().status == 200
        slow.request("GET", "/slow")
        puff.wait_for("app: slow has begun")
        puff.signal(number)
        puff.wait_for("draining")
        with pytest.raises(ConnectionError):
            while True:  # until the socket is closed
                Connection(puff.port).sock.close()
        gate.touch()
        assert slow.response().status == 200
        assert slow.ended()
        assert idle.ended()
    assert puff.wait() == 0
    assert "app: atexit" in puff.log()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_half_sent_is_finished(own: Own, tmp_path: Path, kind: str) -> None:
    gate = tmp_path / "gate"
    puff = own(f"command_app:{kind}", env={"GATE": str(gate)})
    body = b"b" * 200_000
    with Connection(puff.port) as down, Connection(puff.port) as up:
        down.request("GET", "/stream")
        assert down.chunk_after_head() == b"first"
        up.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + body[:99_999])
        puff.wait_for("app: echo has begun")
        puff.signal()
        puff.wait_for("draining")
        gate.touch()
        up.send(body[99_999:])
        assert up.response().body == body
        got = b""
        while chunk := down.chunk():
            got += chunk
        assert (chunk, len(got)) == (b"", 1_000_000)
        assert up.ended()
        assert down.ended()
    assert puff.wait() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_work_behind_an_answer_is_waited_for(own: Own, tmp_path: Path, kind: str) -> None:
    gate = tmp_path / "gate"
    puff = own(f"command_app:{kind}", env={"GATE": str(gate)})
    assert get(puff.port, "/behind").status == 200
    puff.wait_for("app: the work behind has begun")
    puff.signal()
    puff.wait_for("draining")
    gate.touch()
    assert puff.wait() == 0
    assert "app: the work behind is done" in puff.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("app", ["imports", "starts"])
def test_a_signal_before_it_serves_ends_it(own: Own, app: str, number: signal.Signals) -> None:
    puff = own(f"broken.{app}_for_ever:app")
    puff.wait_for("app: has begun")
    puff.signal(number)
    assert puff.wait() == 0
    assert puff.faults() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_signal_ends_it_at_once(own: Own, kind: str) -> None:
    puff = own(f"command_app:{kind}")
    with Connection(puff.port) as c:
        c.request("GET", "/stuck")
        puff.wait_for("app: stuck has begun")
        puff.signal(signal.SIGINT)
        puff.wait_for("draining")
        puff.signal(signal.SIGTERM)
        assert puff.wait() == 1
        with pytest.raises(CutOff):
            c.response()


@pytest.mark.parametrize("kind", KINDS)
def test_what_takes_too_long_is_cut_off(own: Own, kind: str) -> None:
    puff = own(f"command_app:{kind}", "--graceful-timeout", "0.3")
    with Connection(puff.port) as c:
        c.request("GET", "/stuck")
        puff.wait_for("app: stuck has begun")
        puff.signal()
        assert puff.wait() == 0
        with pytest.raises(CutOff):
            c.response()


@pytest.mark.parametrize("kind", KINDS)
def test_no_accepted_request_fails_while_it_ends(own: Own, kind: str) -> None:
    puff = own(f"command_app:{kind}")
    port = puff.port
    faults: list[str] = []
    answered: list[int] = []
    enough = threading.Event()

    def load() -> None:
        while True:
            try:
                c = Connection(port)
            except ConnectionError:
                return  # nobody listens any more
            with c:
                for i in range(50):
                    try:
                        r = c.exchange()
                    except (CutOff, ConnectionError) as e:
                        # Only a connection that nobody had accepted yet may be refused.
                        if i > 0 or not (c.was_reset or isinstance(e, ConnectionError)):
                            faults.append(f"request {i}: {e!r}, reset: {c.was_reset}")
                        break
                    answered.append(r.status)
                    if len(answered) > 500:
                        enough.set()
                    if r.get("Connection") == "close":
                        break

    threads = [threading.Thread(target=load) for _ in range(16)]
    for t in threads:
        t.start()
    assert enough.wait(30)
    puff.signal()
    for t in threads:
        t.join(30)
    assert puff.wait() == 0
    assert faults == []
    assert set(answered) == {200}


def test_it_ends_with_its_output_closed() -> None:
    process = subprocess.Popen(
        [BINARY, "serve", "command_app:app", "--python", PYTHON, "--port", "0"],
        cwd=APPS, env=environment(), stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    line = process.stderr.readline().decode()
    process.stderr.close()
    port = int(line.split("http://127.0.0.1:")[1].split()[0])
    assert get(port).text == "wsgi"
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_the_application_runs_as_a_program_would(own: Own, tmp_path: Path) -> None:
    (tmp_path / "me.py").write_text(
        "import sys, os, threading, json\n"
        "where = threading.current_thread() is threading.main_thread()\n"
        "def app(environ, start):\n"
        "    start('200 OK', [])\n"
        "    return [json.dumps([where, sys.argv, sys.path[0], sys.prefix, __name__,\n"
        "        threading.current_thread() is threading.main_thread(),\n"
        "        sys.flags.dont_write_bytecode]).encode()]\n"
    )
    puff = own("me:app", "--app-dir", str(tmp_path))
    got = json.loads(get(puff.port).text)
    prefix = subprocess.run(
        [PYTHON, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert got == [True, ["puff", "serve", "me:app"], str(tmp_path), prefix, "me", True, 1]
    assert os.path.isdir(prefix)
    assert sys.version_info >= (3, 10)
