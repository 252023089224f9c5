"""Kinds ``wide_spread`` and ``off_quote_trade``: quotes far wider than their day, trades far outside their quote.

References
----------
Barndorff-Nielsen, O. et al. (2009): rules Q2 (spread over 50 times the day's median) and T4 (trade outside the bid less
the spread to the ask plus the spread).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from workbench.model.findings import Severity
from workbench.quality.detectors.suspicion import Suspicion, competing, runs_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.detectors.track import Track

    Floats = NDArray[np.float64]

MOST_MEDIANS: Final = 50.0
LEAST_QUOTES: Final = 20


def wide_spreads(track: Track) -> list[Suspicion]:
    """Find quotes whose spread is over fifty times the median of their day."""
    if track.prices != ("bid", "ask"):
        return []
    spread = track.values["ask"] - track.values["bid"]
    usual = _median_of_day(track, np.where(spread > 0, spread, np.nan))
    with np.errstate(invalid="ignore"):
        wide = spread > MOST_MEDIANS * usual
    found = []
    for first, last in runs_of(np.flatnonzero(wide).tolist()):
        worst = first + int(np.argmax(spread[first : last + 1]))
        text = f"the spread is {spread[worst] / usual[worst]:.0f} times the median of its day"
        claims = competing(("wide_spread", 2.0, text), ("real_move", 0.0, "liquidity does vanish for moments"))
        found.append(Suspicion(first, last, ("bid", "ask"), claims, Severity.MEDIUM, worst))
    return found


def _median_of_day(track: Track, values: Floats) -> Floats:
    frame = pl.DataFrame({"session": track.session, "value": pl.Series(values).fill_nan(None)})
    known = pl.col("value").count().over("session") >= LEAST_QUOTES
    return frame.select(pl.when(known).then(pl.col("value").median().over("session"))).to_series().fill_null(np.nan).to_numpy()


def off_quote_trades(track: Track) -> list[Suspicion]:
    """Find trades outside the bid less the spread, and the ask plus the spread, where trades come with their quote."""
    if track.prices != ("price",) or not {"bid", "ask"} <= track.values.keys():
        return []
    price, bid, ask = (track.values[name] for name in ("price", "bid", "ask"))
    spread = np.maximum(ask - bid, 0.0)
    with np.errstate(invalid="ignore"):
        off = (price > ask + spread) | (price < bid - spread)
    found = []
    for first, last in runs_of(np.flatnonzero(off).tolist()):
        text = f"traded at {price[first]:.6g} while the quote was {bid[first]:.6g} to {ask[first]:.6g}"
        claims = competing(("off_quote_trade", 2.0, text), ("late_report", 0.0, "trades are reported late, quotes are not"))
        middle = float(f"{(bid[first] + ask[first]) / 2:.6g}")
        found.append(Suspicion(first, last, ("price",), claims, Severity.MEDIUM, first, {"price": middle}))
    return found
