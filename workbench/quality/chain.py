"""A chain is a symbol's rows that can be neighbours. What it shows is measured the same way inside a leaf and at a seam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.rows import Positions

CALM: Final = 4.0
"""A spike lies at least this many times further out than its own neighbours lie apart."""
LEAST_STEP: Final = 0.25
"""The least step that is kept: ratios within 0.8 to 1.25 cannot be told from a move."""
NEARLY: Final = 1 - 1e-9
"""A screen lets a little more through than what is judged after it: two ways to round must not differ."""
STEP: Final = "step"
"""What lasting steps are called among the fields of ``SPIKES``."""
MARGIN: Final = 2
"""Neighbours on each side that a spike is judged by."""


@dataclass(frozen=True, slots=True)
class Spikes:
    """Lone prices: their positions, the level of their neighbours, and how far off they are relative to the nearest."""

    at: Positions
    level: NDArray[np.float64]
    move: NDArray[np.float64]


def moves(price: NDArray[np.float64], starts: Positions) -> tuple[NDArray[np.float64], Positions]:
    """Return the simple return of each row on the row before, and where there is none.

    Parameters
    ----------
    price : array, shape (n,)
    starts : array
        Positions at which a sequence begins.

    Returns
    -------
    array, shape (n,)
        Zero where there is no return.
    array
        Positions without a return: starts, and rows that are, or follow, a price of zero or less.
    """
    found = np.zeros(len(price))
    np.divide(price[1:], price[:-1], out=found[1:])
    found[1:] -= 1
    void = starts
    if len(price) and price.min() <= 0:
        low = np.flatnonzero(price <= 0)
        void = np.unique(np.concatenate([starts, low, low[low + 1 < len(price)] + 1]))
    found[void] = 0
    return found, void


def spikes(price: NDArray[np.float64], sequence: NDArray[Any], at: Positions, floor: float) -> Spikes:
    """Judge rows by two neighbours on each side.

    Parameters
    ----------
    price : array, shape (n,)
    sequence : array, shape (n,)
        Equal for rows that follow each other without a hole.
    at : array
        Positions to look at.
    floor : float
        The least relative distance.

    Notes
    -----
    A spike lies beyond all four neighbours, by at least ``floor`` from the nearest and by ``CALM``
    times their own spread. The neighbours do not contain it, so that it cannot hide in its own
    baseline; a lasting jump has neighbours on both sides of it and is none.
    """
    at = at[(at >= MARGIN) & (at < len(price) - MARGIN)]
    at = at[sequence[at - MARGIN] == sequence[at + MARGIN]]
    near = np.stack([price[at - 2], price[at - 1], price[at + 1], price[at + 2]]) if len(at) else np.zeros((4, 0))
    top, low, own = near.max(axis=0, initial=-np.inf), near.min(axis=0, initial=np.inf), price[at]
    usable = (low > 0) & (own > 0)
    move = np.where(own > top, own / top, low / own) - 1
    calm = top / low - 1
    keep = usable & (move >= floor) & (move >= CALM * calm)
    level = ((near[0] + near[1]) + (near[2] + near[3]) - top - low) / 2
    return Spikes(at[keep], level[keep], move[keep])


def steps(price: NDArray[np.float64], at: Positions) -> Spikes:
    """Find links a long way from the one before: by a quarter up, or a fifth down. Below that no ratio can be told."""
    now, before = price[at], price[at - 1]
    usable = (now > 0) & (before > 0)
    at, now, before = at[usable], now[usable], before[usable]
    move = np.maximum(now / before, before / now) - 1
    keep = move >= LEAST_STEP
    return Spikes(at[keep], before[keep], move[keep])


def wicks(values: NDArray[np.float64], body: NDArray[np.float64], floor: float, *, above: bool) -> Spikes:
    """Find prices of a bar that lie beyond its body, above its top or below its bottom."""
    at = np.flatnonzero(values > body * (1 + floor) if above else values * (1 + floor) < body)
    own, level = values[at], body[at]
    usable = (own > 0) & (level > 0)
    at, own, level = at[usable], own[usable], level[usable]
    move = (own / level if above else level / own) - 1
    keep = move >= floor
    return Spikes(at[keep], level[keep], move[keep])


def opening(opened: NDArray[np.float64], close: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far an open lies beyond both its own close and the close before; zero where it lies between."""
    up = opened / np.maximum(close, before) - 1
    down = np.minimum(close, before) / opened - 1
    away = np.maximum(up, down)
    return np.where((close > 0) & (before > 0) & (opened > 0) & (away > 0), away, 0.0)
