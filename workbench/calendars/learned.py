"""Learning the calendar that a publisher keeps, from what it published.

A weekday on which nothing came is a holiday when its family of days (the same date, the third
Monday, two days before Easter) stayed empty in most years; otherwise something is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import comb
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.calendars.around_the_clock import weekdays
from workbench.calendars.calendar import Calendar, day_of, days_of, whole_days, within
from workbench.calendars.holidays import NEVER, HolidayRule, dates_of, every_rule
from workbench.calendars.table import calendar
from workbench.model.errors import BadInput

if TYPE_CHECKING:
    from datetime import date

    import polars as pl
    from numpy.typing import NDArray

LEARNED: Final = "learned"
MIN_YEARS: Final = 3
MIN_SHARE_ODDS: Final = 3
MAX_CHANCE: Final = 1e-4
"""A family is a holiday only when chance alone would have emptied it this rarely; about 2,100 are tried."""
TRIED_AT_ONCE: Final = 50
USUAL_SHARE: Final = 0.5
MAX_HOLIDAYS: Final = 40
EXCHANGES: Final = ("XNYS", "XLON")
FOLLOWS: Final = 0.5


def learn_calendar(dates: pl.Series) -> Calendar:
    """Learn a publisher's own calendar.

    Parameters
    ----------
    dates : Series of Date; the days on which something was published. Any order; nulls ignored.

    Returns
    -------
    Calendar
        Named ``learned``; sessions are whole UTC days. It is a rule, so that it also says what to
        expect before and after the dates it was learned from. With less than three years it has
        weekdays and no holidays.

    Raises
    ------
    BadInput
        There is no date at all.
    """
    seen = days_of(dates)
    if not len(seen):
        raise BadInput("cannot learn a calendar from a series without dates; give at least one")
    usual = _usual_weekdays(seen)
    span = np.arange(seen[0], seen[-1] + 1, dtype=np.int32)
    expected = span[np.isin(weekdays(span), usual)]
    ruled = Ruled(tuple(usual), _holidays(expected, seen))
    return Calendar(LEARNED, "UTC", replace(ruled, closed=_closed_with_exchanges(ruled, expected, seen)))


@dataclass(frozen=True, slots=True)
class Ruled:
    """Sessions by rule: some weekdays, without recurring holidays."""

    usual: tuple[int, ...]
    holidays: tuple[HolidayRule, ...]
    closed: tuple[int, ...] = ()
    """Further days (since 1970) on which nothing came, and an exchange whose holidays the publisher keeps was closed too."""

    def days(self, start: date, end: date) -> NDArray[np.int32]:
        """Return the usual weekdays that are no holiday."""
        every = np.arange(np.datetime64(start), np.datetime64(end) + 1).astype(np.int32)
        # A holiday of the next January may be kept in December.
        closed = [rule.days(start.year - 1, end.year + 1) for rule in self.holidays]
        kept = np.isin(weekdays(every), self.usual) & ~np.isin(every, self.closed)
        if closed:
            kept &= ~np.isin(every, np.concatenate(closed))
        return within(every[kept], start, end)

    def schedule(self, start: date, end: date) -> pl.DataFrame:
        """Return whole UTC days."""
        return whole_days(self.days(start, end))


def _closed_with_exchanges(ruled: Ruled, expected: NDArray[np.int32], seen: NDArray[np.int32]) -> tuple[int, ...]:
    """Return days on which nothing came and an exchange that the publisher follows was closed, or closed early.

    Notes
    -----
    A publisher follows an exchange if at least ``FOLLOWS`` of the days it keeps by rule are holidays there. Most
    publishers of prices do: what they publish is traded somewhere.
    """
    first, last = day_of(expected[0]), day_of(expected[-1])
    by_rule = np.setdiff1d(expected, ruled.days(first, last))
    absent = np.setdiff1d(np.setdiff1d(expected, by_rule), seen)
    if not len(absent) or not len(by_rule):
        return ()
    found: list[NDArray[np.int32]] = []
    for name in EXCHANGES:
        schedule = calendar(name).schedule(first, last)
        hours = schedule["close_at"] - schedule["open_at"]
        whole = days_of(schedule["session"].filter(hours >= hours.median()))
        if np.isin(by_rule, whole, invert=True).mean() >= FOLLOWS:
            found.append(np.setdiff1d(absent, whole))
    return tuple(np.unique(np.concatenate(found)).tolist()) if found else ()


def _usual_weekdays(seen: NDArray[np.int32]) -> list[int]:
    counts = np.bincount(weekdays(seen), minlength=7)
    return [weekday for weekday in range(7) if counts[weekday] >= USUAL_SHARE * counts.max()]


def _holidays(expected: NDArray[np.int32], seen: NDArray[np.int32]) -> tuple[HolidayRule, ...]:
    """Pick rules one after the other, each time the one that explains the most absences."""
    years = np.arange(day_of(expected[0]).year, day_of(expected[-1]).year + 1)
    if len(years) < MIN_YEARS:
        return ()
    low = int(expected[0]) - 400
    is_expected, is_absent = (np.zeros(int(expected[-1]) - low + 400, dtype=bool) for _ in range(2))
    is_expected[expected - low] = True
    is_absent[np.setdiff1d(expected, seen) - low] = True
    max_chance = MAX_CHANCE / (len(years) - MIN_YEARS + 1)
    rules = every_rule()
    table = np.stack([dates_of(rule, years) for rule in rules])
    at = np.clip(np.where(table == NEVER, 0, table.astype(np.int64) - low), 0, len(is_expected) - 1)
    found: list[HolidayRule] = []
    while len(found) < MAX_HOLIDAYS:
        tried = is_expected[at]
        absent = is_absent[at] & tried
        best = _best(tried, absent, max_chance)
        if best is None:
            break
        row, first, last = best
        found.append(
            replace(
                rules[row],
                since=0 if first <= _first_try(tried[row]) else int(years[first]),
                until=9999 if last >= _last_try(tried[row]) else int(years[last]),
            )
        )
        explained = at[row, first : last + 1]
        is_expected[explained] = False
        is_absent[explained] = False
    return tuple(found)


def _best(tried: NDArray[np.bool_], absent: NDArray[np.bool_], max_chance: float) -> tuple[int, int, int] | None:
    """Return the rule that explains most, with the first and last year in which its day was kept."""
    first, last = _years_kept(tried, absent)
    rows = np.arange(len(tried))
    kept, total = (_sum_between(flags, rows, first, last) for flags in (absent, tried))
    worth = np.where(kept >= MIN_YEARS, 2 * kept - total, 0)
    chance = float(absent.sum() / max(tried.sum(), 1))
    for row in np.argsort(-worth, kind="stable")[:TRIED_AT_ONCE]:
        if worth[row] <= 0:
            return None
        if _tail(int(kept[row]), int(total[row]), chance) < max_chance:
            return int(row), int(first[row]), int(last[row])
    return None


def _years_kept(tried: NDArray[np.bool_], absent: NDArray[np.bool_]) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Return, for each rule, the stretch of years in which it holds best (the largest sum of a run).

    Notes
    -----
    A year in which nothing came counts 1, a year in which something came counts -3: no stretch is
    worth having below three absences in four. Publishers take up holidays and drop them.
    """
    gains = absent.astype(np.int64) - MIN_SHARE_ODDS * (tried & ~absent)
    running, begun = np.zeros(len(gains), dtype=np.int64), np.zeros(len(gains), dtype=np.int64)
    best, first, last = (np.zeros(len(gains), dtype=np.int64) for _ in range(3))
    for year in range(gains.shape[1]):
        begun = np.where(running <= 0, year, begun)
        running = np.maximum(running, 0) + gains[:, year]
        is_better = running > best
        best, first, last = (np.where(is_better, new, old) for new, old in ((running, best), (begun, first), (year, last)))
    return first, last


def _sum_between(
    flags: NDArray[np.bool_], rows: NDArray[np.int_], first: NDArray[np.int_], last: NDArray[np.int_]
) -> NDArray[np.int_]:
    running = np.pad(np.cumsum(flags, axis=1), ((0, 0), (1, 0)))
    sums: NDArray[np.int_] = running[rows, last + 1] - running[rows, first]
    return sums


def _tail(absent: int, tried: int, chance: float) -> float:
    """Return the probability of at least so many absences out of so many tries, by chance alone."""
    return sum(comb(tried, k) * chance**k * (1 - chance) ** (tried - k) for k in range(absent, tried + 1))


def _first_try(tried: NDArray[np.bool_]) -> int:
    """Return the index of the second year in which the day was expected: earlier than it, nothing is known to differ."""
    return int(np.flatnonzero(tried)[:2][-1])


def _last_try(tried: NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(tried)[-2:][0])
