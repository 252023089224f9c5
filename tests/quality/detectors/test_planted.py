"""One planted fault for every detector there is: each must fire on what it looks for."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.quality.detectors.conftest import track_of, walk
from workbench.quality.detectors.crowd import crowd_of
from workbench.quality.detectors.panel import HISTORICAL, LOCAL, examine
from workbench.quality.detectors.track import Track

PRICES = ("open", "high", "low", "close")
MINUTE = 60_000_000


def stale_prices() -> Track:
    values = walk()
    for name in (*PRICES, "volume"):
        values[name][200:206] = values[name][199]
    return track_of(values)


def copied_rows() -> Track:
    values = walk()
    for name in (*PRICES, "volume"):
        values[name][300:310] = values[name][200:210]
    return track_of(values)


def partial_bars() -> Track:
    """The last session twice: live at noon, and final."""
    values = walk(200)
    for name in PRICES:
        values[name][198] = values[name][199] * 0.999
    values["open"][198] = values["open"][199]
    values["volume"][198] = values["volume"][199] / 3
    session = np.arange(200, dtype=np.int32)
    session[198] = session[199]
    track = track_of(values, session=session)
    track.at[198] -= 4 * 3600 * 1_000_000
    return track


def volume_units() -> Track:
    values = walk()
    values["volume"][200:230] *= 1000
    return track_of(values)


def lost_decimals() -> Track:
    values = {name: np.round(column, 2) for name, column in walk().items()}
    for name in PRICES:
        values[name][200:230] = np.round(values[name][200:230])
    return track_of(values)


def reused_tickers() -> Track:
    values = walk(600)
    for name in PRICES:
        values[name][300:] *= 7
    values["volume"][300:] /= 40
    session = np.arange(600, dtype=np.int32)
    session[300:] += 500
    return track_of(values, session=session)


def quotes(count: int = 400) -> dict[str, np.ndarray[Any, Any]]:
    middle = walk(count, sigma=1e-5)["close"]
    return {"bid": middle * 0.99995, "ask": middle * 1.00005}


def seconds(values: dict[str, np.ndarray[Any, Any]], **more: Any) -> Track:
    count = len(next(iter(values.values())))
    track = track_of(values, session=np.full(count, 19_000, dtype=np.int32), frequency="irregular", **more)
    track.at[:] = 19_000 * 86_400_000_000 + np.arange(count) * MINUTE
    return track


def wide_spreads() -> Track:
    values = quotes()
    values["ask"][200:203] *= 1.02
    return seconds(values)


def off_quote_trades() -> Track:
    values = quotes()
    values = {"price": (values["bid"] + values["ask"]) / 2, "size": np.full(400, 100.0), **values}
    values["price"][200] *= 1.002
    track = seconds(values)
    return Track(track.symbol, track.positions, track.at, track.session, track.values, ("price",), "irregular")


def bad_ticks() -> Track:
    values = walk()
    values["low"][200] *= 0.7
    return track_of(values)


PLANTED: dict[str, tuple[Callable[[], Track], str, int]] = {
    "bad_ticks": (bad_ticks, "bad_tick", 200),
    "stale_prices": (stale_prices, "stale", 200),
    "copied_rows": (copied_rows, "stale", 300),
    "partial_bars": (partial_bars, "partial_bar", 198),
    "volume_units": (volume_units, "volume_unit", 200),
    "lost_decimals": (lost_decimals, "precision", 200),
    "reused_tickers": (reused_tickers, "ticker_reuse", 300),
    "wide_spreads": (wide_spreads, "wide_spread", 200),
    "off_quote_trades": (off_quote_trades, "off_quote_trade", 200),
}


def test_every_detector_has_a_planted_fault() -> None:
    assert {local.name for local in LOCAL} | {detector.__name__ for detector in HISTORICAL} == PLANTED.keys()


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found_where_it_is(name: str) -> None:
    make, kind, at = PLANTED[name]
    detectors = {local.name: partial(local, crowd=crowd_of([])) for local in LOCAL}
    detectors |= {detector.__name__: detector for detector in HISTORICAL}
    (said,) = detectors[name](make())
    assert (said.kind, said.start) == (kind, at)
    assert said.confidence >= 0.5


@pytest.mark.parametrize("name", PLANTED)
def test_nothing_else_is_made_of_it(name: str) -> None:
    make, kind, _ = PLANTED[name]
    heard = next(iter(examine([make()])))
    assert {s.kind for s in heard.suspicions if not s.is_legitimate and s.confidence >= 0.5} == {kind}


@pytest.mark.parametrize("near_zero", [0.001, 0.01, 0.05, 0.1])
def test_a_lone_price_near_zero_does_not_hide_behind_a_coarse_tick(near_zero: float) -> None:
    value = 20 + np.arange(200) % 5 / 10  # moves by tenths: of a price of 0.05 that would be twice of it
    value[100] = near_zero
    (heard,) = examine([track_of({"value": value})], None)
    assert [(said.kind, said.start, said.end) for said in heard.suspicions if not said.is_legitimate] == [("bad_tick", 100, 100)]


def test_a_price_that_falls_to_pennies_and_moves_by_ticks_there_is_no_bad_tick() -> None:
    random = np.random.default_rng(3)
    value = np.concatenate([np.round(5 + random.normal(0, 0.05, 100), 2), np.round(0.05 + random.integers(-1, 2, 100) / 100, 2)])
    (heard,) = examine([track_of({"value": value})], None)
    assert "bad_tick" not in [said.kind for said in heard.suspicions if not said.is_legitimate]


def test_the_only_trade_between_standing_quotes_is_no_bad_tick() -> None:
    value = 0.6 * (1 + np.arange(200) // 3 % 2 / 100)
    bars = {name: value.copy() for name in PRICES} | {"volume": np.zeros(200)}
    bars["low"][100], bars["high"][100], bars["volume"][100] = 0.5, 0.5, 28_750.0
    (heard,) = examine([track_of(bars)], None)
    assert "bad_tick" not in [said.kind for said in heard.suspicions if not said.is_legitimate]
    bars["volume"][100] = 0.0
    (heard,) = examine([track_of(bars)], None)
    assert [said.kind for said in heard.suspicions if not said.is_legitimate][:1] == ["bad_tick"]
