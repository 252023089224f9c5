"""Which lone prices to look at, and which standing prices are stale: symbols judged by their own habits, from states alone.

References
----------
Brownlees, C. and Gallo, G. (2006), Financial econometric analysis at ultra-high frequency.
Barndorff-Nielsen, O. et al. (2009), Realized kernels in practice: trades and quotes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from workbench.model.names import SYMBOL
from workbench.quality.chain import STEP
from workbench.quality.grids import BINS, upper_edges
from workbench.quality.state import RUNS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.state import State
    from workbench.quality.terms import Terms

LONE: Final = 8.0
"""Scales a price must lie off to be looked at closely; what is asked of a bad tick is more (``detectors/bad_tick.py``)."""
SWELL: Final = 1.25
"""How much larger tails may make the scale than the bulk of the moves says."""
LEAST_LINKS: Final = 10
LEAST_SCALE: Final = 1e-4
CHANCE: Final = 1e-3
CHANCE_WHILE_TRADING: Final = 1e-6
"""Where the volume goes on changing, the market may well stand still: more is asked of the run."""


def scales(returns: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Return the size of each symbol's usual moves, about one standard deviation where moves are normal.

    Parameters
    ----------
    returns : array, shape (n, 64)
        Histograms of absolute returns.

    Notes
    -----
    ``min(q95 / 2, SWELL * q75 / 1.15)`` over those returns that are moves. The 95th percentile follows
    fat tails, but two bad ticks in a hundred rows reach it, and a swollen scale hides them all; the 75th
    bounds it. A symbol without moves has the least scale there is.
    """
    moved = returns[:, 1:].astype(np.int64)
    fat, firm = _percentile(moved, 95) / 2, _percentile(moved, 75) / 1.15
    usual = np.where(moved.sum(axis=1) > 0, np.minimum(fat, SWELL * firm), 0.0)
    return np.maximum(usual, LEAST_SCALE)


def _percentile(moved: NDArray[np.int64], percent: int) -> NDArray[np.float64]:
    """Return the size that so many per cent of the moves do not exceed, interpolated within its bin."""
    wanted = moved.sum(axis=1) * percent / 100
    reached = np.cumsum(moved, axis=1)
    at = (reached >= wanted[:, None]).argmax(axis=1)
    rows = np.arange(len(moved))
    inside = moved[rows, at]
    share = np.where(inside > 0, (wanted - (reached[rows, at] - inside)) / np.maximum(inside, 1), 1.0)
    upper, lower = upper_edges()[np.minimum(at + 1, BINS - 1)], upper_edges()[at]
    found: NDArray[np.float64] = np.where(at + 1 >= BINS - 1, upper, lower + share * (upper - lower))
    return found


def lone_prices(state: State, terms: Terms) -> pl.DataFrame:
    """Return the spikes that are worth a close look.

    Returns
    -------
    DataFrame
        As ``SPIKES``, with ``scale``; one row for each field of a row.
    """
    known = state.series.select(SYMBOL, "links", pl.Series("scale", scales(_histograms(state))))
    judged = state.spikes.filter(pl.col("field") != STEP).join(known, on=SYMBOL, how="inner", maintain_order="left")
    return judged.filter(
        (pl.col("links") >= LEAST_LINKS) & (pl.col("move") >= terms.spike_floor) & (pl.col("move") > LONE * pl.col("scale"))
    )


def _histograms(state: State) -> NDArray[np.uint32]:
    return state.series["returns"].to_numpy() if len(state.series) else np.zeros((0, BINS), dtype=np.uint32)


def standing_prices(state: State, terms: Terms) -> pl.DataFrame:
    """Return the stretches of equal prices that are too long to be chance.

    Returns
    -------
    DataFrame
        As ``RUNS``.

    Notes
    -----
    The rule has no published source. The chance that a symbol which repeats its prices in a share
    ``p`` of its rows does so ``k`` times on end somewhere in ``n`` rows is about ``n * p**k``; ``p``
    is taken over the rest of the rows, so that a run cannot hide in its own baseline.
    """
    runs = all_runs(state, terms).join(
        state.series.select(SYMBOL, "links", pl.col("repeats").alias("all")), on=SYMBOL, how="left"
    )
    length = pl.col("repeats")
    share = (pl.col("all") - length + 1) / (pl.col("links") - length + 1)
    log_chance = pl.col("links").log() + length * share.log()
    limit = pl.when(pl.col("trades") > 0).then(pl.lit(CHANCE_WHILE_TRADING).log()).otherwise(pl.lit(CHANCE).log())
    return runs.filter((length >= terms.least_repeats) & (log_chance < limit)).select(RUNS.keys())


def all_runs(state: State, terms: Terms) -> pl.DataFrame:
    """Return complete runs, and those that lie open at either end of a symbol: nothing follows them any more."""
    series = state.series
    head = pl.col("head_price").arr.first()
    opening = series.filter(pl.col("head_repeats") >= terms.least_repeats).select(
        "leaf", SYMBOL, _at("head_at", 1).alias("start_at"), pl.col("head_end_at").alias("end_at"),
        pl.col("head_session").arr.get(1).cast(pl.Date).alias("first_session"), pl.col("head_end_session").alias("last_session"),
        pl.col("head_repeats").alias("repeats"), pl.col("head_trades").alias("trades"), head.alias("value"),
    )  # fmt: skip
    is_other = pl.col("head_repeats") != pl.col("links") - 1
    closing = series.filter((pl.col("tail_repeats") >= terms.least_repeats) & is_other).select(
        "leaf", SYMBOL, pl.col("tail_start_at").alias("start_at"), _at("tail_at", -1).alias("end_at"),
        pl.col("tail_start_session").alias("first_session"),
        pl.col("tail_session").arr.last().cast(pl.Date).alias("last_session"),
        pl.col("tail_repeats").alias("repeats"), pl.col("tail_trades").alias("trades"),
        pl.col("tail_price").arr.last().alias("value"),
    )  # fmt: skip
    return pl.concat([state.runs, opening.cast(RUNS), closing.cast(RUNS)]).sort(SYMBOL, "start_at")  # type: ignore[arg-type]


def _at(name: str, index: int) -> pl.Expr:
    return pl.col(name).arr.get(index).cast(pl.Datetime("us", "UTC"))
