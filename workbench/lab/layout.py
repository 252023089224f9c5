"""Laying out a lab: settings, contracts, notebooks, templates and the zones of a lake."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.lab.contracts import SETTINGS_FILE
from workbench.lake import Lake
from workbench.model.errors import BadInput
from workbench.model.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).resolve().parents[1]
PARTS = ("notebooks", "templates", "contracts", "data/sample")
_SETTINGS_TEXT = """\
# Where this lab keeps things, relative to this file.
lake = "data"
contracts = "contracts"
notebooks = "notebooks"
kernel = "python3"
"""


def lay_out(root: Path) -> tuple[Path, ...]:
    """Make a lab, or complete one; what is there stays as it is.

    Parameters
    ----------
    root : Path
        Made if it does not exist.

    Returns
    -------
    tuple of Path
        What was written, relative to ``root``; empty where nothing was missing.

    Raises
    ------
    BadInput
        ``root`` is a file, or cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        written = tuple(_complete(root))
        Lake(root / Settings().lake).create()
    except FileExistsError as error:
        raise BadInput(f"{root}: expected a folder, found a file; name another place") from error
    except PermissionError as error:
        raise BadInput(f"{error.filename or root}: no permission to write here; name another place") from error
    return written


def _complete(root: Path) -> Iterator[Path]:
    settings = root / SETTINGS_FILE
    if not settings.exists():
        settings.write_text(_SETTINGS_TEXT, encoding="utf-8")
        yield Path(SETTINGS_FILE)
    source = shipped()
    for part in PARTS:
        for file in sorted((source / part).rglob("*")):
            relative = file.relative_to(source)
            if (
                file.is_file()
                and not {"__pycache__", ".ipynb_checkpoints"} & set(relative.parts)
                and not (root / relative).exists()
            ):
                (root / relative).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, root / relative)
                yield relative


def shipped() -> Path:
    """Return the folder of what a lab is made from: in the installed package, or the checkout itself."""
    inside = PACKAGE / "_layout"
    return inside if inside.is_dir() else PACKAGE.parent
