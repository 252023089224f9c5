"""What is said of dividends, and what the adjusted close shows of them: one payout for each day on which one of both speaks.

An adjusted close over the close is a factor that steps on ex-days only, by ``1 - D / P``, P being the close before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.quality.detectors.habits import share_around

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.detectors.track import Track

    Floats = NDArray[np.float64]

LEAST_YIELD: Final = 0.0004
AGREES: Final = 0.08
"""How far what the factor shows may lie off the dividend, relative to it: vendors divide by other prices of the day."""
EXACT: Final = (4, 6.0, 0.02)
"""Where at least so many dividends show what they should, one is wrong that is so many times further off than they usually
are, and by this share at least."""
ROUNDED: Final = 0.99
"""The share of prices that lie on a grid, at least, where they are rounded to it."""
BESIDE: Final = 60
"""Rows on either side whose median factor says whether a step lasts; beyond a hole of more, none is told."""


@dataclass(frozen=True, slots=True)
class Payout:
    """One row on which a dividend is said, or the adjusted close steps as if there were one.

    Attributes
    ----------
    said, shown
        Yield by the dividend, and by the step of the factor; zero where there is none.
    gain
        Yield of a capital gain on the same day.
    noise
        What the rounding of the adjusted close may make of the shown one.
    support
        Log-likelihood that the price fell by ``said``, over that it did not; zero where nothing traded.
    tolerance
        How far ``shown`` may lie off ``said``, relative to it.
    """

    at: int
    said: float
    shown: float
    gain: float
    noise: float
    support: float
    tolerance: float = AGREES

    @property
    def ratio(self) -> float:
        """What is shown over what is said."""
        return self.shown / self.said if self.said else math.inf


def payouts_of(track: Track, factor: Floats, doubtful: NDArray[np.bool_]) -> list[Payout]:
    """Return every day on which a dividend is said, or the factor steps; parameters as for ``dividends``."""
    close = track.main
    none = np.zeros(len(track))
    dividend = np.nan_to_num(track.values.get("dividend", none))
    gain = np.nan_to_num(track.values.get("capital_gain", none))
    shown, noise = _shown(track, factor, doubtful)
    before = np.concatenate([[np.nan], close[:-1]])
    with np.errstate(invalid="ignore", divide="ignore"):
        said, gains = np.nan_to_num(dividend / before), np.nan_to_num(gain / before)
    moves = np.log(close * factor)
    found = []
    for at in np.flatnonzero(((said > 0) | (np.abs(shown) > np.maximum(noise, LEAST_YIELD))) & ~doubtful).tolist():
        if at > 0:
            support = support_of(track, moves, at, float(said[at] or shown[at]))
            found.append(Payout(at, float(said[at]), float(shown[at]), float(gains[at]), float(noise[at]), support))
    return found


def _shown(track: Track, factor: Floats, doubtful: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the yield the factor shows at each row against the last one that can be trusted, and what rounding may feign."""
    shown, noise = np.zeros(len(track)), np.ones(len(track))
    adjusted = track.values.get("adj_close")
    if adjusted is None:
        return shown, np.zeros(len(track))
    with np.errstate(invalid="ignore", divide="ignore"):
        log_factor = np.log(adjusted / (track.main * factor))
    blur = _grid(adjusted) / np.where(adjusted > 0, adjusted, np.nan)
    good = np.flatnonzero(np.isfinite(log_factor) & ~doubtful)
    before, here = good[:-1], good[1:]
    near = here - before <= BESIDE
    before, here = before[near], here[near]
    shown[here] = -np.expm1(log_factor[before] - log_factor[here])
    noise[here] = np.maximum(blur[here], blur[before]) * 1.2 + 4e-6
    return shown, noise


def _grid(price: Floats) -> Floats:
    """Return the step that the prices around each row are rounded to, where they are to few decimals; zero where they are not."""
    known = np.isfinite(price)
    step = np.zeros(len(price))
    for decimals in (4, 3, 2):
        scaled = price * 10**decimals
        on = known & (np.abs(scaled - np.round(scaled)) < 1e-6 * np.maximum(np.abs(scaled), 1))
        step[share_around(on) > ROUNDED * share_around(known)] = 10.0**-decimals
    return step


def support_of(track: Track, level: Floats, at: int, yielded: float) -> float:
    """Return the log-likelihood that the price fell by a yield on a day, over that it merely moved."""
    scale = track.scale[at] if np.isfinite(track.scale[at]) else 0.02
    move = float(level[at] - level[at - 1])
    volume = track.values.get("volume")
    if move == 0 and volume is not None and not volume[at] > 0:
        return 0.0
    drop = math.log(max(1 - yielded, 1e-3))
    return float(np.clip((move**2 - (move - drop) ** 2) / (2 * max(scale, 0.004) ** 2), -20, 20))


def agrees(payout: Payout) -> bool:
    """Whether the factor shows what the dividend says."""
    return abs(payout.shown - payout.said) <= payout.tolerance * payout.said + 2 * payout.noise


def with_tolerance(payouts: list[Payout]) -> list[Payout]:
    """Ask of each dividend what the symbol's dividends usually show: a vendor who is exact is exact."""
    count, times, least = EXACT
    off = [abs(p.ratio - 1) for p in payouts if p.said > 0 and p.noise < least * p.said and agrees(p)]
    if len(off) < count:
        return payouts
    return [replace(p, tolerance=min(AGREES, max(least, times * float(np.median(off))))) for p in payouts]


def lasts(track: Track, factor: Floats, payout: Payout) -> bool:
    """Whether the factor stays where it stepped to: a wrong adjusted close, or close, for some rows is no dividend."""
    near = slice(max(payout.at - BESIDE, 0), payout.at), slice(payout.at, payout.at + BESIDE)
    with np.errstate(invalid="ignore", divide="ignore"):
        levels = [np.log(track.values["adj_close"][part] / (track.main[part] * factor[part])) for part in near]
    known = [part[np.isfinite(part)] for part in levels]
    if not all(len(part) for part in known):
        return True
    step = -math.log(max(1 - payout.shown, 1e-6))
    return abs(float(np.median(known[1]) - np.median(known[0])) - step) < 0.5 * abs(step)


def stands_out(payout: Payout) -> bool:
    """Whether the factor steps by more than rounding can make of it."""
    return abs(payout.shown) > max(4 * payout.noise, 2 * LEAST_YIELD)
