"""Sessions whose bars lie beside their hours: what is missing at one end turns up beyond the other. From states alone.

Kind ``clock_shift`` of the taxonomy: a wrong zone, or daylight saving applied twice or not at all, for a
while. A symbol that is often quoted outside regular hours is not judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.names import SESSION, SYMBOL
from workbench.quality.measure import OUTSIDE
from workbench.quality.outcome import FAILURES
from workbench.quality.timetables import with_hours
from workbench.transform.frequency import step_minutes

if TYPE_CHECKING:
    from workbench.quality.ledger import Ledger

HABIT: Final = 2
"""A symbol with rows outside hours, and none missing within, in one of so many sessions, or more, keeps other hours."""
LEAST_MINUTES: Final = 30
"""Clocks are off by half an hour at least."""
ALIKE: Final = 0.2
"""By how much of the larger one the bars missing and the bars outside may differ."""


def shifted_sessions(ledger: Ledger) -> pl.DataFrame:
    """Return ``symbol, session, failures``: all bars of the sessions that are shifted against their hours.

    Notes
    -----
    A session is shifted where bars lie outside its hours, about as many are missing within, and both
    amount to half an hour or more.
    """
    due, step = ledger.attendance, step_minutes(ledger.terms.frequency)
    outside = ledger.cells([OUTSIDE]).rename({"failures": "outside"})
    if due is None or step is None or outside.is_empty():
        return pl.DataFrame(schema=FAILURES)
    both = outside.join(due.cells, on=[SYMBOL, SESSION], how="left").with_columns(pl.col("missing").fill_null(0))
    fewer, more = pl.min_horizontal("outside", "missing"), pl.max_horizontal("outside", "missing")
    marked = both.with_columns(((fewer * step >= LEAST_MINUTES) & (more - fewer <= ALIKE * more)).alias("shifted"))
    seen = ledger.state.days.group_by(SYMBOL).agg(pl.col("mask").bitwise_count_ones().sum().cast(pl.Int64).alias("sessions"))
    others = marked.group_by(SYMBOL).agg((~pl.col("shifted")).sum().cast(pl.Int64).alias("often")).join(seen, on=SYMBOL)
    rare = others.filter(pl.col("often") * HABIT < pl.col("sessions"))
    shifted = marked.filter("shifted").join(rare, on=SYMBOL, how="semi").drop("shifted")
    bars = with_hours(shifted, ledger.terms)
    return bars.select(SYMBOL, SESSION, (pl.col("bars") - pl.col("missing") + pl.col("outside")).alias("failures"))
