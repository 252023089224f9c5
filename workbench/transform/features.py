"""Features: columns that are derived from standard ones, each in a frame of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.model.names import EVENT_AT, PRICE_FIELDS, PRICES, SESSION, SYMBOL, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = (SYMBOL, EVENT_AT, SESSION)


def main_price(kind: Kind) -> pl.Expr:
    """Return the one price that stands for a row: close, trade price, value, or the mid of a quote."""
    if kind is Kind.QUOTES:
        return (pl.col("bid") + pl.col("ask")) / 2
    return pl.col(PRICES[kind][-1])


def returns(frame: pl.DataFrame, kind: Kind) -> pl.DataFrame | None:
    """Return simple and logarithmic returns from the row before, of the main price as it came.

    Parameters
    ----------
    frame : DataFrame
        Standard columns, sorted by symbol, then time.
    kind : Kind

    Returns
    -------
    DataFrame
        ``symbol, event_at, session, simple_return, log_return``; null at a symbol's first row and
        where a price is missing or not positive. Dimensionless, not adjusted for events.

    Notes
    -----
    ``simple = p(t) / p(t-1) - 1``, ``log = ln p(t) - ln p(t-1)``.
    """
    price = pl.when(main_price(kind) > 0).then(main_price(kind))
    ratio = price / price.shift().over(SYMBOL)
    return frame.select(*KEY, (ratio - 1).alias("simple_return"), ratio.log().alias("log_return"))


def ranges(frame: pl.DataFrame, kind: Kind) -> pl.DataFrame | None:
    """Range of each bar and Parkinson's estimate of its volatility; None unless there are bars.

    Returns
    -------
    DataFrame
        ``symbol, event_at, session, range`` (price units), ``relative_range`` (of the close),
        ``parkinson`` (per bar, dimensionless).

    Notes
    -----
    ``parkinson = |ln(high / low)| / (2 sqrt(ln 2))``.

    References
    ----------
    Parkinson, M. (1980), The extreme value method for estimating the variance of the rate of return.
    """
    if kind is not Kind.BARS or not {"high", "low", "close"} <= set(frame.columns):
        return None
    spread = pl.col("high") - pl.col("low")
    positive = (pl.col("high") > 0) & (pl.col("low") > 0)
    parkinson = pl.when(positive).then((pl.col("high") / pl.col("low")).log().abs() / (2 * pl.lit(2.0).log().sqrt()))
    return frame.select(
        *KEY,
        spread.alias("range"),
        pl.when(pl.col("close") > 0).then(spread / pl.col("close")).alias("relative_range"),
        parkinson.alias("parkinson"),
    )


def adjusted(frame: pl.DataFrame, kind: Kind) -> pl.DataFrame | None:
    """Open, high, low and close on the scale of the vendor's adjusted close.

    Returns
    -------
    DataFrame or None
        ``symbol, event_at, session, adjustment_factor, adjusted_open … adjusted_close``; None where
        the data carries no adjusted close, since then no event is known.

    Notes
    -----
    ``factor = adj_close / close``; every price of the bar is multiplied by it. A view, never the
    stored truth.
    """
    if kind is not Kind.BARS or not {"adj_close", "close"} <= set(frame.columns):
        return None
    factor = pl.when(pl.col("close") > 0).then(pl.col("adj_close") / pl.col("close"))
    prices = [(pl.col(name) * factor).alias(f"adjusted_{name}") for name in PRICE_FIELDS if name in frame.columns]
    return frame.select(*KEY, factor.alias("adjustment_factor"), *prices)


FEATURES: dict[str, Callable[[pl.DataFrame, Kind], pl.DataFrame | None]] = {
    "returns": returns,
    "ranges": ranges,
    "adjusted": adjusted,
}
"""Name in a contract -> how it is made; None where the data does not carry what it needs."""
