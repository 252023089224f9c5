"""Kind ``precision``: prices that lost decimals for a while, or have more than their symbol ever has.

Notes
-----
The rule has no published source. A coarse grid is told by chance: where a share ``p`` of a symbol's rows lies on it,
a run of ``k`` rows that all do is worth telling if ``n * p**k`` is small, ``n`` being where it might begin. Prices adjusted
for dividends lie on no grid.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.model.findings import Severity
from workbench.quality.detectors.suspicion import Suspicion, competing, runs_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.detectors.track import Track

    Flags = NDArray[np.bool_]

GRIDS: Final = (100.0, 10.0, 1.0, 0.1, 0.01, 0.001)
CHANCE: Final = 1e-6
LEAST_ROWS: Final = 3
AROUND: Final = 125
"""Rows on either side that say how often the symbol lies on a grid at that time: ticks and prices do change."""
MATERIAL: Final = 0.06
"""A grid matters from this share of the symbol's usual moves on."""
PLACES: Final = 2_500
"""Where such a run may begin: in ten years of sessions."""
USUAL: Final = 0.75
LEAST_CHANGES: Final = 20
"""A symbol has a grid if this share of the prices around lies on it, of so many that are not those of the row before,"""
STRAYS: Final = 0.01
"""and hardly any others of them but those of whole stretches lie off it."""
MOST_STEPS: Final = 1e6
"""Prices of more steps of a grid than this cannot be told to lie on it."""
FRACTIONS: Final = 1 / 64
"""What shares were quoted in before 2001 (eighths, sixteenths and less) lies off the cents, and is no mistake."""
COARSE: Final = 0.25
"""A grid is coarse for a symbol if at most this share of its rows lies on it."""


def lost_decimals(track: Track) -> list[Suspicion]:
    """Find rows whose prices lie on another grid than the symbol's own."""
    if track.is_intraday:
        return []
    on = {grid: _on_grid(track, grid) for grid in GRIDS}
    moved = np.any([np.diff(track.values[name], prepend=np.nan) != 0 for name in track.prices], axis=0)
    material = {grid: grid / track.main >= MATERIAL * np.nan_to_num(track.scale, nan=np.inf) for grid in GRIDS}
    found: list[Suspicion] = []
    taken = np.zeros(len(track), dtype=bool)
    for grid in GRIDS:
        for first, last in _coarse_runs(on[grid], moved):
            if material[grid][first : last + 1].all() and not taken[first : last + 1].any():
                taken[first : last + 1] = True
                found.append(
                    _suspicion(
                        track,
                        first,
                        last,
                        f"all prices of {last - first + 1} rows are multiples of {grid:g}, of others hardly any",
                        1.5,
                    )
                )
    return [*found, *_off_grid(track, on, moved)]


def _off_grid(track: Track, on: dict[float, Flags], moved: Flags) -> list[Suspicion]:
    """Find rows with more decimals than the prices around them have."""
    if len(track.prices) < 2:
        return []
    usual = _usual_grid(on, moved)
    prices = [track.values[name] for name in track.prices]
    off = np.sum([~_multiples(p, usual) & ~_multiples(p, FRACTIONS) & (p < usual * MOST_STEPS) for p in prices], axis=0) >= 2
    runs = runs_of(np.flatnonzero(off).tolist())
    lone = np.zeros(len(track), dtype=bool)
    for first, last in runs:
        lone[first : last + 1] = moved[first : last + 1].sum() < LEAST_ROWS
    found = []
    for first, last in runs:
        low, high = _around(first, last, len(track))
        if lone[low:first].sum() + lone[last + 1 : high].sum() <= STRAYS * (high - low):
            text = f"prices off the grid of {usual[first]:g} that all others lie on"
            found.append(_suspicion(track, first, last, text, -0.2 if lone[first] else 1.5))
    return found


def _usual_grid(on: dict[float, Flags], moved: Flags) -> NDArray[np.float64]:
    """Return the coarsest grid that most of the prices around each row lie on; NaN where none is, or hardly any moved."""
    rows = np.arange(len(moved))
    low, high = np.maximum(rows - AROUND, 0), np.minimum(rows + AROUND + 1, len(moved))

    def counted(flags: Flags) -> NDArray[np.int64]:
        before = np.concatenate([[0], np.cumsum(flags)])
        count: NDArray[np.int64] = before[high] - before[low]
        return count

    changes = counted(moved)
    usual = np.full(len(moved), np.nan)
    for grid in reversed(GRIDS):
        usual[(counted(on[grid] & moved) >= USUAL * changes) & (changes >= LEAST_CHANGES)] = grid
    return usual


def _around(first: int, last: int, count: int) -> tuple[int, int]:
    """Return where the rows around a run begin, and end (not included)."""
    return max(first - AROUND, 0), min(last + 1 + AROUND, count)


def _on_grid(track: Track, grid: float) -> Flags:
    """Return which rows have all of their prices on a grid."""
    found: Flags = np.all(_multiples(np.stack([track.values[name] for name in track.prices]), grid), axis=0)
    return found


def _multiples(price: NDArray[np.float64], grid: NDArray[np.float64] | float) -> Flags:
    """Return which prices are multiples of a grid, as exactly as a 32-bit float can say."""
    scaled = price / grid
    near = np.abs(scaled - np.round(scaled)) <= np.maximum(np.abs(scaled) * 2e-7, 1e-9)
    return near & (np.abs(scaled) >= 1) & (np.abs(scaled) < MOST_STEPS)


def _coarse_runs(on: Flags, moved: Flags) -> list[tuple[int, int]]:
    """Return the runs of rows on a grid that are too long to be chance; a price that merely stays says nothing."""
    if int(on.sum()) < LEAST_ROWS:
        return []
    before = np.concatenate([[0], np.cumsum(on)])
    found = []
    for first, last in runs_of(np.flatnonzero(on).tolist()):
        length = int(moved[first : last + 1].sum())
        if length < LEAST_ROWS:
            continue
        low, high = _around(first, last, len(on))
        others = high - low - (last + 1 - first)
        share = (int(before[high] - before[low]) - (last + 1 - first) + 1) / (others + 1)
        if others >= AROUND and share <= COARSE and math.log(PLACES) + length * math.log(share) < math.log(CHANCE):
            found.append((first, last))
    return found


def _suspicion(track: Track, first: int, last: int, text: str, weight: float) -> Suspicion:
    claims = competing(("precision", weight, text), ("tick_change", 0.0, "exchanges do change their ticks"))
    return Suspicion(first, last, track.prices, claims, Severity.LOW, first)
