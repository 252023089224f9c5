"""Kind ``dividend_adjustment``: dividends left out of the adjusted close, counted twice, a hundred times off, or on another day.

An adjusted close over the close is a factor that steps on ex-days only, by ``1 - D / P``, P being the close before.
What the factor shows, what the dividend says and what the price did that day are held against each other.

References
----------
CRSP, data definitions: factor to adjust prices. yfinance, ``price_repair``: the kinds of bad dividends vendors send.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.model.findings import Explained, Severity
from workbench.quality.detectors.payouts import (
    AGREES,
    EXACT,
    LEAST_YIELD,
    agrees,
    lasts,
    payouts_of,
    stands_out,
    support_of,
    with_tolerance,
)
from workbench.quality.detectors.suspicion import NOWHERE, Suspicion, competing
from workbench.quality.detectors.track import day_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.model.findings import Hypothesis
    from workbench.quality.detectors.payouts import Payout
    from workbench.quality.detectors.track import Track

    Floats = NDArray[np.float64]

DOUBLED: Final = (1.75, 2.25)
HUNDREDFOLD: Final = (75.0, 130.0)
NEAR: Final = 7
"""Rows within which an adjustment, or a twin, belongs to a dividend."""
ALIKE: Final = (0.7, 1.43)
USUAL_YIELD: Final = 0.015
SPREAD_OF_YIELDS: Final = 1.2
"""Yields of single dividends: their median, and the standard deviation of their logarithm."""
DENIED: Final = -8.0
"""Log-likelihood from which on the price denies a dividend: four usual moves that did not take place."""
SHOWN_BY_PRICE: Final = 2.0
ABSURD: Final = 0.2
"""A yield that the price must confirm."""


@dataclass(frozen=True, slots=True)
class Paid:
    """What was said of dividends.

    Attributes
    ----------
    days
        Rows of all days on which one is said or shown.
    """

    suspicions: tuple[Suspicion, ...] = ()
    explained: tuple[Explained, ...] = ()
    days: tuple[int, ...] = ()


def dividends(track: Track, factor: Floats, doubtful: NDArray[np.bool_]) -> Paid:
    """Hold dividends, adjusted close and prices against each other.

    Parameters
    ----------
    track : Track
        ``values`` holds ``dividend`` or ``adj_close``, or both.
    factor : array, shape (n,)
        What prices are multiplied with to lie on one scale where the adjusted close does not go along with them, so
        that splits are no dividends.
    doubtful : array of bool, shape (n,)
        Rows whose close is wrong: they say nothing of the factor.
    """
    dividend, adjusted = track.values.get("dividend"), track.values.get("adj_close")
    if track.is_intraday or len(track) < 3 or (dividend is None and adjusted is None):
        return Paid()
    payouts = [p for p in payouts_of(track, factor, doubtful) if p.said > 0 or (stands_out(p) and lasts(track, factor, p))]
    if adjusted is None:
        found, right = _absurd(track, payouts), payouts
    elif dividend is None or not (dividend > 0).any():
        found, right = _without_dividends(payouts), payouts
    else:
        payouts = with_tolerance(payouts)
        found, right = _contradictions(track, payouts), [p for p in payouts if agrees(p)]
    wrong = {said.end for said in found}
    odd = [p for p in right if p.at not in wrong]
    return Paid(tuple(found), _explained(track, odd), tuple(sorted(wrong | {p.at for p in payouts if p.said > 0 or p in odd})))


def open_payouts(track: Track, doubtful: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the days of payouts that are not plainly right: what the symbol's others are like must tell what is wrong.

    Notes
    -----
    Whatever this leaves out, :func:`dividends` finds right too, however exact the symbol's other dividends are.
    """
    dividend, adjusted = track.values.get("dividend"), track.values.get("adj_close")
    if track.is_intraday or (dividend is None and adjusted is None):
        return NOWHERE
    payouts = payouts_of(track, np.ones(len(track)), doubtful)
    if adjusted is None:
        return np.array([p.at for p in payouts if p.said > 0], dtype=np.int64)
    steps = [p for p in payouts if p.said == 0 and stands_out(p)]
    if dividend is None:
        return np.array([p.at for p in steps if p.shown < 0 or _is_absurd(p)], dtype=np.int64)
    said = [p for p in payouts if p.said > 0]
    twins = {p.at for pair in pairwise(said) if pair[1].at - pair[0].at <= NEAR for p in pair}
    wrong = [p.at for p in said if p.at in twins or not _is_plain(track, p)]
    return np.array(sorted({*wrong, *(p.at for p in steps)}), dtype=np.int64)


def _is_plain(track: Track, payout: Payout) -> bool:
    """Whether a dividend is shown as exactly as the most exact of vendors would, and the price says nothing against it."""
    exact = agrees(replace(payout, tolerance=EXACT[2]))
    is_hundredth = support_of(track, np.log(track.main), payout.at, 100 * payout.said) > SHOWN_BY_PRICE
    return exact and not is_hundredth and not _is_absurd(payout) and payout.support >= DENIED


