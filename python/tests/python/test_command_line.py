"""Arguments, environment and what a program finds when it starts: as under python3."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from python.conftest import Sides

# What a program can see of how it was started.
SEE = """
import sys
print(sys.argv, sys.orig_argv[1:], sys.flags, sys.path, sys.warnoptions, sys._xoptions)
print(sys.prefix, sys.base_prefix, sys.exec_prefix, sys._base_executable, sys.dont_write_bytecode)
print(sys.stdin.encoding, sys.stdout.line_buffering, sys.stdout.write_through, sys.stderr.errors)
print(sys.getfilesystemencoding(), sys.implementation.cache_tag, sys.pycache_prefix)
print(__name__, __builtins__, globals().get("__file__"))
"""


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-E"],
        ["-I"],
        ["-u"],
        ["-q"],
        ["-s", "-S"],
        ["-b", "-O", "-B"],
        ["-OO", "-bb"],
        ["-W", "error", "-W", "ignore::DeprecationWarning"],
        ["-X", "utf8", "-X", "own"],
        ["-X", "dev"],
        ["-X", "faulthandler", "-X", "tracemalloc=3"],
    ],
    ids=" ".join,
)
def test_options_are_those_of_python(sides: Sides, options: list[str]) -> None:
    env = {"PYTHONPATH": "/of/mine:/of/yours", "PYTHONHASHSEED": "5"}
    assert sides.same(*options, "-c", SEE, "one", "--two", env=env).out


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONPATH": "/of/mine"},
        {"PYTHONUNBUFFERED": "1"},
        {"PYTHONOPTIMIZE": "2"},
        {"PYTHONUTF8": "1"},
        {"PYTHONDEVMODE": "1"},
        {"PYTHONNOUSERSITE": "1"},
        {"PYTHONWARNINGS": "error"},
        {"PYTHONIOENCODING": "latin-1:replace"},
        {"PYTHONSAFEPATH": "1"},
        {"PYTHONPYCACHEPREFIX": "/of/mine"},
        {"PYTHONHASHSEED": "17"},
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=str,
)
def test_variables_are_those_of_python(sides: Sides, variables: dict[str, str]) -> None:
    env = {"PYTHONHASHSEED": "3", **variables}
    assert sides.same("-c", SEE + "print(hash('text'))", env=env).out


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["-V"], 0),
        (["-VV"], 0),
        (["--no-such-flag"], 2),
        (["-c"], 2),
        (["-c", "raise SystemExit"], 0),
        (["-c", "raise SystemExit(3)"], 3),
        (["-c", "raise SystemExit(-1)"], 255),
        (["-c", "raise SystemExit('told')"], 1),
        (["-c", "1/0"], 1),
        (["-c", "("], 1),
        (["-c", "import os; os._exit(9)"], 9),
        (["-c", "import os; os.abort()"], -6),
        (["-m", "no_such_module"], 1),
        (["-m", "this"], 0),
        (["no_such_file.py"], 2),
        (["-W", "error", "-c", "import warnings; warnings.warn('w')"], 1),
        (["-i", "-c", "x = 1"], 0),
        (["-x", "no_such_file.py"], 2),
    ],
    ids=str,
)
def test_ends_as_python_does(sides: Sides, args: list[str], status: int) -> None:
    assert sides.same(*args).status == status


def test_a_script_runs_as_a_script(sides: Sides) -> None:
    script = sides.write("folder/script.py", SEE + "raise SystemExit(4)")
    assert sides.same(script, "-c", "--version").status == 4
    assert sides.same("folder/script.py").status == 4


def test_a_folder_and_a_zip_run(sides: Sides) -> None:
    sides.write("program/__main__.py", SEE)
    sides.write("program/other.py", "")
    assert "__main__" in sides.same("program", "a").out
    with zipfile.ZipFile(sides.folder / "program.zip", "w") as archive:
        archive.writestr("__main__.py", SEE + "import other")
        archive.writestr("other.py", "print(__file__)")
    assert "program.zip/other.py" in sides.same("program.zip", "a").out


def test_a_program_comes_through_stdin(sides: Sides) -> None:
    assert sides.same(stdin=SEE).out
    assert sides.same("-", "a", "-b", stdin=SEE).out
    assert sides.same("-u", "-", stdin="import sys\nprint(sys.stdin.read())\n").status == 0
    assert sides.same(stdin="x = (\n").status == 1


def test_a_module_runs_with_its_arguments(sides: Sides) -> None:
    sides.write("package/__init__.py", "print('package')")
    sides.write("package/__main__.py", SEE)
    sides.write("package/part.py", SEE)
    assert sides.same("-m", "package", "-m", "x").out
    assert sides.same("-m", "package.part").out


def test_a_bare_start_loads_what_python_loads(sides: Sides) -> None:
    program = "import sys; print('\\n'.join(sorted(sys.modules)))"
    for options in ([], ["-S"], ["-I"], ["-X", "utf8"]):
        plain = set(sides.run(sides.plain, *options, "-c", program).out.split())
        puff = set(sides.run(sides.puff, *options, "-c", program).out.split())
        assert plain <= puff
        assert all(name.startswith(("puff", "_puff")) for name in puff - plain), puff - plain


def test_startup_files_are_honoured(sides: Sides) -> None:
    startup = sides.write("startup.py", "print('from startup', __name__)")
    ended = sides.same("-i", "-q", stdin="print(6 * 7)\n", env={"PYTHONSTARTUP": startup})
    assert "from startup __main__" in ended.out
    assert "42" in ended.out
    sides.write("sitecustomize.py", "print('from sitecustomize')")
    folder = str(sides.folder)
    assert "sitecustomize" in sides.same("-c", "pass", env={"PYTHONPATH": folder}).out


def test_no_variable_of_puffs_reaches_the_program(sides: Sides) -> None:
    program = (
        "import os, json, subprocess, sys\n"
        "mine = dict(os.environ)\n"
        "child = 'import os, json; print(json.dumps(dict(os.environ)))'\n"
        "out = subprocess.check_output([sys.executable, '-c', child])\n"
        "print(json.dumps([mine, json.loads(out)]))"
    )
    plain = json.loads(sides.run(sides.plain, "-c", program).out)
    puff = json.loads(sides.run(sides.puff, "-c", program).out)
    assert puff == plain


def test_a_venv_is_made_and_seen(sides: Sides) -> None:
    sides.run(sides.puff, "-m", "venv", "--without-pip", "made")
    inside = str(sides.folder / "made" / "bin" / "python")
    program = "import sys; print(sys.prefix, sys.prefix != sys.base_prefix)"
    plain = sides.run([inside], "-c", program)
    assert plain.out == f"{sides.folder / 'made'} True\n"
    puff = sides.run([sides.puff[0], "--python", inside, "python"], "-c", program)
    assert puff == plain
    by_variable = sides.run(
        [sides.puff[0], "python"], "-c", program, env={"VIRTUAL_ENV": str(sides.folder / "made")}
    )
    assert by_variable == plain


def test_a_link_to_its_name_is_python_too(sides: Sides) -> None:
    name = sides.says("import sys; print(sys.executable)").strip()
    (sides.folder / "deep").mkdir()
    (sides.folder / "deep" / "one").symlink_to(name)
    (sides.folder / "two").symlink_to("deep/one")
    program = "import sys, puff; print(sys.executable, sys.prefix)"
    ended = sides.run([str(sides.folder / "two")], "-c", program)
    prefix = sides.run(sides.plain, "-c", "import sys; print(sys.prefix)").out
    assert (ended.status, ended.out) == (0, f"{sides.folder / 'two'} {prefix}")


def test_its_real_path_is_python_too(sides: Sides) -> None:
    program = "import os, sys; print(os.path.realpath(sys.executable))"
    name = sides.says(program).strip()
    assert sides.run([name], "-c", "import puff; print('yes')").out == "yes\n"


def test_a_script_may_name_it_in_its_first_line(sides: Sides) -> None:
    name = sides.says("import sys; print(sys.executable)").strip()
    script = sides.write(
        "script", f"#!{name} -u\nimport sys, puff\nprint(sys.argv, sys.executable)\n"
    )
    (sides.folder / "script").chmod(0o755)
    ended = sides.run([script], "a", "b")
    assert (ended.status, ended.out) == (0, f"{[script, 'a', 'b']} {name}\n")


def test_started_under_another_name_it_says_that_name(sides: Sides) -> None:
    program = (
        "import subprocess, sys\n"
        "see = 'import sys; print(sys.orig_argv[0], sys.argv)'\n"
        "print(subprocess.check_output(['other', '-c', see], executable=sys.executable))"
    )
    assert "other ['-c']" in sides.says(program)


@pytest.mark.parametrize("module", ["pip", "pytest"])
def test_modules_of_the_venv_run(sides: Sides, module: str) -> None:
    sides.same("-m", module, "--version")


def test_pytest_runs_in_it(sides: Sides) -> None:
    sides.write(
        "test_it.py", "def test_it():\n    import puff\n    assert puff.sleep_ms(1) is None\n"
    )
    ended = sides.run(sides.puff, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py")
    assert (ended.status, "1 passed" in ended.out) == (0, True), ended


def test_arguments_need_not_be_text(sides: Sides) -> None:
    odd = b"\xff\xfe".decode("utf-8", "surrogateescape")
    program = "import os, sys; print(os.fsencode(sys.argv[1]))"
    assert sides.same("-c", program, odd).out == "b'\\xff\\xfe'\n"
