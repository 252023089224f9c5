"""Where the warm process of this source, environment and interpreter is to be found."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final

from workbench.pipeline.warm.wire import Unavailable

PACKAGE: Final = Path(__file__).resolve().parents[2]
READ_AT_IMPORT: Final = (
    "PYTHON", "VIRTUAL_ENV", "IPYTHON", "JUPYTER_", "HOME", "LD_", "LANG", "LC_", "MALLOC_",
    "POLARS_", "RAYON_", "ARROW_", "OMP_", "OPENBLAS_", "MKL_", "NUMEXPR_", "PANDAS_", "PLOTLY_", "DELTA", "RUST_",
)  # fmt: skip
"""Beginnings of variables that libraries read once, when they are imported: another value needs another process."""
LONGEST: Final = 80
"""Characters of a folder under which sockets still have a legal name (their limit is 107)."""


def place_of(environment: dict[str, str]) -> Path:
    """Return the folder of the warm process that kernels with this environment come from.

    Parameters
    ----------
    environment : dict
        Of the kernel that is wanted.

    Raises
    ------
    Unavailable
        The folder's name would be too long for a socket, or somebody else owns it.
    """
    digest = sha256()
    for part in (sys.executable, sys.version, *_libraries(), *_source(), *_frozen(environment)):
        digest.update(part.encode() + b"\0")
    folder = _private_folder() / digest.hexdigest()[:12]
    if len(str(folder)) > LONGEST:
        raise Unavailable(f"{folder} is too long a name for sockets; set XDG_RUNTIME_DIR to a shorter one")
    return folder


def _private_folder() -> Path:
    """Return the folder of all warm processes of this user, which nobody else can write to."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    parent = Path(runtime) if runtime and os.access(runtime, os.W_OK) else Path(tempfile.gettempdir())
    folder = parent / f"workbench-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid() or stat.S_IMODE(seen.st_mode) & 0o077:
        raise Unavailable(f"{folder} is not a folder of this user alone; remove it")
    return folder


def _libraries() -> list[str]:
    """Tell what is installed: a folder's time moves when a package comes or goes."""
    folders = [Path(path) for path in sys.path if path.endswith("-packages")]
    return [f"{folder} {folder.stat().st_mtime_ns}" for folder in folders if folder.is_dir()]


def _source() -> list[str]:
    """Tell the state of this package's own files, by size and time."""
    files = sorted(path for path in PACKAGE.rglob("*.py") if "_layout" not in path.parts)
    return [f"{path} {seen.st_size} {seen.st_mtime_ns}" for path in files for seen in (path.stat(),)]


def _frozen(environment: dict[str, str]) -> list[str]:
    return sorted(f"{name}={value}" for name, value in environment.items() if name.startswith(READ_AT_IMPORT))
