"""Kinds ``unadjusted_split``, ``partial_split``, ``double_split``: rows on another scale than their neighbours.

A stretch whose prices lie a simple ratio off is taken for the kind that its evidence speaks for: a split event in the
data, volume that moves the other way, an adjusted close that undoes the step, the grid its prices lie on, and whether
the day of the step looks like an ordinary day or like a crash.

References
----------
yfinance, ``price_repair``: splits by the median change of open, high, low and close.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.model.findings import Hypothesis, Severity
from workbench.quality.detectors.steps import (
    MOST_ROWS,
    SIMPLE,
    UNITS,
    UNKNOWN_SCALE,
    Stretch,
    odd_stretches,
    steps_of,
    stretches_of,
)
from workbench.quality.detectors.suspicion import Suspicion, competing
from workbench.quality.detectors.track import day_of
from workbench.quality.detectors.unit_switch import unit_switches

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.detectors.steps import Step
    from workbench.quality.detectors.track import Track

    Floats = NDArray[np.float64]

SPLITS: Final = (1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
"""Ratios shares are split by; consolidations come in fives and tens."""
LEAST_KNOWN: Final = 1.1
"""The least ratio of a split that prices are asked about."""
PLAIN: Final = 6.0
"""Scales from which on prices that are not adjusted would show a split."""
BESIDE: Final = 2
SAME_RATIO: Final = 0.05
MENDED: Final = 0.4
"""From this probability on, what comes after looks at the rows as they would be without it."""
LARGEST_REAL: Final = 19.0
"""Scales that real one-day moves of shares do reach: LLY on 2000-08-09, AAPL on 2000-09-29."""
SMALLEST_BLOCK: Final = 8.0
NEAR_EVENT: Final = 20
"""Rows around a split's own day within which a stretch by its ratio is that split's."""
SIDE: Final = 4
"""Rows on either side of a step whose median must show it too."""
UNLIKELY: Final = 1.9
"""Smaller ratios are those of moves that happen: without a witness they say little."""
LONG: Final = 60
LEAST_BLOCK: Final = 3
"""Shorter stretches without an event are bad ticks, and are judged as such."""
LEAST_JOINED: Final = 5.0
"""Shares are consolidated by five and more."""
BURSTS: Final = 3.0
"""Usual volumes that a split does not make: news does, and then no move is too large."""
CALM_DAY, WILD_DAY = 4.0, 8.0
"""A bar's range in scales: below the one it is an ordinary day, above the other a wild one."""


@dataclass(frozen=True, slots=True)
class Rescaled:
    """What was said of a track's scale.

    Attributes
    ----------
    suspicions
        Legitimate ones among them: real splits, real crashes.
    factor
        What each row's prices are multiplied with to lie on one scale.
    unadjusted
        The same for those changes of scale that the adjusted close does not go along with.
    """

    suspicions: tuple[Suspicion, ...]
    factor: Floats
    unadjusted: Floats


