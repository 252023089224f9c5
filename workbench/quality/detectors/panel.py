"""Every detector, in two families; adding one is a function in a module of its own and a line here.

*Local* detectors need so many rows around a row and no others. *Historical* ones need a symbol's whole past, and are heard
where something shows that only a whole past can settle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.model.findings import Hypothesis, Severity
from workbench.quality.detectors import copied, precision, stale
from workbench.quality.detectors.bad_tick import bad_ticks
from workbench.quality.detectors.copied import copied_rows
from workbench.quality.detectors.crowd import STOOD, SWEEPING, crowd_of, votes_of
from workbench.quality.detectors.dividends import dividends, open_payouts
from workbench.quality.detectors.habits import WINDOW
from workbench.quality.detectors.partial_bar import partial_bars, shared_sessions
from workbench.quality.detectors.precision import lost_decimals
from workbench.quality.detectors.quotes import off_quote_trades, wide_spreads
from workbench.quality.detectors.scale_changes import scale_changes, split_events
from workbench.quality.detectors.stale import stale_prices
from workbench.quality.detectors.steps import large_moves
from workbench.quality.detectors.suspicion import NOWHERE, Suspicion, competing
from workbench.quality.detectors.ticker_reuse import long_gaps, reused_tickers
from workbench.quality.detectors.volume_unit import volume_steps, volume_units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from workbench.model.findings import Explained
    from workbench.quality.detectors.crowd import Crowd
    from workbench.quality.detectors.track import Track

NEAR: Final = 2 * WINDOW + 10
"""Rows before and behind a row that say what is usual there, and whether its neighbours are."""


@dataclass(frozen=True, slots=True)
class Local:
    """A detector whose verdict on a row, or on a run of rows, depends on some rows before and behind it, and on no others.

    Attributes
    ----------
    detect
        Looks at a track; at what all symbols did as well, where it ``hears_the_crowd``.
    before, after
        Rows it needs; None: those of the same session.
    hears_the_crowd
    on_one_scale
        Whether it looks at rows as they are without what ``scale_changes`` found.
    """

    detect: Callable[..., list[Suspicion]]
    before: int | None
    after: int | None
    hears_the_crowd: bool = False
    on_one_scale: bool = False

    @property
    def name(self) -> str:
        """What it is called."""
        return self.detect.__name__

    def __call__(self, track: Track, crowd: Crowd) -> list[Suspicion]:
        """Return what it says of a track."""
        return self.detect(track, crowd) if self.hears_the_crowd else self.detect(track)


def _stood_along(track: Track, crowd: Crowd) -> list[Suspicion]:
    """Tell days on which nearly every symbol has the price of the day before, and this one too."""
    if track.is_intraday or not (crowd.still >= STOOD).any():
        return []
    found = []
    for row in np.flatnonzero((crowd.at(track.at, "still") >= STOOD) & (track.moves == 0)).tolist():
        told = f"{crowd.at(track.at[[row]], 'still')[0]:.0%} of the symbols have the price of the row before"
        claims = competing(("stale", 2.0, told), ("holiday", 0.0, "the market may have been closed"))
        found.append(Suspicion(row, row, track.prices[-1:], claims, Severity.HIGH, row))
    return found


def _swept_along(track: Track, crowd: Crowd) -> list[Suspicion]:
    """Tell days on which the whole market moved, and this symbol with it."""
    if not (np.abs(crowd.move) >= SWEEPING).any():
        return []
    market, own = crowd.at(track.at, "move"), track.moves / track.scale
    together = (np.abs(market) >= SWEEPING) & (np.abs(own) >= SWEEPING) & (np.sign(market) == np.sign(own))
    found = []
    for row in np.flatnonzero(together).tolist():
        told = f"{np.expm1(track.moves[row]):+.1%} on a day on which the median symbol moved {market[row]:+.1f} times as usual"
        found.append(Suspicion(row, row, track.prices, (Hypothesis("real_move", 1.0, told),), Severity.LOW, row))
    return found


LOCAL: Final = (
    Local(bad_ticks, NEAR, NEAR, hears_the_crowd=True, on_one_scale=True),
    Local(stale_prices, stale.AROUND + 1, stale.AROUND + 1),
    Local(copied_rows, copied.FARTHEST + 1, 1),
    Local(lost_decimals, precision.AROUND + NEAR, precision.AROUND + NEAR),
    Local(wide_spreads, None, None),
    Local(off_quote_trades, 1, 1),
)
ALONG: Final = (
    Local(_stood_along, 1, 1, hears_the_crowd=True),
    Local(_swept_along, WINDOW + 2, WINDOW + 2, hears_the_crowd=True),
)
"""What is said of days rather than of the symbol: no detector's word is caused by it."""
HISTORICAL: Final[tuple[Callable[[Track], list[Suspicion]], ...]] = (partial_bars, volume_units, reused_tickers)
"""Detectors of a whole past; ``scale_changes`` comes before all others, ``dividends`` behind them."""
SHOWN_BY: Final[tuple[Callable[[Track], NDArray[np.int64]], ...]] = (
    large_moves, lambda track: np.array(sorted(split_events(track)), dtype=np.int64), shared_sessions, volume_steps, long_gaps,
)  # fmt: skip
"""Where what these detectors look for would show; ``open_payouts`` says so of dividends. Elsewhere they find nothing."""
MARGIN: Final = max(rows for local in (*LOCAL, *ALONG) for rows in (local.before, local.after) if rows is not None)
"""Rows of daily data, before and behind, on which what local detectors say of a row depends, that of the crowd included."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What detectors say of one track.

    Attributes
    ----------
    events
        Rows of the days on which a split or a dividend is said or shown, rightly or wrongly.
    open_at
        Rows at which something shows that only a whole past can settle.
    """

    track: Track
    suspicions: tuple[Suspicion, ...]
    explained: tuple[Explained, ...]
    events: tuple[int, ...]
    open_at: NDArray[np.int64]


