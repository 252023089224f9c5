"""What every detector must hold, whatever it looks for."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tests.quality.detectors.conftest import track_of, walk
from workbench.quality.detectors.bad_tick import bad_ticks
from workbench.quality.detectors.dividends import dividends
from workbench.quality.detectors.panel import LOCAL, examine
from workbench.quality.detectors.scale_changes import scale_changes
from workbench.quality.detectors.suspicion import Suspicion
from workbench.quality.detectors.track import Track

Detector = Callable[[Track], Sequence[Suspicion]]
DETECTORS: list[Detector] = [
    *LOCAL,
    bad_ticks,
    lambda track: scale_changes(track).suspicions,
    lambda track: dividends(track, np.ones(len(track)), np.zeros(len(track), dtype=bool)).suspicions,
]
NAMES = [*(detector.__name__ for detector in LOCAL), "bad_ticks", "scale_changes", "dividends"]

every_detector = pytest.mark.parametrize("detector", DETECTORS, ids=NAMES)


def full(values: dict[str, Any]) -> dict[str, Any]:
    """Add what vendors add: an adjusted close, dividends, splits."""
    none = np.zeros(len(values["close"]))
    return {**values, "adj_close": values["close"].copy(), "dividend": none, "split": none.copy()}


def spoilt() -> dict[str, Any]:
    values = full(walk())
    values["low"][100] *= 0.5
    values["close"][150] *= 1.4
    for name in ("open", "high", "low", "close"):
        values[name][200:230] /= 2
        values[name][300:305] = values[name][299]
        values[name][340:350] = np.round(values[name][340:350])
    values["volume"][250:270] *= 1000
    values["dividend"][320] = 1.0
    return values


@every_detector
@pytest.mark.parametrize("seed", range(5))
def test_nothing_fires_on_a_calm_walk(detector: Detector, seed: int) -> None:
    assert list(detector(track_of(full(walk(seed=seed))))) == []


@every_detector
def test_values_are_left_as_they_are(detector: Detector) -> None:
    values = spoilt()
    before = {name: column.copy() for name, column in values.items()}
    detector(track_of(values))
    assert all(np.array_equal(values[name], column, equal_nan=True) for name, column in before.items())


@every_detector
@pytest.mark.parametrize("count", [1, 2, 3, 5, 12])
def test_few_rows_are_no_evidence(detector: Detector, count: int) -> None:
    assert list(detector(track_of(full(walk(count))))) == []


@every_detector
@pytest.mark.parametrize("rows", [5, 300])
def test_a_price_that_never_moves_is_judged_by_nobody(detector: Detector, rows: int) -> None:
    still = {name: np.full(rows, 10.0) for name in ("open", "high", "low", "close")} | {"volume": np.zeros(rows)}
    assert list(detector(track_of(full(still)))) == []


@pytest.mark.parametrize("detector", [d for d in DETECTORS if d.__name__ != "lost_decimals"])  # a grid is a matter of scale
@pytest.mark.parametrize("factor", [1e-8, 1e8])
def test_the_scale_of_prices_does_not_matter(detector: Detector, factor: float) -> None:
    values = spoilt()
    scaled = {name: column * (factor if name not in ("volume", "split") else 1.0) for name, column in values.items()}
    plain, other = ([(s.kind, s.start, s.end, round(s.confidence, 2)) for s in detector(track_of(v))] for v in (values, scaled))
    assert plain == other


@every_detector
def test_cells_without_a_value_break_nothing(detector: Detector) -> None:
    values = spoilt()
    for name, at in (("open", 50), ("high", 51), ("low", 52), ("volume", 53), ("adj_close", 54)):
        values[name][at] = np.nan
    said = list(detector(track_of(values)))
    assert all(0 <= s.start <= s.end < 400 for s in said)


@every_detector
def test_probabilities_of_rivals_add_up(detector: Detector) -> None:
    for said in detector(track_of(spoilt())):
        assert sum(h.probability for h in said.hypotheses) == pytest.approx(1, abs=1e-3)
        assert said.hypotheses[0].probability == max(h.probability for h in said.hypotheses)
        assert all(h.evidence for h in said.hypotheses)


def test_each_planted_fault_is_heard_of() -> None:
    heard = next(iter(examine([track_of(spoilt())])))
    kinds = {s.kind for s in heard.suspicions}
    assert kinds == {"bad_tick", "partial_split", "stale", "precision", "volume_unit", "dividend_adjustment"}


@pytest.mark.parametrize("cut", [0, 100])
def test_local_verdicts_do_not_depend_on_rows_far_away(cut: int) -> None:
    """What happened long before, and what comes long after, changes nothing about a bad tick."""
    values = walk(600)
    values["close"][350] *= 1.5
    part = {name: column[cut : 600 - cut] for name, column in values.items()}
    (whole,), (some,) = bad_ticks(track_of(values)), bad_ticks(track_of(part))
    assert (whole.start, whole.confidence, whole.proposed) == (some.start + cut, some.confidence, some.proposed)


def test_a_last_row_far_off_is_doubted_until_the_next_is_there() -> None:
    values = walk(200)
    for name in ("open", "high", "low", "close"):
        values[name][199] *= 1.5
    (said,) = bad_ticks(track_of(values))
    assert (said.start, said.end, said.provisional) == (199, 199, True)
    assert said.confidence < 0.6
    back = {name: np.concatenate([column, walk(201)[name][200:]]) for name, column in values.items()}
    (settled,) = bad_ticks(track_of(back))
    assert (settled.start, settled.provisional) == (199, False)
    assert settled.confidence > 0.9
    lasting = {name: np.concatenate([c, c[199:] * (1.01 if name != "volume" else 1), c[199:]]) for name, c in values.items()}
    assert bad_ticks(track_of(lasting)) == []
