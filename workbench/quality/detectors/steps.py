"""Lasting steps: where all prices of a symbol jump by one ratio and stay there, alone or in pairs that return.

The ratios splits and units come in are simple; a step is measured as the median of the changes of open, high, low
and close, as R. Nelson's yfinance does (``price_repair``), which a bad tick in one field does not move.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.quality.detectors.habits import local_scale, median_of_few, usual_level
from workbench.quality.detectors.suspicion import NOWHERE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.detectors.track import Track

    Floats = NDArray[np.float64]

SIMPLE: Final = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 100.0, 1000.0)
"""Ratios of splits and units; below 1.5 a step cannot be told from a move."""
UNITS: Final = 90.0
"""From here on a ratio is one of units."""
LEAST_SCALES: Final = 5.0
"""Usual moves that a step must be as large as: what a symbol does now and then is no split."""
MOST_SCALES_OFF: Final = 3.0
"""Usual moves that a step may lie off its ratio."""
LEAST_ROOM: Final = 0.12
"""How far, as a logarithm, the smallest step may lie below the smallest ratio."""
LARGE: Final = 0.3
LEAST_SLACK: Final = 0.02
LEAST_ODD: Final = 0.2
ODD_SCALES: Final = 8.0
MOST_ODD_OFF: Final = 2.5
LEAST_ODD_ROWS: Final = 3
MOST_ODD: Final = 63
"""Steps by no simple ratio: their least size (a logarithm, and in scales), how well they undo each other (in scales), and
the rows between them: more than a slip, at most a quarter of a year."""
WEEK: Final = 7.0
"""Days between rows from which on more than the usual may have happened."""
MOST_ROWS: Final = 252
"""A stretch that prices come back from is no longer than a year of sessions; a longer one is two moves."""
UNKNOWN_SCALE: Final = 0.03
"""The scale of a track too short to have one of its own: a lively stock's."""


@dataclass(frozen=True, slots=True)
class Step:
    """A row whose prices all lie one ratio off those of the row before.

    Attributes
    ----------
    at
        Position of the first row on the new level.
    size
        Log of the new prices over the old.
    ratio
        The simple ratio it is near, greater than 1; negative sizes are falls by that ratio.
    off
        How far it lies off the ratio, in scales; ``MOST_SCALES_OFF`` at most.
    scales
        How large it is, in scales.
    """

    at: int
    size: float
    ratio: float
    off: float
    scales: float

    @property
    def is_up(self) -> bool:
        """Whether prices rise."""
        return self.size > 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows on another level than those around them: from ``start`` up to and without ``stop``.

    Attributes
    ----------
    ratio
        Of the stretch to what is around it: 5 where its prices are five times too high.
    opening, closing
        The steps at its ends; None where it reaches to an end of the track.
    """

    start: int
    stop: int
    ratio: float
    opening: Step | None
    closing: Step | None

    @property
    def is_closed(self) -> bool:
        """Whether prices step there and back."""
        return self.opening is not None and self.closing is not None

    def __len__(self) -> int:
        return self.stop - self.start


def joint_moves(track: Track) -> Floats:
    """Return the median over all price fields of their log change on the row before; NaN for the first row."""
    with np.errstate(all="ignore"):
        changes = np.stack([np.diff(np.log(track.values[name]), prepend=np.nan) for name in track.prices])
    return median_of_few(changes)


def large_moves(track: Track) -> NDArray[np.int64]:
    """Return the rows at which prices may step to another level: only the whole past tells what they step from, and back to."""
    moves = joint_moves(track)
    if not (np.abs(np.nan_to_num(moves)) >= LEAST_ODD).any():
        return NOWHERE
    return _far(track, moves, LEAST_ODD, LEAST_SCALES)[0]


def steps_of(track: Track, ratios: tuple[float, ...] = SIMPLE) -> list[Step]:
    """Find the steps near a simple ratio.

    Parameters
    ----------
    track : Track
    ratios : tuple of float
        Greater than 1; those of known events may be added to the simple ones.
    """
    moves = joint_moves(track)
    known = np.array(sorted(ratios))
    least = max(math.log(known[0]) - LEAST_ROOM, math.log(known[0]) / 2)
    if not (np.abs(np.nan_to_num(moves)) >= least).any():
        return []
    large, scale = _far(track, moves, least, LEAST_SCALES)
    found = []
    for at in large.tolist():
        step = _near_simple(at, float(moves[at]), float(scale[at]), known)
        if step is not None:
            found.append(step)
    return found


def _far(track: Track, moves: Floats, least: float, scales: float) -> tuple[NDArray[np.int64], Floats]:
    """Return the rows that moved far, for their symbol and in themselves, and the scale of each row."""
    scale = local_scale(_without_steps(moves))
    scale = np.where(np.isnan(scale), UNKNOWN_SCALE, scale) * _held_up(track)
    with np.errstate(invalid="ignore"):  # NaN is never far
        return np.flatnonzero(np.abs(moves) >= np.maximum(least, scales * scale)), scale


def _held_up(track: Track) -> Floats:
    """Return how much more than usual may happen on the way to each row: the root of the time, over a gap of weeks."""
    days = np.diff(track.session, prepend=track.session[:1]).astype(np.float64)
    return np.sqrt(np.maximum(days / WEEK, 1.0))


def odd_stretches(track: Track) -> list[Stretch]:
    """Find stretches of rows on another level, by whatever ratio: prices step there and back by the same, at once both times.

    Parameters
    ----------
    track : Track
        What simple ratios explain is mended.

    Notes
    -----
    Both steps are far larger than usual, no longer apart than ``MOST_ODD`` rows, and undo each other to within what two
    days move usually. Another company's rows, another currency and a factor nobody thought of all look like that.
    """
    moves = joint_moves(track)
    if not (np.abs(np.nan_to_num(moves)) >= LEAST_ODD).any():
        return []
    large, scale = _far(track, moves, LEAST_ODD, ODD_SCALES)
    steps = [
        Step(at, float(moves[at]), math.exp(abs(moves[at])), 0.0, abs(float(moves[at])) / float(scale[at]))
        for at in large.tolist()
    ]
    found: list[Stretch] = []
    for opening, closing in pairwise(steps):
        off = abs(opening.size + closing.size) / (float(scale[opening.at]) + float(scale[closing.at]))
        length = closing.at - opening.at
        new = not found or found[-1].stop <= opening.at
        if new and off <= MOST_ODD_OFF and LEAST_ODD_ROWS <= length <= MOST_ODD:
            found.append(Stretch(opening.at, closing.at, math.exp((opening.size - closing.size) / 2), opening, closing))
    return found


def _without_steps(moves: Floats) -> Floats:
    """Leave out moves that would swell the scale they are judged by: a few steps among a short track's moves do."""
    size = np.abs(moves)
    return np.where(size > np.fmax(LARGE, 6 * usual_level(size)), np.nan, moves)


