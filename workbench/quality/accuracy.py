"""Accuracy: values against a second opinion and against the symbol's own behaviour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.model.names import EVENT_AT, REASON, SESSION, SYMBOL
from workbench.quality.outcome import Outcome, counted, not_applicable

if TYPE_CHECKING:
    from workbench.quality.evidence import Evidence
    from workbench.quality.tally import Tally

NO_REFERENCE = "no reference to compare with; give one with --reference or in a contract"
LEAST_PAIRS = 3
DEFAULT_MAX_DEVIATION_BPS = 50.0
DEFAULT_MIN_CORRELATION = 0.99
DEFAULT_MAX_RMSE = 0.01
_OTHER = "_reference"


def statistical_bounds(evidence: Evidence, tally: Tally) -> Outcome:  # noqa: ARG001 (one signature for all checks)
    """Rows with a price that leaves its neighbours and comes back."""
    if not tally.has("statistical_bounds"):
        return not_applicable("prices go through zero: there is no relative scale to judge a jump by")
    return counted(tally.of("statistical_bounds"))


def historical_pattern(evidence: Evidence, tally: Tally) -> Outcome:
    """Rows that do not behave as the symbol does: prices that stopped, moves without volume."""
    if not tally.has("historical_pattern"):
        return not_applicable(f"rows of {evidence.contract.frequency} have no pattern to compare with")
    return counted(tally.of("historical_pattern"))


def reference_agreement(evidence: Evidence, tally: Tally) -> Outcome:
    """Price cells that differ from the reference by more than the allowed basis points.

    Notes
    -----
    ``|p / r - 1| * 10 000 > max_deviation_bps``, over cells both sides have.
    """
    pairs = _pairs(evidence, tally)
    if pairs is None:
        return not_applicable(NO_REFERENCE)
    terms = evidence.contract.reference
    limit = (terms.max_deviation_bps if terms else DEFAULT_MAX_DEVIATION_BPS) / 1e4
    fields = _common_fields(evidence)
    apart = [((pl.col(f) / pl.col(f + _OTHER) - 1).abs() > limit).fill_null(value=False) for f in fields]
    both = [(pl.col(f).is_not_null() & pl.col(f + _OTHER).is_not_null()) for f in fields]
    where = pairs.group_by(SYMBOL, SESSION).agg(
        pl.sum_horizontal(apart).sum().cast(pl.Int64).alias("failures"),
        pl.sum_horizontal(both).sum().cast(pl.Int64).alias("total"),
    )
    return counted(where.sort(SYMBOL, SESSION), nothing="the reference shares no symbol and time with the data")


def reference_correlation(evidence: Evidence, tally: Tally) -> Outcome:
    """Symbols whose returns correlate with the reference's less than promised (Pearson)."""
    terms = evidence.contract.reference
    least = terms.min_correlation if terms else DEFAULT_MIN_CORRELATION
    statistic = pl.corr("log_return", "log_return" + _OTHER)
    return _per_symbol(evidence, tally, statistic, failing=pl.col("statistic") < least, name="correlation")


def reference_rmse(evidence: Evidence, tally: Tally) -> Outcome:
    """Symbols whose relative root mean square difference from the reference is larger than promised.

    Notes
    -----
    ``sqrt(mean((p / r - 1)**2))`` of the main price.
    """
    terms = evidence.contract.reference
    most = terms.max_rmse if terms else DEFAULT_MAX_RMSE
    statistic = (pl.col("relative") ** 2).mean().sqrt()
    return _per_symbol(evidence, tally, statistic, failing=pl.col("statistic") > most, name="rmse")


def _common_fields(evidence: Evidence) -> list[str]:
    reference = evidence.reference
    return [] if reference is None else [name for name in evidence.prices if name in reference.columns]


def _pairs(evidence: Evidence, tally: Tally) -> pl.DataFrame | None:
    """Join trustworthy rows with the reference: on the session for daily data, on the time within a day."""
    fields = _common_fields(evidence)
    if evidence.reference is None or not fields:
        return None
    moment = EVENT_AT if evidence.contract.is_intraday else SESSION
    wanted = list(dict.fromkeys([SYMBOL, SESSION, moment, *fields]))
    mine = tally.rows.filter(pl.col(REASON).is_null()).select(wanted)
    other = evidence.reference.select(SYMBOL, moment, *fields).unique([SYMBOL, moment], keep="first", maintain_order=True)
    if mine[SYMBOL].n_unique() == 1 and other[SYMBOL].n_unique() == 1:
        other = other.with_columns(pl.lit(mine[SYMBOL][0]).alias(SYMBOL))
    return mine.join(other, on=[SYMBOL, moment], how="inner", suffix=_OTHER).sort(SYMBOL, moment)


def _per_symbol(evidence: Evidence, tally: Tally, statistic: pl.Expr, *, failing: pl.Expr, name: str) -> Outcome:
    pairs = _pairs(evidence, tally)
    if pairs is None:
        return not_applicable(NO_REFERENCE)
    price = _common_fields(evidence)[-1]
    returns = [
        (pl.col(p) / pl.col(p).shift().over(SYMBOL)).log().alias("log_return" + suffix)
        for p, suffix in ((price, ""), (price + _OTHER, _OTHER))
    ]
    clean = pairs.filter((pl.col(price) > 0) & (pl.col(price + _OTHER) > 0))
    series = clean.with_columns(*returns, (pl.col(price) / pl.col(price + _OTHER) - 1).alias("relative"))
    table = series.group_by(SYMBOL).agg(statistic.alias("statistic"), pl.len().alias("pairs"))
    table = table.filter((pl.col("pairs") >= LEAST_PAIRS) & pl.col("statistic").is_not_nan()).sort(SYMBOL)
    where = table.select(
        SYMBOL,
        pl.lit(None, dtype=pl.Date).alias(SESSION),
        failing.cast(pl.Int64).alias("failures"),
        pl.lit(1).cast(pl.Int64).alias("total"),
    )
    by_symbol = dict(table.select(SYMBOL, "statistic").iter_rows())
    return counted(where, nothing="the reference shares too few rows with the data", **{name: by_symbol})
