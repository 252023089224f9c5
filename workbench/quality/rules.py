"""A rule says which rows fail: a function from arrays to positions. What is counted is summed; what is found is looked at.

Each rule first screens its columns with a minimum, a maximum or one comparison; only where that
fires are cells looked at one by one. The measure counts the positions, findings describe them.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.model.names import Kind
from workbench.quality.rows import NOWHERE
from workbench.quality.terms import NEVER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from workbench.quality.rows import Positions, Rows
    from workbench.quality.terms import Terms

HUGE: Final = 1e12
HALF_TICK: Final = 0.005
"""Rounding of sources that print cents: a high may lie this much below the close."""

EMPTY: Final = "empty"
UNREADABLE: Final = "unreadable"
OUT_OF_RANGE: Final = "out_of_range"
ZERO: Final = "zero"
NEGATIVE: Final = "negative"
HIGH_BELOW: Final = "high_below"
LOW_ABOVE: Final = "low_above"
DISORDERED: Final = "disordered"
INCOMPLETE: Final = "incomplete"
CROSSED: Final = "crossed"
DUPLICATE: Final = "duplicate"
CONFLICT: Final = "conflict"
SILENT: Final = "silent"
SILENT_MOVE: Final = "silent_move"
IMPOSSIBLE: Final = "impossible"
UNPRICED: Final = "unpriced"
LOST: Final = "lost"

Failing = tuple[str, str, "Positions"]
"""What fails, in which field (empty where the row as a whole does), at which ascending positions."""


def failing(rows: Rows, terms: Terms) -> Iterator[Failing]:
    """Yield where rows fail, rule by rule; what nothing fails is not yielded.

    Parameters
    ----------
    rows : Rows
    terms : Terms

    Notes
    -----
    ``empty``, ``unreadable``, ``out_of_range``, ``zero`` and ``negative`` are of a field; the others
    of a row: ``disordered`` (one of the five inequalities of a bar), ``high_below`` and ``low_above``
    (which of its fields breaks them), ``incomplete`` (a bar that lacks a price), ``crossed`` (bid
    above ask), ``duplicate`` and ``conflict``, ``silent`` (no volume) and ``silent_move`` (none, and
    a range), ``impossible`` (a price of zero or less), ``unpriced`` (no price at all), ``lost`` (no time,
    or no symbol).
    """
    rules = (_cells, _bars, _quotes, _volume, _keys)
    yield from ((what, field, at) for rule in rules for what, field, at in rule(rows, terms) if len(at))


def _cells(rows: Rows, terms: Terms) -> Iterator[Failing]:
    bounds = {name: (low, high) for name, low, high in terms.ranges}
    impossible: list[Positions] = []
    for name in terms.fields:
        values = rows.values[name]
        unreadable = rows.unreadable.get(name, NOWHERE)
        if name in rows.has_nulls:
            yield EMPTY, name, np.setdiff1d(np.flatnonzero(np.isnan(values)), unreadable, assume_unique=True)
        yield UNREADABLE, name, unreadable
        least, most = _extent(values)
        low, high = bounds.get(name, (-HUGE, HUGE))
        if least < max(low, -HUGE) or most > min(high, HUGE):
            yield OUT_OF_RANGE, name, np.flatnonzero((values < max(low, -HUGE)) | (values > min(high, HUGE)))
        is_price = name in terms.prices
        if least < 0 and (is_price or name in terms.sizes):
            yield NEGATIVE, name, np.flatnonzero(values < 0)
        if least <= 0 and is_price:
            yield ZERO, name, np.flatnonzero(values == 0)
            impossible.append(np.flatnonzero(values <= 0))
    yield IMPOSSIBLE, "", reduce(np.union1d, impossible, NOWHERE)
    gaps = [np.isnan(rows.values[name]) for name in terms.prices if name in rows.has_nulls]
    if gaps and len(gaps) == len(terms.prices):
        yield UNPRICED, "", np.flatnonzero(np.logical_and.reduce(gaps))


def _extent(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the least and the greatest value, 0 and 0 where there is none."""
    if not len(values):
        return 0.0, 0.0
    least, most = float(values.min()), float(values.max())
    if not np.isnan(least):  # the least of values with an empty cell is NaN
        return least, most
    there = values[~np.isnan(values)]
    return (float(there.min()), float(there.max())) if len(there) else (0.0, 0.0)


