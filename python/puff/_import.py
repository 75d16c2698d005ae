"""Finding what a name in a command or a configuration stands for."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from typing import Any

__all__ = ["ImportFailed", "cached_import", "import_string", "load"]


class ImportFailed(ImportError):
    """The name does not lead to what is wanted; the message says what to do."""


@functools.cache
def cached_import(module: str, attribute: str) -> Any:
    """An attribute of a module; each is looked up once."""
    return getattr(importlib.import_module(module), attribute)


def import_string(dotted_path: str) -> Any:
    """What a dotted path stands for. Raises ImportError when it is none.

    >>> import_string("os.path.join").__name__
    'join'
    """
    module, _, attribute = dotted_path.rpartition(".")
    if not module:
        raise ImportError(f"{dotted_path} doesn't look like a module path")
    try:
        return cached_import(module, attribute)
    except AttributeError as e:
        raise ImportError(
            f'Module "{module}" does not define a "{attribute}" attribute/class'
        ) from e


def load(name: str, *, factory: bool = False) -> Any:
    """The application behind ``module:attr`` or ``package.module.attr``; factory calls it.

    Raises ImportFailed when the name leads nowhere; what the program's own code raises
    comes as it is.
    """
    path, colon, attributes = name.partition(":")
    if not colon:
        path, _, attributes = name.rpartition(".")
        if not path:
            path, attributes = name, ""
    if not path:
        raise ImportFailed(f"import {name}: it is not of the form module:attr")
    found: Any = _module(path, name)
    if not attributes:
        attributes = _usual(found, name)
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            raise ImportFailed(
                f"import {name}: {path} has no {attribute!r}{_near(found, attribute)}"
            ) from None
    if factory:
        found = found()
    if not callable(found):
        raise ImportFailed(
            f"import {name}: it is {type(found).__name__}, which can not be called: "
            "name a WSGI or ASGI application"
        )
    return found


def _module(path: str, name: str) -> Any:
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as e:
        # Missing is what was asked for, or what that imports: the latter is the program's.
        if e.name is not None and (path == e.name or path.startswith(e.name + ".")):
            raise ImportFailed(
                f"import {name}: there is no module {e.name!r}: is it in this folder, or "
                "installed in this Python? --app-dir names another folder"
            ) from None
        raise


def _usual(module: Any, name: str) -> str:
    for attribute in ("app", "application"):
        if hasattr(module, attribute):
            return attribute
    raise ImportFailed(f"import {name}: name the application too, as {name}:app")


def _near(found: Any, attribute: str) -> str:
    import difflib

    near = difflib.get_close_matches(attribute, [n for n in dir(found) if n[:1] != "_"], 1)
    return f" (did you mean {near[0]!r}?)" if near else ""
