"""A bar that moved although nothing was traded: the volume, or the bar, is wrong.

Kind ``zero_volume_move`` of the taxonomy: ``V = 0 and high != low``. Symbols that often have no
volume (indices, exchange rates, thin stocks) are not judged.
"""

from __future__ import annotations

import polars as pl

from workbench.model.names import SYMBOL

USUAL_SHARE = 0.05


def zero_volume_move(frame: pl.DataFrame) -> pl.DataFrame:
    """Flag bars with a range and no volume, in symbols that hardly ever lack volume.

    Parameters
    ----------
    frame : DataFrame
        ``symbol, high, low, volume``.

    Returns
    -------
    DataFrame
        One boolean column ``zero_volume_move``.
    """
    silent = (pl.col("volume") == 0).fill_null(value=True)
    rare = silent.mean().over(SYMBOL) < USUAL_SHARE
    verdict = silent & rare & (pl.col("volume") == 0) & (pl.col("high") != pl.col("low"))
    return frame.select(verdict.fill_null(value=False).alias("zero_volume_move"))
