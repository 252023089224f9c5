"""The ledger as a file for other programs: JSON, or CSV in which no text is a formula."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.lab.decisions import Decisions

FORMULA: Final = r"^[=+\-@\t\r]"
"""How text begins that a spreadsheet would compute (OWASP, "CSV Injection")."""


def export_ledger(decisions: Decisions, path: Path) -> int:
    """Write a ledger into a file.

    Parameters
    ----------
    decisions : Decisions
    path : Path
        Its name ends in ``.csv`` or ``.json``. In CSV an apostrophe stands before text that would be a formula.

    Returns
    -------
    int
        How many lines it has.

    Raises
    ------
    BadInput
        The name ends in neither, or the file cannot be written.
    """
    frame = decisions.to_polars()
    if path.suffix == ".csv":
        text = frame.with_columns(pl.col(pl.String).str.replace(FORMULA, "'$0")).write_csv()
    elif path.suffix == ".json":
        text = json.dumps(decisions.to_json(), indent=1)
    else:
        raise BadInput(f"{path}: expected a name that ends in .csv or .json")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror or error}; choose another place") from error
    return len(frame)
