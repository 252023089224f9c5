"""Fixed bins and fixed-point grids: what makes measurements add up to the same bits in any grouping.

A bin is read off a float's own bits, exponent and first two bits of the mantissa, so that no
logarithm is taken and every machine agrees. A sum is of whole steps of a grid, in 64-bit integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS: Final = 64
RATIO_FIRST: Final = -17
"""Ratios (returns, relative spreads): four bins an octave from 2**-17 (0.08 bps) to 2**-1.25 (42 %).

Bin 0 is everything below, zero included; bin 63 everything above."""
SIZE_FIRST: Final = -16
"""Sizes: one bin an octave from 2**-16 (a fraction of a coin) to 2**46; bin 0 is below, zero included."""
MOVE_STEP: Final = 2.0**-40
"""Grid of a sum of returns. Moves beyond ±100 % count as 100 %: the sum is exact for 8 million of those a symbol."""
SQUARE_STEP: Final = 2.0**-44
"""Grid of a sum of squared returns, clipped likewise: exact for half a million rows of nothing but ±100 % moves."""
_BIAS: Final = 1023


def ratio_bins(ratios: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each ratio, 0 to 63; ratios are not negative and not NaN."""
    return _bins(ratios, shift=50, first=(RATIO_FIRST + _BIAS) * 4)


def size_bins(sizes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each size, 0 to 63; negative and missing sizes fall into bin 0."""
    return _bins(sizes, shift=52, first=SIZE_FIRST + _BIAS)


def _bins(values: NDArray[np.float64], *, shift: int, first: int) -> NDArray[np.int64]:
    bins = np.ascontiguousarray(values).view(np.int64) >> shift
    bins -= first - 1
    np.maximum(bins, 0, out=bins)
    np.minimum(bins, BINS - 1, out=bins)
    return bins


def upper_edge(ratio_bin: int) -> float:
    """Return the ratio at which a bin ends; infinite for the last.

    Examples
    --------
    >>> [int(b) for b in ratio_bins(np.array([0.0, 2.0**-17, 0.01, 0.5]))]
    [0, 1, 42, 63]
    >>> upper_edge(42) > 0.01 > upper_edge(41)
    True
    """
    if ratio_bin >= BINS - 1:
        return float("inf")
    octave, quarter = divmod(ratio_bin, 4)
    return float(2.0 ** (RATIO_FIRST + octave) * (1 + quarter / 4))


def upper_edges() -> NDArray[np.float64]:
    """Return :func:`upper_edge` of all bins, shape (64,)."""
    return np.array([upper_edge(b) for b in range(BINS)])


def on_grid(values: NDArray[np.float64], step: float) -> NDArray[np.int64]:
    """Return values in whole steps of a grid, rounded half to even."""
    steps = values * (1 / step)  # a step is a power of two: its inverse is exact
    return np.rint(steps, out=steps).astype(np.int64)
