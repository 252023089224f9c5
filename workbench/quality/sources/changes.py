"""What two versions of the same rows differ in, cell by cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.names import EVENT_AT, SESSION, SYMBOL

if TYPE_CHECKING:
    from collections.abc import Sequence

CHANGES: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    SYMBOL: pl.String,
    EVENT_AT: pl.Datetime("us", "UTC"),
    SESSION: pl.Date,
    "what": pl.String,
    "field": pl.String,
    "before": pl.Float64,
    "after": pl.Float64,
}
_NTH: Final = "nth"


def changed_cells(before: pl.DataFrame, after: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """Compare two versions of some rows.

    Parameters
    ----------
    before, after : DataFrame
        Standard rows; of several with one symbol and time, the first is held against the first.
    fields : sequence of str
        Numeric columns to compare; those that neither has are passed over.

    Returns
    -------
    DataFrame
        ``symbol, event_at, session, what, field, before, after``, one row a cell that differs, sorted by symbol and time.
        ``what`` is ``changed``, ``added`` or ``removed``; the latter two stand in every cell that has a value.
    """
    key = [SYMBOL, EVENT_AT, _NTH]
    then, now = (_keyed(frame, fields) for frame in (before, after))
    both = then.join(now, on=key, how="full", coalesce=True, suffix="_after")
    what = pl.when(pl.col("there").is_null()).then(pl.lit("added")).when(pl.col("there_after").is_null())
    told = both.with_columns(
        what.then(pl.lit("removed")).otherwise(pl.lit("changed")).alias("what"),
        pl.coalesce(SESSION, f"{SESSION}_after").alias(SESSION),
    )
    parts = [
        told.filter(pl.col(name).ne_missing(pl.col(f"{name}_after"))).select(
            SYMBOL, EVENT_AT, SESSION, "what", pl.lit(name).alias("field"),
            pl.col(name).alias("before"), pl.col(f"{name}_after").alias("after"),
        )
        for name in fields
    ]  # fmt: skip
    found = pl.concat([pl.DataFrame(schema=CHANGES), *parts], how="vertical_relaxed")
    return found.sort(SYMBOL, EVENT_AT, maintain_order=True)


def _keyed(frame: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    values = [
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(pl.Float64).fill_nan(None).alias(name) for name in fields
    ]
    nth = pl.int_range(pl.len()).over(SYMBOL, EVENT_AT).alias(_NTH)
    return frame.select(SYMBOL, EVENT_AT, SESSION, nth, pl.lit(value=True).alias("there"), *values)
