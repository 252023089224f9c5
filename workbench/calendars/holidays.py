"""Families of holidays: a rule gives one date a year. What a publisher's calendar is learned from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from workbench.calendars.around_the_clock import weekdays

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEVER: Final = np.int32(-(2**31))
"""Stands where a rule gives no date in a year (29 February, a fifth Monday)."""

EASTER_OFFSETS: Final = range(-60, 70)


class Family(StrEnum):
    """How the date of a holiday follows from the year."""

    FIXED = "fixed"  # month, day: lost when it falls on a weekend
    NEAREST = "nearest"  # month, day: Saturday moves to Friday, Sunday to Monday (United States)
    SUNDAY = "sunday"  # month, day: Sunday moves to Monday, Saturday is lost (New Year on the NYSE)
    FOLLOWING = "following"  # month, day: Saturday and Sunday move to Monday (United Kingdom)
    NTH = "nth"  # month, weekday, n: the nth such weekday of the month
    LAST = "last"  # month, weekday: the last such weekday of the month
    EASTER = "easter"  # n: days after Easter Sunday


@dataclass(frozen=True, slots=True)
class HolidayRule:
    """One recurring holiday.

    Attributes
    ----------
    a, b, n
        What the family needs: month and day, month and weekday (Monday = 0) and n, or n alone.
    since, until
        The years in which it is kept, both included.
    """

    family: Family
    a: int = 0
    b: int = 0
    n: int = 0
    since: int = 0
    until: int = 9999

    def days(self, first_year: int, last_year: int) -> NDArray[np.int32]:
        """Return its dates in those years, as days since 1970."""
        years = np.arange(max(first_year, self.since), min(last_year, self.until) + 1)
        days: NDArray[np.int32] = dates_of(self, years)
        return np.asarray(days[days != NEVER], dtype=np.int32)


def dates_of(rule: HolidayRule, years: NDArray[Any]) -> NDArray[np.int32]:
    """Return a rule's date in each year, as days since 1970; NEVER where there is none."""
    if rule.family is Family.EASTER:
        return (easter(years) + rule.n).astype(np.int32)
    month = (years - 1970) * 12 + rule.a - 1
    starts = _month_start(month)
    if rule.family is Family.NTH:
        days = starts + (rule.b - weekdays(starts)) % 7 + 7 * (rule.n - 1)
        return np.where(days < _month_start(month + 1), days, NEVER).astype(np.int32)
    if rule.family is Family.LAST:
        ends = _month_start(month + 1) - 1
        return (ends - (weekdays(ends) - rule.b) % 7).astype(np.int32)
    days = starts + rule.b - 1
    exists = days < _month_start(month + 1)
    weekday = weekdays(days)
    if rule.family is Family.NEAREST:
        days = days - (weekday == 5) + (weekday == 6)
    elif rule.family is Family.SUNDAY:
        days = days + (weekday == 6)
    elif rule.family is Family.FOLLOWING:
        days = days + 2 * (weekday == 5) + (weekday == 6)
    return np.where(exists, days, NEVER).astype(np.int32)


def easter(years: NDArray[Any]) -> NDArray[np.int32]:
    """Return Easter Sunday of each Gregorian year, as days since 1970.

    References
    ----------
    The anonymous Gregorian algorithm, Nature, 20 April 1876; Meeus, Astronomical Algorithms, ch. 8.
    """
    a, b, c = years % 19, years // 100, years % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    k = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * k) // 451
    month, day = (h + k - 7 * m + 114) // 31, (h + k - 7 * m + 114) % 31 + 1
    return np.asarray(_month_start((years - 1970) * 12 + month - 1) + day - 1, dtype=np.int32)


@cache
def every_rule() -> tuple[HolidayRule, ...]:
    """Return every rule that a holiday may turn out to follow, the most telling families first."""
    months = range(1, 13)
    moving = [HolidayRule(Family.EASTER, n=n) for n in EASTER_OFFSETS]
    nth = [HolidayRule(Family.NTH, month, weekday, n) for month in months for weekday in range(7) for n in range(1, 6)]
    last = [HolidayRule(Family.LAST, month, weekday) for month in months for weekday in range(7)]
    longest = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
    fixed = [
        HolidayRule(family, month, day)
        for family in (Family.NEAREST, Family.SUNDAY, Family.FOLLOWING, Family.FIXED)
        for month in months
        for day in range(1, longest.get(month, 31) + 1)
    ]
    return (*fixed, *nth, *last, *moving)


def _month_start(months: NDArray[Any]) -> NDArray[Any]:
    """Return the first day of months counted from January 1970, as days since 1970."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
