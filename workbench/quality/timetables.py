"""Calendars as timetables: the sessions of a span, with their hours and bars, as values a measure can look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from workbench.quality.terms import NEVER, Terms, Timetable
from workbench.transform.frequency import step_minutes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from workbench.calendars import Calendar
    from workbench.model.contract import Contract


_HOURS: Final[dict[str, Any]] = {
    "session": pl.Date, "table": pl.Int64, "position": pl.Int64, "bars": pl.Int64,
    "open_at": pl.Datetime("us", "UTC"), "close_at": pl.Datetime("us", "UTC"),
}  # fmt: skip


def timetable(calendar: Calendar, first: date, last: date, frequency: str) -> Timetable:
    """Return the sessions of a calendar from ``first`` to ``last``, both included.

    Raises
    ------
    BadInput
        The calendar is not known for the whole of that time.

    Notes
    -----
    The bars of an intraday session are its minutes, less those of a pause, over the minutes of a
    bar, rounded up; a daily session has one bar; ticks have no number of bars.
    """
    schedule = calendar.schedule(first, last)
    step = step_minutes(frequency)
    pause = (pl.col("break_end_at") - pl.col("break_start_at")).dt.total_minutes().fill_null(0)
    minutes = (pl.col("close_at") - pl.col("open_at")).dt.total_minutes() - pause
    bars = (minutes + step - 1) // step if step else pl.lit(1 if frequency == "1d" else 0)
    table = schedule.select("session", "open_at", "close_at", bars.fill_null(0).cast(pl.Int32).alias("bars"))
    opens = table["open_at"].to_physical().fill_null(NEVER).to_numpy()
    return Timetable(
        name=calendar.name,
        days=table["session"].to_physical().to_numpy(),
        opens=opens if step else np.full(len(opens), NEVER),
        closes=table["close_at"].to_physical().fill_null(NEVER).to_numpy(),
        bars=table["bars"].to_numpy(),
    )


def with_hours(cells: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """Put beside each symbol's session which of its timetable's it is, and what that says of it.

    Parameters
    ----------
    cells : DataFrame
        ``symbol, session``, and whatever else.
    terms : Terms

    Returns
    -------
    DataFrame
        With ``position``, ``bars`` (Int64) and ``open_at, close_at`` (UTC); without the rows that are no
        session of their symbol.
    """
    symbols = cells["symbol"].unique().to_list()
    tables = pl.DataFrame(
        {"symbol": symbols, "table": terms.timetable_of(symbols)}, schema={"symbol": pl.String, "table": pl.Int64}
    )
    hours = pl.concat([pl.DataFrame(schema=_HOURS), *(_hours(number, table) for number, table in enumerate(terms.timetables))])
    placed = cells.join(tables, on="symbol", how="left", nulls_equal=True, maintain_order="left")
    return placed.join(hours, on=["table", "session"], how="inner", maintain_order="left").drop("table")


def _hours(number: int, table: Timetable) -> pl.DataFrame:
    columns = {"session": table.days, "table": number, "position": np.arange(len(table.days)), "bars": table.bars,
               "open_at": table.opens, "close_at": table.closes}  # fmt: skip
    return pl.DataFrame(columns).cast(pl.Schema(_HOURS))


def terms_of(
    contract: Contract,
    fields: tuple[str, ...],
    calendars: Mapping[str, Calendar],
    span: tuple[date, date],
    symbols: Iterable[str] = (),
) -> Terms:
    """Return what a contract asks to be measured.

    Parameters
    ----------
    contract : Contract
    fields : tuple of str
        The numeric columns that came.
    calendars : mapping of symbol to Calendar
        Symbols that are absent have none; where all symbols share one, those yet to come share it too.
    span : tuple of date
        The first and the last session that may be expected.
    symbols : iterable of str
        Those that are there; one of them without a calendar has none, whatever the others keep.
    """
    kept: list[Calendar] = []
    for symbol in sorted(calendars):
        if calendars[symbol] not in kept:  # two calendars may share a name: each publisher's own is called learned
            kept.append(calendars[symbol])
    is_shared = len(kept) == 1 and ("" in calendars or all(symbol in calendars for symbol in symbols))
    return Terms(
        kind=contract.kind,
        frequency=contract.frequency,
        fields=fields,
        stamp=contract.stamp,
        allow_non_positive=contract.allow_non_positive,
        ranges=tuple((name, *bounds) for name, bounds in sorted(contract.ranges.items()) if name in fields),
        timetables=tuple(timetable(own, *_known(own, span, len(kept)), contract.frequency) for own in kept),
        calendar_of={} if is_shared else {symbol: kept.index(own) for symbol, own in sorted(calendars.items())},
        default=0 if is_shared else -1,
    )


def _known(calendar: Calendar, span: tuple[date, date], count: int) -> tuple[date, date]:
    """Cut the span to what a calendar knows, where it is one of several: its symbols lie within."""
    if count == 1:
        return span
    return max(span[0], calendar.first or span[0]), min(span[1], calendar.last or span[1])
