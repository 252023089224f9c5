"""Another source of the same data, read as the data itself is: on the same calendar, and on its clock where it names none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.lab.understanding import understand
from workbench.model.names import REASON, Kind
from workbench.transform.standardise import Origin, standardise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.model.contract import Contract
    from workbench.transform.tables import RawTable

SINGLE: Final = {Kind.BARS: "close", Kind.VALUES: "value"}
"""The column in which these kinds hold the price that stands for a row."""


def rows_beside(tables: Sequence[RawTable], contract: Contract, calendar: str | None) -> pl.DataFrame:
    """Read another source's trusted rows.

    Parameters
    ----------
    tables : sequence of RawTable
    contract : Contract
        The data's: its zone and stamp hold for what names none, its columns where the other source has them.
    calendar : str, optional
        The data's.

    Raises
    ------
    BadInput
        No time or price column is there.
    """
    headers = {name for table in tables for name in table.frame.columns}
    columns = {name: theirs for name, theirs in contract.columns.items() if theirs in headers}
    arrived = standardise(origins_of(tables), columns=columns)
    own = {"kind": arrived.kind, "frequency": arrived.frequency, "columns": columns}
    placed = understand(arrived, contract.model_copy(update=own), calendar).frame
    mine, theirs = SINGLE.get(contract.kind), SINGLE.get(arrived.kind)
    if mine and theirs and mine != theirs:  # a single value is held against a close
        placed = placed.rename({theirs: mine})
    return placed.filter(pl.col(REASON).is_null())


def origins_of(tables: Sequence[RawTable]) -> list[Origin]:
    """Number the rows of tables that came together."""
    first_rows = [0]
    for table in tables:
        first_rows.append(first_rows[-1] + len(table.frame))
    return [Origin(table, first_row=first) for table, first in zip(tables, first_rows, strict=False)]
