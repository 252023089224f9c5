"""Kind ``volume_unit``: volumes ten, a hundred or a thousand times off, for a while or from some day on, while prices go on.

Notes
-----
The rule has no published source. Volumes are compared by logarithm, with the median around them and with that
symbol's own scatter: a thin stock's volume jumps a hundredfold on an ordinary day, a liquid one's does not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.model.findings import Severity
from workbench.quality.detectors.habits import median_of_few
from workbench.quality.detectors.suspicion import NOWHERE, Suspicion, competing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.detectors.track import Track

    Floats = NDArray[np.float64]

POWERS: Final = (10.0, 100.0, 1000.0, 1e6)
LEAST_SCATTERS: Final = 6.0
LEAST_SCATTER: Final = 0.25
SLACK: Final = 0.7
"""How far, as a logarithm, a stretch may lie off a power of ten: medians of few volumes scatter."""
UNEVEN: Final = 0.4
"""How much, of its height, the edges of one stretch may differ: each is taken from few volumes."""
SIDE: Final = 10
"""Rows on either side of an edge whose medians are compared."""
REACH: Final = 120
"""Rows that so many traded ones may take."""
SUDDEN: Final = 0.6
"""How much of a step, as a logarithm, happens from one row to the next, at least."""
LEAST_LONE: Final = math.log(POWERS[1]) - SLACK
LONGEST_LONE: Final = 4
"""The least height (a logarithm) of stretches that are told by the medians on both sides of them, and their most rows."""
LEAST_ROWS: Final = 30
LEAST_OF_TEN: Final = 5
"""Rows a stretch of a mere tenfold must have: single days of ten times the volume are real."""


def volume_units(track: Track) -> list[Suspicion]:
    """Find stretches whose volumes are off by a power of ten.

    Parameters
    ----------
    track : Track
    """
    volume = track.values.get("volume")
    if volume is None or track.is_intraday:
        return []
    traded = np.flatnonzero(volume > 0)
    if len(traded) < LEAST_ROWS:
        return []
    logs = np.log(volume[traded])
    scatter = max(float(np.median(np.abs(np.diff(logs)))) / 0.6745 / math.sqrt(2), LEAST_SCATTER)
    edges = _edges(traded, logs, scatter)
    found = []
    for start, stop, height in _stretches(edges, logs):
        power = min(POWERS, key=lambda p: abs(abs(height) - math.log(p)))
        off = abs(abs(height) - math.log(power))
        enough = stop - start >= (LEAST_OF_TEN if power == POWERS[0] else 1)
        if off <= (SLACK / 2 if power == POWERS[0] else SLACK) and enough:
            found.append(_suspicion(track, traded, start, stop, height, power, scatter))
    return found


def volume_steps(track: Track) -> NDArray[np.int64]:
    """Return the rows at which volumes may step: only the whole past of the symbol tells whether, and which side is off.

    Asks for less than :func:`volume_units` does.
    """
    volume = track.values.get("volume")
    if volume is None or track.is_intraday:
        return NOWHERE
    traded = np.flatnonzero(volume > 0)
    return traded[[at for at, _ in _edges(traded, np.log(volume[traded]), LEAST_SCATTER)]]


def _edges(traded: NDArray[np.int64], logs: Floats, scatter: float) -> list[tuple[int, float]]:
    """Return where volumes step, and by how much: rows whose own jump is most of the change of the medians around them.

    Where ``SIDE`` traded rows take more than ``REACH`` rows, on one side, there is no usual volume to step from, or to.
    """
    jump = np.diff(logs, prepend=np.nan)
    least = max(LEAST_SCATTERS * scatter, math.log(POWERS[0]) - SLACK)
    with np.errstate(invalid="ignore"):
        sudden = np.flatnonzero(np.abs(jump) >= SUDDEN * least)
    before, behind = np.maximum(sudden - SIDE, 0), np.minimum(sudden + SIDE, len(logs) - 1)
    sudden = sudden[np.maximum(traded[sudden] - traded[before], traded[behind] - traded[sudden]) <= REACH]
    if not len(sudden):
        return []
    jump, lone = jump[sudden], _lone(logs, sudden)[sudden]
    step = np.where(np.abs(lone) > 0, lone, _medians(logs, sudden, 1) - _medians(logs, sudden - SIDE))
    with np.errstate(invalid="ignore"):
        there = (np.abs(step) >= least) & (np.abs(jump) >= SUDDEN * np.abs(step)) & (np.sign(jump) == np.sign(step))
    return list(zip(sudden[there].tolist(), step[there].tolist(), strict=True))


def _lone(logs: Floats, sudden: NDArray[np.int64]) -> Floats:
    """Return how far a stretch of up to four rows lies off the medians on both sides, at its first and behind its last row.

    Looked for near the rows at which volumes jump; zero elsewhere.
    """
    found = np.zeros(len(logs))
    if np.ptp(logs) < LEAST_LONE:
        return found
    near = np.unique(np.clip(sudden[:, None] + np.arange(-LONGEST_LONE, LONGEST_LONE + 1), 0, len(logs) - 1))
    for length in range(1, LONGEST_LONE + 1):
        first = near[near < len(logs) - length]
        inner = median_of_few(logs[first + np.arange(length)[:, None]])
        low, high = _medians(logs, first - SIDE), _medians(logs, first + length)
        with np.errstate(invalid="ignore"):
            off = np.where(np.sign(inner - low) == np.sign(inner - high), inner - (low + high) / 2, 0.0)
            lone = (np.abs(off) >= LEAST_LONE) & (np.abs(low - high) < np.abs(off) / 3)
        free = lone & (found[first] == 0) & (found[first + length] == 0)
        for at, height in zip(first[free].tolist(), off[free].tolist(), strict=True):
            found[at], found[at + length] = height, -height
    return found


def _medians(logs: Floats, first: NDArray[np.int64], least: int = 3) -> Floats:
    """Return the medians of the ``SIDE`` rows from some rows on; NaN where fewer than ``least`` of them are there."""
    at = first + np.arange(SIDE)[:, None]
    there = (at >= 0) & (at < len(logs))
    values = np.where(there, logs[np.clip(at, 0, len(logs) - 1)], np.nan)
    return np.where(there.sum(axis=0) >= least, median_of_few(values), np.nan)


def _stretches(edges: list[tuple[int, float]], logs: Floats) -> list[tuple[int, int, float]]:
    """Pair edges that undo each other; one that is not undone bounds what differs from all the rest."""
    found, waiting = [], list(edges)
    while waiting:
        at, height = waiting.pop(0)
        back = next((e for e in waiting if e[1] * height < 0 and abs(e[1] + height) < max(SLACK, UNEVEN * abs(height))), None)
        if back is not None:
            waiting = [e for e in waiting if e[0] > back[0]]  # steps in between are of one that is off itself
            found.append((at, back[0], (height - back[1]) / 2))
        else:
            found.append(_one_sided(logs, at, height))
    return found


def _one_sided(logs: Floats, at: int, height: float) -> tuple[int, int, float]:
    """Bound a stretch of which one edge is plain: the side that differs from its own far end and from the other side is off."""
    before, after = logs[:at], logs[at:]
    whole, near = (
        (float(np.median(before)), float(np.median(after))),
        (float(np.median(before[-SIDE:])), float(np.median(after[:SIDE]))),
    )
    if abs(whole[0] - whole[1]) < abs(height) / 2:  # the far ends agree: the stretch ends somewhere in between
        if abs(near[0] - whole[0]) > abs(near[1] - whole[1]):
            return at - _reach(before[::-1], near[0], whole[0]), at, -height
        return at, at + _reach(after, near[1], whole[1]), height
    return (0, at, -height) if at < len(logs) / 2 else (at, len(logs), height)


def _reach(values: Floats, level: float, otherwise: float) -> int:
    """Return how many of the first values lie at one level rather than at another."""
    cost = np.cumsum(np.abs(values - level) - np.abs(values - otherwise))
    return int(np.argmin(cost)) + 1


def _suspicion(
    track: Track, traded: NDArray[np.int64], start: int, stop: int, height: float, power: float, scatter: float
) -> Suspicion:
    rows = traded[start:stop]
    first, last = int(rows[0]), int(rows[-1])
    moves = np.abs(track.moves[[first, min(last + 1, len(track) - 1)]]) / track.scale[[first, min(last + 1, len(track) - 1)]]
    calm = bool(np.nanmax(np.nan_to_num(moves)) < 4)
    side = "above" if height > 0 else "below"
    text = f"volumes of {len(rows)} row(s) lie a factor of {math.exp(abs(height)):.4g} {side} those around them"
    weight = min(abs(height) / scatter / 4 - 1.0, 3.0) + (0.5 if calm else -1.0)
    claims = competing(
        ("volume_unit", weight, text + (", while the price goes on as before" if calm else "")),
        ("real_volume", 0.0, "trading does come in bursts" if height > 0 else "trading does dry up"),
    )
    factor = 1 / power if height > 0 else power
    return Suspicion(first, last, ("volume",), claims, Severity.MEDIUM, first, {"factor": factor})
