"""A price far off for one row, then back.

References
----------
Brownlees, C. and Gallo, G. (2006), Financial econometric analysis at ultra-high frequency.
Barndorff-Nielsen, O. et al. (2009), Realized kernels in practice: trades and quotes.
The nearest of centred, leading and trailing median is what lets real jumps survive, after the R
package highfrequency.
"""

from __future__ import annotations

import polars as pl

from workbench.model.names import SYMBOL

JUMP = 10.0
"""Deviations a lone price must lie off, in robust standard deviations of a row's return."""
WICK = 16.0
"""The same for a high or low that leaves its own bar: crashes within a day do recover."""
WINDOW = 61
LEAST_ROWS = 10
_MAD_TO_SIGMA = 1.4826


def bad_tick(frame: pl.DataFrame, prices: tuple[str, ...]) -> pl.DataFrame:
    """Flag prices that leave their neighbours and come back at once.

    Parameters
    ----------
    frame : DataFrame
        ``symbol`` and price columns, sorted by symbol, then time.
    prices : tuple of str
        Columns to judge; the last one is the price that stands for a row.

    Returns
    -------
    DataFrame
        A boolean column for each of ``prices``, false where it cannot be judged; and ``level``,
        the price the neighbours suggest, for proposals.

    Notes
    -----
    Distances are of logarithms. The main price is compared with the median of the rows around, of
    the three before, and of the three after, and the smallest distance counts. Open, high and low
    are judged against their own bar and the close before, and share the verdict of a close that
    stands alone. The scale is the larger of the median absolute return in a window of 61 rows
    and half the symbol's 95th percentile of it, over rows that moved.
    """
    logs = frame.select(SYMBOL, *(_log(name).alias(name) for name in prices))
    main = prices[-1]
    around = logs.lazy().with_columns(
        _scale(main).alias("scale"),
        _middle([-2, -1, 1, 2], main).alias("centred"),
        _middle([-3, -2, -1], main).alias("trailing"),
        _middle([1, 2, 3], main).alias("leading"),
        _at(-1, main).alias("before"),
        pl.len().over(SYMBOL).alias("rows"),
    )
    distance = pl.min_horizontal((pl.col(main) - pl.col(name)).abs() for name in ("centred", "trailing", "leading"))
    alone = (distance > JUMP * pl.col("scale")) & (pl.col("rows") >= LEAST_ROWS)
    judged = around.with_columns(alone.fill_null(value=False).alias("alone"))
    flags = {name: _field(name, main) for name in prices}
    verdicts = [expr.fill_null(value=False).alias(name) for name, expr in flags.items()]
    return judged.select(*verdicts, pl.col("centred").exp().alias("level")).collect()


def _log(name: str) -> pl.Expr:
    return pl.when(pl.col(name) > 0).then(pl.col(name).log())


def _at(offset: int, name: str) -> pl.Expr:
    return pl.col(name).shift(-offset).over(SYMBOL)


def _middle(offsets: list[int], name: str) -> pl.Expr:
    """Return the median of three or four neighbours: the sum without the extremes."""
    near = [_at(offset, name) for offset in offsets]
    inner = pl.sum_horizontal(near) - pl.max_horizontal(near) - pl.min_horizontal(near)
    complete = pl.all_horizontal(n.is_not_null() for n in near)
    return pl.when(complete).then(inner / (len(near) - 2))


def _scale(main: str) -> pl.Expr:
    step = pl.col(main).diff().over(SYMBOL).abs()
    move = pl.when(step > 0).then(step)  # a thin symbol's quiet days say nothing about the size of its moves
    local = move.rolling_median(WINDOW, min_samples=5, center=True).over(SYMBOL) * _MAD_TO_SIGMA
    usual = move.quantile(0.95).over(SYMBOL) / 2
    return pl.max_horizontal(local, usual, pl.lit(1e-4))


def _field(name: str, main: str) -> pl.Expr:
    if name == main:
        return pl.col("alone")
    value, bar, before = pl.col(name), pl.col(main), pl.col("before")
    near = pl.min_horizontal((value - bar).abs(), (value - before).abs())
    factor = JUMP if name == "open" else WICK
    wick = (near > factor * pl.col("scale")) & ~pl.col("alone") & (pl.col("rows") >= LEAST_ROWS)
    with_bar = pl.col("alone") & ((value - pl.col("centred")).abs() > JUMP * pl.col("scale"))
    return wick | with_bar
