"""What is usual for a series around each of its rows, none of them counted in its own baseline.

References
----------
Brownlees, C. and Gallo, G. (2006), Financial econometric analysis at ultra-high frequency: neighbours judge, not
the whole. Barndorff-Nielsen, O. et al. (2009), Realized kernels in practice: the row itself is left out. R's
highfrequency package: the nearest of the centred, leading and trailing median, so that real jumps survive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WINDOW: Final = 60
"""Rows before, and rows after, that say what is usual: a quarter of a year of sessions."""
LEAST_MOVES: Final = 5
ENOUGH_MOVES: Final = 20
BULK: Final = (0.75, 1.1503)
TAIL: Final = (0.90, 1.6449)
"""A quantile of absolute moves, and how many standard deviations of normal moves lie below it."""
LEAST_SCALE: Final = 1e-5
NEIGHBOURS: Final = 3
"""Rows on each side whose median is the level there: one bad neighbour does not move it."""


def local_scale(moves: Floats, floor: Floats | float = 0.0) -> Floats:
    """Return the usual size of moves around each row, from those before and those after it, the larger.

    Parameters
    ----------
    moves : array, shape (n,)
        Log returns; NaN where there is none.
    floor : array or float
        The least scale.

    Returns
    -------
    array, shape (n,)
        In the unit of ``moves``; NaN where fewer than ``LEAST_MOVES`` are known around a row.

    Notes
    -----
    ``max(q75 / 1.15, q90 / 1.645)`` over up to ``WINDOW`` moves that are not zero, on either side; the row's own move
    and the next one, which both contain its price, are left out. The 90th percentile follows fat tails, and one bad
    price in twenty does not move it; the larger of both sides lets a storm's first day be judged by the storm. Where
    neither side has ``ENOUGH_MOVES``, the 75th percentile of all around a row must do: a few bad prices among few
    moves would swell the 90th.
    """
    size = pl.Series(np.abs(moves)).fill_nan(None)
    size = size.set(size == 0, None)
    before, after = _one_sided(size), _one_sided(size.reverse())[::-1]
    found = np.full(len(moves), np.nan)
    found[1:] = before[:-1]
    found[:-2] = np.fmax(found[:-2], after[2:])
    around = size.rolling_quantile(
        BULK[0], interpolation="linear", window_size=2 * WINDOW + 1, min_samples=LEAST_MOVES, center=True
    )
    few = np.isnan(found)
    found[few] = around.fill_null(np.nan).to_numpy()[few] / BULK[1]
    return np.where(np.isnan(found), np.nan, np.maximum(found, np.maximum(floor, LEAST_SCALE)))


def _one_sided(size: pl.Series) -> Floats:
    """Return the scale of each window that ends at a row, NaN where it holds too few moves."""
    parts = [
        size.rolling_quantile(q, interpolation="linear", window_size=WINDOW, min_samples=ENOUGH_MOVES).to_numpy() / width
        for q, width in (BULK, TAIL)
    ]
    return np.fmax(*parts)


def usual_level(values: Floats, window: int = 2 * WINDOW // 3 + 1) -> Floats:
    """Return the median of the values around each row that are there and not zero; NaN where there are too few."""
    series = pl.Series(values).fill_nan(None)
    series = series.set(series <= 0, None)
    found = series.rolling_median(window_size=window, center=True, min_samples=LEAST_MOVES)
    return found.fill_null(np.nan).to_numpy()


def sides(values: Floats) -> tuple[Floats, Floats]:
    """Return the median of the ``NEIGHBOURS`` rows before, and of those behind each row; NaN where there is none."""
    return _median_before(values), _median_before(values[::-1])[::-1]


def _median_before(values: Floats) -> Floats:
    series = pl.Series(values).fill_nan(None)
    found = series.rolling_median(window_size=NEIGHBOURS, min_samples=1).shift(1)
    return found.fill_null(np.nan).to_numpy()


def excursion(values: Floats) -> Floats:
    """Return how far each row lies from the nearer of its two sides, signed; zero where it lies between them.

    Notes
    -----
    Where only one side is there, at either end, nothing can be said: zero.
    """
    before, after = sides(values)
    down, up = values - before, values - after
    same = np.sign(down) == np.sign(up)
    nearest = np.where(np.abs(down) < np.abs(up), down, up)
    return np.where(same & np.isfinite(nearest), nearest, 0.0)
