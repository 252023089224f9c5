"""A second opinion: the same prices from elsewhere, compared cell by cell and symbol by symbol.

It looks at rows, not at states: what it says stands beside them and joins them at scoring.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from workbench.model.names import EVENT_AT, REASON, SESSION, SYMBOL

if TYPE_CHECKING:
    from workbench.model.contract import Reference
    from workbench.quality.terms import Terms

LEAST_PAIRS = 3
OTHER = "_reference"


@dataclass(frozen=True, slots=True)
class Opinion:
    """How two sources compare.

    Attributes
    ----------
    cells
        ``symbol, session, failures, total``: price cells further apart than allowed, of those both have.
    symbols
        ``symbol, correlation, correlation_holds, rmse, rmse_holds``; null where too few rows are shared.
    """

    cells: pl.DataFrame
    symbols: pl.DataFrame


def compared(frame: pl.DataFrame, reference: pl.DataFrame, terms: Terms, limits: Reference) -> Opinion | None:
    """Compare rows with a reference: on the session for daily data, on the time within a day.

    Parameters
    ----------
    frame, reference : DataFrame
        Standard columns; rows in quarantine are passed over.
    terms : Terms
    limits : Reference
        How far apart the two may be.

    Returns
    -------
    Opinion or None
        None where the reference has none of the price columns.
    """
    fields = [name for name in terms.prices if name in reference.columns]
    if not fields:
        return None
    pairs = _pairs(frame, reference, fields, EVENT_AT if terms.is_intraday else SESSION)
    most = limits.max_deviation_bps / 1e4
    apart = [((pl.col(f) / pl.col(f + OTHER) - 1).abs() > most).fill_null(value=False) for f in fields]
    both = [(pl.col(f).is_not_null() & pl.col(f + OTHER).is_not_null()) for f in fields]
    cells = pairs.group_by(SYMBOL, SESSION).agg(
        pl.sum_horizontal(apart).sum().cast(pl.Int64).alias("failures"),
        pl.sum_horizontal(both).sum().cast(pl.Int64).alias("total"),
    )
    return Opinion(cells.sort(SYMBOL, SESSION), _by_symbol(pairs, fields[-1], limits))


def _pairs(frame: pl.DataFrame, reference: pl.DataFrame, fields: list[str], moment: str) -> pl.DataFrame:
    wanted = list(dict.fromkeys([SYMBOL, SESSION, moment, *fields]))
    mine = (frame.filter(pl.col(REASON).is_null()) if REASON in frame.columns else frame).select(wanted)
    other = reference.select(SYMBOL, moment, *fields).unique([SYMBOL, moment], keep="first", maintain_order=True)
    if mine[SYMBOL].n_unique() == 1 and other[SYMBOL].n_unique() == 1:
        other = other.with_columns(pl.lit(mine[SYMBOL][0]).alias(SYMBOL))
    return mine.join(other, on=[SYMBOL, moment], how="inner", suffix=OTHER).sort(SYMBOL, moment)


def _by_symbol(pairs: pl.DataFrame, price: str, limits: Reference) -> pl.DataFrame:
    """Correlate log returns (Pearson) and take the relative root mean square difference, for each symbol."""
    returns = [
        (pl.col(p) / pl.col(p).shift().over(SYMBOL)).log().alias("log_return" + suffix)
        for p, suffix in ((price, ""), (price + OTHER, OTHER))
    ]
    clean = pairs.filter((pl.col(price) > 0) & (pl.col(price + OTHER) > 0))
    series = clean.with_columns(*returns, (pl.col(price) / pl.col(price + OTHER) - 1).alias("relative"))
    table = series.group_by(SYMBOL).agg(
        pl.corr("log_return", "log_return" + OTHER).alias("correlation"),
        (pl.col("relative") ** 2).mean().sqrt().alias("rmse"),
        pl.len().alias("pairs"),
    )
    return table.filter(pl.col("pairs") >= LEAST_PAIRS).sort(SYMBOL).select(
        SYMBOL,
        "correlation",
        (pl.col("correlation") >= limits.min_correlation).alias("correlation_holds"),
        "rmse",
        (pl.col("rmse") <= limits.max_rmse).alias("rmse_holds"),
    )  # fmt: skip
