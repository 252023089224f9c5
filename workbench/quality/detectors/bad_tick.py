"""Kind ``bad_tick``: a field, or a whole bar, that leaves its neighbours and comes back at once.

Closes are judged by the nearer of the medians before and behind them, so that a jump that lasts is none; highs, lows
and opens by their own bar and its neighbours, since most real bad ticks sit in one field only. What everybody did at
that moment is taken off first. A lone value a hundred times its neighbours is a matter of units (``unit_switch``).

References
----------
Brownlees and Gallo (2006); Barndorff-Nielsen et al. (2009); R highfrequency. The number of scales asked for was
chosen on clean real series, of which none reached it: docs/detection.md.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.model.findings import Severity
from workbench.quality.detectors.habits import excursion, local_scale, sides
from workbench.quality.detectors.suspicion import Suspicion, competing, runs_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.model.findings import Hypothesis
    from workbench.quality.detectors.crowd import Crowd
    from workbench.quality.detectors.track import Track

    Floats = NDArray[np.float64]

ASKED: Final = {"close": 5.8, "open": 4.5, "high": 6.0, "low": 6.5}
"""Scales a field must lie off; sell-offs that recover within a day leave longer lower wicks than upper ones."""
NARROW: Final = {"open": 7.0, "high": 6.3, "low": 10.6}
"""The same, against the geometric mean of the bar's scale and of what this field itself is usually off: shares that move
much have narrow wicks all the same. The flash crash of 2010-05-06 left AAPL a low of 9.1."""
LEAST_OWN: Final = 0.25
"""How much of the bar's scale a field is taken to be off usually, at least."""
BURST_LOW: Final = 0.5
"""``BURST`` for lows against that mean: panics trade."""
LEAST: Final = {"d": 0.02, "w": 0.04, "o": 0.06, "h": 0.01}
"""The least distance, by the last letter of the frequency; less is nobody's concern."""
LEAST_WITHIN_A_DAY: Final = 0.003
ROUNDING: Final = 1e-3
NEVER_BELOW: Final = 0.35
"""What makes no finding, whatever else is weighed: a price that agrees with all else is asked for four fifths, an open for
less, and a price outside its own bar for half of it."""
MOST_ROWS: Final = 5
"""Rows that one slip spoils, at most; longer stretches are another matter."""
BURST: Final = 0.25
"""How much more is asked for each doubling of the volume."""
AT_ONCE: Final = 0.5
"""A row is back at once if it lies this share of its distance off each of its two neighbours."""
EBBING: Final = 1.5
STILL: Final = 1e-4
MOST: Final = 300.0
"""The greatest distance, as a logarithm: what lies further is no price in any unit."""
TINY: Final = 1e-12
WITHIN_A_DAY: Final = 1.6
"""What is asked within a day, over that of daily bars: minutes have fatter tails than days."""
UNIT: Final = (90.0, 110.0)
SHARED: Final = 0.5
"""Other fields of the row are off too where they lie at least this share of the distance off."""
LAST: Final = 1.5
"""What is asked of a last row, over that of others: only one side of it is there."""
ASTRAY: Final = 4.0
"""Scales from which on a close or an open is not trusted to bound its bar."""
TRADED_APART: Final = 1.5
"""A trade may be so many times the price that stood around it, where nobody traded; beyond, it is an error all the same."""
TURBULENCE: Final = 0.8
"""How much of the bar's own move counts as its scale: a wild day has long wicks."""


def bad_ticks(track: Track, crowd: Crowd | None = None) -> list[Suspicion]:
    """Find lone prices.

    Parameters
    ----------
    track : Track
        On one scale: what ``scale_changes`` found is mended.
    crowd : Crowd, optional
        What all symbols did at each moment; None where they are too few to tell.
    """
    least = LEAST.get(track.frequency[-1], LEAST_WITHIN_A_DAY)
    off = _distances(track, crowd)
    ratios = {name: _over_asked(track, name, distance, least) * _impossible(track, name) for name, distance in off.items()}
    worst = np.max(np.stack(list(ratios.values())), axis=0)
    found = [_suspicion(track, first, last, ratios, off) for first, last in runs_of(np.flatnonzero(worst >= 1.0).tolist())]
    return found if any(one.end == len(track) - 1 for one in found) else [*found, *_last_row(track, least)]


