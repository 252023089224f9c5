"""A calendar: which sessions there are, and from when to when each of them is open."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOMENT: Final = pl.Datetime("us", "UTC")
SCHEDULE: Final = pl.Schema(
    {"session": pl.Date(), "open_at": MOMENT, "close_at": MOMENT, "break_start_at": MOMENT, "break_end_at": MOMENT}
)


class Hours(Protocol):
    """A source of sessions: a stored table, a rule, or a list."""

    def days(self, start: date, end: date) -> NDArray[np.int32]:
        """Return the sessions from ``start`` to ``end``, both included, as days since 1970."""
        ...

    def schedule(self, start: date, end: date) -> pl.DataFrame:
        """Return the same sessions with their hours, in the columns of ``SCHEDULE``."""
        ...


@dataclass(frozen=True, slots=True)
class Calendar:
    """The sessions of a market or a publisher.

    Attributes
    ----------
    name
        An exchange_calendars name, ``24/7``, ``24/5``, ``learned``, or one's own.
    timezone
        IANA zone in which the session's date is meant.
    first, last
        The dates between which the calendar is known at all; None where nothing bounds it.
        Asking outside of them is a :class:`~workbench.model.errors.BadInput`.
    """

    name: str
    timezone: str
    hours: Hours = field(repr=False)
    first: date | None = None
    last: date | None = None

    def sessions(self, start: date, end: date) -> pl.Series:
        """Return the sessions from ``start`` to ``end``, both included.

        Returns
        -------
        Series of Date, ascending; empty where there is none

        Raises
        ------
        BadInput
            The calendar is not known for the whole of that time.
        """
        return pl.Series("session", self.hours.days(start, end), dtype=pl.Int32).cast(pl.Date)

    def schedule(self, start: date, end: date) -> pl.DataFrame:
        """Return the regular hours of the sessions from ``start`` to ``end``, both included.

        Returns
        -------
        DataFrame
            ``session`` (Date); ``open_at``, ``close_at``, ``break_start_at``, ``break_end_at``
            (Datetime us, UTC), the last two null where trading does not pause. A session may open
            on the day before its date, also in its own zone.

        Raises
        ------
        BadInput
            As :meth:`sessions`.
        """
        return self.hours.schedule(start, end)

    @classmethod
    def of_sessions(cls, name: str, sessions: pl.Series, *, timezone: str = "UTC") -> Calendar:
        """Make a calendar of an explicit list of sessions, each open for its whole UTC day.

        Parameters
        ----------
        sessions : Series of Date; any order, duplicates allowed, nulls ignored
        """
        return cls(name, timezone, Listed(tuple(days_of(sessions).tolist())))


@dataclass(frozen=True, slots=True)
class Listed:
    """Sessions written out one by one."""

    listed: tuple[int, ...]

    def days(self, start: date, end: date) -> NDArray[np.int32]:
        """Return the listed sessions within the bounds."""
        return within(np.array(self.listed, dtype=np.int32), start, end)

    def schedule(self, start: date, end: date) -> pl.DataFrame:
        """Return whole UTC days."""
        return whole_days(self.days(start, end))


def day_number(day: date) -> int:
    """Return days since 1970-01-01."""
    return day.toordinal() - _EPOCH


def day_of(number: int) -> date:
    """Return the date of a day number."""
    return date.fromordinal(int(number) + _EPOCH)


def days_of(dates: pl.Series) -> NDArray[np.int32]:
    """Return distinct dates, ascending, as days since 1970-01-01; nulls are left out."""
    return np.unique(dates.drop_nulls().cast(pl.Date).to_physical().to_numpy()).astype(np.int32)


def within(days: NDArray[np.int32], start: date, end: date) -> NDArray[np.int32]:
    """Return the part of ascending days that lies between two dates, both included."""
    low, high = np.searchsorted(days, [day_number(start), day_number(end) + 1])
    return days[low:high]


def whole_days(days: NDArray[np.int32]) -> pl.DataFrame:
    """Return a schedule in which every session is open from midnight to midnight UTC."""
    session = pl.Series("session", days, dtype=pl.Int32).cast(pl.Date)
    return pl.DataFrame({"session": session}).select(
        "session",
        open_at=pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        close_at=pl.col("session").dt.offset_by("1d").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        break_start_at=pl.lit(None, dtype=MOMENT),
        break_end_at=pl.lit(None, dtype=MOMENT),
    )


_EPOCH: Final = date(1970, 1, 1).toordinal()
