"""What the data looks like: plain descriptions, no judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from workbench.model.names import EVENT_AT, SESSION, SYMBOL
from workbench.quality.attendance import days_of_masks
from workbench.quality.grids import MOVE_STEP, SQUARE_STEP
from workbench.transform.features import main_price

if TYPE_CHECKING:
    from workbench.model.names import Kind
    from workbench.quality.ledger import Ledger

MOST_RETURNS = 200_000


def column_profile(frame: pl.DataFrame, fields: tuple[str, ...]) -> pl.DataFrame:
    """Describe each numeric column.

    Returns
    -------
    DataFrame
        ``column, rows, missing, missing_share, min, p01, median, p99, max``; quantiles are of the
        values that are there, linearly interpolated.
    """
    rows = [
        {
            "column": name,
            "rows": len(frame),
            "missing": frame[name].null_count(),
            "missing_share": frame[name].null_count() / len(frame) if len(frame) else None,
            "min": frame[name].min(),
            "p01": frame[name].quantile(0.01, "linear"),
            "median": frame[name].median(),
            "p99": frame[name].quantile(0.99, "linear"),
            "max": frame[name].max(),
        }
        for name in fields
    ]
    schema = {"column": pl.String, "rows": pl.Int64, "missing": pl.Int64} | dict.fromkeys(
        ("missing_share", "min", "p01", "median", "p99", "max"), pl.Float64
    )
    return pl.DataFrame(rows, schema=schema)


def symbol_profile(ledger: Ledger) -> pl.DataFrame:
    """Describe each symbol, from states alone.

    Returns
    -------
    DataFrame
        ``symbol, rows, first, last`` (sessions), ``sessions`` (with a price), ``expected`` (null
        where not known), ``return_std`` (of simple returns, per row; moves beyond ±100 % count as 100 %).
    """
    series = ledger.state.series.filter(pl.col(SYMBOL).is_not_null())
    days = ledger.state.days.group_by(SYMBOL).agg(pl.col("mask").bitwise_count_ones().sum().cast(pl.Int64).alias("sessions"))
    count = (series["returns"].to_numpy().sum(axis=1) if len(series) else np.zeros(0)).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = series["moves"].to_numpy() * MOVE_STEP / count
        variance = (series["squares"].to_numpy() * SQUARE_STEP - count * mean**2) / (count - 1)
    spread = pl.Series("return_std", np.sqrt(np.maximum(variance, 0)), nan_to_null=True)
    described = series.select(
        SYMBOL, "rows", pl.col("first_session").alias("first"), pl.col("last_session").alias("last"), spread
    ).with_columns(pl.when(pl.Series(count > 1)).then("return_std"))  # fmt: skip
    known = described.join(days, on=SYMBOL, how="left").join(_expected_sessions(ledger), on=SYMBOL, how="left")
    return known.select(SYMBOL, "rows", "first", "last", "sessions", "expected", "return_std").sort(SYMBOL)


def _expected_sessions(ledger: Ledger) -> pl.DataFrame:
    """Return how many sessions each symbol should have between its first and its last."""
    if ledger.attendance is None:
        return pl.DataFrame(schema={SYMBOL: pl.String, "expected": pl.Int64})
    return _due_sessions(ledger).group_by(SYMBOL).agg(pl.len().cast(pl.Int64).alias("expected"))


def _due_sessions(ledger: Ledger) -> pl.DataFrame:
    """Return ``symbol, session, is_absent`` of every session that is due of a symbol."""
    due = ledger.attendance
    days = days_of_masks(ledger.state.days.filter(pl.col(SYMBOL).is_not_null()).select(SYMBOL, "month", "mask"))
    if due is None:
        return days.clear().with_columns(pl.lit(value=True).alias("is_absent"))
    seen = days.filter(pl.col(SESSION).is_in(due.sessions.implode())).with_columns(pl.lit(value=False).alias("is_absent"))
    return pl.concat([seen, due.absent.select(SYMBOL, SESSION, pl.lit(value=True).alias("is_absent"))])


def missing_by_month(ledger: Ledger) -> pl.DataFrame:
    """Return ``symbol, period`` (first day of a month), ``missing_share`` of expected sessions, from states alone."""
    by_month = _due_sessions(ledger).group_by(SYMBOL, pl.col(SESSION).dt.truncate("1mo").alias("period"))
    return by_month.agg(pl.col("is_absent").mean().alias("missing_share")).sort(SYMBOL, "period")


def log_returns(frame: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Return ``symbol, return`` (logarithmic) of trustworthy rows, thinned evenly where there are very many."""
    price = main_price(kind)
    usable = frame.filter(pl.col("quarantine_reason").is_null() & (price > 0)).sort(SYMBOL, EVENT_AT)
    series = usable.select(SYMBOL, (price.log() - price.log().shift().over(SYMBOL)).alias("return")).drop_nulls()
    return series.gather_every(max(1, len(series) // MOST_RETURNS))
