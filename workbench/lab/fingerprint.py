"""What code, in which surroundings: the part of a run that is not data."""

from __future__ import annotations

import platform
import sys
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PACKAGE = Path(__file__).resolve().parents[1]
LIBRARIES = (
    "polars",
    "pandas",
    "pyarrow",
    "deltalake",
    "numpy",
    "plotly",
    "papermill",
    "ipykernel",
    "exchange-calendars",
    "pydantic",
)


@cache
def code_fingerprint() -> str:
    """Return a hash of the package's own source, by file and content."""
    return fingerprint_of({name: content for name, content in package_files().items() if name.endswith(".py")})


@cache
def judging_fingerprint() -> str:
    """Return a hash of the rooms that judge rows, and of the libraries that compute: the version of all detectors."""
    rooms = ("model/", "calendars/", "transform/", "quality/")
    sources = {name: content for name, content in package_files().items() if name.endswith(".py") and name.startswith(rooms)}
    return "/".join((fingerprint_of(sources), version("polars"), version("numpy")))


def fingerprint_of(sources: Mapping[str, bytes]) -> str:
    """Return a hash of source files, by name and content."""
    digest = sha256()
    for name in sorted(sources, key=lambda name: name.split("/")):  # as paths sort
        digest.update(name.encode() + b"\0" + sources[name] + b"\0")
    return digest.hexdigest()[:16]


def package_files() -> dict[str, bytes]:
    """Return every file of the package as it lies there now: name within it -> content."""
    files = (path for path in sorted(PACKAGE.rglob("*")) if path.is_file())
    kept = (path for path in files if not {"_layout", "__pycache__"} & set(path.relative_to(PACKAGE).parts))
    return {path.relative_to(PACKAGE).as_posix(): path.read_bytes() for path in kept}


def notebooks_fingerprint(folder: Path, stages: Iterable[str]) -> str:
    """Return a hash of the stage notebooks that are there."""
    files = [folder / f"{name}.ipynb" for name in stages]
    return sha256(b"".join(file.read_bytes() for file in files if file.is_file())).hexdigest()[:16]


@cache
def environment() -> dict[str, str]:
    """Return the versions of the interpreter and of the libraries that decide results."""
    found = {"python": platform.python_version(), "platform": f"{sys.platform}-{platform.machine()}"}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "absent"
    return found
