"""Chunks that are as they should be already: typed, sorted, each symbol once at a time. They need no understanding.

The way of all other rows (:mod:`workbench.transform.standardise`, :mod:`workbench.lab.understanding`) says the same of such
chunks, with thirty passes over their rows instead of three.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from math import isfinite
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from workbench.lab.understanding import ONE_OFFSET
from workbench.model.names import EVENT_AT, SESSION, SYMBOL
from workbench.transform.frequency import DAILY_OR_SLOWER, step_minutes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from workbench.calendars import Calendar
    from workbench.model.contract import Contract

AROUND = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Tidy:
    """How tidy chunks of a table are read.

    Attributes
    ----------
    columns
        ``time``, ``symbol`` and the numeric fields -> the table's own names.
    begins
        What lies between a stamp and the begin of its bar.
    """

    columns: Mapping[str, str]
    calendar: Calendar
    begins: timedelta

    @classmethod
    def of(
        cls, contract: Contract, columns: Mapping[str, str], calendar: Calendar | None, span: tuple[date, date]
    ) -> Tidy | None:
        """Return how tidy chunks of some days are read; None where sessions are not the days of one zone."""
        if calendar is None or contract.frequency in DAILY_OR_SLOWER or _opens_the_day_before(calendar, span):
            return None
        step = step_minutes(contract.frequency) or 0
        return cls(columns, calendar, timedelta(minutes=step) if contract.stamp == "end" else timedelta(0))

    def standard(self, chunk: pl.DataFrame) -> pl.DataFrame | None:
        """Return the standard rows of a chunk, ``symbol`` as Categorical; None where it is not tidy.

        Parameters
        ----------
        chunk : DataFrame
            The table's columns.

        Returns
        -------
        DataFrame or None
            Without the columns that say what is wrong with a row, or where it came from: nothing is, and nobody asks.
        """
        fields = {name: source for name, source in self.columns.items() if name not in ("time", SYMBOL)}
        to_begin = self._to_begin(chunk) if self._is_typed(chunk, fields) else None
        symbols = None if to_begin is None else self._symbols(chunk)
        if to_begin is None or symbols is None or not self._are_numbers(chunk, fields):
            return None
        at = pl.col(self.columns["time"]).dt.cast_time_unit("us").dt.convert_time_zone("UTC")
        rows = chunk.select(
            pl.lit(symbols),
            at.alias(EVENT_AT),
            (at.dt.replace_time_zone(None) + to_begin).dt.date().alias(SESSION),
            *(pl.col(source).cast(pl.Float64).alias(name) for name, source in fields.items()),
        )
        return rows.rechunk()

    def _is_typed(self, chunk: pl.DataFrame, fields: Mapping[str, str]) -> bool:
        time, symbol = chunk[self.columns["time"]], chunk[self.columns[SYMBOL]]
        is_zoned = isinstance(time.dtype, pl.Datetime) and time.dtype.time_zone is not None
        are_full = len(chunk) > 0 and not time.null_count() and not symbol.null_count()
        return is_zoned and are_full and symbol.dtype == pl.String and all(chunk[n].dtype.is_numeric() for n in fields.values())

    def _symbols(self, chunk: pl.DataFrame) -> pl.Series | None:
        """Return symbols (Categorical) that ascend, each in one run in which time only grows; None where they do not."""
        runs = chunk[self.columns[SYMBOL]].rle().struct.unnest()
        names, lengths = runs["value"], runs["len"].to_numpy()
        back = (chunk[self.columns["time"]].to_physical().diff() <= 0).arg_true().to_numpy()
        is_clean = bool((names == names.str.strip_chars()).all()) and not bool((names == "").any())
        if (
            not is_clean
            or not names.is_sorted()
            or not names.is_unique().all()
            or np.isin(back, lengths.cumsum()).sum() < len(back)
        ):
            return None
        return names.cast(pl.Categorical).gather(np.repeat(np.arange(len(names), dtype=np.uint32), lengths)).alias(SYMBOL)

    def _are_numbers(self, chunk: pl.DataFrame, fields: Mapping[str, str]) -> bool:
        floats = [pl.col(source).sum().alias(name) for name, source in fields.items() if chunk[source].dtype.is_float()]
        return not floats or all(map(isfinite, chunk.select(floats).row(0)))  # one that is not finite makes its sum so

    def _to_begin(self, chunk: pl.DataFrame) -> pl.Expr | None:
        """Return what to add to stamps in UTC for when bars begin on the market's clock; None where that may change twice."""
        time, zone = chunk[self.columns["time"]].dt.convert_time_zone("UTC"), ZoneInfo(self.calendar.timezone)
        ends: tuple[datetime, datetime] = (time.min(), time.max())  # type: ignore[assignment]
        first, last = ends[0] - self.begins, ends[1] - self.begins
        if last - first > ONE_OFFSET:
            return None
        before, after = _offset(first, zone), _offset(last, zone)
        if before == after:
            return pl.lit(before - self.begins)
        begins = pl.col(self.columns["time"]) - self.begins
        is_before = begins < _change(first, last, zone)
        return pl.when(is_before).then(pl.lit(before - self.begins)).otherwise(pl.lit(after - self.begins))


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).replace(tzinfo=UTC) - at


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment at which a zone has the offset that it has at ``after``, and not at ``before``."""
    offset, least = _offset(after, zone), timedelta(microseconds=1)
    while after - before > least:
        middle = before + (after - before) // 2
        if _offset(middle, zone) == offset:
            after = middle
        else:
            before = middle
    return after


def _opens_the_day_before(calendar: Calendar, span: tuple[date, date]) -> bool:
    """Whether sessions begin on the evening before their day, as those of futures do."""
    some = calendar.schedule(span[0] - AROUND, span[1] + AROUND)
    return bool((some["open_at"].dt.convert_time_zone(calendar.timezone).dt.date() < some[SESSION]).any())
