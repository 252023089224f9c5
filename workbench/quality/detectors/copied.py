"""Kind ``stale``: rows that repeat an earlier stretch of the same symbol, as a feed does that replays its cache.

Notes
-----
The rule has no published source. That several bars in a row have open, high, low, close and volume of other bars, at one
distance in time, does not happen by chance; prices alone must do so for longer. Rows that repeat the one before are told
by ``stale.py``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from workbench.model.findings import Severity
from workbench.quality.detectors.suspicion import Suspicion, competing, runs_of
from workbench.quality.detectors.track import day_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.detectors.track import Track

LEAST_BARS: Final = 3
LEAST_PRICES: Final = 8
"""Rows of prices without volumes: a penny stock's do meet the same few ticks again."""
FARTHEST: Final = 260
"""Rows back to those that stand again, at most: what a feed replays is what it sent within the last year."""
LEAST_DISTINCT: Final = 0.8
"""The share of different prices within a stretch: what stands still repeats itself anyway."""


def copied_rows(track: Track) -> list[Suspicion]:
    """Find stretches of rows that stand a second time, further on.

    Parameters
    ----------
    track : Track
        Of daily or slower rows; others are passed over.
    """
    if track.is_intraday:
        return []
    volume = track.values.get("volume")
    fields = track.prices if volume is None else (*track.prices, "volume")
    lag = _lags(track, fields)
    found = []
    for first, last in runs_of(np.flatnonzero(lag > 1).tolist()):
        for start, stop in _of_one_lag(lag[first : last + 1]):
            rows = slice(first + start, first + stop)
            is_traded = volume is not None and len(track.prices) > 1 and bool((volume[rows] > 0).all())
            is_varied = len(np.unique(track.main[rows])) >= LEAST_DISTINCT * (stop - start)
            if stop - start >= (LEAST_BARS if is_traded else LEAST_PRICES) and is_varied:
                found.append(_suspicion(track, rows.start, rows.stop - 1, int(lag[rows.start]), fields))
    return found


def _lags(track: Track, fields: tuple[str, ...]) -> NDArray[np.int64]:
    """Return how many rows before each row the last one equal to it stands; 0 where none does, or only far away."""
    columns = [np.nan_to_num(track.values[name]) for name in fields]
    alike = np.sort(np.sum([column * weight for weight, column in enumerate(columns, 1)], axis=0))
    if not (alike[1:] == alike[:-1]).any():  # rows that are equal have equal sums: nearly always there are none
        return np.zeros(len(track), dtype=np.int64)
    rows = pl.DataFrame({name: track.values[name] for name in fields}).with_row_index("at")
    before = rows.select(pl.col("at").cast(pl.Int64) - pl.col("at").cast(pl.Int64).shift().over(fields))
    lag: NDArray[np.int64] = before.to_series().fill_null(0).to_numpy()
    return np.where(lag > FARTHEST, 0, lag)


def _of_one_lag(lags: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Cut a run into stretches of one lag each."""
    bounds = [0, *(np.flatnonzero(np.diff(lags)) + 1).tolist(), len(lags)]
    return list(pairwise(bounds))


def _suspicion(track: Track, first: int, last: int, lag: int, fields: tuple[str, ...]) -> Suspicion:
    told = f"{last - first + 1} row(s) are those from {day_of(track, first - lag)} on once more, {', '.join(fields)}"
    claims = competing(("stale", 3.0, told), ("real_move", 0.0, "prices come back, but not all of them and in order"))
    return Suspicion(first, last, fields, claims, Severity.HIGH, first)
