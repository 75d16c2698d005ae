"""Where things lie, and the folder that everything made here goes into."""

from __future__ import annotations

from pathlib import Path

BENCH = Path(__file__).resolve().parents[1]
ROOT = BENCH.parent
APPS = BENCH / "apps"
PUFF = ROOT / "bin" / "puff"
CACHE = ROOT / ".cache"
VENV = CACHE / "bench-venv"
POSTGRES_VENV = CACHE / "bench-postgres-venv"
LOGS = CACHE / "bench-logs"


def make_cache(folder: Path = CACHE) -> Path:
    """Returns the folder, made if it is missing, inside a cache that git never looks into."""
    CACHE.mkdir(exist_ok=True)
    ignore = CACHE / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
