"""Rows in quarantine, each with an id that finds it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.lake import TableRef, scan, version_of
from workbench.model.names import EVENT, EVENT_AT, RECEIPT, SYMBOL
from workbench.review.corrections import id_of_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.lake import Lake
    from workbench.model.contract import Contract

ID: Final = "id"


def quarantined(lake: Lake, dataset: str) -> pl.DataFrame:
    """Return the rows in quarantine, sorted by symbol, then time; ``id`` is their receipt, row and symbol."""
    table = TableRef.quarantine(dataset)
    if version_of(lake, table) is None:
        return pl.DataFrame()
    rows = scan(lake, table).collect().sort(SYMBOL, EVENT_AT)
    return rows.select(id_of_row().alias(ID), pl.all())


def once_in_quarantine(lake: Lake, contract: Contract, bad: pl.DataFrame, receipts: Sequence[str]) -> pl.DataFrame:
    """Leave out events that are in quarantine with other arrivals: the same line is kept once."""
    table = TableRef.quarantine(contract.dataset)
    if EVENT not in bad.columns:
        return bad
    once = bad.filter(pl.col(EVENT).is_null() | pl.col(EVENT).is_first_distinct())
    there = scan(lake, table) if version_of(lake, table) is not None else None
    if there is None or EVENT not in there.collect_schema():
        return once
    mine = pl.col(EVENT).is_in(once[EVENT].drop_nulls().implode()) & ~pl.col(RECEIPT).is_in(list(receipts))
    others = there.filter(mine).select(EVENT).collect()[EVENT]
    return once.filter(~pl.col(EVENT).is_in(others.implode()).fill_null(value=False))
