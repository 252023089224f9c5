"""Stretches over several sessions, given to the sessions they cover."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.model.names import SESSION, SYMBOL
from workbench.quality.attendance import days_of_masks
from workbench.quality.outcome import FAILURES

if TYPE_CHECKING:
    from workbench.quality.state import State


def over_sessions(runs: pl.DataFrame, state: State) -> pl.DataFrame:
    """Give the repeats of each run to the sessions of its symbol that it covers.

    Parameters
    ----------
    runs : DataFrame
        As ``RUNS``.
    state : State
        Says on which days a symbol has rows.

    Returns
    -------
    DataFrame
        ``symbol, session, failures``; they add up to the repeats exactly.

    Notes
    -----
    Daily rows are one a session. An intraday run over several sessions is divided evenly among
    them, what is left over going to the first ones: states do not say how many rows of it each has.
    """
    if runs.is_empty():
        return pl.DataFrame(schema=FAILURES)
    numbered = runs.with_row_index("run").select("run", SYMBOL, "first_session", "last_session", "repeats")
    inside = pl.col("first_session") == pl.col("last_session")
    single = numbered.filter(inside).select(SYMBOL, pl.col("first_session").alias(SESSION), pl.col("repeats").alias("failures"))
    long = numbered.filter(~inside)
    days = days_of_masks(state.days.filter(pl.col(SYMBOL).is_in(long[SYMBOL].unique().implode())).select(SYMBOL, "month", "mask"))
    covered = long.join(days, on=SYMBOL).filter(pl.col(SESSION).is_between("first_session", "last_session")).sort("run", SESSION)
    place, count = pl.int_range(pl.len()).over("run"), pl.len().over("run").cast(pl.Int64)
    shared = covered.with_columns(
        (pl.col("repeats") // count + (place < pl.col("repeats") % count).cast(pl.Int64)).alias("failures")
    )
    both = pl.concat([single, shared.select(SYMBOL, SESSION, "failures")])
    return both.filter(pl.col("failures") > 0).group_by(SYMBOL, SESSION).agg(pl.col("failures").sum()).sort(SYMBOL, SESSION)
