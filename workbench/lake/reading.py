"""Reading tables: a lazy scan of any version, that opens only the files it needs."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import polars as pl

from workbench.lake.versions import open_table, version_at
from workbench.model.errors import BadInput, did_you_mean
from workbench.model.names import EVENT_AT, SESSION, SYMBOL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deltalake import DeltaTable

    from workbench.lake.zones import Lake, TableRef


def scan(  # noqa: PLR0913 - two say which table, six are options
    lake: Lake,
    table: TableRef,
    *,
    symbols: Sequence[str] | None = None,
    start: date | datetime | None = None,
    end: date | datetime | None = None,
    columns: Sequence[str] | None = None,
    version: int | None = None,
    as_of: datetime | None = None,
) -> pl.LazyFrame:
    """Read a table lazily.

    Parameters
    ----------
    lake : Lake
    table : TableRef
    symbols : sequence of str, or None for all
    start, end : date or datetime, or None
        Both included. A date is a session; a datetime, with its zone, is compared with
        ``event_at``. Rows whose session (or time) is null are outside of any bounds.
    columns : sequence of str, or None for all
    version : int, or None for the latest
    as_of : datetime with a zone, or None
        Read what was recorded by then.

    Returns
    -------
    LazyFrame
        The table's columns without those that only name folders. **The order of rows is not
        promised**: each file is sorted, the files are not. Files (by the least and greatest values
        in the table's log) and row groups that cannot hold a wanted row are not opened.

    Raises
    ------
    BadInput
        No such table, version or column; nothing recorded by ``as_of``; ``version`` and ``as_of``
        at once; a time without zone.
    LakeBroken
        The table's log cannot be read.
    """
    if version is not None and as_of is not None:
        raise BadInput("expected either version or as_of, found both")
    delta = open_table(lake, table, version if as_of is None else version_at(lake, table, as_of))
    rows = visible(delta)
    if symbols is not None:
        rows = rows.filter(pl.col(SYMBOL).is_in([symbols] if isinstance(symbols, str) else list(symbols)))
    if start is not None:
        rows = rows.filter(_clock(start) >= start)
    if end is not None:
        rows = rows.filter(_clock(end) <= end)
    return rows if columns is None else rows.select(_known(columns, rows.collect_schema().names(), table))


def visible(delta: DeltaTable) -> pl.LazyFrame:
    """Return a table's rows without the columns that only name folders."""
    return pl.scan_delta(delta).drop(delta.metadata().partition_columns)


def _clock(bound: date | datetime) -> pl.Expr:
    """Return the column that a bound is compared with."""
    if not isinstance(bound, datetime):
        return pl.col(SESSION)
    if bound.tzinfo is None:
        raise BadInput(f"expected a time with a time zone, found {bound.isoformat()}; write {bound.isoformat()}+00:00 for UTC")
    return pl.col(EVENT_AT)


def _known(columns: Sequence[str], has: Sequence[str], table: TableRef) -> list[str]:
    for name in columns:
        if name not in has:
            raise BadInput(f"{table}: no column '{name}'; expected of {', '.join(has)}{did_you_mean(name, has)}")
    return list(columns)
