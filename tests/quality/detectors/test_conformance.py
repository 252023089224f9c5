"""What every detector must hold, whatever it looks for."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.quality.detectors.conftest import track_of, walk, weekdays
from workbench.quality.detectors import panel
from workbench.quality.detectors.bad_tick import bad_ticks
from workbench.quality.detectors.crowd import crowd_of
from workbench.quality.detectors.dividends import dividends, open_payouts
from workbench.quality.detectors.panel import ALONG, HISTORICAL, LOCAL, MARGIN, SHOWN_BY, Local, examine
from workbench.quality.detectors.scale_changes import scale_changes
from workbench.quality.detectors.suspicion import Suspicion
from workbench.quality.detectors.track import Track

Detector = Callable[[Track], Sequence[Suspicion]]
NOBODY = crowd_of([])
OF_A_PAST: dict[str, Detector] = {
    **{detector.__name__: detector for detector in HISTORICAL},
    "scale_changes": lambda track: scale_changes(track).suspicions,
    "dividends": lambda track: dividends(track, np.ones(len(track)), np.zeros(len(track), dtype=bool)).suspicions,
}
DETECTORS: dict[str, Detector] = {**{local.name: partial(local, crowd=NOBODY) for local in LOCAL}, **OF_A_PAST}

every_detector = pytest.mark.parametrize("detector", DETECTORS.values(), ids=DETECTORS)


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


@pytest.mark.parametrize("name", sorted(DETECTORS.keys() - {"lost_decimals"}))  # a grid is a matter of scale
@pytest.mark.parametrize("factor", [1e-8, 1e8])
def test_the_scale_of_prices_does_not_matter(name: str, factor: float) -> None:
    detector = DETECTORS[name]
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


def long_and_spoilt(seed: int) -> dict[str, Any]:
    """Ten faults in four years, rounded to cents: something for every local detector, often enough."""
    random = np.random.default_rng(seed)
    values = full({name: np.round(column, 2) for name, column in walk(1000, seed=seed).items()})
    for at in random.choice(np.arange(20, 960, 40), 10, replace=False).tolist():
        rows, prices = slice(at, at + int(random.choice([3, 5, 8, 11, 30]))), ("open", "high", "low", "close")
        match int(random.integers(5)):
            case 0:
                values[str(random.choice(prices))][at] *= 1.4
            case 1:
                for name in (*prices, "volume"):
                    values[name][rows] = values[name][at - 1]
            case 2:
                for name in prices:
                    values[name][rows] = np.round(values[name][rows])
            case 3:
                for name in (*prices, "volume"):
                    values[name][rows] = values[name][rows.start - 15 : rows.stop - 15]
            case _:
                values["volume"][rows] = 0.0
    values["open"][3], values["high"][997] = 2 * values["open"][3], 2 * values["high"][997]  # far from what is cut out
    return values


def said_of(local: Local, track: Track, rows: range, first: int = 0) -> list[object]:
    """Return what is said of some rows, of a track that begins at the row ``first``."""
    said = [(s.kind, s.start + first, s.end + first, s.fields, s.hypotheses, s.proposed) for s in local(track, NOBODY)]
    return sorted((one for one in said if one[1] in rows and one[2] in rows), key=repr)


@pytest.mark.parametrize("local", [one for one in (*LOCAL, *ALONG) if one.before is not None], ids=lambda one: one.name)
@pytest.mark.parametrize("seed", range(12))
def test_what_is_said_of_rows_depends_on_no_more_than_the_declared_margin(local: Local, seed: int) -> None:
    """Rows further away may be cut off: nothing that is said of those in the middle changes by a digit."""
    track = track_of(long_and_spoilt(seed))
    assert local.before is not None
    assert local.after is not None
    for first in range(0, 1000, 125):
        rows = range(first, first + 125)
        start, stop = first - local.before, first + 125 + local.after
        assert said_of(local, track.part(max(start, 0), stop), rows, max(start, 0)) == said_of(local, track, rows)


def test_the_rows_that_margins_are_tried_on_are_spoken_about_by_every_local_detector() -> None:
    heard = {local.name for local in LOCAL for seed in range(12) if local(track_of(long_and_spoilt(seed)), NOBODY)}
    assert heard == {"bad_ticks", "stale_prices", "copied_rows", "lost_decimals"}
    assert all(rows is None or rows <= MARGIN for local in (*LOCAL, *ALONG) for rows in (local.before, local.after))


def on_the_verge(seed: int) -> Track:
    """Return spoilt rows, every second time with a dividend each quarter, and what a whole past settles, hardly to plainly."""
    random, values, days = np.random.default_rng(seed), long_and_spoilt(seed), weekdays(1000)
    values["adj_close"] = values["close"].copy()
    for at in range(60, 1000, 60) if seed % 2 else ():
        values["dividend"][at] = 0.01 * values["close"][at - 1] * (1 + 0.05 * (at % 7))
        values["adj_close"][:at] *= 1 - values["dividend"][at] / values["close"][at - 1]
    some = slice(500, 500 + int(random.integers(5, 60)))
    match seed % 6:
        case 1:
            for name in ("open", "high", "low", "close", "adj_close"):
                values[name][some] *= np.exp(random.uniform(0.02, 0.8))
        case 2:
            values["volume"][some] *= np.exp(random.uniform(0.3, 6))
        case 3:
            values["adj_close"][:500] *= 1 - random.uniform(0, 0.03)
        case 4:
            days[500:] += np.int32(random.integers(0, 120))
            for name in ("open", "high", "low", "close", "adj_close"):
                values[name][500:] *= 1.15
            values["volume"][500:] *= 2.0
        case 5:
            days[500] = days[499 if random.random() < 0.7 else 500]
    return track_of(values, session=days)


def test_where_nothing_shows_what_a_whole_past_settles_detectors_of_it_find_nothing() -> None:
    """So that the symbol need not be read as a whole: what is said of it is what local detectors say."""
    plain = 0
    for track in (*map(on_the_verge, range(180)), split_unseen(), quietly_reused()):
        (part,) = examine([track], NOBODY, whole=False)
        if not len(part.open_at):
            plain += 1
            whole = panel._heard_as_a_whole(track, NOBODY)
            assert sorted(map(repr, whole.suspicions)) == sorted(map(repr, part.suspicions))
            assert (whole.explained, whole.events) == (part.explained, part.events)
    assert 45 <= plain < 150


def split_unseen() -> Track:
    """Return rows as they are traded, with a split in the data that no price shows."""
    values = full(walk(1000))
    values["split"][500] = 2.0
    return replace(track_of(values), adjustment="none")


def quietly_reused() -> Track:
    """Return a calm symbol that is another one behind a gap of weeks, by less than a large move."""
    values, days = walk(1000, sigma=0.004), weekdays(1000)
    for name in ("open", "high", "low", "close"):
        values[name][500:] *= 1.19
    days[500:] += 50
    return track_of(values, session=days)


@pytest.mark.parametrize("number", range(len(SHOWN_BY) + 1))
def test_without_any_one_of_the_screens_something_would_be_missed(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the test above can fail, for each of them."""

    def shows_nothing(*_: object) -> Any:
        return np.zeros(0, dtype=np.int64)

    if number == len(SHOWN_BY):
        monkeypatch.setattr(panel, "open_payouts", shows_nothing)
    else:
        monkeypatch.setattr(panel, "SHOWN_BY", (*SHOWN_BY[:number], shows_nothing, *SHOWN_BY[number + 1 :]))
    missed = 0
    for track in (*map(on_the_verge, range(90)), split_unseen(), quietly_reused()):
        (part,) = examine([track], NOBODY, whole=False)
        if not len(part.open_at):
            missed += sorted(map(repr, panel._heard_as_a_whole(track, NOBODY).suspicions)) != sorted(map(repr, part.suspicions))
    assert missed


def test_what_a_whole_past_settles_is_asked_about() -> None:
    """Each of these shows where it begins, whatever part of the past is at hand."""
    values = spoilt()
    track = track_of(values)
    rows = {int(row) for shows in SHOWN_BY for row in shows(track)} | {int(r) for r in open_payouts(track, np.zeros(400, bool))}
    assert {200, 230, 250, 270, 320} <= rows


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