def scale_changes(track: Track) -> Rescaled:
    """Find rows on another scale.

    Parameters
    ----------
    track : Track
        ``values["split"]`` holds the ratio of a split on its own day, where events are known.
    """
    events = split_events(track)
    known = {max(r, 1 / r) for r in events.values()}
    steps = steps_of(track, tuple({*SIMPLE, *(r for r in known if r >= LEAST_KNOWN)}))
    steps = [step for step in steps if step.ratio >= SIMPLE[0] or _is_at_event(step, events)]
    of_units = [step for step in steps if step.ratio >= UNITS and not _is_known(step.ratio, known)]
    others = [step for step in steps if step not in of_units]
    said, factor = unit_switches(track, of_units)
    unadjusted = np.where(any(_undone_by_adjustment(track, step) for step in of_units), factor, 1.0)
    stretches = stretches_of(others, len(track) // 2 if track.is_intraday else MOST_ROWS)
    for stretch in stretches:
        judged = _judge(track, stretch, events)
        if judged is None:
            continue
        said.append(judged)
        if judged.confidence >= MENDED and judged.kind != "real_move":
            factor[stretch.start : stretch.stop] /= stretch.ratio
        if stretch.closing is not None and _undone_by_adjustment(track, stretch.closing):
            unadjusted[stretch.start : stretch.stop] /= stretch.ratio
    said += _contradicted(track, steps, events)
    mended = track.mended({name: track.values[name] * factor for name in track.prices})
    for stretch in odd_stretches(mended):
        judged = _block(mended, stretch, None)
        said.append(judged)
        if judged.confidence >= MENDED and judged.kind != "real_move":
            factor[stretch.start : stretch.stop] /= stretch.ratio
    return Rescaled(tuple(said), factor, unadjusted)


def _is_at_event(step: Step, events: dict[int, float]) -> bool:
    """Whether a step lies near a split of its ratio."""
    return any(abs(at - step.at) <= NEAR_EVENT and _is_known(step.ratio, {max(r, 1 / r)}) for at, r in events.items())


def _contradicted(track: Track, steps: list[Step], events: dict[int, float]) -> list[Suspicion]:
    """Find splits that prices do not show, though they are not adjusted: then the event is wrong, or the contract."""
    if track.adjustment != "none":
        return []
    found = []
    for at, ratio in events.items():
        size = abs(math.log(ratio))
        scale = float(track.scale[at]) if np.isfinite(track.scale[at]) else UNKNOWN_SCALE
        if at == 0 or size < PLAIN * scale or any(abs(step.at - at) <= BESIDE for step in steps):
            continue
        text = f"the events have a split of {ratio:.6g} on {day_of(track, at)}, and prices that are not adjusted do not show it"
        claims = competing(("event_error", 2.0, text), ("adjusted_prices", 0.5, "or these prices are adjusted for splits"))
        found.append(Suspicion(at, at, ("split",), claims, Severity.HIGH, at))
    return found


def _is_known(ratio: float, known: set[float]) -> bool:
    return any(abs(math.log(ratio / other)) < SAME_RATIO for other in known)


def split_events(track: Track) -> dict[int, float]:
    """Return row -> ratio of the splits that the data, or an events table, says there were; 2 for two new shares for one."""
    split = track.values.get("split")
    if split is None:
        return {}
    return {int(at): float(split[at]) for at in np.flatnonzero((split > 0) & (split != 1)).tolist()}


def _judge(track: Track, stretch: Stretch, events: dict[int, float]) -> Suspicion | None:
    """Say what a stretch is; None where it is too short to be more than a bad tick."""
    near = _event_of(stretch, events)
    if not stretch.is_closed:
        return _past(track, stretch, events, near)
    return None if len(stretch) < LEAST_BLOCK and near is None else _block(track, stretch, near)


def _event_of(stretch: Stretch, events: dict[int, float]) -> int | None:
    """Return the row of the split that a stretch by its ratio belongs to."""
    ratio = max(stretch.ratio, 1 / stretch.ratio)
    same = [at for at, r in events.items() if abs(math.log(max(r, 1 / r) / ratio)) < SAME_RATIO]
    close = [at for at in same if stretch.start - NEAR_EVENT <= at <= stretch.stop + NEAR_EVENT]
    return min(close, key=lambda at: abs(at - stretch.stop)) if close else None


def _volume_change(track: Track, stretch: Stretch) -> float | None:
    """Return the log of the median volume in the stretch over that around it."""
    volume = track.values.get("volume")
    if volume is None:
        return None
    reach = max(10, min(len(stretch), 60))
    inner = volume[max(stretch.start, stretch.stop - reach) : stretch.stop]
    before = volume[max(0, stretch.start - reach) : stretch.start]
    outer = np.concatenate([volume[stretch.stop : stretch.stop + reach], before])
    inner, outer = inner[inner > 0], outer[outer > 0]
    return math.log(float(np.median(inner)) / float(np.median(outer))) if len(inner) >= 3 and len(outer) >= 3 else None


def _volume_speaks(track: Track, stretch: Stretch) -> tuple[float, str]:
    """Return how much the volume speaks for a split: it moves the other way."""
    change = _volume_change(track, stretch)
    wanted = -math.log(stretch.ratio)
    if change is None or abs(change - wanted) >= min(0.35, abs(wanted) / 2):
        return 0.0, ""
    return 1.0, ", and the volume moves the other way"


def _block(track: Track, stretch: Stretch, event: int | None) -> Suspicion:
    """Judge a stretch that prices step into and out of again by one ratio."""
    ratio = max(stretch.ratio, 1 / stretch.ratio)
    off = (stretch.opening.off if stretch.opening else 0.0) + (stretch.closing.off if stretch.closing else 0.0)
    volume, told = _volume_speaks(track, stretch)
    is_whole = len(stretch) * 2 > len(track)
    doubt = (1.5 if ratio < UNLIKELY and not volume and event is None else 0.0) + (0.5 if len(stretch) > LONG else 0.0)
    weight = (
        1.5
        + volume
        + (3.0 if event is not None else 0.0)
        - 0.3 * off
        + _size_speaks(stretch, SMALLEST_BLOCK)
        - (1.0 if is_whole else 0.0)
        - (2.0 if any(step is not None and _bursts(track, step) for step in (stretch.opening, stretch.closing)) else 0.0)
        - doubt
    )
    because = f", that of the split of {day_of(track, event)}" if event is not None else ""
    text = f"prices step by a ratio of {ratio:.6g}{because}, stay there for {len(stretch)} row(s), and step back{told}"
    claims = competing(
        ("partial_split", weight, text),
        ("real_move", 0.0 if event is None else -1.0, "a rise and a fall by one simple ratio"),
        ("unit_switch", -1.5, "units differ by a hundred or a thousand"),
    )
    return Suspicion(
        stretch.start, stretch.stop - 1, track.prices, claims, Severity.HIGH, stretch.start, {"factor": 1 / stretch.ratio}
    )


def _size_speaks(stretch: Stretch, usual: float) -> float:
    """Return how much the size of the steps speaks against a mere move: real ones of ``usual`` scales do happen."""
    sizes = [step.scales for step in (stretch.opening, stretch.closing) if step is not None]
    return float(np.clip((min(sizes) - usual) / 3.0, -3.0, 3.0))


def _past(track: Track, stretch: Stretch, events: dict[int, float], near: int | None) -> Suspicion | None:
    """Judge a step that prices do not come back from: a split that was not applied, twice applied, real, or a crash."""
    step = stretch.closing
    if step is None or not _lasts(track, step):
        return None
    told = _expected(track, step, events)
    if told:
        real = (Hypothesis("split", 1.0, f"prices step by a ratio of {step.ratio:.6g} and {told}"),)
        return Suspicion(step.at, step.at, track.prices, real, Severity.LOW, step.at, {"factor": 1 / stretch.ratio})
    claims = _claims_of_past(track, stretch, step, events, near)
    kind = claims[0].kind
    start = step.at if kind == "real_move" else 0
    end = step.at - 1 if kind == "partial_split" else step.at
    return Suspicion(
        start, end, track.prices, claims, Severity.HIGH, max(step.at - 1, 0), {"factor": 1 / stretch.ratio},
        reaches_to_event=start < end == step.at,
    )  # fmt: skip


def _lasts(track: Track, step: Step) -> bool:
    """Whether prices stay where they stepped to: a lone row's do not, nor does it tell where they were."""
    before, after = track.level[max(step.at - SIDE, 0) : step.at], track.level[step.at + 1 : step.at + 1 + SIDE]
    if not len(before) or not len(after):
        return len(before) > 0
    return abs(float(np.median(after) - np.median(before)) - step.size) < 0.5 * abs(step.size)


def _claims_of_past(
    track: Track, stretch: Stretch, step: Step, events: dict[int, float], near: int | None
) -> tuple[Hypothesis, ...]:
    """Weigh what a lasting step may be."""
    is_against = near is not None and (events[near] > 1) == step.is_up
    crash, volume = _crash_speaks(track, step), _volume_speaks(track, stretch)
    size = _size_speaks(stretch, LARGEST_REAL)
    base = (
        1.0 + volume[0] + (4.0 if near is not None else 0.0) - 0.3 * step.off + (min(size, 0.0) if _bursts(track, step) else size)
    )
    ratio = f"{step.ratio:.6g}"
    event = _named(track, step, events, near)
    beside = near is not None and near != step.at
    doubled = 1.0 if is_against else -4.0 if near is not None else 0.2 if _looks_doubled(step) else -1.5
    return competing(
        ("unadjusted_split", base - (4.0 if is_against else 0.0) - (1.5 if beside else 0.0),
         f"all prices step by a ratio of {ratio} on an ordinary day{volume[1]}; {event}"),
        ("double_split", base + doubled, f"prices step by a ratio of {ratio} against the way of a split; {event}"),
        ("split", _as_traded(track, step, base, events),
         f"prices step by {ratio}, as they do that are not adjusted; {event}"),
        ("partial_split", base + (1.0 if beside else -2.5), f"prices step by {ratio} beside the day of a split; {event}"),
        ("real_move", crash, _crash_told(crash)),
    )  # fmt: skip


def _named(track: Track, step: Step, events: dict[int, float], near: int | None) -> str:
    """Say what split the data names for a step."""
    if near is not None:
        return f"the data has the split on {day_of(track, near)}"
    other = next((at for at in events if abs(at - step.at) <= BESIDE), None)
    return "the data names no split" if other is None else f"the data has a split of {events[other]:.6g} there, of another size"


def _looks_doubled(step: Step) -> bool:
    """Whether a rise looks like a split undone twice: a ratio shares are split by, rather than consolidated."""
    return step.is_up and step.ratio in SPLITS[:4]


def _undone_by_adjustment(track: Track, step: Step) -> bool:
    """Whether the adjusted close passes over the step."""
    adjusted = track.values.get("adj_close")
    if adjusted is None or step.at < 1:
        return False
    pair = adjusted[step.at - 1 : step.at + 1]
    if not (np.isfinite(pair).all() and (pair > 0).all()):
        return False
    return abs(math.log(float(pair[1] / pair[0]))) < abs(step.size) / 2


def _expected(track: Track, step: Step, events: dict[int, float]) -> str:
    """Say why a step is none but a split that prices show as they should; empty where nothing says so."""
    if _undone_by_adjustment(track, step):
        return "the adjusted close does not move with it"
    beside = {at: r for at, r in events.items() if abs(at - step.at) <= BESIDE}
    if track.adjustment == "none" and any(
        _is_known(step.ratio, {max(r, 1 / r)}) and (r < 1) == step.is_up for r in beside.values()
    ):
        return "these prices are not adjusted for it"
    return ""


def _as_traded(track: Track, step: Step, base: float, events: dict[int, float]) -> float:
    """Weigh whether a step is a split in prices that are not adjusted, by contract, or because nothing says otherwise."""
    if track.adjustment == "none":  # shares are split down, and joined by much
        return base + (1.5 if not step.is_up or step.ratio >= LEAST_JOINED else -2.0)
    is_open = track.adjustment == "unknown" and "adj_close" not in track.values
    alone = list(events) == [step.at] and (events[step.at] > 1) != step.is_up
    return base - 0.4 if is_open and alone else -9.0


def _crash_speaks(track: Track, step: Step) -> float:
    """Weigh whether the day of a step was a real one: a wide range, a burst of volume, a storm behind it."""
    weight = 0.0
    scale = float(track.scale[step.at]) if np.isfinite(track.scale[step.at]) else 0.03
    if {"high", "low"} <= track.values.keys():
        spread = (
            math.log(max(float(track.values["high"][step.at]) / max(float(track.values["low"][step.at]), 1e-12), 1.0)) / scale
        )
        weight += -1.0 if spread < CALM_DAY else 1.5 if spread > WILD_DAY else 0.0
    burst = _burst(track, step)
    if burst is not None:
        weight += 4.0 if burst > BURSTS else 1.0 if burst > 1.5 else -1.0
    before, after = (np.abs(track.moves[max(step.at - 20, 1) : step.at]), np.abs(track.moves[step.at + 1 : step.at + 11]))
    if len(before) >= 5 and len(after) >= 5:
        storm = float(np.nanmean(after) / max(float(np.nanmean(before)), 1e-6))
        weight += 1.5 if storm > 1.8 else -0.5 if storm < 1.3 else 0.5
    return weight


def _burst(track: Track, step: Step) -> float | None:
    """Return the volume on the day of a step over the usual, less what a split by its ratio makes of it."""
    activity = track.activity
    if activity is None or not np.isfinite(activity[step.at]):
        return None
    return float(activity[step.at]) / (1.0 if step.is_up else step.ratio)


def _bursts(track: Track, step: Step) -> bool:
    return (_burst(track, step) or 0.0) > BURSTS


def _crash_told(weight: float) -> str:
    return "volume, range and the days behind look like a real move" if weight > 0 else "the day looks like any other"
