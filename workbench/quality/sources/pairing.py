"""Rows of two sources side by side: on symbol and time, the clocks brought together first where they differ.

A clock is off by whole hours, by one bar (stamped at its end, or at its start), or by a day; all the time, or in some
weeks only, as where one of two keeps summer time. Returns that correlate say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.names import EVENT_AT, REASON, SESSION, SYMBOL
from workbench.transform.frequency import step_minutes

if TYPE_CHECKING:
    from datetime import date

    from workbench.quality.terms import Terms

OTHER: Final = "_reference"
ALIGNED: Final = 0.5
"""Returns that correlate less than this at the same time belong to different times, or to different things."""
CERTAIN: Final = 0.9
"""The correlation that another lag must show to be believed."""
MOST_HOURS: Final = 14
LEAST_PAIRS: Final = 10
LOOKED_AT: Final = 200_000
"""Rows of one symbol that are compared at each lag."""
LEAST_WEEKS: Final = 2
"""Weeks that a lag must hold for."""


@dataclass(frozen=True, slots=True)
class Lag:
    """A stretch of weeks in which the reference's clock is off.

    Attributes
    ----------
    first, last
        Mondays of the first and the last of its weeks; None where it is off throughout.
    minutes
        What was added to the reference's times to meet the data's.
    """

    minutes: int
    first: date | None = None
    last: date | None = None

    def __str__(self) -> str:
        """Describe it in one line."""
        unit, size = ("day", 1440) if self.minutes % 1440 == 0 else ("hour", 60) if self.minutes % 60 == 0 else ("minute", 1)
        said = f"its clock is {self.minutes // size:+d} {unit}(s) off"
        return said if self.first is None else f"{said} in the weeks from {self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows that two sources share.

    Attributes
    ----------
    frame
        ``symbol, session``, the time they are joined on, and each field twice, the reference's with ``_reference``;
        sorted by symbol, then time.
    fields
        Those both have.
    lags
        Where the reference's clock is off.
    rows
        Rows of the data that could have been met.
    """

    frame: pl.DataFrame
    fields: tuple[str, ...]
    moment: str
    lags: tuple[Lag, ...]
    rows: int

    @property
    def covered(self) -> float:
        """The share of the data's rows that the reference has too."""
        return len(self.frame) / self.rows if self.rows else 0.0


def paired(frame: pl.DataFrame, reference: pl.DataFrame, terms: Terms) -> Pairs:
    """Join rows of two sources.

    Parameters
    ----------
    frame, reference : DataFrame
        Standard columns; rows in quarantine are passed over.
    terms : Terms
        Say which fields are prices and sizes.
    """
    fields = tuple(name for name in (*terms.prices, *terms.sizes) if name in reference.columns and name in frame.columns)
    moment = EVENT_AT if terms.is_intraday else SESSION
    mine = _trusted(frame).select(list(dict.fromkeys([SYMBOL, SESSION, moment, *fields])))
    other = _trusted(reference).select(SYMBOL, moment, *fields).unique([SYMBOL, moment], keep="first", maintain_order=True)
    if mine[SYMBOL].n_unique() == 1 and other[SYMBOL].n_unique() == 1:
        other = other.with_columns(pl.lit(mine[SYMBOL][0]).alias(SYMBOL))
    lags = _lags(mine, other, moment, terms)
    both = mine.join(_moved(other, moment, lags), on=[SYMBOL, moment], how="inner", suffix=OTHER).sort(SYMBOL, moment)
    return Pairs(both, fields, moment, lags, len(mine))


def _trusted(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col(REASON).is_null()) if REASON in frame.columns else frame


def _moved(other: pl.DataFrame, moment: str, lags: tuple[Lag, ...]) -> pl.DataFrame:
    """Put the reference's times right."""
    if not lags:
        return other
    right, week = pl.col(moment), pl.col(moment).dt.truncate("1w").cast(pl.Date)
    for lag in lags:
        moved = pl.col(moment).dt.offset_by(f"{lag.minutes}m")
        right = moved if lag.first is None else pl.when(week.is_between(lag.first, lag.last)).then(moved).otherwise(right)
    return other.with_columns(right.alias(moment)).unique([SYMBOL, moment], keep="first", maintain_order=True)


