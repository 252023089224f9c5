"""What all symbols of a dataset did at the same moment: a move of everybody is the market's, not a vendor's.

Up to a point: what left its neighbours further than any market ever did, in all symbols at once, is a vendor's whole day.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from workbench.quality.detectors.habits import WINDOW, excursion, share_around
from workbench.quality.detectors.suspicion import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from workbench.quality.detectors.track import Track

    Floats = NDArray[np.float64]

LEAST_SYMBOLS: Final = 5
"""Fewer symbols excuse nothing."""
LEAST_TOLD: Final = 3
"""Fewer symbols are no market."""
MOST_SHARED: Final = 5.0
"""Scales by which a market leaves its neighbours and comes back, at most: funds did by 4.2 on 2016-06-27, shares by 3.3 on
2015-08-25, in 33 years of daily closes (docs/detection.md)."""
SWEEPING: Final = 2.5
"""Scales from which on a move of everybody is told."""
STOOD: Final = 0.9
"""The share of symbols that have the price of the row before from which on a whole day is a copy: hardly a fifth ever do."""
FIELDS: Final = ("excursion", "above", "below", "move")
HARDLY_MOVES: Final = 0.2
"""A symbol whose price stays on so many of the days around one bears no witness on it."""
REGULAR: Final = 180
"""Days within which a daily symbol that bears witness has the rows on either side that say what is usual for it."""
PAUSE: Final = 60
"""Days without a row from which on a daily symbol begins anew as a witness."""
COLUMNS: Final = ("keys", *FIELDS, "still")
"""Of a crowd, in the order they are given in."""
VOTES: Final = {"at": np.int64, **dict.fromkeys((*FIELDS, "still"), np.float32)}
Votes = dict[str, "NDArray[Any]"]
"""Columns of one row for each moment."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Medians over all symbols, in the symbols' own scales.

    Attributes
    ----------
    keys
        Moments (microseconds), ascending.
    excursion, above, below
        How far closes left their neighbours, and highs and lows their bars, in scales; zero where no market does that.
    move
        The median move on the row before, in scales; zero where no market does that.
    still
        The share of symbols that have not moved.
    """

    keys: NDArray[np.int64]
    excursion: Floats
    above: Floats
    below: Floats
    move: Floats
    still: Floats

    def at(self, moments: NDArray[np.int64], which: str) -> Floats:
        """Return the crowd's median at some moments; zero where it is not known."""
        if not len(self.keys):
            return np.zeros(len(moments))
        place = np.minimum(np.searchsorted(self.keys, moments), len(self.keys) - 1)
        values: Floats = getattr(self, which)
        return np.where(self.keys[place] == moments, values[place], 0.0)

    def of(self, which: NDArray[np.bool_]) -> Crowd:
        """Return some of the moments."""
        return Crowd(*(getattr(self, name)[which] for name in COLUMNS))

    @classmethod
    def of_all(cls, parts: Sequence[Crowd]) -> Crowd:
        """Put different moments together, in any order."""
        keys = np.concatenate([np.zeros(0, dtype=np.int64), *(part.keys for part in parts)])
        order = np.argsort(keys, kind="stable")
        others = (np.concatenate([np.zeros(0), *(getattr(part, name) for part in parts)])[order] for name in COLUMNS[1:])
        return cls(keys[order], *others)


def crowd_of(votes: Iterable[Votes]) -> Crowd:
    """Take the median of all symbols at each moment.

    Parameters
    ----------
    votes : iterable of Votes
        As :func:`votes_of` gives them, in any grouping.
    """
    given = list(votes)
    columns = {name: np.concatenate([np.zeros(0, dtype), *(some[name] for some in given)]) for name, dtype in VOTES.items()}
    each = pl.DataFrame(columns).with_columns(pl.col(*FIELDS, "still").fill_nan(None)).group_by("at")
    known = (
        each.agg(pl.len().alias("symbols"), pl.col(*FIELDS).median(), pl.col("still").mean())
        .filter(pl.col("symbols") >= LEAST_TOLD)
        .sort("at")
    )
    medians = {name: known[name].fill_null(0.0).cast(pl.Float64).to_numpy() for name in FIELDS}
    made_up = np.abs(medians["excursion"]) > MOST_SHARED
    moved = np.where(made_up | np.concatenate([[False], made_up[:-1]]), 0.0, medians["move"])
    enough = known["symbols"].to_numpy() >= LEAST_SYMBOLS
    shared = {name: np.where(enough & (np.abs(medians[name]) <= MOST_SHARED), medians[name], 0.0) for name in FIELDS[:3]}
    still = np.where(enough, known["still"].fill_null(0.0).to_numpy(), 0.0)
    return Crowd(known["at"].to_numpy(), **shared, move=moved, still=still)


@np.errstate(all="ignore")
def votes_of(track: Track) -> Votes:
    """Say what one symbol did at each moment, in its own scales; nothing within a day, where only the odd rows are looked at.

    What a daily symbol did before a pause of months says nothing about it behind one.
    """
    if track.is_intraday:
        return {name: np.zeros(0, dtype) for name, dtype in VOTES.items()}
    pauses = np.flatnonzero(np.diff(track.session) > PAUSE) + 1 if track.frequency == "1d" else NOWHERE
    if not len(pauses):
        return _votes(track)
    parts = [_votes(track.part(start, stop)) for start, stop in pairwise([0, *pauses.tolist(), len(track)])]
    return {name: np.concatenate([part[name] for part in parts]) for name in VOTES}


def _votes(track: Track) -> Votes:
    columns = {"excursion": excursion(track.level, track.sides), "above": np.zeros(len(track)), "below": np.zeros(len(track))}
    if {"open", "high", "low", "close"} <= track.values.keys():
        opened, high, low, close = (np.log(track.values[name]) for name in ("open", "high", "low", "close"))
        columns["above"], columns["below"] = high - np.fmax(opened, close), np.fmin(opened, close) - low
    columns["move"] = track.moves
    scaled = {name: column / track.scale for name, column in columns.items()} | {"still": _still(track)}
    heard = _is_regular(track) if track.frequency == "1d" else slice(None)
    return {"at": track.at[heard]} | {name: column[heard].astype(np.float32) for name, column in scaled.items()}


def _is_regular(track: Track) -> NDArray[np.bool_]:
    """Return at which rows a symbol was there on most days around."""
    rows, day = np.arange(len(track)), track.session.astype(np.int64)
    before, behind = np.maximum(rows - WINDOW - 1, 0), np.minimum(rows + WINDOW + 1, len(track) - 1)
    regular: NDArray[np.bool_] = (day - day[before] <= REGULAR) & (day[behind] - day <= REGULAR)
    return regular


def _still(track: Track) -> Floats:
    """Return 1 where a row says what the row before did, 0 where it does not; NaN where the symbol hardly moves anyway."""
    stays = track.moves == 0
    hardly_moves = share_around(stays) > HARDLY_MOVES
    volume = track.values.get("volume")
    if volume is not None:  # a price that was traded at again is no copy
        stays &= ~(volume > 0) | (volume == np.concatenate([[np.nan], volume[:-1]]))
    return np.where(hardly_moves, np.nan, stays.astype(np.float64))