def _last_row(track: Track, least: float) -> list[Suspicion]:
    """Doubt a last row that lies far off those before it: whether prices come back is not known yet."""
    at = len(track) - 1
    before = float(track.sides[0][at])
    distance = float(track.level[at]) - before
    asked = ASKED["close"] * (WITHIN_A_DAY if track.is_intraday else 1.0) * LAST
    distance = float(np.clip(distance, -MOST, MOST))
    if not abs(distance) > max(asked * float(np.nan_to_num(track.scale[at], nan=np.inf)), least):
        return []
    fields = tuple(
        n for n in track.prices if abs(math.log(max(float(track.values[n][at]), TINY)) - before) >= SHARED * abs(distance)
    )
    text = f"{', '.join(fields)} {abs(math.expm1(distance)):.1%} off the rows before; the next row will tell"
    unit = _unit_claim(math.exp(abs(distance)))
    claims = [("bad_tick", 0.2, text), ("real_move", 0.0, "a move that lasts looks the same until the next row is there")]
    if unit is not None:
        claims.append(("unit_switch", 2.0, f"the last row over those before is close to {unit:.6g}"))
    value = float(f"{math.exp(before):.6g}")
    return [Suspicion(at, at, fields, competing(*claims), Severity.MEDIUM, at, dict.fromkeys(fields, value), provisional=True)]


def _over_asked(track: Track, name: str, distance: Floats, least: float) -> Floats:
    """Return the distance over what is asked for; zero where it is not known."""
    is_main = name == track.prices[-1] or len(track.prices) == 1
    asked = ASKED["close"] if is_main else ASKED.get(name, ASKED["close"])
    asked *= WITHIN_A_DAY if track.is_intraday else 1.0
    ratio = _ratio(distance, asked * track.scale, least)
    if not (ratio >= NEVER_BELOW).any():
        return ratio
    if is_main or len(track.prices) < 4:
        return _ratio(distance, asked * track.scale * (_disagreement(track) if is_main else 1.0), least)
    bar, own = _bar_scale(track), local_scale(distance)
    wide = _ratio(distance, asked * _burst(track) * np.fmax(bar, own), least)
    narrow = NARROW[name] * (WITHIN_A_DAY if track.is_intraday else 1.0) * np.sqrt(bar * np.fmax(own, LEAST_OWN * bar))
    both = np.maximum(wide, _ratio(distance, narrow * _burst(track, BURST_LOW if name == "low" else BURST), least))
    return np.where(np.isfinite(track.scale), both, 0.0)


def _ratio(distance: Floats, asked: Floats, least: float) -> Floats:
    with np.errstate(invalid="ignore"):
        ratio = np.abs(distance) / np.maximum(asked, least)
    return np.where(np.isfinite(ratio), ratio, 0.0)


def _impossible(track: Track, name: str) -> Floats | float:
    """Return 2 where an open or a close lies outside its own bar, so that some price of the bar is wrong for certain, else 1."""
    if len(track.prices) < 4 or name not in ("open", "close"):
        return 1.0
    values, slack = track.values[name], 1 + ROUNDING
    return np.where((values > track.values["high"] * slack) | (values * slack < track.values["low"]), 2.0, 1.0)


def _disagreement(track: Track) -> Floats:
    """Return how much more is asked where the sides of a row differ, or volume burst: so it is around shocks, not bad ticks."""
    before, after = track.sides
    apart = np.abs(before - after) / track.scale
    more: Floats = 0.8 + 0.2 * np.minimum(np.nan_to_num(apart, nan=1.0), 2.0)
    return more * _burst(track)


def _burst(track: Track, weight: float = BURST) -> Floats | float:
    """Return how much more is asked of a row with more volume than usual: a vendor's slip moves none."""
    if track.activity is None:
        return 1.0
    more: Floats = 1 + weight * np.clip(np.log2(np.maximum(np.nan_to_num(track.activity, nan=1.0), 1.0)), 0.0, 2.0)
    return more


