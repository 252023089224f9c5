"""Who should have been there, and was not: bars and sessions against the timetables, from states alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from workbench.model.names import SESSION, SYMBOL
from workbench.quality.measure import STRAY
from workbench.quality.seams import SHORT
from workbench.quality.state import arrays
from workbench.quality.timetables import with_hours
from workbench.transform.frequency import step_minutes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.state import State
    from workbench.quality.terms import Terms, Timetable

CELLS: Final = {SYMBOL: pl.String, SESSION: pl.Date, "missing": pl.Int64}
_PERIODS: Final = {"1w": "1w", "1mo": "1mo"}
_MINUTE: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class Attendance:
    """Bars expected and missing between each symbol's first row and its last.

    Attributes
    ----------
    by_symbol, by_session
        ``symbol | session, expected, missing`` (Int64).
    cells
        ``symbol, session, missing``: only where some are.
    absent
        ``symbol, session, bars``: sessions of which no priced row is there, and how many were due.
    sessions
        Every session that is expected of anybody, ascending.
    """

    by_symbol: pl.DataFrame
    by_session: pl.DataFrame
    cells: pl.DataFrame
    absent: pl.DataFrame
    sessions: pl.Series

    @property
    def expected(self) -> int:
        """Bars that should be there."""
        return int(self.by_symbol["expected"].sum())

    @property
    def missing(self) -> int:
        """Those of them that are not."""
        return int(self.by_symbol["missing"].sum())


def attendance(state: State, terms: Terms) -> Attendance | None:
    """Compare what came with what was due.

    Parameters
    ----------
    state : State
        Merged.
    terms : Terms

    Returns
    -------
    Attendance or None
        None where nothing says what to expect: no symbol keeps a calendar, and rows are not weekly
        or monthly.
    """
    if terms.frequency in _PERIODS:
        return _of_periods(state, _PERIODS[terms.frequency])
    series = state.series.filter(pl.col(SYMBOL).is_not_null() & pl.col("first_session").is_not_null())
    tables = terms.timetable_of(series[SYMBOL].to_list())
    if not (tables >= 0).any():
        return None
    return _of_timetables(state, series.filter(pl.Series(tables >= 0)), tables[tables >= 0], terms)


def _of_timetables(state: State, series: pl.DataFrame, tables: NDArray[np.int64], terms: Terms) -> Attendance:
    """Sum what each timetable expects between first and last session, and find what is not there."""
    columns = arrays(series)
    due = np.zeros(len(series), dtype=np.int64)
    by_session, absent, edges = [], [], []
    for number, table in enumerate(terms.timetables):
        mine = np.flatnonzero(tables == number)
        first, last = columns["first_session"][mine], columns["last_session"][mine]
        low, high = np.searchsorted(table.days, first), np.searchsorted(table.days, last, side="right")
        total = np.concatenate([[0], np.cumsum(table.bars, dtype=np.int64)])
        due[mine] = total[high] - total[low]
        here = np.zeros(len(table.days) + 1, dtype=np.int64)
        np.add.at(here, low, 1)
        np.add.at(here, high, -1)
        present = np.cumsum(here[:-1])
        by_session.append(pl.DataFrame({SESSION: table.days, "symbols": present, "expected": present * table.bars}))
        absent.append(_absent(state, series[mine], first, last, table))
        edges.append(_clipped(series[mine], columns, mine, table, terms))
    gone, clipped = pl.concat(absent), pl.concat(edges)
    sessions = pl.concat(by_session).with_columns(pl.col(SESSION).cast(pl.Int32).cast(pl.Date))
    sessions = sessions.filter(pl.col("symbols") > 0).group_by(SESSION).agg(pl.col("expected").sum()).sort(SESSION)
    cells = pl.concat([gone.select(SYMBOL, SESSION, pl.col("bars").alias("missing")), _short(state, terms),
                       clipped.select(SYMBOL, SESSION, "missing")])  # fmt: skip
    symbols = series.select(SYMBOL, pl.Series("expected", due))
    return _summed(symbols, sessions, cells, clipped, gone)


def _summed(
    symbols: pl.DataFrame, sessions: pl.DataFrame, cells: pl.DataFrame, clipped: pl.DataFrame, gone: pl.DataFrame
) -> Attendance:
    """Put totals together; what is clipped at a symbol's ends was never due."""
    cells = cells.filter(pl.col("missing") > 0).group_by(SYMBOL, SESSION).agg(pl.col("missing").sum()).sort(SYMBOL, SESSION)
    sides = []
    for key, frame in ((SYMBOL, symbols), (SESSION, sessions)):
        lost = cells.group_by(key).agg(pl.col("missing").sum())
        excused = clipped.group_by(key).agg(pl.col("excused").sum())
        joined = (
            frame.join(lost, on=key, how="left")
            .join(excused, on=key, how="left")
            .with_columns(pl.col("missing", "excused").fill_null(0))
        )
        sides.append(joined.select(key, (pl.col("expected") - pl.col("excused")).alias("expected"), "missing").sort(key))
    return Attendance(sides[0], sides[1], cells, gone.sort(SYMBOL, SESSION), sessions[SESSION])


