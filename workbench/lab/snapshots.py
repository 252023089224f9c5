"""One version of everything that arrived of a dataset, and the leaves it consists of."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.lake import LeafBy, TableRef, columns_of, history, leaf_of, leaves, scan, version_at, version_of
from workbench.model.errors import BadInput
from workbench.model.names import (
    CORRECTION,
    DECIDED,
    EVENT_AT,
    RAW_TEXT,
    REASON,
    RECEIPT,
    REJECTED,
    ROW,
    SESSION,
    SYMBOL,
    fields_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from workbench.lake import Lake
    from workbench.model.contract import Contract

LEAF: Final = "leaf"
EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of everything that arrived of a dataset: standard rows, and rows in quarantine.

    Attributes
    ----------
    processed, quarantine
        Versions; the second is None where nothing had gone to quarantine.
    leaves
        ``leaf, key`` (a hash of what the leaf holds in both tables), ``has_quarantine``; sorted by leaf.
    fields
        The numeric standard columns of the table.
    end
        The last session to be seen; None: all.
    """

    lake: Lake
    contract: Contract
    processed: int
    quarantine: int | None
    leaves: pl.DataFrame
    fields: tuple[str, ...]
    end: date | None = None

    def until(self, end: date | None) -> Snapshot:
        """Return the same without what lies behind a session: what is said of the past is not to move with the days after it."""
        if end is None:
            return self
        return replace(self, leaves=self.leaves.filter((pl.col(LEAF) <= end).fill_null(value=True)), end=end)

    @property
    def span(self) -> tuple[date, date]:
        """The first day and the last that a row may lie on."""
        days = self.leaves[LEAF].drop_nulls()
        first, last = days.min(), days.max()
        if not isinstance(first, date) or not isinstance(last, date):
            return EPOCH, EPOCH
        last = last if leaf_by(self.contract) is LeafBy.SESSION else month_end(last)
        return first, last if self.end is None else min(last, self.end)

    def rows(self, cells: pl.DataFrame | None = None, *, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Read rows as they arrived, of both tables, with ``quarantine_reason``; events that were rejected are no rows.

        What was decided later is undone: a corrected row is read as it was, a row that was made is not there.

        Parameters
        ----------
        cells : DataFrame, optional
            ``symbol`` or ``session`` or both, or ``leaf``: only rows of these; None: all.
        columns : sequence of str, optional
            Beside ``symbol``, ``event_at`` and ``session``; None: all.
        """
        aside, processed = None, TableRef.processed(self.contract.dataset)
        if self.quarantine is not None:
            names = None if columns is None else (*columns, RECEIPT, ROW)
            aside = self._scanned(TableRef.quarantine(self.contract.dataset), self.quarantine, cells, names)
            aside = aside.filter(~_begins(REJECTED))
        if aside is None or aside.filter(_begins(DECIDED)).is_empty():
            parts = [self._scanned(processed, self.processed, cells, columns), *([] if aside is None else [aside])]
        else:
            parts = _as_they_arrived(self._scanned(processed, self.processed, cells, names), aside)
        frame = pl.concat(parts, how="diagonal_relaxed")
        frame = frame if REASON in frame.columns else frame.with_columns(pl.lit(None, dtype=pl.String).alias(REASON))
        return frame if columns is None else frame.drop({RECEIPT, ROW} - {*columns}, strict=False)

    def _scanned(self, table: TableRef, version: int, cells: pl.DataFrame | None, columns: Sequence[str] | None) -> pl.DataFrame:
        rows = scan(self.lake, table, version=version)
        if CORRECTION in rows.collect_schema():
            rows = rows.filter(pl.col(CORRECTION).is_null()).drop(CORRECTION)
        there = rows.collect_schema().names()
        wanted = (
            there if columns is None else [n for n in dict.fromkeys([SYMBOL, EVENT_AT, SESSION, REASON, *columns]) if n in there]
        )
        rows = rows.select(name for name in wanted if name != RAW_TEXT)
        if self.end is not None:
            rows = rows.filter((pl.col(SESSION) <= self.end).fill_null(value=True))
        if cells is None:
            return rows.collect()
        keyed = rows.with_columns(leaf_of(leaf_by(self.contract)).alias(LEAF)) if LEAF in cells.columns else rows
        for key in (name for name in (SYMBOL, SESSION) if name in cells.columns):
            known = cells[key].unique()
            keyed = keyed.filter(pl.col(key).is_in(known.implode(), nulls_equal=True))
        if LEAF in cells.columns:
            first, last = cells[LEAF].min(), cells[LEAF].max()
            near = pl.col(SESSION).is_between(first, month_end(last)) if isinstance(last, date) else pl.col(SESSION).is_null()
            keyed = keyed.filter(near | pl.col(SESSION).is_null())
        found = keyed.join(cells.lazy(), on=cells.columns, how="semi", nulls_equal=True).collect()
        return found.drop(LEAF, strict=False)


def _begins(word: str) -> pl.Expr:
    return pl.col(REASON).str.starts_with(word).fill_null(value=False)


def _as_they_arrived(processed: pl.DataFrame, aside: pl.DataFrame) -> list[pl.DataFrame]:
    """Take rows that a decision set aside for the good rows they arrived as, unless they are still in the other table."""
    again = _begins(DECIDED)
    key = [RECEIPT, ROW, SYMBOL]  # a row of a wide file has many symbols
    good = aside.filter(again).join(processed, on=key, how="anti").with_columns(pl.lit(None, dtype=pl.String).alias(REASON))
    return [processed, good, aside.filter(~again)]


def leaf_by(contract: Contract) -> LeafBy:
    """Return how long a leaf of a dataset is."""
    return LeafBy.SESSION if contract.is_intraday else LeafBy.MONTH


def month_end(day: date) -> date:
    """Return the last day of a month."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def snapshot(lake: Lake, contract: Contract, as_of: datetime | None = None) -> Snapshot:
    """Take what was recorded of a dataset by a moment; now, where none is given.

    Raises
    ------
    BadInput
        Nothing had been recorded by then.
    """
    processed, quarantine = TableRef.processed(contract.dataset), TableRef.quarantine(contract.dataset)
    version = version_of(lake, processed) if as_of is None else version_at(lake, processed, as_of)
    if version is None:
        raise BadInput(f"dataset {contract.dataset}: there are no standard rows yet; run: workbench ingest {contract.dataset}")
    waiting = _version_by(lake, quarantine, as_of)
    by = leaf_by(contract)
    held = leaves(lake, processed, version, leaf_by=by).select(LEAF, pl.col("hash").alias("good"))
    empty = pl.DataFrame(schema={LEAF: pl.Date, "bad": pl.String})
    bad = empty if waiting is None else leaves(lake, quarantine, waiting, leaf_by=by).select(LEAF, pl.col("hash").alias("bad"))
    both = held.join(bad, on=LEAF, how="full", coalesce=True, nulls_equal=True).sort(LEAF)
    key = pl.concat_str(pl.col("good").fill_null("-"), pl.lit("/"), pl.col("bad").fill_null("-"))
    table = both.select(LEAF, key.alias("key"), pl.col("bad").is_not_null().alias("has_quarantine"))
    there = columns_of(lake, processed, version)
    return Snapshot(lake, contract, version, waiting, table, tuple(n for n in fields_of(contract.kind) if n in there))


def _version_by(lake: Lake, table: TableRef, as_of: datetime | None) -> int | None:
    """Return a table's version at a moment; None where nothing had been recorded in it."""
    if version_of(lake, table) is None:
        return None
    if as_of is None:
        return version_of(lake, table)
    return version_at(lake, table, as_of) if bool((history(lake, table)["recorded_at"] <= as_of).any()) else None
