"""What should be there: sessions and bars, for each symbol between its first row and its last."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from workbench.model.names import EVENT_AT, SESSION, SYMBOL
from workbench.transform.frequency import step_minutes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from workbench.calendars import Calendar

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    SYMBOL: pl.String,
    SESSION: pl.Date,
    "bars": pl.Int64,
    "open_at": pl.Datetime("us", "UTC"),
    "close_at": pl.Datetime("us", "UTC"),
}
_PERIOD = {"1w": "1w", "1mo": "1mo"}


def expected_rows(
    frame: pl.DataFrame, calendars: Mapping[str, Calendar], frequency: str, *, stamp: str = "start", until: datetime | None = None
) -> pl.DataFrame:
    """List the sessions each symbol should have, and how many bars in each.

    Parameters
    ----------
    frame : DataFrame
        ``symbol, session, event_at`` of rows that hold a price.
    calendars : mapping of symbol to Calendar
        Symbols without one expect nothing, unless the frequency is weekly or monthly.
    frequency : str
    stamp : {"start", "end"}
        What a bar's stamp marks.
    until : datetime, optional
        UTC; sessions are expected up to here rather than up to the last row, for timeliness.

    Returns
    -------
    DataFrame
        ``symbol, session, bars, open_at, close_at``; see :class:`Evidence`. Sessions after the
        last row have ``bars`` null: they are late, not missing.
    """
    spans = (
        frame.filter(pl.col(SESSION).is_not_null() & pl.col(SYMBOL).is_not_null())
        .group_by(SYMBOL)
        .agg(
            pl.col(SESSION).min().alias("first"),
            pl.col(SESSION).max().alias("last"),
            pl.col(EVENT_AT).min().alias("first_at"),
            pl.col(EVENT_AT).max().alias("last_at"),
        )
        .sort(SYMBOL)
    )
    parts = [pl.DataFrame(schema=SCHEMA)]
    for (name, first, last), group in spans.group_by(
        pl.col(SYMBOL).replace_strict({s: c.name for s, c in calendars.items()}, default=None, return_dtype=pl.String),
        "first",
        "last",
        maintain_order=True,
    ):
        if frequency in _PERIOD:
            days = frame.join(group.select(SYMBOL), on=SYMBOL, how="semi")[SESSION]
            parts.append(_cross(group, _periods(days, frequency)))
        elif name is not None:
            calendar = calendars[group[SYMBOL][0]]
            end = max(last, until.date()) if until else last
            parts.append(_cross(group, _schedule(calendar, first, end, last, frequency)))
    return _clip_bars(pl.concat(parts, how="diagonal_relaxed"), spans, frequency, stamp).select(SCHEMA.keys()).cast(SCHEMA)  # type: ignore[arg-type]


def _cross(group: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    return group.select(SYMBOL).join(days, how="cross")


def _schedule(calendar: Calendar, first: date, end: date, last: date, frequency: str) -> pl.DataFrame:
    schedule = calendar.schedule(first, end)
    step = step_minutes(frequency)
    bars = pl.when(pl.col(SESSION) <= last).then(pl.lit(1 if frequency == "1d" else None, dtype=pl.Int64))
    table = schedule.select(SESSION, bars.alias("bars"), "open_at", "close_at", "break_start_at", "break_end_at")
    if step is None:
        hours = [pl.lit(None, dtype=SCHEMA["open_at"]).alias("open_at"), pl.col("close_at")] if frequency == "1d" else []
        return table.with_columns(*hours)
    pause = (pl.col("break_end_at") - pl.col("break_start_at")).dt.total_minutes().fill_null(0)
    minutes = (pl.col("close_at") - pl.col("open_at")).dt.total_minutes() - pause
    whole = pl.when(pl.col(SESSION) <= last).then((minutes + step - 1) // step)
    return table.with_columns(whole.alias("bars"))


def _clip_bars(expected: pl.DataFrame, spans: pl.DataFrame, frequency: str, stamp: str) -> pl.DataFrame:
    """Expect no bars before a symbol's first row nor after its last: the file may start and end in mid-session."""
    step = step_minutes(frequency)
    if step is None:
        return expected
    shift = timedelta(minutes=step) if stamp == "end" else timedelta(0)
    joined = expected.join(spans, on=SYMBOL, how="left")
    start = pl.max_horizontal("open_at", pl.col("first_at") - shift)
    end = pl.min_horizontal("close_at", pl.col("last_at") - shift + timedelta(minutes=step))
    inside = ((end - start).dt.total_minutes() + step - 1) // step
    is_edge = (pl.col("first_at") - shift > pl.col("open_at")) | (
        pl.col("last_at") - shift + timedelta(minutes=step) < pl.col("close_at")
    )
    return joined.with_columns(
        pl.when(is_edge & pl.col("bars").is_not_null()).then(inside.clip(0)).otherwise(pl.col("bars")).alias("bars")
    )


def _periods(days: pl.Series, frequency: str) -> pl.DataFrame:
    """List weeks or months from first to last, each under the day the series itself uses, where it has one."""
    every = _PERIOD[frequency]
    seen = days.drop_nulls().unique().sort().to_frame(SESSION).with_columns(pl.col(SESSION).dt.truncate(every).alias("period"))
    seen = seen.group_by("period").agg(pl.col(SESSION).min())
    first, last = seen["period"].min(), seen["period"].max()
    if not isinstance(first, date) or not isinstance(last, date):
        return pl.DataFrame(schema=SCHEMA).drop(SYMBOL)
    periods = pl.date_range(first, last, every, eager=True).alias("period").to_frame()
    return periods.join(seen, on="period", how="left").select(
        pl.coalesce(SESSION, _usual_day(seen, every)).alias(SESSION), pl.lit(1, dtype=pl.Int64).alias("bars")
    )


def _usual_day(seen: pl.DataFrame, every: str) -> pl.Expr:
    """Return the day a missing period would have been stamped with: the period's end where that is the habit."""
    end = pl.col("period").dt.offset_by(every).dt.offset_by("-1d")
    late = seen.select((pl.col(SESSION).dt.day() > 15).mean() > 0.5).item() if every == "1mo" else False
    return end if late else pl.col("period")
