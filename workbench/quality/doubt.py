"""Which rows findings will most likely ask for again, told from one chunk's state while its rows are still at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.model.names import SYMBOL
from workbench.quality.chain import STEP
from workbench.quality.flags import REPORTED
from workbench.quality.measure import STRAY
from workbench.quality.standing import LONE, scales
from workbench.quality.terms import NO_DAY

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from workbench.quality.rows import Positions
    from workbench.quality.state import State
    from workbench.quality.terms import Terms

FAILED: Final = (STRAY, *(what for reported in REPORTED for what in reported.whats))
WIDE: Final = 0.5
"""A symbol's scale in one chunk may be larger than over all: prices are doubted from this share of the distance on."""


def doubtful(state: State, terms: Terms) -> NDArray[np.bool_]:
    """Say of which sessions rows will be looked at again.

    Parameters
    ----------
    state : State
        Of one chunk, its parts not merged.
    terms : Terms

    Returns
    -------
    array, shape (number of parts,)
        Of each part of the series. What :func:`workbench.quality.looking.worth_looking_at` asks for in the end depends on
        all chunks: this is a guess, with some too many and a few too few. None where all rows are looked at.
    """
    found = np.zeros(len(state.series), dtype=bool)
    if state.series.is_empty() or not terms.is_intraday or "bid" in terms.fields:
        return found
    symbol = state.series[SYMBOL].rle_id().to_numpy()
    failed, spikes = _parts_of(state.counts, state), _parts_of(state.spikes, state)
    lone = spikes[_is_lone(state, symbol, spikes)]
    beside = np.clip(np.concatenate([lone - 1, lone, lone + 1]), 0, len(found) - 1)
    found[beside[symbol[beside] == np.tile(symbol[lone], 3)]] = True
    found[failed[state.counts["what"].is_in(FAILED).to_numpy()]] = True
    return found | _short(state, terms)


def _parts_of(some: pl.DataFrame, state: State) -> Positions:
    """Return the part of the series that each row of some other frame of the state is about."""
    parts, theirs = (frame.select(SYMBOL, "leaf").hash_rows().to_numpy() for frame in (state.series, some))
    order = np.argsort(parts)
    found: Positions = order[np.searchsorted(parts, theirs, sorter=order)]
    return found


def _is_lone(state: State, symbol: NDArray[np.uint32], spikes: Positions) -> NDArray[np.bool_]:
    """Say which spikes lie far off by what their symbol does in this chunk; lasting steps are none."""
    starts = np.flatnonzero(np.diff(symbol, prepend=1))
    scale = scales(np.add.reduceat(state.series["returns"].to_numpy(), starts, dtype=np.int64))
    is_far = state.spikes["move"].to_numpy() > WIDE * LONE * scale[symbol[spikes]]
    found: NDArray[np.bool_] = is_far & (state.spikes["field"] != STEP).to_numpy()
    return found


def _short(state: State, terms: Terms) -> NDArray[np.bool_]:
    """Say which parts have another number of bars than their session has; where a chunk cuts a session, both halves do."""
    found = np.zeros(len(state.series), dtype=bool)
    if not terms.counts_bars:
        return found
    tables = terms.timetable_of(state.series[SYMBOL].to_list())
    days = state.series["leaf"].to_physical().fill_null(NO_DAY).to_numpy()
    for number, table in enumerate(terms.timetables):
        seat = table.find(days)
        found |= (tables == number) & (seat >= 0) & (state.series["first_bars"].to_numpy() != table.bars[seat])
    return found
