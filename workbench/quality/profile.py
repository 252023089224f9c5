"""What the data looks like: plain descriptions, no judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.model.names import SESSION, SYMBOL
from workbench.quality.tally import SEEN
from workbench.transform.features import main_price

if TYPE_CHECKING:
    from workbench.quality.evidence import Evidence
    from workbench.quality.tally import Tally

MOST_RETURNS = 200_000


def column_profile(evidence: Evidence) -> pl.DataFrame:
    """Describe each numeric column.

    Returns
    -------
    DataFrame
        ``column, rows, missing, missing_share, min, p01, median, p99, max``; quantiles are of the
        values that are there, linearly interpolated.
    """
    frame = evidence.frame
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
        for name in evidence.fields
    ]
    schema = {"column": pl.String, "rows": pl.Int64, "missing": pl.Int64} | dict.fromkeys(
        ("missing_share", "min", "p01", "median", "p99", "max"), pl.Float64
    )
    return pl.DataFrame(rows, schema=schema)


def symbol_profile(evidence: Evidence, tally: Tally) -> pl.DataFrame:
    """Describe each symbol.

    Returns
    -------
    DataFrame
        ``symbol, rows, first, last`` (sessions), ``sessions`` (with a price), ``expected`` (null
        where not known), ``return_std`` (of log returns, per row); worst covered first.
    """
    facts = tally.facts.filter(pl.col(SYMBOL).is_not_null())
    seen = facts.group_by(SYMBOL).agg(
        pl.col("rows").sum(),
        pl.col(SESSION).min().alias("first"),
        pl.col(SESSION).max().alias("last"),
        (pl.col(SEEN) > 0).sum().cast(pl.Int64).alias("sessions"),
    )
    spread = log_returns(evidence).group_by(SYMBOL).agg(pl.col("return").std().alias("return_std"))
    expected = _expected_sessions(evidence)
    return seen.join(expected, on=SYMBOL, how="left").join(spread, on=SYMBOL, how="left").select(
        SYMBOL, "rows", "first", "last", "sessions", "expected", "return_std"
    ).sort(SYMBOL)  # fmt: skip


def _expected_sessions(evidence: Evidence) -> pl.DataFrame:
    if evidence.expected is None:
        return pl.DataFrame(schema={SYMBOL: pl.String, "expected": pl.Int64})
    due = (
        evidence.expected
        if evidence.contract.frequency == "irregular"
        else evidence.expected.filter(pl.col("bars").is_not_null())
    )
    return due.group_by(SYMBOL).agg(pl.len().cast(pl.Int64).alias("expected"))


def log_returns(evidence: Evidence) -> pl.DataFrame:
    """Return ``symbol, return`` (logarithmic) of trustworthy rows, thinned evenly where there are very many."""
    price = main_price(evidence.contract.kind)
    usable = evidence.frame.filter(pl.col("quarantine_reason").is_null() & (price > 0))
    series = usable.select(SYMBOL, (price.log() - price.log().shift().over(SYMBOL)).alias("return")).drop_nulls()
    return series.gather_every(max(1, len(series) // MOST_RETURNS))


def missing_by_month(evidence: Evidence, tally: Tally) -> pl.DataFrame:
    """Return ``symbol, period`` (first day of a month), ``missing_share`` of expected sessions."""
    if evidence.expected is None:
        return pl.DataFrame(schema={SYMBOL: pl.String, "period": pl.Date, "missing_share": pl.Float64})
    seen = tally.facts.filter(pl.col(SEEN) > 0).select(SYMBOL, SESSION, pl.lit(value=True).alias("is_seen"))
    due = evidence.expected.filter(pl.col("bars").is_not_null() | pl.lit(evidence.contract.frequency == "irregular"))
    both = due.join(seen, on=[SYMBOL, SESSION], how="left")
    by_month = both.group_by(SYMBOL, pl.col(SESSION).dt.truncate("1mo").alias("period")).agg(
        pl.col("is_seen").is_null().mean().alias("missing_share")
    )
    return by_month.sort(SYMBOL, "period")
