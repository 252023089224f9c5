"""A raw table: what a file holds, cell by cell, before anybody knows what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class RawTable:
    """One table as it came.

    Attributes
    ----------
    frame
        Text columns where the source is text, typed ones where it is typed (Parquet, Arrow, HDF5).
    origin
        The file's name, for messages.
    label
        What the file is called without its endings: the symbol where no column names one.
    has_header
        Whether the column names are the source's own.
    decimal
        ``,`` where the text writes decimals with a comma.
    """

    frame: pl.DataFrame
    origin: str
    label: str
    has_header: bool = True
    decimal: str = "."
