"""Rows to what a screen can show: at most so many buckets, aggregated truly, never sampled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl

from workbench.model.names import EVENT_AT, PRICE_FIELDS, PRICES, SESSION, SIZES, SYMBOL, Kind

# Above this many sessions the inside of a session is no longer visible.
MAX_INTRADAY_SESSIONS = 60
INTRADAY_STEPS = ("1m", "5m", "15m", "30m", "1h", "2h", "4h")
SESSION_STEPS = ("1d", "1w", "1mo", "1q", "1y")
STEP_NAMES = {"": "every row", "1d": "sessions", "1w": "weeks", "1mo": "months", "1q": "quarters", "1y": "years"}

Window = tuple[datetime, datetime]
"""The first moment and the last of what is looked at, on the displayed clock, without zone."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """What is drawn.

    Attributes
    ----------
    frame
        Ascending by ``at``: ``at`` (Date for sessions and longer, else Datetime without zone, on
        the displayed clock), ``low_<price>``, ``high_<price>`` and ``<price>`` (the last) for
        each price column, or open, high, low, close for candles; ``volume`` where there is any.
    step
        ``""`` for rows as they are, else a polars duration (``1h``, ``1d``, ``1w``, …).
    """

    frame: pl.DataFrame
    step: str
    has_candles: bool
    prices: tuple[str, ...]

    @property
    def main(self) -> pl.Series:
        """The price that stands for a bucket: the close, or the last of the price columns."""
        return self.frame["close" if self.has_candles else self.prices[-1]]

    @property
    def name(self) -> str:
        """What one bucket is, in words."""
        return STEP_NAMES.get(self.step, self.step)

    @property
    def is_intraday(self) -> bool:
        """Whether ``at`` is a time of day and not a session."""
        return not isinstance(self.frame.schema["at"], pl.Date)


def is_intraday(frequency: str) -> bool:
    """Return whether rows come more often than once a session."""
    return frequency == "irregular" or frequency[-1:] in ("m", "h")


def rows_of(frame: pl.DataFrame, *, symbol: str, timezone: str, intraday: bool) -> pl.DataFrame:
    """Return one symbol's rows in time order, with ``at``: the session, or the time on the displayed clock."""
    clock = pl.col(EVENT_AT).dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    at = clock if intraday else pl.col(SESSION)
    rows = (
        frame.lazy()
        .filter(pl.col(SYMBOL) == symbol, pl.col(SESSION).is_not_null(), pl.col(EVENT_AT).is_not_null())
        .with_columns(at.alias("at"), pl.selectors.float().fill_nan(None))
        .collect()
    )
    # Rows of a lake mostly are in order, and a zoom looks at a million of them again and again.
    return rows if rows[EVENT_AT].is_sorted() else rows.sort(EVENT_AT, maintain_order=True)


def bucketed(rows: pl.DataFrame, *, kind: Kind, intraday: bool, max_points: int, every: str = "") -> Buckets:
    """Aggregate rows of one symbol to at most ``max_points`` buckets, none shorter than ``every``.

    Parameters
    ----------
    rows : DataFrame
        As :func:`rows_of` gives them.
    kind : Kind
    intraday : bool
    max_points : int
    every : str
        ``""`` for rows as they are, or one of ``INTRADAY_STEPS`` and ``SESSION_STEPS``.

    Notes
    -----
    Open is the first that is not null, high the maximum, low the minimum, close the last, volume
    the sum; no bucket crosses a session unless it holds whole sessions.
    """
    has_candles = kind is Kind.BARS and all(_has(rows, c) for c in PRICE_FIELDS)
    prices = ("close",) if kind is Kind.BARS and not has_candles else PRICES[kind]
    step = _step(rows, intraday=intraday, max_points=max_points, every=every)
    sums = [pl.col(c).sum().cast(pl.Float64).alias("volume") for c in SIZES[kind][:1] if _has(rows, c)]
    values = _candle() if has_candles else [e for p in prices for e in _line(p)]
    keys = [pl.col(SESSION), _key(step)] if step in INTRADAY_STEPS else [_key(step)]
    if not step:
        keys = [pl.int_range(pl.len()).alias("bucket")]
    frame = (
        rows.lazy()
        .group_by(*keys, maintain_order=True)
        .agg(pl.col(SESSION if step in SESSION_STEPS else "at").first().alias("at"), *values, *sums)
        .drop("bucket", SESSION, strict=False)
        .collect()
    )
    return Buckets(frame, step, has_candles, prices)


def looked_at(rows: pl.DataFrame, window: Window | None, **how: Any) -> Buckets:
    """Return buckets that are finer inside a window: there it is as if there were nothing else to draw.

    Parameters
    ----------
    rows : DataFrame
        As :func:`rows_of` gives them.
    window : tuple of datetime or None
        First and last moment on the displayed clock, both included. What lies outside stays, coarse, so that one can zoom
        out again.
    how
        As for :func:`bucketed`.
    """
    drawn = bucketed(rows, **how)
    if window is None:
        return drawn
    at = pl.col("at").cast(pl.Datetime("us"))
    inside = rows.filter(at.is_between(*window))
    if inside.is_empty():
        return drawn
    fine = bucketed(inside, **how)
    first, last = fine.frame.select(at)["at"].min(), fine.frame.select(at)["at"].max()
    parts = [drawn.frame.filter(at < first), fine.frame, drawn.frame.filter(at > last)]
    if drawn.is_intraday or fine.is_intraday:
        parts = [part.with_columns(at) for part in parts]
    return replace(fine, frame=pl.concat(parts, how="diagonal_relaxed"))


def periods(days: pl.Series, every: str = "1d") -> pl.Series:
    """Return the first day of every period from the earliest to the latest of some dates."""
    ends = pl.date_range(pl.col("day").min(), pl.col("day").max(), every)
    return days.to_frame("day").select(pl.col("day").dt.truncate(every)).select(ends).to_series()


def _has(rows: pl.DataFrame, column: str) -> bool:
    return column in rows.columns and rows[column].null_count() < rows.height


def _key(step: str) -> pl.Expr:
    column = pl.col("at") if step in INTRADAY_STEPS else pl.col(SESSION)
    return column.dt.truncate(step or "1d").alias("bucket")


def _step(rows: pl.DataFrame, *, intraday: bool, max_points: int, every: str) -> str:
    if not every and rows.height <= max_points:
        return ""
    within = () if every in SESSION_STEPS else INTRADAY_STEPS[INTRADAY_STEPS.index(every) if every else 0 :]
    if intraday and rows[SESSION].n_unique() <= MAX_INTRADAY_SESSIONS:
        for step in within:
            if rows.select(pl.struct(SESSION, _key(step)).n_unique()).item() <= max_points:
                return step
    sessions, longer = rows[SESSION].unique(), SESSION_STEPS[SESSION_STEPS.index(every) if every in SESSION_STEPS else 0 :]
    return next((s for s in longer if sessions.dt.truncate(s).n_unique() <= max_points), SESSION_STEPS[-1])


def _candle() -> list[pl.Expr]:
    return [
        pl.col("open").drop_nulls().first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").drop_nulls().last(),
    ]


def _line(price: str) -> list[pl.Expr]:
    column = pl.col(price)
    return [column.drop_nulls().last(), column.min().alias(f"low_{price}"), column.max().alias(f"high_{price}")]
