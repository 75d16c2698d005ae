"""The applications of Flask and Django, where Python may not read what it answers files with."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def _refuse(_: Any) -> Any:
    raise AssertionError("Python reads the file")


def _only_sent(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    def outer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        environ["wsgi.file_wrapper"].__iter__ = _refuse
        return app(environ, start)

    return outer


def __getattr__(name: str) -> Callable[..., Iterable[bytes]]:
    module, attr = {"flask": ("flask_app", "app"), "django": ("django_site.wsgi", "application")}[
        name
    ]
    return _only_sent(getattr(import_module(module), attr))