def _contradictions(track: Track, payouts: list[Payout]) -> list[Suspicion]:
    """Judge every dividend that is said, and every step of the factor without one."""
    said = [p for p in payouts if p.said > 0]
    loose = {p.at: p for p in payouts if p.said == 0}
    found, settled = _phantoms(said)
    used: set[int] = set()
    for payout in said:
        if payout.at in settled:
            continue
        if agrees(payout):
            if _is_absurd(payout):
                found.append(_sized(payout, "both are a hundred times too large, or there was no dividend"))
            elif payout.support < DENIED:
                found.append(
                    _sized(payout, f"a dividend of {payout.said:.2%}, adjusted for, on a day on which the price did not fall")
                )
            elif (usual := _hundredth(track, payout, said)) is not None:
                text = f"a dividend of {payout.said:.3%}, adjusted for, where {usual:.2%} is usual, and the price fell by that"
                found.append(_sized(payout, text, usual * float(track.main[payout.at - 1])))
            continue
        moved = next(
            (loose[at] for at in sorted(loose, key=lambda at: abs(at - payout.at)) if _is_moved(payout, loose[at])), None
        )
        if moved is not None:
            used.add(moved.at)
        judged = _judged(track, payout, said, moved)
        if judged is not None:
            found.append(judged)
    found += [_unsaid(p) for at, p in loose.items() if at not in used and stands_out(p)]
    return found


def _hundredth(track: Track, payout: Payout, said: list[Payout]) -> float | None:
    """Return the usual yield, where a dividend is a hundredth of that, and the price fell by a hundred times as much."""
    others = [p.said for p in said if p.at != payout.at and p.said > HUNDREDFOLD[0] / 2 * payout.said]
    if len(others) < 2 or 2 * len(others) < len(said):
        return None
    usual = float(np.median(others))
    fits = HUNDREDFOLD[0] / 2 <= usual / payout.said <= HUNDREDFOLD[1] * 2
    return usual if fits and support_of(track, np.log(track.main), payout.at, 100 * payout.said) > SHOWN_BY_PRICE else None


def _is_moved(payout: Payout, loose: Payout) -> bool:
    near = 0 < abs(loose.at - payout.at) <= NEAR
    return near and abs(loose.shown - payout.said) <= 0.2 * payout.said + 2 * loose.noise


def _judged(track: Track, payout: Payout, said: list[Payout], moved: Payout | None) -> Suspicion | None:
    if payout.said < max(3 * payout.noise, LEAST_YIELD) and payout.shown < max(3 * payout.noise, LEAST_YIELD):
        return None
    if moved is not None:
        return _adjusted(
            payout,
            f"the adjusted close takes the dividend of {payout.said:.2%} on {day_of(track, moved.at)}, not on its day",
        )
    if payout.gain and abs(payout.shown - payout.said - payout.gain) <= AGREES * payout.shown:
        return _adjusted(payout, f"the capital gain of {payout.gain:.2%}, part of the dividend, is adjusted for twice")
    ratio = max(payout.ratio, 1 / payout.ratio) if payout.shown > payout.noise else math.inf
    if DOUBLED[0] <= payout.ratio <= DOUBLED[1]:
        return _adjusted(payout, f"the adjusted close takes the dividend of {payout.said:.2%} twice")
    if HUNDREDFOLD[0] <= ratio <= HUNDREDFOLD[1]:
        return _hundredfold(track, payout, said)
    if abs(payout.shown) <= max(payout.noise, 0.02 * payout.said):
        return _adjusted(payout, f"the adjusted close leaves out a dividend of {payout.said:.2%}")
    if abs(payout.shown - payout.said) < 3 * payout.noise + 1.8 * payout.tolerance * payout.said:
        return None
    return _adjusted(payout, f"the adjusted close takes {payout.shown:.2%} for a dividend of {payout.said:.2%}")


def _adjusted(payout: Payout, text: str) -> Suspicion:
    """Say that the adjusted close is wrong on every day before the ex-day."""
    factor = (1 - payout.said) / (1 - min(payout.shown, 0.99))
    claims = _claims(payout, text)
    return Suspicion(
        0, payout.at, ("adj_close",), claims, Severity.HIGH, payout.at - 1, {"factor": factor}, reaches_to_event=True
    )


def _claims(payout: Payout, text: str) -> tuple[Hypothesis, ...]:
    clear = abs(payout.shown - payout.said) / max(payout.noise, 1e-5)
    weight = 1.0 + min(2.0, clear / 20) + float(np.clip(payout.support / 4, -1.0, 1.0))
    return competing(
        ("dividend_adjustment", weight, text),
        (
            "phantom_dividend",
            0.0 if payout.shown <= payout.noise else -1.5,
            "there may have been no dividend: the price is no witness",
        ),
    )


