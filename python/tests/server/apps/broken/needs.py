"""Imports what nobody has."""

import not_installed_anywhere  # type: ignore[import-not-found]  # noqa: F401
