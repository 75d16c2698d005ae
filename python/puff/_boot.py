"""What runs first in a Python that Puff loads.

Loaded by the border from a file, as ``_puff_boot``, before the program's own first
line. :func:`install` makes this Python one with Puff in it: ``import puff`` finds the
faces that belong to this binary, ``sys.executable`` starts children that have Puff too,
and libraries that need a word with Puff get it when they are imported. It leaves
``sys.path`` and ``sys.argv`` as it found them, and imports nothing: what is in
``sys.modules`` when a program starts is what plain Python has there.
"""

import sys

import _puff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec, PathFinder
    from types import ModuleType
    from typing import Any

# Packages that come with the binary.
_OURS = frozenset({"puff"})
# Modules that are patched once they are imported: name -> function of puff._patch.
_PATCHED = {
    "multiprocessing.context": "multiprocessing_context",
    "asgiref.local": "asgiref_local",
    "asgiref.sync": "asgiref_sync",
}


class _Finder:
    """Finds the packages that come with the binary, and sees patched modules go by."""

    find_spec = _puff.find_spec


def _find_psycopg2(name: str, path: "Sequence[str] | None") -> "ModuleSpec | None":
    """Puff's driver, under the name that programs import."""
    from _frozen_importlib_external import spec_from_file_location

    folder = _puff.faces + "/puff/_psycopg2"
    spec: ModuleSpec | None = spec_from_file_location(
        name, folder + "/__init__.py", submodule_search_locations=[folder]
    )
    return spec


def _find_ours(name: str, path: "Sequence[str] | None") -> "ModuleSpec | None":
    return _path_finder().find_spec(name, [_puff.faces])


def _find_patched(name: str, path: "Sequence[str] | None") -> "ModuleSpec | None":
    spec = _path_finder().find_spec(name, path)
    if spec is not None and spec.loader is not None:
        _run_after(spec.loader, _PATCHED[name])
    return spec


def _path_finder() -> "type[PathFinder]":
    import _frozen_importlib_external

    return _frozen_importlib_external.PathFinder


def _run_after(loader: "Any", patch: str) -> None:
    run: Callable[[ModuleType], None] = loader.exec_module

    def exec_module(module: "ModuleType") -> None:
        run(module)
        from puff import _patch

        getattr(_patch, patch)(module)

    loader.exec_module = exec_module


def _make_error(kind: str, message: str, detail: object) -> BaseException:
    from puff import errors

    return errors._make(kind, message, detail)


def _has_driver() -> bool:
    """Whether psycopg2 is Puff's: PUFF_PSYCOPG2 may say no, and puff.toml says it there."""
    import posix

    said = posix.environ.get(b"PUFF_PSYCOPG2", b"").lower()
    return said not in (b"0", b"f", b"false", b"no", b"off")


_SERVICES = ("puff.http", "puff.postgres", "puff.pubsub", "puff.redis", "psycopg2")


def _at_end() -> None:
    """Has the pools closed when all else is over that runs at the end: first in is last out."""
    import posix

    there = "atexit" in sys.modules
    import atexit

    atexit.register(_end_services, posix.getpid())
    if not there:
        del sys.modules["atexit"]  # what it remembers is the interpreter's


def _end_services(pid: int) -> None:
    import posix

    wait = sys.modules.get("puff._wait")
    if wait is None or posix.getpid() != pid or not any(map(sys.modules.__contains__, _SERVICES)):
        return
    try:
        wait.ThreadLane().call(("services.end",))
    except BaseException:
        return  # an interrupt, too, leaves the rest to the system


def install() -> int:
    """Makes this Python one with Puff in it; returns 0."""
    if _puff.executable:
        sys.executable = _puff.executable
    if _puff.typed is not None and sys.orig_argv:
        sys.orig_argv[0] = _puff.typed
    finders: dict[str, Any] = dict.fromkeys(_OURS, _find_ours)
    finders.update(dict.fromkeys(_PATCHED, _find_patched))
    if _has_driver():
        finders["psycopg2"] = _find_psycopg2
    _puff.set_finders(finders)
    finder: Any = _Finder
    sys.meta_path.insert(0, finder)
    _puff.set_error_factory(_make_error)
    _at_end()
    return 0


def main() -> int:
    """Runs what Go says; returns the status the process ends with."""
    from puff import _main

    return _main.main()