def _hundredfold(track: Track, payout: Payout, said: list[Payout]) -> Suspicion:
    """Say whether the dividend or its adjustment is in the wrong units: by what yields are like, and what prices did."""
    alike = [p for p in said if p.ratio > 0 and HUNDREDFOLD[0] <= max(p.ratio, 1 / p.ratio) <= HUNDREDFOLD[1]]
    weight = sum(_prior(p.said) - _prior(p.shown) + p.support * (1 if p.said > p.shown else -1) for p in alike)
    if weight >= 0:
        return _adjusted(
            payout,
            f"the adjusted close takes {payout.shown:.3%} for a dividend of {payout.said:.2%}: a hundredth, or a hundredfold",
        )
    value = payout.shown * float(track.main[payout.at - 1])
    return _sized(
        payout,
        f"the dividend of {payout.said:.2%} is {payout.said / payout.shown:.0f} times what the adjusted close takes",
        value,
    )


def _prior(yielded: float) -> float:
    return -0.5 * (math.log(max(yielded, 1e-9) / USUAL_YIELD) / SPREAD_OF_YIELDS) ** 2


def _sized(payout: Payout, text: str, value: float | None = None) -> Suspicion:
    """Say that the dividend itself is wrong."""
    claims = competing(
        ("dividend_adjustment", 2.5, text), ("special_dividend", 0.0, "companies do pay once what they do not pay again")
    )
    proposed: dict[str, object] = {"dividend": float(f"{value if value is not None else 0.0:.6g}")}
    return Suspicion(payout.at, payout.at, ("dividend",), claims, Severity.HIGH, payout.at, proposed)


def _phantoms(said: list[Payout]) -> tuple[list[Suspicion], set[int]]:
    """Find dividends that are there twice within days: the one that adjustment and price support less is not one.

    Returns
    -------
    list of Suspicion
    set of int
        Rows of dividends about which nothing more need be said.
    """
    found: list[Suspicion] = []
    settled: set[int] = set()
    for first, second in pairwise(said):
        if second.at - first.at > NEAR or not ALIKE[0] <= second.said / first.said <= ALIKE[1]:
            continue
        doubted = min((first, second), key=lambda p: (agrees(p), p.shown > p.noise, p.support))
        kept = second if doubted is first else first
        is_adjusted = doubted.shown > doubted.noise
        text = f"a dividend of {doubted.said:.2%} stands {second.at - first.at} row(s) from one of {kept.said:.2%}"
        text += ", which price and adjustment support more"
        claims = competing(("dividend_adjustment", 2.2, text), ("special_dividend", 0.0, "two dividends within days do happen"))
        fields = ("dividend", "adj_close") if is_adjusted else ("dividend",)
        start = 0 if is_adjusted else doubted.at
        found.append(Suspicion(start, doubted.at, fields, claims, Severity.HIGH, doubted.at, {"dividend": 0.0}))
        settled.add(doubted.at)
        if abs(kept.shown - kept.said - doubted.said) <= AGREES * kept.shown + 2 * kept.noise:
            settled.add(kept.at)  # the adjustment of both was made on the other one's day
    return found, settled


def _is_absurd(payout: Payout) -> bool:
    return max(payout.said, payout.shown) >= ABSURD and payout.support < -3


def _absurd(track: Track, payouts: list[Payout]) -> list[Suspicion]:
    """Find dividends without an adjusted close that the price, and the symbol's other dividends, deny."""
    yields = np.array([p.said for p in payouts])
    found = []
    for number, payout in enumerate(payouts):
        others = np.delete(yields, number)
        usual = float(np.median(others)) if len(others) >= 2 else None
        far = usual is not None and HUNDREDFOLD[0] / 1.5 <= max(payout.said / usual, usual / payout.said) <= HUNDREDFOLD[1] * 1.5
        if far or _is_absurd(payout):
            value = usual * float(track.main[payout.at - 1]) if usual is not None else None
            found.append(_sized(payout, f"a dividend of {payout.said:.2%}, which the price does not show", value))
    return found


def _without_dividends(payouts: list[Payout]) -> list[Suspicion]:
    """Judge an adjusted close by itself: its factor falls only for splits, and large steps need a fall of the price."""
    return [_unsaid(payout) for payout in payouts if stands_out(payout) and (payout.shown < 0 or _is_absurd(payout))]


def _unsaid(payout: Payout) -> Suspicion:
    text = f"the adjusted close steps by {payout.shown:.2%} against the close, and nothing was paid"
    claims = competing(
        ("dividend_adjustment", 1.5, text), ("unsaid_event", 0.0, "a spin-off, or a dividend the data does not name")
    )
    factor = 1 / (1 - min(payout.shown, 0.99))
    return Suspicion(
        0, payout.at, ("adj_close",), claims, Severity.MEDIUM, payout.at - 1, {"factor": factor}, reaches_to_event=True
    )


def _explained(track: Track, payouts: list[Payout]) -> tuple[Explained, ...]:
    """Name the falls of ex-days that would look odd."""
    kept: list[Explained] = []
    for payout in payouts:
        yielded = payout.said or payout.shown
        if (
            yielded > 0
            and yielded >= (track.scale[payout.at] if np.isfinite(track.scale[payout.at]) else 0.02)
            and not _is_absurd(payout)
        ):
            day = np.datetime64(int(track.session[payout.at]), "D").astype(object)
            kept.append(Explained("dividend", track.symbol, day, day, f"ex-day of a dividend of {yielded:.2%}"))
    return tuple(kept)
