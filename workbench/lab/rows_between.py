"""What is different between two versions of a dataset's rows: added, removed, changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from workbench.lab.documents import plain
from workbench.lab.snapshots import LEAF, leaf_by
from workbench.lake import TableRef, leaf_of, leaves, scan
from workbench.model.names import EVENT_AT, RECEIPT, ROW, SESSION, SYMBOL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from workbench.lake import Lake
    from workbench.model.contract import Contract

MOST_SHOWN: Final = 50
_NUMBER: Final = "_number"


@dataclass(frozen=True, slots=True)
class RowsBetween:
    """Rows that one version has and the other has not, told by symbol and time.

    Attributes
    ----------
    added, removed
        Rows as they lie in the later and the earlier version.
    changed
        ``symbol, event_at, session, field, before, after``: cells, as text.
    """

    added: pl.DataFrame
    removed: pl.DataFrame
    changed: pl.DataFrame

    @property
    def changed_rows(self) -> int:
        """How many rows are there in both versions and say something else."""
        return self.changed.select(SYMBOL, EVENT_AT).n_unique() if len(self.changed) else 0

    def to_json(self) -> dict[str, Any]:
        """Return counts, and the first of each kind, as JSON values."""
        return {
            "added": len(self.added),
            "removed": len(self.removed),
            "changed": self.changed_rows,
            "sessions": {name: _days(getattr(self, name)) for name in ("added", "removed", "changed")},
            "cells": plain(self.changed.head(MOST_SHOWN).to_dicts()),
        }


def _days(rows: pl.DataFrame) -> dict[str, str] | None:
    days = rows[SESSION].drop_nulls()
    return None if days.is_empty() else {"first": str(days.min()), "last": str(days.max())}


def rows_between(lake: Lake, contract: Contract, before: tuple[int, date], after: tuple[int, date]) -> RowsBetween:
    """Compare two versions of a dataset's processed rows.

    Parameters
    ----------
    lake : Lake
    contract : Contract
    before, after : tuple of int, date
        A version, and the last session that is looked at in it.

    Raises
    ------
    BadInput
        There is no such version.

    Notes
    -----
    Only leaves whose hashes differ are read. Of several rows of one symbol and time, the first is compared with the first.
    """
    table, by = TableRef.processed(contract.dataset), leaf_by(contract)
    held = [leaves(lake, table, version, leaf_by=by).select(LEAF, "hash") for version, _ in (before, after)]
    same = held[0].join(held[1], on=[LEAF, "hash"], nulls_equal=True)[LEAF]
    whole = min(before[1], after[1])
    same = same if before[1] == after[1] else same.filter(same < whole.replace(day=1))
    then, now = (_rows(lake, table, at, same, by) for at in (before, after))
    key = [SYMBOL, EVENT_AT, _NUMBER]
    schema = {**now.schema, **then.schema}
    fields = [name for name in schema if name not in (*key, SESSION, RECEIPT, ROW)]
    pair = (rows.with_columns(pl.lit(None, schema[f]).alias(f) for f in fields if f not in rows.columns) for rows in (then, now))
    both = next(pair).join(next(pair), on=key, how="inner", nulls_equal=True, suffix="_after")
    return RowsBetween(
        added=now.join(then, on=key, how="anti", nulls_equal=True).drop(_NUMBER),
        removed=then.join(now, on=key, how="anti", nulls_equal=True).drop(_NUMBER),
        changed=_changed(both, fields),
    )


def _rows(lake: Lake, table: TableRef, at: tuple[int, date], same: pl.Series, by: Any) -> pl.DataFrame:
    """Read the rows of leaves that are not the same, up to a session."""
    version, last = at
    rows = scan(lake, table, version=version).with_columns(leaf_of(by).alias(LEAF))
    rows = rows.filter(~pl.col(LEAF).is_in(same.implode(), nulls_equal=True))
    rows = rows.filter((pl.col(SESSION) <= last).fill_null(value=True)).drop(LEAF)
    found = rows.collect().sort(SYMBOL, EVENT_AT, ROW)
    return found.with_columns(pl.int_range(pl.len()).over(SYMBOL, EVENT_AT).alias(_NUMBER))


def _changed(both: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """Return the cells that differ, as text."""
    parts = []
    for name in fields:
        differs = both.filter(pl.col(name).ne_missing(pl.col(f"{name}_after")))
        texts = [pl.col(c).cast(pl.String, strict=False).alias(a) for c, a in ((name, "before"), (f"{name}_after", "after"))]
        parts.append(differs.select(SYMBOL, EVENT_AT, SESSION, pl.lit(name).alias("field"), *texts))
    schema: dict[str, Any] = dict.fromkeys((SYMBOL, EVENT_AT, SESSION, "field", "before", "after"), pl.String)
    schema |= {EVENT_AT: both.schema[EVENT_AT], SESSION: pl.Date}
    return pl.concat(parts).sort(SYMBOL, EVENT_AT, "field") if parts else pl.DataFrame(schema=schema)