def examine(all_tracks: Sequence[Track], crowd: Crowd | None = None, *, whole: bool = True) -> Iterator[Heard]:
    """Ask detectors about tracks.

    Parameters
    ----------
    all_tracks : sequence of Track
    crowd : Crowd, optional
        What all symbols of the dataset did, where the tracks are some of them; else the tracks are the crowd.
    whole : bool
        False: these are parts of tracks, so that local detectors alone have a say.
    """
    crowd = crowd_of(votes_of(track) for track in all_tracks if not track.is_intraday) if crowd is None else crowd
    for track in all_tracks:
        shown = NOWHERE if track.is_intraday else _shown(track)
        is_plain = not track.is_intraday and not (whole and len(shown))
        heard = _heard_locally(track, crowd, shown) if is_plain else None
        yield heard if heard is not None and not (whole and len(heard.open_at)) else _heard_as_a_whole(track, crowd)


@np.errstate(all="ignore")  # as IEEE 754 has it: what is no number fails every comparison
def _shown(track: Track) -> NDArray[np.int64]:
    return np.concatenate([shows(track) for shows in SHOWN_BY])


@np.errstate(all="ignore")
def _heard_locally(track: Track, crowd: Crowd, shown: NDArray[np.int64]) -> Heard:
    said = _by_cause([one for local in LOCAL for one in local(track, crowd)])
    astray = _astray(track, said)
    open_at = np.unique(np.concatenate([shown, open_payouts(track, astray)]))
    paid = dividends(track, np.ones(len(track)), astray)
    said += [one for local in ALONG for one in local(track, crowd)]
    return Heard(track, tuple(said), paid.explained, paid.days, open_at)


@np.errstate(all="ignore")
def _heard_as_a_whole(track: Track, crowd: Crowd) -> Heard:
    rescaled = scale_changes(track)
    is_mended = bool((rescaled.factor != 1).any())
    mended = track.mended({name: track.values[name] * rescaled.factor for name in track.prices}) if is_mended else track
    said = [*rescaled.suspicions]
    for local in LOCAL:
        said += local(mended if local.on_one_scale else track, crowd)
    for detector in HISTORICAL:
        said += detector(track)
    said = _by_cause(said)
    paid = dividends(track, rescaled.unadjusted, _astray(track, said))
    said += [*(one for local in ALONG for one in local(track, crowd)), *paid.suspicions]
    return Heard(track, tuple(said), paid.explained, tuple(sorted({*paid.days, *split_events(track)})), NOWHERE)


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
lie on another grid, a split's volume is off by its ratio, copied rows lie on the level of their time, another company's
price on its own."""


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
