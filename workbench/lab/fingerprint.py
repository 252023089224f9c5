"""What code, in which surroundings: the part of a run that is not data."""

from __future__ import annotations

import platform
import sys
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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
    digest = sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        if "_layout" not in path.parts:
            digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


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
