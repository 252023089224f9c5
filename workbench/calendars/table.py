"""Calendars by name, from the table that ships with the package.

``scripts/make_calendars.py`` makes the table; one calendar is one row group of it.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from workbench.calendars.around_the_clock import AROUND_THE_CLOCK
from workbench.calendars.calendar import Calendar, day_number
from workbench.model.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

TABLE_VERSION: Final = 1
PATH: Final = Path(__file__).with_name("sessions.parquet")
MINUTES: Final = {
    "open_at": "open_minute",
    "close_at": "close_minute",
    "break_start_at": "break_start_minute",
    "break_end_at": "break_end_minute",
}


def names() -> tuple[str, ...]:
    """Return the name of every calendar, sorted; aliases such as NASDAQ are understood but not listed."""
    return tuple(sorted([*about()["calendars"], *AROUND_THE_CLOCK]))


@cache
def calendar(name: str) -> Calendar:
    """Return the calendar of that name.

    Parameters
    ----------
    name : str
        A name of :func:`names`, or an alias of exchange_calendars such as ``NASDAQ`` or ``LSE``.

    Raises
    ------
    BadInput
        There is no such calendar.

    Examples
    --------
    >>> calendar("XNYS").sessions(date(2012, 10, 26), date(2012, 10, 31)).to_list()
    [datetime.date(2012, 10, 26), datetime.date(2012, 10, 31)]
    """
    if name in AROUND_THE_CLOCK:
        return AROUND_THE_CLOCK[name]
    known = about()["calendars"]
    proper = about()["aliases"].get(name, name)
    if proper not in known:
        everything = [*names(), *about()["aliases"]]
        raise BadInput(
            f"no calendar is called '{name}'; expected an exchange_calendars name such as XNYS or XLON, 24/7 or 24/5"
            f"{did_you_mean(name.upper(), everything)}"
        )
    entry = known[proper]
    return Calendar(proper, entry["timezone"], Stored(proper), _day(entry["bound_first"]), _day(entry["bound_last"]))


@cache
def about() -> Mapping[str, Any]:
    """Return what the table says of itself: its version, the library's, and an entry for each calendar."""
    found: dict[str, Any] = json.loads(pl.read_parquet_metadata(PATH)["workbench"])
    return found


@cache
def all_sessions() -> Mapping[str, NDArray[np.int32]]:
    """Return every stored calendar's sessions, as days since 1970, in one read."""
    days = pl.read_parquet(PATH, columns=["session"])["session"].to_physical().to_numpy()
    return {name: days[e["offset"] : e["offset"] + e["rows"]] for name, e in about()["calendars"].items()}


@dataclass(frozen=True, slots=True)
class Stored:
    """A calendar of the table; outside of it, of exchange_calendars as far as that goes."""

    name: str

    def days(self, start: date, end: date) -> NDArray[np.int32]:
        """Return the sessions within the bounds."""
        return self._rows(start, end)["session"].to_physical().to_numpy()

    def schedule(self, start: date, end: date) -> pl.DataFrame:
        """Return the sessions within the bounds, with their hours."""
        midnight = pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        return self._rows(start, end).select(
            "session", **{at: midnight + pl.duration(minutes=pl.col(minute)) for at, minute in MINUTES.items()}
        )

    def _rows(self, start: date, end: date) -> pl.DataFrame:
        entry = about()["calendars"][self.name]
        first, last = date.fromisoformat(entry["first"]), date.fromisoformat(entry["last"])
        rows = stored_rows(self.name)
        if start < first or end > last:
            _refuse_outside(self.name, start, end)
            rows = library_rows(self.name, min(start, first).year, max(end, last).year)
        low, high = np.searchsorted(rows["session"].to_physical().to_numpy(), [day_number(start), day_number(end) + 1])
        return rows.slice(int(low), int(high - low))


@cache
def stored_rows(name: str) -> pl.DataFrame:
    """Return one calendar's rows: a session, and minutes after its midnight in UTC."""
    entry = about()["calendars"][name]
    return pl.scan_parquet(PATH).slice(entry["offset"], entry["rows"]).drop("calendar").collect()


@cache
def library_rows(name: str, first_year: int, last_year: int) -> pl.DataFrame:
    """Return one calendar's rows, as the table has them, from exchange_calendars: slow, and for far dates only."""
    import exchange_calendars

    known = calendar(name)
    start = max(date(first_year, 1, 1), known.first or date.min)
    end = min(date(last_year, 12, 31), known.last or date.max)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            schedule = exchange_calendars.get_calendar(name, start=start.isoformat(), end=end.isoformat()).schedule
    except (ValueError, NotImplementedError) as error:  # its rules do not reach that far, or not with this pandas
        raise BadInput(
            f"calendar {name}: exchange_calendars has no sessions from {start} to {end}: {str(error)[:120]}"
        ) from error
    session = schedule.index.to_numpy().astype("datetime64[D]")
    columns: dict[str, object] = {"session": session}
    for minute in MINUTES.values():
        at = schedule[minute.removesuffix("_minute")].dt.tz_convert(None).to_numpy().astype("datetime64[us]")
        columns[minute] = pl.Series((at - session.astype("datetime64[us]")).astype("timedelta64[us]")).dt.total_minutes()
    return pl.DataFrame(columns).cast(dict.fromkeys(MINUTES.values(), pl.Int16))


def _refuse_outside(name: str, start: date, end: date) -> None:
    known = calendar(name)
    if (known.first and start < known.first) or (known.last and end > known.last):
        span = f"{known.first or '...'} to {known.last or '...'}"
        raise BadInput(f"calendar {name} is known from {span}; asked for {start} to {end}; name another calendar or 'learned'")


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
