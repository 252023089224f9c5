"""States merge: over parts that do not overlap in time, in any grouping, to the same bits.

``fold`` puts any number of parts together at once; ``merge`` is the fold of two. Counts are added,
edges are measured where they meet (``seams.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from workbench.model.errors import WorkbenchError
from workbench.model.names import Kind
from workbench.quality.grids import BINS
from workbench.quality.seams import Seams, seams_of
from workbench.quality.state import COUNTS, RUNS, SERIES, SPIKES, State, arrays, beside, frame_of, state_of
from workbench.quality.terms import NEVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.rows import Positions
    from workbench.quality.terms import Terms

_SUMS: Final = ("rows", "priced", "links", "moves", "squares", "repeats")
MANY_PARTS: Final = 32
"""Blocks shorter than this are not worth adding one by one."""


class Overlap(WorkbenchError):
    """Two parts of one symbol overlap in time: they cannot be merged, only measured again from their rows."""


@dataclass(frozen=True, slots=True)
class Order:
    """Parts in the order they follow each other, by what they are merged into.

    Attributes
    ----------
    at
        Positions of the parts, sorted by group, then time.
    group
        The group of each part, in that order; ascending.
    starts
        Where each group begins, in that order.
    """

    at: Positions
    group: NDArray[np.int64]
    starts: Positions

    @property
    def ends(self) -> Positions:
        """Behind the last part of each group."""
        return np.append(self.starts[1:], len(self.at))


def merge(earlier: State, later: State, terms: Terms) -> State:
    """Merge two states.

    Parameters
    ----------
    earlier, later : State
        Of the same terms. The order in which they are given does not matter, that of their rows does:
        each symbol's rows must all lie before, or all behind, the other state's.

    Raises
    ------
    Overlap
        They do not.
    """
    return fold(beside([earlier, later]), terms)


@np.errstate(all="ignore")
def fold(states: State, terms: Terms, *, by_leaf: bool = False) -> State:
    """Merge everything that stands beside each other in a state.

    Parameters
    ----------
    states : State
        Any number of parts.
    terms : Terms
        Those the parts were measured with.
    by_leaf : bool
        Merge within each leaf only, and keep the leaves apart.

    Returns
    -------
    State
        In canonical order, one part for each symbol (and leaf).

    Raises
    ------
    Overlap
        Two parts of one symbol overlap in time.
    """
    if states.series.is_empty():
        return states
    if not by_leaf:
        states = State(**{name: f.with_columns(pl.lit(None, dtype=pl.Date).alias("leaf")) for name, f in states.frames.items()})
    order = _order(states.series)
    columns = arrays(states.series)
    _require_apart(columns, order, states.series)
    first = states.series.select("leaf", "symbol")[order.at[order.starts]]
    tables = terms.timetable_of(first["symbol"].to_list()) if terms.counts_bars else np.full(len(first), -1)
    seams = seams_of(columns, order, tables, terms)
    series: dict[str, Any] = {
        "leaf": first["leaf"],
        "symbol": first["symbol"],
        **_added(columns, order),
        **_bounds(columns, order),
        **seams.columns,
        "returns": _histogram(states.series, "returns", order, seams.returns),
        "volumes": _histogram(states.series, "volumes", order),
        "spreads": _histogram(states.series, "spreads", order) if terms.kind is Kind.QUOTES else _no_bins(order),
    }
    for name, more in (("moves", seams.moves), ("squares", seams.squares), ("repeats", seams.repeats)):
        series[name] = series[name] + more
    return state_of({"series": frame_of(series, SERIES), **_rest(states, seams, first)})


def _order(series: pl.DataFrame) -> Order:
    keys = series.select("leaf", "symbol", "from_at").with_row_index("at").sort("leaf", "symbol", "from_at", nulls_last=False)
    new = (pl.col("leaf").ne_missing(pl.col("leaf").shift())) | (pl.col("symbol").ne_missing(pl.col("symbol").shift()))
    is_new = keys.select(new).to_series().to_numpy().copy()
    is_new[:1] = True
    return Order(keys["at"].to_numpy().astype(np.int64), np.cumsum(is_new) - 1, np.flatnonzero(is_new))


def _require_apart(columns: dict[str, NDArray[Any]], order: Order, series: pl.DataFrame) -> None:
    begins, ends = columns["from_at"][order.at], columns["to_at"][order.at]
    same = order.group[1:] == order.group[:-1]
    overlap = np.flatnonzero(same & (begins[1:] <= ends[:-1]) & (begins[1:] != NEVER))
    if len(overlap):
        symbol = series["symbol"][int(order.at[overlap[0] + 1])]
        raise Overlap(f"symbol {symbol}: {len(overlap)} parts overlap in time and cannot be merged; measure their rows together")


def _added(columns: dict[str, NDArray[Any]], order: Order) -> dict[str, NDArray[Any]]:
    return {name: np.add.reduceat(columns[name][order.at], order.starts) if len(order.at) else columns[name] for name in _SUMS}


def _bounds(columns: dict[str, NDArray[Any]], order: Order) -> dict[str, NDArray[Any]]:
    """Return from when to when each group's rows lie; parts that do not know do not count."""
    if not len(order.at):
        return {name: columns[name] for name in ("from_at", "to_at", "first_at", "last_at")}
    late = np.iinfo(np.int64).max
    bounds: dict[str, NDArray[Any]] = {}
    for name in ("from_at", "first_at"):
        known = np.where(columns[name] == NEVER, late, columns[name])
        least = np.minimum.reduceat(known[order.at], order.starts)
        bounds[name] = np.where(least == late, NEVER, least)
    for name in ("to_at", "last_at"):
        bounds[name] = np.maximum.reduceat(columns[name][order.at], order.starts)
    return bounds


