"""Kind ``ticker_reuse``: one symbol, two companies, with a hole between: another price level and another volume.

Notes
-----
The rule has no published source. A rename or a long halt leaves a gap without a break; what a price may have done
during the gap grows with the root of its length.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.model.findings import Severity
from workbench.quality.detectors.suspicion import NOWHERE, Suspicion, competing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.detectors.track import Track

LEAST_GAP_DAYS: Final = 45
LEAST_SCALES: Final = 4.0
SIDE: Final = 20
"""Rows on either side of the gap whose level and volume are compared."""


def long_gaps(track: Track) -> NDArray[np.int64]:
    """Return the first rows behind long gaps."""
    if track.frequency != "1d":
        return NOWHERE
    return np.flatnonzero(np.diff(track.session.astype(np.int64)) >= LEAST_GAP_DAYS) + 1


def reused_tickers(track: Track) -> list[Suspicion]:
    """Find long gaps behind which a symbol is another one."""
    days = track.session.astype(np.int64)
    said = (_suspicion(track, at, int(days[at] - days[at - 1])) for at in long_gaps(track).tolist())
    return [one for one in said if one is not None]


def _suspicion(track: Track, at: int, days: int) -> Suspicion | None:
    before, after = track.level[max(at - SIDE, 0) : at], track.level[at : at + SIDE]
    if len(before) < 3 or len(after) < 3:
        return None
    scale = np.nanmedian(np.abs(np.concatenate([np.diff(before), np.diff(after)]))) / 0.6745
    sessions = days * 252 / 365
    height = float(np.median(after) - np.median(before))
    scales = abs(height) / max(float(scale) * math.sqrt(sessions), 0.01)
    volume = _volume_break(track, at)
    if scales < LEAST_SCALES and not (scales > 2 and volume > math.log(20)):
        return None
    text = f"after {days} days without a row the price is {math.exp(abs(height)):.3g} times {'higher' if height > 0 else 'lower'}"
    told = f", the volume by a factor of {math.exp(volume):.3g} another" if volume > 1 else ""
    claims = competing(
        ("ticker_reuse", min(scales / 2 - 1.0, 3.0) + min(volume / 2, 1.5), text + told),
        ("halt", 0.3, "a long halt, and news at its end"),
    )
    return Suspicion(at, len(track) - 1, track.prices, claims, Severity.HIGH, at)


def _volume_break(track: Track, at: int) -> float:
    volume = track.values.get("volume")
    if volume is None:
        return 0.0
    sides = [part[part > 0] for part in (volume[max(at - SIDE, 0) : at], volume[at : at + SIDE])]
    return abs(math.log(float(np.median(sides[1])) / float(np.median(sides[0])))) if all(len(s) >= 3 for s in sides) else 0.0
