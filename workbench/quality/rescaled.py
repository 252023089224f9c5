"""Stretches on another scale: prices step by a simple ratio, stay there, and step back. From states alone.

Kinds ``partial_split`` (a split applied to part of the rows) and ``unit_switch`` (pence for pounds, for a
while) of the taxonomy. One step alone is not judged: a real split of unadjusted prices looks the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.names import SESSION, SYMBOL
from workbench.quality.attendance import days_of_masks
from workbench.quality.chain import STEP
from workbench.quality.standing import scales

if TYPE_CHECKING:
    from workbench.quality.ledger import Ledger

SIMPLE: Final = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 100.0, 1000.0)
"""Ratios that splits and units come in; below 1.5 a step cannot be told from a move."""
UNITS: Final = 90.0
"""From here on a ratio is one of units: nobody splits a share into a hundred."""
TOLERANCE: Final = 0.1
"""How far a step may lie off its ratio, at most; four of the symbol's usual moves, where those are smaller."""
LEAST_SCALES: Final = 10.0
"""Usual moves that a step must be as large as, in logarithms: what a symbol does now and then is no split."""
MOST_SESSIONS: Final = 252
"""A stretch is no longer than a year, nor than half of its symbol."""
SCHEMA: Final = {
    SYMBOL: pl.String, "first_session": pl.Date, "next_session": pl.Date, "ratio": pl.Float64, "value": pl.Float64,
    "sessions": pl.Int64,
}  # fmt: skip


def rescaled_stretches(ledger: Ledger) -> pl.DataFrame:
    """Return the stretches whose prices lie a simple ratio off those before and behind them.

    Returns
    -------
    DataFrame
        ``symbol, first_session, next_session`` (of the first row behind), ``ratio`` (of the stretch to what is
        around it), ``value`` (the first price in it), ``sessions`` (of the symbol, in the stretch).

    Notes
    -----
    Two steps that follow each other, in opposite directions, both within ``TOLERANCE`` of one simple ratio and
    far beyond the symbol's usual moves. Daily and slower data only. A single row is a lone price and judged
    as such.
    """
    steps = ledger.state.spikes.filter(pl.col("field") == STEP).sort(SYMBOL, "at")
    if ledger.terms.is_intraday or len(steps) < 2:
        return pl.DataFrame(schema=SCHEMA)
    scale = ledger.state.series.select(SYMBOL, pl.Series("scale", scales(ledger.state.series["returns"].to_numpy())))
    steps = steps.join(scale, on=SYMBOL, how="left", maintain_order="left")
    steps = steps.with_columns((pl.col("value") / pl.col("level")).alias("ratio"), (pl.col("move") + 1).alias("size"))
    back = [pl.col(name).shift(-1).alias(f"{name}_back") for name in (SYMBOL, SESSION, "ratio", "size")]
    pairs = steps.with_columns(*back, pl.min_horizontal(pl.col("scale") * 4, TOLERANCE).alias("slack"))
    sizes = (pl.col("size"), pl.col("size_back"))
    is_simple = [pl.all_horizontal((size / k - 1).abs() <= pl.col("slack") for size in sizes) for k in SIMPLE]
    is_large = pl.min_horizontal(sizes).log() >= LEAST_SCALES * pl.col("scale")
    is_back = (pl.col(SYMBOL) == pl.col(f"{SYMBOL}_back")) & ((pl.col("ratio") > 1) != (pl.col("ratio_back") > 1))
    found = pairs.filter(is_back & is_large & pl.any_horizontal(is_simple))
    found = found.join(ledger.lone.select(SYMBOL, "at"), on=[SYMBOL, "at"], how="anti")
    return _short_enough(found.rename({SESSION: "first_session", f"{SESSION}_back": "next_session"}), ledger)


def _short_enough(found: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Count the sessions of each stretch; leave out what is too long."""
    named = found.select(SYMBOL, "first_session", "next_session", "ratio", "value").with_row_index("stretch")
    days = _days(ledger, named)
    every = days.group_by(SYMBOL).agg(pl.len().cast(pl.Int64).alias("all"))
    inside = _inside(named, days).group_by("stretch").agg(pl.len().cast(pl.Int64).alias("sessions"))
    counted = named.join(inside, on="stretch").join(every, on=SYMBOL)
    short = counted.filter((pl.col("sessions") * 2 <= pl.col("all")) & (pl.col("sessions") <= MOST_SESSIONS))
    return short.select(SCHEMA.keys()).sort(SYMBOL, "first_session")


def _days(ledger: Ledger, stretches: pl.DataFrame) -> pl.DataFrame:
    wanted = pl.col(SYMBOL).is_in(stretches[SYMBOL].unique().implode())
    return days_of_masks(ledger.state.days.filter(wanted).select(SYMBOL, "month", "mask"))


def _inside(stretches: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    placed = stretches.join(days, on=SYMBOL)
    return placed.filter(pl.col(SESSION) >= pl.col("first_session"), pl.col(SESSION) < pl.col("next_session"))


def rescaled_cells(ledger: Ledger) -> pl.DataFrame:
    """Return ``symbol, session, failures``: one row for each session of each stretch."""
    inside = _inside(ledger.rescaled, _days(ledger, ledger.rescaled)).select(SYMBOL, SESSION).unique()
    return inside.with_columns(pl.lit(1, dtype=pl.Int64).alias("failures"))