def _lags(mine: pl.DataFrame, other: pl.DataFrame, moment: str, terms: Terms) -> tuple[Lag, ...]:
    """Say where the reference's clock is off; nowhere, where no lag explains more than none does."""
    symbol = _shared_symbol(mine, other)
    if terms.main is None or terms.main not in other.columns or symbol is None:
        return ()
    sides = [side.filter(pl.col(SYMBOL) == symbol).select(moment, terms.main).drop_nulls() for side in (mine, other)]
    a, b = (_of_common_span(side, sides, moment) for side in sides)
    if _likeness(a, b, moment, 0) >= CERTAIN:
        return ()
    step = step_minutes(terms.frequency)
    hours = [60 * h for h in range(-MOST_HOURS, MOST_HOURS + 1)] if terms.is_intraday else [-1440, 1440]
    lags = sorted({0, *hours, *((step, -step) if step else ())}, key=abs)
    whole = {lag: _likeness(a, b, moment, lag) for lag in lags}
    best = max(lags, key=lambda lag: (whole[lag], -abs(lag)))
    if whole[0] < ALIGNED and whole[best] >= CERTAIN:
        return (Lag(best),)
    return _by_week(a, b, moment, lags) if terms.is_intraday else ()


def _of_common_span(side: pl.DataFrame, sides: list[pl.DataFrame], moment: str) -> pl.DataFrame:
    """Cut off what lies before the later of two beginnings, but for the largest lag."""
    later = pl.concat([s.select(pl.col(moment).min()) for s in sides]).to_series().max()
    if later is None:
        return side
    return side.filter(pl.col(moment) >= pl.lit(later).dt.offset_by("-1d")).sort(moment).head(LOOKED_AT)


def _by_week(a: pl.DataFrame, b: pl.DataFrame, moment: str, lags: list[int]) -> tuple[Lag, ...]:
    """Say in which weeks of the reference another lag than none explains its returns."""
    week = pl.col("theirs").dt.truncate("1w").cast(pl.Date).alias("week")
    told = []
    for lag in lags:
        returns = _returns(a, b.with_columns(pl.col(moment).alias("theirs")), moment, lag)
        weeks = returns.group_by(week).agg(pl.corr("mine", "other").fill_nan(None).alias("likeness"), pl.len().alias("pairs"))
        told.append(weeks.filter(pl.col("pairs") >= LEAST_PAIRS).with_columns(pl.lit(lag).alias("lag")))
    best = pl.concat(told).drop_nulls("likeness").sort("likeness", descending=True).group_by("week", maintain_order=True)
    sure = best.agg(pl.col("likeness", "lag").first()).filter(pl.col("likeness") >= CERTAIN).sort("week")
    runs = sure.with_columns(pl.col("lag").rle_id().alias("run")).group_by("run", maintain_order=True)
    spans = runs.agg(pl.col("lag").first(), pl.col("week").first().alias("first"), pl.col("week").last().alias("last"), pl.len())
    lasting = spans.filter((pl.col("lag") != 0) & (pl.col("len") >= LEAST_WEEKS))
    return tuple(Lag(lag, first, last) for lag, first, last in lasting.select("lag", "first", "last").iter_rows())


def _shared_symbol(mine: pl.DataFrame, other: pl.DataFrame) -> str | None:
    """Return the symbol with most rows among those that both have."""
    counts = mine[SYMBOL].value_counts().join(other[SYMBOL].unique().to_frame(), on=SYMBOL, how="semi").drop_nulls()
    return None if counts.is_empty() else str(counts.sort("count", SYMBOL, descending=[True, False])[SYMBOL][0])


def _returns(a: pl.DataFrame, b: pl.DataFrame, moment: str, lag: int) -> pl.DataFrame:
    """Return ``mine`` and ``other``, the log returns of the rows that meet at a lag, beside what else ``b`` holds."""
    price = a.columns[1]
    met = a.join(b.with_columns(pl.col(moment).dt.offset_by(f"{lag}m")), on=moment, how="inner", suffix=OTHER).sort(moment)
    pair = {"mine": price, "other": price + OTHER}
    return met.with_columns((pl.col(c) / pl.col(c).shift()).log().alias(n) for n, c in pair.items()).slice(1)


def _likeness(a: pl.DataFrame, b: pl.DataFrame, moment: str, lag: int) -> float:
    """Return the correlation of returns at a lag, -1 where too few rows meet."""
    met = _returns(a, b, moment, lag)
    if len(met) + 1 < max(LEAST_PAIRS, min(len(a), len(b)) // 10):
        return -1.0
    found = met.select(pl.corr("mine", "other")).item()
    return float(found) if found is not None and isfinite(found) else -1.0
