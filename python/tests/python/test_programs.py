"""``puff pytest`` and ``puff django``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from python.conftest import Sides

TESTS = """
import os
import puff

def test_waits_in_a_greenlet():
    assert puff.is_greenlet()
    assert puff.sleep_ms(1) is None
    assert os.path.basename(os.getcwd()) == 'checks'

def test_fails():
    assert False
"""


def puff(sides: Sides, *args: str) -> list[str]:
    """The command line of a project that has both."""
    sides.write("puff.toml", 'django = true\npytest_path = "checks"\n')
    sides.write("checks/test_puff.py", TESTS)
    return [sides.puff[0], "--python", sides.plain[0], *args]


def test_pytest_runs_in_its_folder_and_ends_as_it_ends(sides: Sides) -> None:
    ended = sides.run(puff(sides, "pytest", "-q", "-p", "no:cacheprovider"))
    assert ended.status == 1, ended
    assert "1 failed, 1 passed" in ended.out
    ended = sides.run(puff(sides, "pytest", "-q", "-p", "no:cacheprovider", "-k", "waits"))
    assert ended.status == 0, ended
    assert "1 passed, 1 deselected" in ended.out


def test_django_runs_its_management_utility(sides: Sides) -> None:
    ended = sides.run(puff(sides, "django", "--", "startproject", "site_of_mine", "."))
    assert (ended.status, ended.err) == (0, ""), ended
    assert (sides.folder / "site_of_mine" / "settings.py").exists()
    ended = sides.run(puff(sides, "django", "no_such_command"))
    assert ended.status == 1
    assert "no_such_command" in ended.err
