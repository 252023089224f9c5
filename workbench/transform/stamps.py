"""Whether a bar's stamp marks its start or its end: told from the open and the close of the market."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from workbench.model.names import EVENT_AT

BUSIER = 2.0
LEAST_SESSIONS = 3


def stamps_mark_ends(frame: pl.DataFrame, schedule: pl.DataFrame, step: int) -> bool:
    """Tell whether bars carry the time they end at.

    Parameters
    ----------
    frame : DataFrame
        ``event_at`` and, where it is known, ``volume``.
    schedule : DataFrame
        ``session, open_at, close_at``.
    step : int
        Minutes between bars.

    Notes
    -----
    Without trading outside regular hours, bars that end have a stamp at the close and none at the
    open. With it, the first bar of the session gives itself away: it is far busier than the one
    before, and lies at the open when stamps mark starts, one step later when they mark ends.
    """
    stamps = frame[EVENT_AT].implode()
    present = schedule.filter((pl.col("open_at") + timedelta(minutes=step)).is_in(stamps))
    if len(present) < LEAST_SESSIONS:
        return False
    at_open = present["open_at"].is_in(stamps).sum()
    at_close = present["close_at"].is_in(stamps).sum()
    if at_open < len(present) / 2:
        return at_close > len(present) / 2
    if "volume" not in frame.columns or at_close < len(present) / 2:
        return False
    return _activity(frame, present, step) > BUSIER * _activity(frame, present, 0)


def _activity(frame: pl.DataFrame, schedule: pl.DataFrame, minutes: int) -> float:
    """Return the median volume of the bars stamped so many minutes after the open."""
    times = schedule.select((pl.col("open_at") + timedelta(minutes=minutes)).alias(EVENT_AT))
    volume = frame.join(times, on=EVENT_AT, how="semi")["volume"].median()
    return float(volume) if isinstance(volume, float) else 0.0