def _bars(rows: Rows, terms: Terms) -> Iterator[Failing]:
    prices = terms.prices
    if terms.kind is not Kind.BARS or len(prices) < 2:
        return
    gaps = [np.isnan(rows.values[name]) for name in prices if name in rows.has_nulls]
    if gaps:
        yield INCOMPLETE, "", np.flatnonzero(np.logical_or.reduce(gaps))
    high_below = _high_below(rows, prices) if "high" in prices else NOWHERE
    low_above = _low_above(rows, prices) if "low" in prices else NOWHERE
    yield HIGH_BELOW, "high", high_below
    yield LOW_ABOVE, "low", low_above
    yield DISORDERED, "", np.union1d(high_below, low_above)


def _high_below(rows: Rows, prices: tuple[str, ...]) -> Positions:
    """Return where the high is not the highest price of its bar, beyond rounding."""
    high = rows.values["high"]
    others = [rows.values["low"]] if "low" in prices else []
    others += [rows.body[0]] if {"open", "close"} & set(prices) else []
    at = reduce(np.union1d, [np.flatnonzero(high < other) for other in others], NOWHERE)
    highest = np.max([other[at] for other in others], axis=0, initial=-np.inf, where=True) if others else high[at]
    return at[high[at] < highest - _slack(rows, prices, at)]


def _low_above(rows: Rows, prices: tuple[str, ...]) -> Positions:
    """Return where the low is not the lowest of low, open and close, beyond rounding."""
    if {"open", "close"}.isdisjoint(prices):
        return NOWHERE
    low, bottom = rows.values["low"], rows.body[1]
    at = np.flatnonzero(low > bottom)
    return at[low[at] > bottom[at] + _slack(rows, prices, at)]


def _slack(rows: Rows, prices: tuple[str, ...], at: Positions) -> NDArray[np.float64]:
    """Half a cent, or half a basis point of small prices, is allowed to sources that round."""
    dearest = np.abs(reduce(np.fmax, [rows.values[name][at] for name in prices]))
    return np.minimum(HALF_TICK, dearest * 5e-5)


def _quotes(rows: Rows, terms: Terms) -> Iterator[Failing]:
    if {"bid", "ask"} <= set(terms.fields):
        gaps = [np.isnan(rows.values[name]) for name in ("bid", "ask") if name in rows.has_nulls]
        if gaps:
            yield INCOMPLETE, "", np.flatnonzero(np.logical_or.reduce(gaps))
        yield CROSSED, "bid", np.flatnonzero(rows.values["bid"] > rows.values["ask"])


def _volume(rows: Rows, terms: Terms) -> Iterator[Failing]:
    """Yield bars without volume, and those of them that moved all the same."""
    if "volume" not in terms.fields or not {"high", "low"} <= set(terms.fields):
        return
    volume = rows.values["volume"]
    silent = np.flatnonzero((volume == 0) | np.isnan(volume)) if "volume" in rows.has_nulls else np.flatnonzero(volume == 0)
    yield SILENT, "", silent
    high, low = rows.values["high"][silent], rows.values["low"][silent]
    yield SILENT_MOVE, "volume", silent[(volume[silent] == 0) & ((high > low) | (high < low))]


def _keys(rows: Rows, terms: Terms) -> Iterator[Failing]:  # noqa: ARG001 (one signature for all rules)
    yield DUPLICATE, "", rows.duplicates
    yield CONFLICT, "", rows.conflicts
    lost = np.flatnonzero(rows.at == NEVER) if len(rows) and rows.at.min() == NEVER else NOWHERE
    yield LOST, "", np.union1d(lost, rows.nameless)
