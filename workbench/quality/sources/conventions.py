"""What differs between two sources by convention: a factor, steps of an adjustment, a unit, another kind of close.

Where prices of two sources differ by ``x = log(a / b)``, what is systematic in ``x`` is its running median. It is a
convention where it is constant, or steps and does not step back; what steps back is a stretch on which they disagree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from workbench.model.names import ALL_SIZES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WINDOW: Final = 21
LEAST_STEP: Final = 5e-4
"""The least lasting step that is told, as a logarithm: five basis points."""
NOISES: Final = 4.0
LEAST_ROWS: Final = 5
MOST_ROWS: Final = 252
SMALL: Final = 0.005
"""Steady differences below half a per cent are those of kinds of price: last trade, official close, mid."""
UNITS: Final = (100.0, 1000.0)


@dataclass(frozen=True, slots=True)
class Convention:
    """A systematic difference of one symbol and field.

    Attributes
    ----------
    kind
        ``factor``, ``adjustment`` (a factor that steps), ``unit``, ``kind_of_price``; ``clock`` for a whole source.
    factor
        The data over the reference at the end of the series.
    steps
        How often the factor steps.
    told
        How it is described, where its kind alone does not say.
    """

    kind: str
    symbol: str
    field: str
    factor: float
    steps: int = 0
    told: str = ""

    def __str__(self) -> str:
        """Describe it in one line."""
        told = {
            "factor": f"a constant factor of {self.factor:.6g}, as of another adjustment",
            "adjustment": f"a factor that steps {self.steps} time(s), as adjustments do; {self.factor:.6g} in the end",
            "unit": f"a factor of {self.factor:.6g}, as of other units",
            "kind_of_price": f"a steady difference of {1e4 * math.log(self.factor):+.1f} bps, as of another kind of price",
        }
        return f"{self.symbol} {self.field}: {self.told or told[self.kind]}"


@dataclass(frozen=True, slots=True)
class Compared:
    """One symbol and field of two sources, conventions taken off.

    Attributes
    ----------
    level
        Log of the data over the reference that is systematic at each row.
    residual
        What is left of the difference; NaN where a side is missing.
    noise
        Its usual size.
    """

    level: Floats
    residual: Floats
    noise: float
    convention: Convention | None


def conventions_off(symbol: str, field: str, mine: Floats, other: Floats) -> Compared:
    """Take off what two sources differ by systematically.

    Parameters
    ----------
    mine, other : array, shape (n,)
        Values of the same rows, ascending in time; NaN where there is none.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.where((mine > 0) & (other > 0), np.log(mine / other), np.nan)
    running = pl.Series(difference).fill_nan(None).rolling_median(WINDOW, min_samples=1, center=True)
    rough = difference - running.fill_null(np.nan).to_numpy()
    noise = _spread(rough)
    level = _steps(difference, max(LEAST_STEP, NOISES * noise))
    residual = difference - level
    return Compared(level, residual, _spread(residual), _named(symbol, field, level))


def _spread(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(np.abs(known)) * 1.4826) if len(known) else 0.0


def _steps(difference: Floats, least: float) -> Floats:
    """Return the systematic difference as a staircase; stretches from which it steps back belong to the rows around them."""
    running = pl.Series(difference).fill_nan(None).rolling_median(WINDOW, min_samples=1, center=True)
    smooth = running.fill_null(strategy="forward").fill_null(strategy="backward").fill_null(0.0).to_numpy()
    edges = np.flatnonzero(np.abs(np.diff(smooth)) > least) + 1
    bounds = [0, *edges.tolist(), len(smooth)]
    runs = [(a, b, float(np.nanmedian(smooth[a:b]))) for a, b in pairwise(bounds)]
    stairs = _joined([run for run in runs if run[1] - run[0] >= LEAST_ROWS] or [max(runs, key=lambda r: r[1] - r[0])], least)
    level = np.full(len(smooth), stairs[0][2])
    for before, after in pairwise(stairs):
        level[_edge(difference, before, after) :] = after[2]
    return level


def _edge(difference: Floats, before: tuple[int, int, float], after: tuple[int, int, float]) -> int:
    """Return the row from which on the later height fits better: a running median blurs where it steps."""
    low, high = max(before[0], before[1] - WINDOW), min(after[0] + WINDOW, after[1])
    here = np.nan_to_num(difference[low:high], nan=before[2])
    early, late = np.abs(here - before[2]), np.abs(here - after[2])
    cost = np.concatenate([[0.0], np.cumsum(early)]) + np.concatenate([np.cumsum(late[::-1])[::-1], [0.0]])
    return low + int(np.argmin(cost))


def _joined(runs: list[tuple[int, int, float]], least: float) -> list[tuple[int, int, float]]:
    """Join runs of one height, and give runs that are stepped out of again to those around them."""
    stairs: list[tuple[int, int, float]] = []
    for run in runs:
        while len(stairs) > 1 and abs(stairs[-2][2] - run[2]) <= least and stairs[-1][1] - stairs[-1][0] <= MOST_ROWS:
            stairs.pop()
        if stairs and abs(stairs[-1][2] - run[2]) <= least:
            stairs[-1] = (stairs[-1][0], run[1], stairs[-1][2])
        else:
            stairs.append(run)
    return stairs


def _named(symbol: str, field: str, level: Floats) -> Convention | None:
    """Name what is systematic; None where there is nothing."""
    steps = int((np.diff(level) != 0).sum())
    last = float(level[-1]) if len(level) else 0.0
    if steps:
        return Convention("adjustment", symbol, field, math.exp(last), steps)
    if abs(last) < LEAST_STEP / 5:
        return None
    size = math.exp(abs(last))
    if any(abs(size / unit - 1) < 0.01 for unit in UNITS):
        return Convention("unit", symbol, field, math.exp(last))
    if field in ALL_SIZES:
        return Convention("unit", symbol, field, math.exp(last)) if abs(last) > math.log(1.2) else None
    return Convention("kind_of_price" if abs(last) < SMALL else "factor", symbol, field, math.exp(last))
