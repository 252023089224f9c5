"""What a measure needs to know beside the rows: the contract's terms, and when markets are open, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.model.names import PRICES, SIZES, Kind
from workbench.transform.frequency import step_minutes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

MEASURES_VERSION: Final = 5
"""Raised whenever a measure changes what it counts: stored states of another version are not used."""
NEVER: Final = np.iinfo(np.int64).min
"""A moment that is not known, in microseconds."""
NO_DAY: Final = np.iinfo(np.int32).min


@dataclass(frozen=True, slots=True)
class Timetable:
    """The sessions of one calendar, ascending.

    Attributes
    ----------
    days
        Sessions as days since 1970-01-01 (int32).
    opens, closes
        Microseconds since 1970 in UTC (int64); ``NEVER`` where data is slower than a day.
    bars
        How many bars a whole session holds (int32); zero where bars cannot be counted.
    """

    name: str
    days: NDArray[np.int32]
    opens: NDArray[np.int64]
    closes: NDArray[np.int64]
    bars: NDArray[np.int32]

    def find(self, days: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the position of each day among the sessions, -1 where it is none."""
        at = np.searchsorted(self.days, days)
        at = np.minimum(at, max(len(self.days) - 1, 0))
        is_there = self.days[at] == days if len(self.days) else np.zeros(len(days), dtype=bool)
        return np.where(is_there, at, -1)

    def fingerprint(self, first: int, last: int) -> bytes:
        """Return a hash of the sessions from day to day, both included."""
        low, high = np.searchsorted(self.days, [first, last + 1])
        digest = blake2b(digest_size=16)
        for part in (self.days, self.opens, self.closes, self.bars):
            digest.update(part[low:high].tobytes())
        return digest.digest()


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything that decides what a measure counts.

    Attributes
    ----------
    fields
        Numeric columns of the table, prices first.
    ranges
        Field -> lowest and highest value, for those the contract bounds.
    timetables
        Of the calendars that symbols keep.
    calendar_of
        Symbol -> position in ``timetables``; symbols that are absent keep ``default``.
    default
        Position of the timetable of all other symbols; -1 where they have none.
    """

    kind: Kind
    frequency: str
    fields: tuple[str, ...]
    stamp: str = "start"
    allow_non_positive: bool = False
    ranges: tuple[tuple[str, float, float], ...] = ()
    timetables: tuple[Timetable, ...] = ()
    calendar_of: Mapping[str, int] = field(default_factory=dict)
    default: int = -1

    @property
    def prices(self) -> tuple[str, ...]:
        """The price columns that came."""
        return tuple(name for name in PRICES[self.kind] if name in self.fields)

    @property
    def sizes(self) -> tuple[str, ...]:
        """The size columns that came."""
        return tuple(name for name in SIZES[self.kind] if name in self.fields)

    @property
    def main(self) -> str | None:
        """The price that stands for a row; None where no price column came."""
        return self.prices[-1] if self.prices else None

    @property
    def is_intraday(self) -> bool:
        """Whether rows come more often than once a session: then a leaf is a session, else a month."""
        return self.frequency == "irregular" or self.frequency[-1] in "mh"

    @property
    def counts_bars(self) -> bool:
        """Whether a session has a known number of bars greater than one."""
        return step_minutes(self.frequency) is not None

    @property
    def spike_floor(self) -> float:
        """The relative distance below which a lone price is never called a spike at this frequency."""
        return {"d": 1 / 32, "w": 1 / 16, "o": 1 / 8, "h": 1 / 64}.get(self.frequency[-1], 1 / 256)

    @property
    def least_repeats(self) -> int:
        """How often prices must repeat before anybody wonders: three days, five hours, ten minutes."""
        return {"h": 5, "m": 10, "r": 10}.get(self.frequency[-1], 3)

    def timetable_of(self, symbols: Sequence[str | None]) -> NDArray[np.int64]:
        """Return the position of each symbol's timetable, -1 where it has none."""
        if not self.calendar_of:
            return np.full(len(symbols), self.default, dtype=np.int64)
        known = self.calendar_of
        return np.array([self.default if s is None else known.get(s, self.default) for s in symbols], dtype=np.int64)

    @property
    def fingerprint(self) -> str:
        """A hash of everything but the hours themselves, which each leaf's own key holds."""
        names = [table.name for table in self.timetables]
        said = (MEASURES_VERSION, self.kind.value, self.frequency, self.fields, self.stamp, self.allow_non_positive, self.ranges)
        text = repr((*said, names, sorted(self.calendar_of.items()), self.default))
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()

    def hours_fingerprint(self, first: int, last: int) -> bytes:
        """Return a hash of the hours of all calendars from day to day, both included."""
        return b"".join(table.fingerprint(first, last) for table in self.timetables)
