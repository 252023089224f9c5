"""Kind ``stale``: prices that stand still for longer than this symbol's own repeats around that time explain.

Notes
-----
The rule has no published source. Where a share ``p`` of a symbol's rows repeats the row before, ``k`` repeats on end are
as likely as ``p**k``; ``p`` is counted over the rows around the run, so that the run is not in its own baseline and a
penny stock of the eighties is judged by its own ticks. That a bar repeats open, high, low and close, having a range, and
its volume too, does not happen by chance. Within a day the whole history judges instead (``quality/standing.py``).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.model.findings import Severity
from workbench.quality.detectors.suspicion import Suspicion, competing, runs_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.model.findings import Hypothesis
    from workbench.quality.detectors.track import Track

AROUND: Final = 250
"""Rows on either side of a run that say how often the symbol repeats its prices."""
CHANCE: Final = 2e-6
CHANCE_WHILE_TRADING: Final = 5e-7
"""Where the volume goes on changing, the market may well stand still: more is asked of the run."""
LEAST_REPEATS: Final = 2
LEAST_CLOSES: Final = 4
"""Closes alone must repeat so often: two days do close alike."""
MOST_USUAL: Final = 0.4
"""A symbol that repeats its price more often than this hardly trades: its standing prices say nothing."""
LEAST_BASE: Final = 30
MOST_SILENT: Final = 0.01
"""A symbol that has no volume in more of the rows around than this does not always trade."""


def stale_prices(track: Track) -> list[Suspicion]:
    """Find runs of equal prices.

    Parameters
    ----------
    track : Track
        Of daily or slower rows; others are passed over.
    """
    if track.is_intraday:
        return []
    whole = _runs(track, _repeats(track, track.prices), track.prices, LEAST_REPEATS)
    if len(track.prices) < 4:
        return whole
    whole += _apart(_filled(track), whole)
    lone = _runs(track, _repeats(track, track.prices[-1:]), track.prices[-1:], LEAST_CLOSES)
    return whole + _apart(lone, whole)


def _apart(some: list[Suspicion], others: list[Suspicion]) -> list[Suspicion]:
    return [one for one in some if not any(a.start <= one.end and one.start <= a.end for a in others)]


def _filled(track: Track) -> list[Suspicion]:
    """Find bars without a range and without volume at the last close, in a symbol that always trades: filled in by a vendor."""
    volume = track.values.get("volume")
    if volume is None:
        return []
    flat = (volume == 0) & (track.values["high"] == track.values["low"]) & (track.moves == 0)
    silent = np.concatenate([[0], np.cumsum(volume == 0)])
    told = "no range, no volume, and the price of the row before, in a symbol that always trades"

    def claims(rows: int) -> tuple[Hypothesis, ...]:
        return competing(("stale", 2.0 if rows > 1 else -0.3, told), ("no_trade", 0.0, "a day without a trade may be filled in"))

    found = []
    for first, last in runs_of(np.flatnonzero(flat).tolist()):
        low, high = max(first - AROUND, 0), min(last + 1 + AROUND, len(track))
        others = high - low - (last - first + 1)
        if others >= LEAST_BASE and int(silent[high] - silent[low]) - (last - first + 1) <= MOST_SILENT * others:
            found.append(Suspicion(first, last, track.prices, claims(last - first + 1), Severity.MEDIUM, first))
    return found


def _runs(track: Track, same: NDArray[np.bool_], fields: tuple[str, ...], least: int) -> list[Suspicion]:
    """Judge the runs of rows that repeat some fields of the row before."""
    before = np.concatenate([[0], np.cumsum(same)])
    found = []
    for first, last in runs_of(np.flatnonzero(same).tolist()):
        low, high = max(first - AROUND, 1), min(last + AROUND, len(track) - 1)
        others = high - low - (last - first)
        repeats = int(before[high + 1] - before[low]) - (last - first + 1)
        if others < LEAST_BASE or repeats > MOST_USUAL * others or (last - first + 1 < least and len(fields) < 4):
            continue
        said = _suspicion(track, first, last, (repeats + 1) / (others + 2), fields)
        if said is not None:
            found.append(said)
    return found


def _repeats(track: Track, fields: tuple[str, ...]) -> NDArray[np.bool_]:
    same = np.ones(len(track), dtype=bool)
    same[0] = False
    for name in fields:
        same[1:] &= track.values[name][1:] == track.values[name][:-1]
    return same


def _suspicion(track: Track, first: int, last: int, share: float, fields: tuple[str, ...]) -> Suspicion | None:
    length = last - first + 1
    traded, copied = _traded(track, first, last)
    has_range = len(fields) >= 4 and bool((track.values["high"] > track.values["low"])[first : last + 1].all())
    chance = length * math.log(share)
    if has_range and copied:
        weight, told = 3.0, ", range and volume too"
    elif has_range and length >= LEAST_REPEATS:
        weight, told = 3.0, ", range and all"
    else:
        limit = math.log(CHANCE_WHILE_TRADING if traded else CHANCE)
        if length < LEAST_REPEATS or chance >= limit:
            return None
        weight, told = min(1.0 + (limit - chance) / 8, 3.0), f"; {share:.1%} of the rows around do"
    claims = competing(
        ("stale", weight, f"{length} row(s) repeat the prices of the row before{told}"),
        ("no_trade", 0.0, "without a trade a price stands"),
    )
    return Suspicion(first, last, fields, claims, Severity.MEDIUM, first)


def _traded(track: Track, first: int, last: int) -> tuple[bool, bool]:
    """Say whether the rows of a run have volumes of their own, and whether each has that of the row before."""
    volume = track.values.get("volume")
    if volume is None:
        return False, False
    here, before = volume[first : last + 1], volume[first - 1 : last]
    return bool(((here > 0) & (here != before)).any()), bool(((here > 0) & (here == before)).all())
