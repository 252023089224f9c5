"""Kind ``unit_switch``: pence for pounds, cents for rand, for a while or from some day on.

References
----------
yfinance, ``price_repair``: a ratio of 100. What London, Johannesburg, Tel Aviv and Kuwait quote in is in each
exchange's rules: pence, cents, agorot; thousandths in Kuwait.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.model.findings import Severity
from workbench.quality.detectors.suspicion import Suspicion, competing, runs_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.detectors.steps import Step
    from workbench.quality.detectors.track import Track

    Floats = NDArray[np.float64]

MINOR_UNITS: Final = ("XLON", "XJSE", "XTAE", "XKUW")
"""Exchanges that quote in hundredths or thousandths: of two scales, the higher one is the right one there."""
ON_CENTS: Final = 0.5
"""By how much the shares of prices that are whole cents must differ to tell the scales apart."""
MINOR: Final = 3.0
CENTS: Final = 1.5
"""What an exchange's rule, and what the grid of prices, weigh against the number of rows: twenty, and four and a half times."""


def unit_switches(track: Track, steps: list[Step]) -> tuple[list[Suspicion], Floats]:
    """Say which rows are in other units.

    Parameters
    ----------
    track : Track
    steps : list of Step
        Steps by a hundred or a thousand, ascending.

    Returns
    -------
    list of Suspicion
        One for each stretch of rows on the wrong scale.
    array, shape (n,)
        What prices are multiplied with to lie on one scale.
    """
    if not steps:
        return [], np.ones(len(track))
    rises = np.zeros(len(track))
    for step in steps:
        rises[step.at] += np.log(step.ratio) if step.is_up else -np.log(step.ratio)
    height: Floats = np.round(np.cumsum(rises), 6).astype(np.float64)
    right, vote, told = _right_height(track, height)
    factor = np.exp(right - height)
    found = []
    for first, last in _runs(height, right):
        ratio = float(factor[first])
        text = f"prices lie a factor of {max(ratio, 1 / ratio):.6g} {'below' if ratio > 1 else 'above'} the others; {told}"
        claims = competing(
            ("unit_switch", 2.5 + min(vote, 2.0), text),
            ("partial_split", -0.5, "no split has such a ratio, but vendors' split factors do fail"),
            ("real_move", -2.0, "no market moves by that much in a day"),
        )
        found.append(Suspicion(first, last, track.prices, claims, Severity.CRITICAL, first, {"factor": float(f"{ratio:.6g}")}))
    return found, factor


def _runs(height: Floats, right: float) -> list[tuple[int, int]]:
    """Return the stretches of rows on one wrong height each."""
    found = []
    for wrong in np.unique(height[height != right]).tolist():
        found += runs_of(np.flatnonzero(height == wrong).tolist())
    return sorted(found)


def _right_height(track: Track, height: Floats) -> tuple[float, float, str]:
    """Return the height (a logarithm) of the rows in the right units, how sure that is, and why."""
    heights, counts = np.unique(height, return_counts=True)
    votes = np.log(counts)
    told = f"{counts.max():,} of {counts.sum():,} rows lie where all should"
    if len(heights) == 2:
        speaks, because = _scale_speaks(track, *(track.main[height == h] for h in heights))
        votes[1] += speaks
        told = because if because and int(votes.argmax()) != int(counts.argmax()) else told
    best = int(votes.argmax())
    return float(heights[best]), float(votes[best] - np.delete(votes, best).max()), told


def _scale_speaks(track: Track, low: Floats, high: Floats) -> tuple[float, str]:
    """Return how much of two scales the higher one looks right, in log odds beside the number of rows, and why."""
    if track.calendar in MINOR_UNITS:
        return MINOR, f"{track.calendar} quotes in minor units"
    finer = _share_on_cents(high) - _share_on_cents(low)
    if abs(finer) <= ON_CENTS:
        return 0.0, ""
    return math.copysign(CENTS, finer), f"the {'higher' if finer > 0 else 'lower'} prices are whole cents, the others are not"


def _share_on_cents(price: Floats) -> float:
    """Return the share of prices that are whole cents, as exactly as a 32-bit float can say."""
    cents = price * 100
    return float((np.abs(cents - np.round(cents)) <= np.maximum(np.abs(cents) * 1e-6, 1e-9)).mean()) if len(price) else 0.0