def _bar_scale(track: Track) -> Floats:
    """Return the scale of each bar: its symbol's own, or what the day's move from close to close and open to close shows."""
    with np.errstate(invalid="ignore", divide="ignore"):
        body = np.abs(np.log(track.values["open"] / track.main))
    own = np.nan_to_num(np.abs(track.moves))
    shown: Floats = np.fmax(track.scale, TURBULENCE * np.minimum(own, np.nan_to_num(body) + own / 2))
    return shown


def _distances(track: Track, crowd: Crowd | None) -> dict[str, Floats]:
    """Return field -> how far off it lies, as a signed log; fields that did not come are absent."""
    lone = _abrupt(track.level, excursion(track.level, track.sides))
    if crowd is not None:
        lone = _less(lone, crowd.at(track.at, "excursion") * track.scale)
    main = track.prices[-1]
    if len(track.prices) == 2:
        return {main: lone, track.prices[0]: excursion(np.log(track.values[track.prices[0]]))}
    if track.frequency == "irregular" or len(track.prices) < 4:
        return {main: lone}
    with np.errstate(invalid="ignore", divide="ignore"):
        outside = _outside_bar(track)
        return {main: np.where(np.abs(outside) > np.abs(lone), outside, lone), **_within_bars(track, outside, crowd)}


def _abrupt(level: Floats, lone: Floats) -> Floats:
    """Weaken excursions that do not end at once: a bad tick is back in the next row, a shock ebbs away."""
    steps = np.abs(np.diff(level))
    nearest = np.minimum(np.concatenate([[np.inf], steps]), np.concatenate([steps, [np.inf]]))
    return np.where(nearest >= AT_ONCE * np.abs(lone), lone, lone / EBBING)


def _outside_bar(track: Track) -> Floats:
    """Return how far a close lies from the other prices of its own bar, where it lies outside all of them; else zero."""
    opened, high, low, close = (np.log(track.values[name]) for name in ("open", "high", "low", "close"))
    beyond = (close > np.maximum(opened, high)) | (close < np.minimum(opened, low))
    middle = opened + high + low - np.maximum(np.maximum(opened, high), low) - np.minimum(np.minimum(opened, high), low)
    found = np.where(beyond, close - middle, 0.0)
    return np.where(np.isfinite(found), found, 0.0)


def _within_bars(track: Track, outside: Floats, crowd: Crowd | None) -> dict[str, Floats]:
    """Judge opens, highs and lows by their own bar; an open or a close that is astray itself bounds nothing."""
    opened, high, low, close = (np.log(track.values[name]) for name in ("open", "high", "low", "close"))
    before, after = track.sides
    astray = np.abs(excursion(close, track.sides)) > ASTRAY * track.scale
    close = np.where(astray, np.where(np.abs(close - before) < np.abs(close - after), before, after), close)
    close = np.where(np.abs(outside) > ASTRAY * track.scale, np.log(track.main) - outside, close)
    previous = np.concatenate([[np.nan], close[:-1]])
    lone_open = _beyond(opened, np.fmin(close, previous), np.fmax(close, previous))
    opened = np.where(np.abs(lone_open) > ASTRAY * track.scale, close, opened)
    above, below = (0.0 if crowd is None else crowd.at(track.at, which) * track.scale for which in ("above", "below"))
    top, bottom = np.fmax(opened, close), np.fmin(opened, close)
    return {
        "high": _beyond(high, bottom - below, top + above),
        "low": _beyond(low, bottom - below, top + above),
        "open": lone_open,
    }


def _beyond(values: Floats, bottom: Floats, top: Floats) -> Floats:
    """Return how far values lie above the top or below the bottom, signed; zero between, and where it is not known."""
    up, down = values - top, bottom - values
    found = np.where(up > 0, up, np.where(down > 0, -down, 0.0))
    return np.where(np.isfinite(found), found, 0.0)


