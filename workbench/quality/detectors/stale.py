"""The same price for longer than the symbol's own liquidity explains.

The rule has no published source: the chance that a symbol which repeats its price in a share ``p``
of its rows does so ``k`` times on end somewhere in ``n`` rows is about ``n * p**k``; below one in a
thousand, the price has stopped rather than the market.
"""

from __future__ import annotations

import polars as pl

from workbench.model.names import SYMBOL

LEAST_REPEATS = 3
CHANCE = 1e-3
CHANCE_WHILE_TRADING = 1e-6
"""Where the volume goes on changing, the market may well stand still: more is asked of the run."""


def stale(frame: pl.DataFrame, prices: tuple[str, ...]) -> pl.DataFrame:
    """Flag rows that repeat all prices of the row before, in runs too long to be chance.

    Parameters
    ----------
    frame : DataFrame
        ``symbol``, price columns and ``volume`` where there is one, sorted by symbol, then time.
    prices : tuple of str

    Returns
    -------
    DataFrame
        One boolean column ``stale``. A run is judged against the share of repeats in the rest of
        its symbol's rows, so that it cannot hide in its own baseline.
    """
    same = [(pl.col(name) == pl.col(name).shift()).fill_null(value=False) for name in prices]
    repeats = pl.all_horizontal(same) & (pl.col(SYMBOL) == pl.col(SYMBOL).shift()).fill_null(value=False)
    trades = (
        (pl.col("volume") > 0) & (pl.col("volume") != pl.col("volume").shift())
        if "volume" in frame.columns
        else pl.lit(value=False)
    )
    columns = (pl.col(SYMBOL), repeats.alias("repeats"), (repeats & trades.fill_null(value=False)).alias("trades"))
    runs = frame.lazy().select(columns).with_columns((~pl.col("repeats")).cum_sum().alias("run"))
    counted = runs.with_columns(
        pl.col("repeats").sum().over("run").alias("length"),
        pl.col("repeats").sum().over(SYMBOL).alias("all"),
        pl.col("trades").any().over("run"),
        pl.len().over(SYMBOL).alias("rows"),
    )
    share = (pl.col("all") - pl.col("length") + 1) / (pl.col("rows") - pl.col("length") + 1)
    log_chance = pl.col("rows").log() + pl.col("length") * share.log()
    limit = pl.when("trades").then(pl.lit(CHANCE_WHILE_TRADING).log()).otherwise(pl.lit(CHANCE).log())
    verdict = pl.col("repeats") & (pl.col("length") >= LEAST_REPEATS) & (log_chance < limit)
    return counted.select(verdict.alias("stale")).collect()