def _histogram(series: pl.DataFrame, name: str, order: Order, more: NDArray[np.int64] | None = None) -> NDArray[np.uint32]:
    """Add histograms up.

    Notes
    -----
    Stored states lie leaf by leaf, and within a leaf no two parts belong to one group: whole blocks are
    added at once. Elsewhere parts are gathered by group first.
    """
    bins = series[name].to_numpy()
    group = np.empty(len(order.at), dtype=np.int64)
    group[order.at] = order.group
    cuts = np.concatenate([[0], np.flatnonzero(np.diff(group) <= 0) + 1, [len(group)]])
    if len(cuts) * MANY_PARTS > len(group):
        total = np.add.reduceat(bins[order.at], order.starts, axis=0, dtype=np.int64)
    else:
        total = np.zeros((len(order.starts), BINS), dtype=np.int64)
        for low, high in pairwise(cuts.tolist()):
            total[group[low:high]] += bins[low:high]
    return (total if more is None else total + more).astype(np.uint32)


def _no_bins(order: Order) -> NDArray[np.uint32]:
    return np.zeros((len(order.starts), BINS), dtype=np.uint32)


def _rest(states: State, seams: Seams, first: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the frames beside the series: sums, and what was found at the seams."""
    counts = pl.concat([states.counts, frame_of(_named(seams.short, first), COUNTS)])
    keys = ["leaf", "symbol", "session", "what", "field"]
    return {
        "sessions": states.sessions.group_by("leaf", "session").agg(pl.col("rows", "priced", "links").sum()),
        "days": states.days.group_by("leaf", "symbol", "month").agg(pl.col("mask").bitwise_or()),
        "counts": counts.group_by(keys).agg(pl.col("count").sum()),
        "spikes": pl.concat([states.spikes, frame_of(_named(seams.spikes, first), SPIKES)]),
        "runs": pl.concat([states.runs, frame_of(_named(seams.runs, first), RUNS)]),
    }


def _named(columns: dict[str, Any], first: pl.DataFrame) -> dict[str, Any]:
    """Put the leaf and symbol of its group beside each row."""
    owner = columns["group"]
    return {**columns, "leaf": first["leaf"].gather(owner), "symbol": first["symbol"].gather(owner)}