def _less(lone: Floats, common: Floats) -> Floats:
    """Take off what everybody did; a move against everybody's stays as it is."""
    left = np.where(np.sign(lone) == np.sign(common), np.sign(lone) * np.maximum(np.abs(lone) - np.abs(common), 0.0), lone)
    return np.where(np.isnan(common), lone, left)


def _suspicion(track: Track, first: int, last: int, ratios: dict[str, Floats], off: dict[str, Floats]) -> Suspicion:
    at = max(range(first, last + 1), key=lambda row: max(ratio[row] for ratio in ratios.values()))
    field = max(ratios, key=lambda name: float(ratios[name][at]))
    own = float(track.values[field][at])
    distance = float(np.clip(off[field][at], -MOST, MOST))
    level = own / math.exp(distance)
    away = {name: math.log(max(float(track.values[name][at]), TINY) / level) for name in track.prices}
    fields = tuple(n for n in track.prices if n == field or (abs(away[n]) >= SHARED * abs(distance) and away[n] * distance > 0))
    claims = _claims(track, at, fields, float(ratios[field][at]), distance)
    first, last = _widened(track.values[field], ratios[field], (first, last), level, distance)
    return Suspicion(first, last, fields, claims, Severity.HIGH, at, dict.fromkeys(fields, float(f"{level:.6g}")))


def _widened(values: Floats, ratio: Floats, span: tuple[int, int], level: float, distance: float) -> tuple[int, int]:
    """Take in neighbouring rows that are off in the same way, if less."""
    near = np.arange(max(span[0] - MOST_ROWS, 0), min(span[1] + MOST_ROWS + 1, len(values)))
    with np.errstate(invalid="ignore", divide="ignore"):
        away = np.log(values[near] / level)
    off = np.isfinite(away) & (np.abs(away) >= SHARED * abs(distance)) & (away * distance > 0) & (ratio[near] >= SHARED)
    run = next(((a, b) for a, b in runs_of(near[off].tolist()) if a <= span[0] <= b), span)
    wide = min(run[0], span[0]), max(run[1], span[1])
    return wide if wide[1] - wide[0] < MOST_ROWS else span


def _claims(track: Track, at: int, fields: tuple[str, ...], ratio: float, distance: float) -> tuple[Hypothesis, ...]:
    size = math.exp(abs(distance))
    side = "above" if distance > 0 else "below"
    moved = f"{', '.join(fields)} {abs(math.expm1(distance)):.1%} {side} the prices around, {_in_moves(track, at, distance)}"
    weight = 0.6 + 4.0 * (ratio - 1.0)
    real = 0.0
    told = "nothing in the rows around it supports a real move"
    activity = track.activity
    if activity is not None and np.isfinite(activity[at]):
        burst = float(activity[at])
        if burst > 2.5:
            real, told = min(math.log(burst), 3.0), f"the volume was {burst:.1f} times the usual, as in a real move"
        elif burst < 1.5:
            real, told = -0.7, "the volume was as usual, as it would not be in a real move"
    if size < TRADED_APART and _is_lone_trade(track, at):
        real, told = min(weight, 6.0) + 1.0, "the rows around it were not traded, and this one was: its price is the real one"
    unit = _unit_claim(size)
    claims = [("bad_tick", min(weight, 6.0), moved), ("real_move", real, told)]
    if unit is not None:
        claims.append(("unit_switch", min(weight, 6.0) + 1.5, f"{', '.join(fields)} over the neighbours is close to {unit:.6g}"))
    return competing(*claims)


def _is_lone_trade(track: Track, at: int) -> bool:
    """Whether a row has volume and those around it have none: a price that nobody trades at is a quote that stands."""
    volume = track.values.get("volume")
    if volume is None or not volume[at] > 0:
        return False
    before, after = sides(volume)
    return bool(before[at] == 0 and after[at] == 0)


def _in_moves(track: Track, at: int, distance: float) -> str:
    scale = float(track.scale[at])
    return f"{abs(distance) / scale:.1f} usual moves" if scale > STILL else "in a symbol that hardly moves"


def _unit_claim(size: float) -> float | None:
    for unit in (100.0, 1000.0):
        if UNIT[0] / 100 <= size / unit <= UNIT[1] / 100:
            return unit
    return None
