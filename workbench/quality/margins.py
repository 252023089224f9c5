"""Which leaves can be judged from the rows around them: the margin of months that detectors need, and what reaches beyond it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.quality.detectors.panel import MARGIN
from workbench.quality.detectors.suspicion import runs_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.quality.detectors.track import Track
    from workbench.quality.examination import Told

MONTHS: Final = 14
"""Months before and behind a leaf that hold ``MARGIN`` sessions, on every exchange there is."""
LONG_STAND: Final = 15
"""Rows for which a price stands from which on it is looked at whether it has its margin."""
_EPOCH: Final = date(1970, 1, 1)


def month_from(leaf: date, months: int) -> date:
    """Return the first day of the month that lies so many months behind a leaf; before it, where they are negative.

    Where there is no such month, the first day there is, or the last.

    Examples
    --------
    >>> month_from(date(2024, 1, 1), -14)
    datetime.date(2022, 11, 1)
    """
    year, month = divmod(leaf.year * 12 + leaf.month - 1 + months, 12)
    if not date.min.year <= year <= date.max.year:
        return date.min if months < 0 else date.max
    return date(year, month + 1, 1)


def day_number(day: date) -> int:
    """Return the days from 1970 to a day."""
    return (day - _EPOCH).days


def leaf_of(day: date | int) -> date:
    """Return the first day of the month of a day, which may be given as its number."""
    there = _EPOCH + timedelta(days=day) if isinstance(day, int) else day
    return date(there.year, there.month, 1)


@dataclass(frozen=True, slots=True)
class Window:
    """The months whose rows are looked at, from ``first`` up to and without ``behind``, and the leaves to be judged."""

    first: date
    behind: date
    wanted: tuple[date, ...]

    @classmethod
    def around(cls, wanted: tuple[date, ...]) -> Window:
        """Return the months that the margins of ascending leaves reach over."""
        return cls(month_from(wanted[0], -MONTHS), month_from(wanted[-1], MONTHS + 1), wanted)

    def open_leaves(self, told: Told, life: tuple[date, date]) -> set[date]:
        """Return the leaves in which a symbol's rows ask for its whole past, or for more rows than their margin has.

        Parameters
        ----------
        told : Told
        life : tuple of date
            The symbol's first session, and its last.

        Notes
        -----
        It is a leaf's own margin that counts, however much more is at hand: what is said depends on what it is kept under.
        """
        track = told.heard.track
        rows = [
            np.searchsorted(track.session, [day_number(month_from(leaf, months)) for leaf in self.wanted]).tolist()
            for months in (-MONTHS, 0, 1, MONTHS + 1)
        ]
        spans = [*((said.start, said.end) for said in told.heard.suspicions), *_long_stands(track)]
        asks = np.zeros(len(track) + 1, dtype=np.int64)
        asks[1:][told.heard.open_at] = 1
        before = np.cumsum(asks)
        found = set()
        for leaf, low, start, stop, high in zip(self.wanted, *rows, strict=True):
            goes_on = low > 0 or life[0] < self.first, high < len(track) or life[1] >= self.behind
            near = Near(low, start, stop, high, *goes_on)
            if start < stop and (before[stop] > before[start] or near.lacks_rows(spans)):
                found.add(leaf)
        return found


@dataclass(frozen=True, slots=True)
class Near:
    """A symbol's rows within the margin of a leaf.

    Attributes
    ----------
    low, high
        Where the rows within the margin begin, and end (not included).
    start, stop
        The same of the rows of the leaf.
    goes_on_before, goes_on_behind
        Whether the symbol has rows beyond the margin.
    """

    low: int
    start: int
    stop: int
    high: int
    goes_on_before: bool
    goes_on_behind: bool

    def lacks_rows(self, spans: Iterable[tuple[int, int]]) -> bool:
        """Whether these rows are too few to judge the leaf by, or to judge a span by that reaches into it."""
        if self._is_short(self.start, self.stop - 1):
            return True
        return any(self._is_short(first, last) for first, last in spans if first < self.stop and last >= self.start)

    def _is_short(self, first: int, last: int) -> bool:
        """Whether some rows have less than the margin around them, though the symbol has more."""
        return (self.goes_on_before and first - self.low < MARGIN) or (self.goes_on_behind and self.high - 1 - last < MARGIN)


def _long_stands(track: Track) -> list[tuple[int, int]]:
    """Return first and last rows of prices that stand for long: whether somebody speaks of them may hang on rows beyond."""
    return [(first, last) for first, last in runs_of(np.flatnonzero(track.moves == 0).tolist()) if last - first >= LONG_STAND]
