"""Rows in quarantine, each with an id that finds it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.lake import TableRef, scan, version_of
from workbench.model.names import EVENT_AT, RECEIPT, ROW, SYMBOL

if TYPE_CHECKING:
    from workbench.lake import Lake

ID: Final = "id"


def quarantined(lake: Lake, dataset: str) -> pl.DataFrame:
    """Return the rows in quarantine, sorted by symbol, then time; ``id`` is their receipt and row."""
    table = TableRef.quarantine(dataset)
    if version_of(lake, table) is None:
        return pl.DataFrame()
    rows = scan(lake, table).collect().sort(SYMBOL, EVENT_AT)
    return rows.select(pl.format("{}:{}", RECEIPT, ROW).alias(ID), pl.all())
