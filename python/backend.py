"""Builds the wheel: the package puff, and the binary as its command.

A PEP 517 backend of this one folder, so both ways make the same file::

    make wheel
    pip install ./python

Building needs Go and a C compiler. The same sources give the same bytes: entries are sorted and
have one date, and the binary carries no paths.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path
from typing import Any

__all__ = ["build_sdist", "build_wheel", "get_requires_for_build_sdist", "version"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

# The oldest date that a zip file can hold.
DATE = (1980, 1, 1, 0, 0, 0)


def version() -> str:
    """The version of this Puff, from where Go has it."""
    found = re.search(r'^const Version = "(.+)"$', (ROOT / "version.go").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"read {ROOT / 'version.go'}: there is no const Version")
    return found[1]


def build_wheel(
    wheel_directory: str,
    config_settings: dict[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Writes the wheel into a folder; returns its name."""
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder, "puff")
        build_binary(binary)
        return write_wheel(Path(wheel_directory), binary.read_bytes())


def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    """Refuses: the sources of the binary lie beside this folder, not in it."""
    raise RuntimeError("build a source distribution: there is none; clone the project instead")


def get_requires_for_build_sdist(config_settings: dict[str, Any] | None = None) -> list[str]:
    """Nothing."""
    return []


def build_binary(path: Path) -> None:
    """Builds the command, small and without a trace of where."""
    command = [os.environ.get("GO", "go"), "build", "-trimpath", "-buildvcs=false"]
    command += ["-ldflags", "-s -w", "-o", str(path), "./cmd/puff"]
    try:
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
    except FileNotFoundError as error:
        raise RuntimeError("build puff: there is no Go: install Go 1.26 or newer") from error
    if status != 0:
        raise RuntimeError(f"build puff: go build ended with status {status}: see above")


def platform_tag(binary: bytes) -> str:
    """The machines that the binary runs on: this kind, with the C library that it asks for."""
    platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
    versions = [int(v) for v in re.findall(rb"\0GLIBC_2\.(\d+)(?=\0|\.\d+\0)", binary)]
    if not versions or not platform.startswith("linux_"):
        return platform
    return f"manylinux_2_{max(versions)}_{platform.removeprefix('linux_')}"


def project() -> dict[str, Any]:
    """The table [project] of pyproject.toml."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:  # Python 3.10 has no reader of its own, pip brings one.
        from pip._vendor import tomli as tomllib
    table: dict[str, Any] = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    return table


def metadata(table: dict[str, Any]) -> str:
    """What pip reads of the project."""
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {table['name']}",
        f"Version: {version()}",
        f"Summary: {table['description']}",
        f"Keywords: {','.join(table['keywords'])}",
        f"License-Expression: {table['license']}",
        "License-File: LICENSE",
        *(f"Classifier: {c}" for c in table["classifiers"]),
        f"Requires-Python: {table['requires-python']}",
        *(f"Requires-Dist: {d}" for d in table["dependencies"]),
    ]
    for extra, requirements in sorted(table["optional-dependencies"].items()):
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {r}; extra == '{extra}'" for r in requirements]
    lines.append("Description-Content-Type: text/markdown")
    return "\n".join(lines) + "\n\n" + (ROOT / "README.md").read_text()


def package() -> dict[str, bytes]:
    """The files of the package puff, by their place in the wheel."""
    paths = [p for p in (HERE / "puff").rglob("*") if p.suffix in (".py", ".pyi", ".typed")]
    return {p.relative_to(HERE).as_posix(): p.read_bytes() for p in paths}


def write_wheel(folder: Path, binary: bytes) -> str:
    """Writes the wheel around a binary; returns its name."""
    table = project()
    stem = f"{re.sub(r'[-_.]+', '_', table['name'])}-{version()}"
    tag = f"py3-none-{platform_tag(binary)}"
    info = f"{stem}.dist-info"
    files = package()
    command = f"{stem}.data/scripts/puff"
    files[command] = binary
    files[f"{info}/METADATA"] = metadata(table).encode()
    files[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: puff\nRoot-Is-Purelib: false\nTag: {tag}\n"
    ).encode()
    files[f"{info}/licenses/LICENSE"] = (ROOT / "LICENSE").read_bytes()
    record = [f"{name},{digest(data)},{len(data)}" for name, data in sorted(files.items())]
    record.append(f"{info}/RECORD,,")
    files[f"{info}/RECORD"] = ("\n".join(record) + "\n").encode()
    name = f"{stem}-{tag}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as archive:
        # The record comes last, as readers of half a wheel expect.
        for place in sorted(files, key=lambda place: (place.startswith(info), place)):
            entry = zipfile.ZipInfo(place, DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, so that the mode below counts
            entry.external_attr = (0o100755 if place == command else 0o100644) << 16
            archive.writestr(entry, files[place])
    return name


def digest(data: bytes) -> str:
    """A hash as RECORD writes it."""
    text = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return "sha256=" + text.decode()
