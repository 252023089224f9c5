"""The two calendars that need no table: every day, and the week of foreign exchange."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from workbench.calendars.calendar import MOMENT, Calendar, day_number, whole_days

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

NEW_YORK: Final = "America/New_York"
FX_ROLL: Final = "17h"


@dataclass(frozen=True, slots=True)
class EveryDay:
    """Open always; a session is a UTC day."""

    def days(self, start: date, end: date) -> NDArray[np.int32]:
        """Return every day."""
        return np.arange(day_number(start), day_number(end) + 1, dtype=np.int32)

    def schedule(self, start: date, end: date) -> pl.DataFrame:
        """Return whole UTC days."""
        return whole_days(self.days(start, end))


@dataclass(frozen=True, slots=True)
class ForexWeek:
    """Monday to Friday but Christmas and New Year, each from 17:00 New York on the day before to 17:00 New York."""

    def days(self, start: date, end: date) -> NDArray[np.int32]:
        """Return every Monday to Friday but Christmas and New Year, the two days on which the whole world rests."""
        days = EveryDay().days(start, end)
        dates = pl.Series(days, dtype=pl.Int32).cast(pl.Date)
        month_day = (dates.dt.month().cast(pl.Int32) * 100 + dates.dt.day()).to_numpy()
        return days[(weekdays(days) < 5) & ~np.isin(month_day, (101, 1225))]

    def schedule(self, start: date, end: date) -> pl.DataFrame:
        """Return sessions that roll over at 17:00 in New York, summer and winter."""
        session = pl.Series("session", self.days(start, end), dtype=pl.Int32).cast(pl.Date)
        roll = pl.col("session").cast(pl.Datetime("us"))
        return pl.DataFrame({"session": session}).select(
            "session",
            open_at=roll.dt.offset_by("-1d").dt.offset_by(FX_ROLL).dt.replace_time_zone(NEW_YORK).dt.convert_time_zone("UTC"),
            close_at=roll.dt.offset_by(FX_ROLL).dt.replace_time_zone(NEW_YORK).dt.convert_time_zone("UTC"),
            break_start_at=pl.lit(None, dtype=MOMENT),
            break_end_at=pl.lit(None, dtype=MOMENT),
        )


def weekdays(days: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the weekday of each day since 1970, Monday = 0."""
    return (days + 3) % 7


AROUND_THE_CLOCK: Final = {
    "24/5": Calendar("24/5", NEW_YORK, ForexWeek()),
    "24/7": Calendar("24/7", "UTC", EveryDay()),
}