def _absent(
    state: State, series: pl.DataFrame, first: NDArray[np.int32], last: NDArray[np.int32], table: Timetable
) -> pl.DataFrame:
    """Return the sessions between first and last of which a symbol has no priced row: expected days less those seen."""
    lacks_days = _lacks_days(state, series, first, last, table)
    if not lacks_days.any():
        return pl.DataFrame(schema={SYMBOL: pl.String, SESSION: pl.Date, "bars": pl.Int64})
    due = _months_of(table)
    known = pl.DataFrame({SYMBOL: series[SYMBOL], "first": first, "last": last}).filter(pl.Series(lacks_days))
    months = known.with_columns(pl.col("first", "last").cast(pl.Date)).select(
        SYMBOL, "first", "last",
        pl.date_ranges(pl.col("first").dt.truncate("1mo"), pl.col("last").dt.truncate("1mo"), "1mo").alias("month"),
    ).explode("month", empty_as_null=True).join(due, on="month", how="left")  # fmt: skip
    seen = state.days.group_by(SYMBOL, "month").agg(pl.col("mask").bitwise_or().alias("seen"))
    both = months.join(seen, on=[SYMBOL, "month"], how="left").with_columns(pl.col("seen", "mask").fill_null(0))
    gone = both.with_columns((pl.col("mask") & ~pl.col("seen")).alias("gone")).filter(pl.col("gone") != 0)
    days = days_of_masks(gone.select(SYMBOL, "first", "last", "month", pl.col("gone").alias("mask")))
    inside = days.filter(pl.col(SESSION) > pl.col("first"), pl.col(SESSION) < pl.col("last"))
    bars = pl.DataFrame({SESSION: table.days, "bars": table.bars.astype(np.int64)}).with_columns(pl.col(SESSION).cast(pl.Date))
    return inside.select(SYMBOL, SESSION).join(bars, on=SESSION, how="left")


def _lacks_days(
    state: State, series: pl.DataFrame, first: NDArray[np.int32], last: NDArray[np.int32], table: Timetable
) -> NDArray[np.bool_]:
    """Say which symbols were seen on another number of days than there are sessions between their first and last."""
    days = state.days.group_by(SYMBOL).agg(pl.col("mask").bitwise_count_ones().sum().cast(pl.Int64).alias("days"))
    seen = series.select(SYMBOL).join(days, on=SYMBOL, how="left", maintain_order="left")["days"].fill_null(0).to_numpy()
    stray = set(state.counts.filter(pl.col("what") == STRAY)[SYMBOL].unique())
    due = np.searchsorted(table.days, last, side="right") - np.searchsorted(table.days, first)
    lacks: NDArray[np.bool_] = (seen != due) | series[SYMBOL].is_in(list(stray)).to_numpy()
    return lacks