def _near_simple(at: int, size: float, scale: float, known: Floats) -> Step | None:
    logs = np.log(known)
    nearest = int(np.argmin(np.abs(logs - abs(size))))
    off = abs(abs(size) - float(logs[nearest]))
    gaps = np.diff(logs)
    room = min(gaps[max(nearest - 1, 0)], gaps[min(nearest, len(gaps) - 1)]) / 2 if len(gaps) else 0.5
    slack = min(max(MOST_SCALES_OFF * scale, LEAST_SLACK), max(float(room), LEAST_SLACK), 0.25)
    return Step(at, size, float(known[nearest]), min(off / scale, MOST_SCALES_OFF), abs(size) / scale) if off <= slack else None


def _undoes(later: Step, earlier: Step, most_rows: int) -> bool:
    return later.ratio == earlier.ratio and later.is_up != earlier.is_up and later.at - earlier.at <= most_rows


def stretches_of(steps: list[Step], most_rows: int = MOST_ROWS) -> list[Stretch]:
    """Pair steps that undo each other; what is left reaches from the beginning of the track to its step.

    Parameters
    ----------
    steps : list of Step
        Ascending.
    most_rows : int
        Rows within which a step may be undone.

    Notes
    -----
    A step is undone by the next one of the same ratio in the other direction, within ``most_rows``. Pairs may
    hold others within.
    """
    open_steps: list[Step] = []
    found: list[Stretch] = []
    for step in steps:
        partner = next((s for s in reversed(open_steps) if _undoes(step, s, most_rows)), None)
        if partner is None:
            open_steps.append(step)
            continue
        open_steps = open_steps[: open_steps.index(partner)] + open_steps[open_steps.index(partner) + 1 :]
        found.append(Stretch(partner.at, step.at, step.ratio if partner.is_up else 1 / step.ratio, partner, step))
    found += [Stretch(0, step.at, 1 / step.ratio if step.is_up else step.ratio, None, step) for step in open_steps]
    return sorted(found, key=lambda stretch: (stretch.start, stretch.stop))
