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
from numpy.lib.stride_tricks import sliding_window_view

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
AT_ONCE: Final = 16_384
"""Windows sorted at once: they fit a processor's cache."""
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
    size = np.abs(moves)
    size = np.where(size > 0, size, np.nan)  # NaN stays NaN
    trailing = _trailing(np.concatenate([size, np.full(WINDOW + 1, np.nan)]))
    found = np.full(len(moves), np.nan)
    found[1:] = trailing[: len(moves) - 1]
    found = np.fmax(found, trailing[WINDOW + 1 : WINDOW + 1 + len(moves)])
    few = np.isnan(found)
    if few.any():
        around = pl.Series(size).fill_nan(None).rolling_quantile(
            BULK[0], interpolation="linear", window_size=2 * WINDOW + 1, min_samples=LEAST_MOVES, center=True
        )  # fmt: skip
        found[few] = around.fill_null(np.nan).to_numpy()[few] / BULK[1]
    return np.where(np.isnan(found), np.nan, np.maximum(found, np.maximum(floor, LEAST_SCALE)))


def _trailing(size: Floats) -> Floats:
    """Return the scale of the ``WINDOW`` moves that end at each row, NaN where it holds too few.

    Notes
    -----
    One sort of every window serves both quantiles, and windows that end at a row serve as those that begin ``WINDOW``
    rows before: three times as fast as rolling quantiles.
    """
    padded = np.concatenate([np.full(WINDOW - 1, np.nan), size])
    found = np.full(len(size), np.nan)
    windows = sliding_window_view(padded, WINDOW)
    for start in range(0, len(size), AT_ONCE):
        ordered = np.sort(windows[start : start + AT_ONCE], axis=1)  # NaN last
        known = WINDOW - np.isnan(ordered).sum(axis=1)
        scale = np.fmax(_quantile(ordered, known, *BULK), _quantile(ordered, known, *TAIL))
        found[start : start + AT_ONCE] = np.where(known >= ENOUGH_MOVES, scale, np.nan)
    return found


def _quantile(ordered: Floats, known: NDArray[np.int64], share: float, width: float) -> Floats:
    """Return a quantile of the first ``known`` of each row, interpolated, as a number of standard deviations."""
    place = np.maximum(known - 1, 0) * share
    low = place.astype(np.int64)
    rows = np.arange(len(ordered))
    below, above = ordered[rows, low], ordered[rows, np.minimum(low + 1, np.maximum(known - 1, 0))]
    found: Floats = (below + (place - low) * (above - below)) / width
    return found


def usual_level(values: Floats, window: int = 2 * WINDOW // 3 + 1) -> Floats:
    """Return the median of the values around each row that are there and not zero; NaN where there are too few."""
    there = pl.Series(np.where(values > 0, values, np.nan), nan_to_null=True)
    return there.rolling_median(window_size=window, center=True, min_samples=LEAST_MOVES).to_numpy()  # null becomes NaN


def smallest_around(sizes: Floats, least: Floats) -> Floats:
    """Return the smallest of the sizes within ``WINDOW`` rows of each row that are greater than ``least``; zero where none is."""
    there = pl.Series(np.where(sizes > least, sizes, np.nan), nan_to_null=True)
    return there.rolling_min(window_size=2 * WINDOW + 1, center=True, min_samples=1).fill_null(0.0).to_numpy()


def share_around(flags: NDArray[np.bool_]) -> Floats:
    """Return the share of the rows within ``WINDOW`` rows of each row that are flagged."""
    before = np.concatenate([[0], np.cumsum(flags)])
    rows = np.arange(len(flags))
    low, high = np.maximum(rows - WINDOW, 0), np.minimum(rows + WINDOW + 1, len(flags))
    share: Floats = (before[high] - before[low]) / (high - low)
    return share


def sides(values: Floats) -> tuple[Floats, Floats]:
    """Return the median of the ``NEIGHBOURS`` rows before, and of those behind each row; NaN where there is none."""
    return _median_before(values), _median_before(values[::-1])[::-1]


def _median_before(values: Floats) -> Floats:
    padded = np.concatenate([np.full(NEIGHBOURS, np.nan), values])
    first, second, third = rows = np.stack([padded[k : k + len(values)] for k in range(NEIGHBOURS)])
    found: Floats = np.maximum(np.minimum(first, second), np.minimum(np.maximum(first, second), third))
    lacking = np.flatnonzero(~np.isfinite(rows).all(axis=0))
    found[lacking] = median_of_few(rows[:, lacking])
    return found


def median_of_few(stack: Floats) -> Floats:
    """Return the median of each column of few rows, those that are no number left out; NaN where all are."""
    known = np.isfinite(stack).sum(axis=0)
    ordered = np.sort(np.where(np.isfinite(stack), stack, np.nan), axis=0)  # NaN last
    columns, last = np.arange(stack.shape[1]), np.maximum(known - 1, 0)
    middle: Floats = (ordered[last // 2, columns] + ordered[np.minimum(known // 2, last), columns]) / 2
    return middle


def excursion(values: Floats, around: tuple[Floats, Floats] | None = None) -> Floats:
    """Return how far each row lies from the nearer of its two sides, signed; zero where it lies between them.

    Parameters
    ----------
    values : array, shape (n,)
    around : tuple of array, optional
        What :func:`sides` says of the values, where that is known.

    Notes
    -----
    Where only one side is there, at either end, nothing can be said: zero.
    """
    before, after = sides(values) if around is None else around
    down, up = values - before, values - after
    same = np.sign(down) == np.sign(up)
    nearest = np.where(np.abs(down) < np.abs(up), down, up)
    return np.where(same & np.isfinite(nearest), nearest, 0.0)
