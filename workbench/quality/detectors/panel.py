"""Every detector, in one list; adding one is a function in a module of its own and a line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.model.findings import Hypothesis, Severity
from workbench.quality.detectors.bad_tick import bad_ticks
from workbench.quality.detectors.copied import copied_rows
from workbench.quality.detectors.crowd import STOOD, SWEEPING, crowd_of, votes_of
from workbench.quality.detectors.dividends import dividends
from workbench.quality.detectors.partial_bar import partial_bars
from workbench.quality.detectors.precision import lost_decimals
from workbench.quality.detectors.quotes import off_quote_trades, wide_spreads
from workbench.quality.detectors.scale_changes import scale_changes, split_events
from workbench.quality.detectors.stale import stale_prices
from workbench.quality.detectors.suspicion import Suspicion, competing
from workbench.quality.detectors.ticker_reuse import reused_tickers
from workbench.quality.detectors.volume_unit import volume_units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from workbench.model.findings import Explained
    from workbench.quality.detectors.crowd import Crowd
    from workbench.quality.detectors.track import Track

LOCAL: Final[tuple[Callable[[Track], list[Suspicion]], ...]] = (
    stale_prices, copied_rows,
    partial_bars, volume_units, lost_decimals, reused_tickers, wide_spreads, off_quote_trades,
)  # fmt: skip
"""Detectors that look at a track as it came. ``scale_changes`` comes before them, ``bad_ticks`` looks at what it mended."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What all detectors say of one track.

    Attributes
    ----------
    events
        Rows of the days on which a split or a dividend is said or shown, rightly or wrongly.
    """

    track: Track
    suspicions: tuple[Suspicion, ...]
    explained: tuple[Explained, ...]
    events: tuple[int, ...]


def examine(all_tracks: Sequence[Track], crowd: Crowd | None = None) -> Iterator[Heard]:
    """Ask every detector about every track.

    Parameters
    ----------
    all_tracks : sequence of Track
    crowd : Crowd, optional
        What all symbols of the dataset did, where the tracks are some of them; else the tracks are the crowd.
    """
    crowd = crowd_of(votes_of(track) for track in all_tracks if not track.is_intraday) if crowd is None else crowd
    for track in all_tracks:
        yield _examined(track, crowd)


@np.errstate(all="ignore")  # as IEEE 754 has it: what is no number fails every comparison
def _examined(track: Track, crowd: Crowd) -> Heard:
    rescaled = scale_changes(track)
    is_mended = bool((rescaled.factor != 1).any())
    mended = track.mended({name: track.values[name] * rescaled.factor for name in track.prices}) if is_mended else track
    said = [*rescaled.suspicions, *bad_ticks(mended, crowd)]
    for detector in LOCAL:
        said += detector(track)
    said = _by_cause(said)
    paid = dividends(track, rescaled.unadjusted, _astray(track, said))
    said += [*_stood_along(track, crowd), *_swept_along(track, crowd), *paid.suspicions]
    return Heard(track, tuple(said), paid.explained, tuple(sorted({*paid.days, *split_events(track)})))


def _stood_along(track: Track, crowd: Crowd) -> Iterator[Suspicion]:
    """Tell days on which nearly every symbol has the price of the day before, and this one too."""
    if track.is_intraday or not (crowd.still >= STOOD).any():
        return
    for row in np.flatnonzero((crowd.at(track.at, "still") >= STOOD) & (track.moves == 0)).tolist():
        told = f"{crowd.at(track.at[[row]], 'still')[0]:.0%} of the symbols have the price of the row before"
        claims = competing(("stale", 2.0, told), ("holiday", 0.0, "the market may have been closed"))
        yield Suspicion(row, row, track.prices[-1:], claims, Severity.HIGH, row)


def _swept_along(track: Track, crowd: Crowd) -> Iterator[Suspicion]:
    """Tell days on which the whole market moved, and this symbol with it."""
    if not (np.abs(crowd.move) >= SWEEPING).any():
        return
    market, own = crowd.at(track.at, "move"), track.moves / track.scale
    together = (np.abs(market) >= SWEEPING) & (np.abs(own) >= SWEEPING) & (np.sign(market) == np.sign(own))
    for row in np.flatnonzero(together).tolist():
        told = f"{np.expm1(track.moves[row]):+.1%} on a day on which the median symbol moved {market[row]:+.1f} times as usual"
        yield Suspicion(row, row, track.prices, (Hypothesis("real_move", 1.0, told),), Severity.LOW, row)


CAUSES: Final = {
    "stale": ("precision", "partial_bar"),
    "precision": ("bad_tick", "unit_switch", "partial_split"),
    "volume_unit": ("partial_split", "unadjusted_split", "double_split", "ticker_reuse"),
    "partial_split": ("stale",),
    "unadjusted_split": ("ticker_reuse",),
    "double_split": ("ticker_reuse",),
    "bad_tick": ("wide_spread",),
}
"""Kind -> kinds that cause it where they cover it, or begin where it ends: rounded prices stand still, prices on another scale
lie on another grid, a split's volume is off by its ratio, copied rows lie on the level of their time, another company's price on its own."""


def _by_cause(said: Sequence[Suspicion]) -> list[Suspicion]:
    """Leave out what another finding causes."""

    def is_caused(one: Suspicion) -> bool:
        causes = [other for other in said if other.kind in CAUSES.get(one.kind, ()) and other.confidence >= one.confidence / 2]
        covered = any(other.start <= one.start + 1 and one.end <= other.end + 1 for other in causes)
        return covered or any(other.kind == "ticker_reuse" and 0 <= other.start - one.end <= 1 for other in causes)

    return [one for one in said if not is_caused(one)]


def _astray(track: Track, said: Sequence[Suspicion]) -> NDArray[np.bool_]:
    """Return the rows whose main price is a bad tick."""
    rows = np.zeros(len(track), dtype=bool)
    for one in said:
        if one.kind in ("bad_tick", "unit_switch") and track.prices[-1] in one.fields:
            rows[one.start : one.end + 1] = True
    return rows