def days_of_masks(frame: pl.DataFrame) -> pl.DataFrame:
    """Turn ``month, mask`` into one row for each day whose bit is set, as ``session``; other columns stay."""
    bits = pl.DataFrame({"bit": np.arange(31, dtype=np.int64)})
    crossed = frame.join(bits, how="cross").filter((pl.col("mask").cast(pl.Int64) // 2 ** pl.col("bit")) % 2 == 1)
    return crossed.with_columns((pl.col("month") + pl.duration(days=pl.col("bit"))).alias(SESSION)).drop("month", "mask", "bit")


def _months_of(table: Timetable) -> pl.DataFrame:
    days = pl.DataFrame({"day": table.days}).with_columns(pl.col("day").cast(pl.Date))
    bit = pl.lit(1, dtype=pl.UInt32) * 2 ** (pl.col("day").dt.day() - 1).cast(pl.UInt32)
    return days.group_by(pl.col("day").dt.truncate("1mo").alias("month")).agg(bit.cast(pl.UInt32).bitwise_or().alias("mask"))


def _short(state: State, terms: Terms) -> pl.DataFrame:
    """Return how many bars the sessions lack that are there, but not whole; a symbol's first and last are apart."""
    short = with_hours(state.counts.filter(pl.col("what") == SHORT).select(SYMBOL, SESSION, "count"), terms)
    return short.select(SYMBOL, SESSION, (pl.col("bars") - pl.col("count")).clip(0).alias("missing"))


def _clipped(
    series: pl.DataFrame, columns: dict[str, Any], mine: NDArray[np.int64], table: Timetable, terms: Terms
) -> pl.DataFrame:
    """Judge a symbol's first and last session: no bar is due before its first row, nor after its last.

    Returns
    -------
    DataFrame
        ``symbol, session, missing, excused``: bars not there, and bars that were never due.
    """
    schema = {**CELLS, "excused": pl.Int64}
    step = step_minutes(terms.frequency)
    if step is None:
        return pl.DataFrame(schema=schema)
    width = step * _MINUTE
    shift = width if terms.stamp == "end" else 0
    parts = []
    for end in ("first", "last"):
        day = columns[f"{end}_session"][mine]
        seat = table.find(day)
        good = (seat >= 0) & ((end == "first") | (columns["last_session"][mine] != columns["first_session"][mine]))
        at, seat = mine[good], seat[good]
        is_only = columns["last_session"][at] == columns["first_session"][at]
        begins, ends = columns["first_at"][at] - shift, columns["last_at"][at] - shift + width
        start = np.maximum(table.opens[seat], begins) if end == "first" else table.opens[seat]
        stop = np.where(is_only | (end == "last"), np.minimum(table.closes[seat], ends), table.closes[seat])
        whole = table.bars[seat].astype(np.int64)
        is_cut = (start > table.opens[seat]) | (stop < table.closes[seat])
        due = np.where(is_cut, np.clip(-((start - stop) // width), 0, whole), whole)
        parts.append(pl.DataFrame({
            SYMBOL: series[SYMBOL].gather(np.flatnonzero(good)), SESSION: pl.Series(day[good]).cast(pl.Date),
            "missing": np.maximum(due - columns[f"{end}_bars"][at], 0), "excused": whole - due,
        }, schema=schema))  # fmt: skip
    return pl.concat(parts)


def _of_periods(state: State, every: str) -> Attendance:
    """Expect every week or month between a symbol's first and its last, under the day the series itself uses."""
    days = days_of_masks(state.days.filter(pl.col(SYMBOL).is_not_null()).select(SYMBOL, "month", "mask"))
    seen = days.with_columns(pl.col(SESSION).dt.truncate(every).alias("period"))
    usual = seen.group_by("period").agg(pl.col(SESSION).min())
    spans = seen.group_by(SYMBOL).agg(pl.col("period").min().alias("first"), pl.col("period").max().alias("last"))
    due = spans.select(SYMBOL, pl.date_ranges("first", "last", every).alias("period")).explode("period", empty_as_null=True)
    due = due.join(usual, on="period", how="left").with_columns(pl.coalesce(SESSION, _usual_day(seen, every)).alias(SESSION))
    gone = due.join(seen.select(SYMBOL, "period").unique(), on=[SYMBOL, "period"], how="anti")
    absent = gone.select(SYMBOL, SESSION, pl.lit(1, dtype=pl.Int64).alias("bars"))
    symbols, sessions = (due.group_by(key).agg(pl.len().cast(pl.Int64).alias("expected")).sort(key) for key in (SYMBOL, SESSION))
    none = pl.DataFrame(schema={**CELLS, "excused": pl.Int64})
    return _summed(symbols, sessions, absent.select(SYMBOL, SESSION, pl.col("bars").alias("missing")), none, absent)


def _usual_day(seen: pl.DataFrame, every: str) -> pl.Expr:
    """Return the day a missing period would have been stamped with: the period's end where that is the habit."""
    end = pl.col("period").dt.offset_by(every).dt.offset_by("-1d")
    late = every == "1mo" and seen.select((pl.col(SESSION).dt.day() > 15).mean() > 0.5).item()
    return end if late else pl.col("period")


def seen_days(state: State) -> pl.Series:
    """Return the sessions on which any symbol has a priced row, ascending."""
    months = state.days.group_by("month").agg(pl.col("mask").bitwise_or())
    return days_of_masks(months)[SESSION].sort()
