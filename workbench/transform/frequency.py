"""How often rows come: told from the steps between them."""

from __future__ import annotations

import polars as pl

from workbench.model.names import SYMBOL

DAY = 86_400_000_000
DAILY_OR_SLOWER = ("1d", "1w", "1mo")
_REGULAR_SHARE = 0.5
_CALENDAR_STEPS = ((1, 4, "1d"), (5, 10, "1w"), (26, 35, "1mo"))


def frequency_of(stamps: pl.DataFrame) -> str:
    """Name the frequency of rows.

    Parameters
    ----------
    stamps : DataFrame
        ``symbol``, ``stamp`` (Datetime("us")); in any order, duplicates allowed.

    Returns
    -------
    str
        ``1m``, ``5m``, ``1h``, ``1d``, ``1w``, ``1mo``, or ``irregular``.

    Notes
    -----
    The commonest step between neighbours of one symbol decides; within a day it must make up half
    of the steps, or divide nearly all of them. One row alone counts as daily.
    """
    steps = _steps(stamps)
    if steps.is_empty():
        return "1d"
    common = int(steps.mode().min() or DAY)  # type: ignore[arg-type]
    if common >= DAY * 0.9:
        days = round(float(steps.median() or DAY) / DAY)  # type: ignore[arg-type]
        return next((name for least, most, name in _CALENDAR_STEPS if least <= days <= most), "irregular")
    minutes, rest = divmod(common, 60_000_000)
    is_regular = (steps == common).mean() >= _REGULAR_SHARE or (steps % common == 0).mean() >= 0.98  # type: ignore[operator]
    if rest or not minutes or not is_regular:
        return "irregular"
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


def _steps(stamps: pl.DataFrame) -> pl.Series:
    """Return the positive steps between neighbouring rows of each symbol, in microseconds."""
    ordered = stamps.lazy().drop_nulls().sort(SYMBOL, "stamp")
    step = pl.col("stamp").diff().dt.total_microseconds()
    same = pl.col(SYMBOL) == pl.col(SYMBOL).shift()
    return ordered.select(pl.when(same & (step > 0)).then(step).alias("step")).drop_nulls().collect()["step"]


def step_minutes(frequency: str) -> int | None:
    """Return the minutes between bars of an intraday frequency; None for others."""
    if frequency.endswith("m"):
        return int(frequency[:-1])
    return int(frequency[:-1]) * 60 if frequency.endswith("h") else None
