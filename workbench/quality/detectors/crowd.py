"""What all symbols of a dataset did at the same moment: a move of everybody is the market's, not a vendor's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from workbench.quality.detectors.habits import excursion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from workbench.quality.detectors.track import Track

    Floats = NDArray[np.float64]

LEAST_SYMBOLS: Final = 5


@dataclass(frozen=True, slots=True)
class Crowd:
    """Medians over all symbols, in the symbols' own scales.

    Attributes
    ----------
    keys
        Moments (microseconds), ascending.
    excursion, above, below
        How far closes left their neighbours, and highs and lows their bars, in scales.
    """

    keys: NDArray[np.int64]
    excursion: Floats
    above: Floats
    below: Floats

    def at(self, moments: NDArray[np.int64], which: str) -> Floats:
        """Return the crowd's median at some moments; zero where it is not known."""
        if not len(self.keys):
            return np.zeros(len(moments))
        place = np.minimum(np.searchsorted(self.keys, moments), len(self.keys) - 1)
        values: Floats = getattr(self, which)
        return np.where(self.keys[place] == moments, values[place], 0.0)


@np.errstate(all="ignore")
def crowd_of(all_tracks: Sequence[Track]) -> Crowd | None:
    """Take the median of all symbols at each moment at which at least ``LEAST_SYMBOLS`` have a row."""
    if len({track.symbol for track in all_tracks}) < LEAST_SYMBOLS or all_tracks[0].is_intraday:
        return None  # within a day only suspicious symbols are looked at: they are no crowd
    parts = [_in_scales(track) for track in all_tracks]
    medians = (
        pl.concat(parts).group_by("at").agg(pl.len().alias("symbols"), pl.col("excursion", "above", "below").median()).sort("at")
    )
    known = medians.filter(pl.col("symbols") >= LEAST_SYMBOLS)
    return Crowd(known["at"].to_numpy(), *(known[name].fill_null(0.0).to_numpy() for name in ("excursion", "above", "below")))


def _in_scales(track: Track) -> pl.DataFrame:
    columns = {"excursion": excursion(track.level) / track.scale, "above": np.zeros(len(track)), "below": np.zeros(len(track))}
    if {"high", "low"} <= track.values.keys():
        with np.errstate(all="ignore"):
            sides = [track.values[name] for name in ("open", "close") if name in track.values]
            columns["above"] = (
                np.log(track.values["high"] / np.fmax(*sides[-2:])) / track.scale if len(sides) == 2 else columns["above"]
            )
            columns["below"] = (
                np.log(np.fmin(*sides[-2:]) / track.values["low"]) / track.scale if len(sides) == 2 else columns["below"]
            )
    return pl.DataFrame({"at": track.at, **columns}).with_columns(pl.col("excursion", "above", "below").fill_nan(None))
