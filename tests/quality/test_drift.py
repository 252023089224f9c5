"""A session's score against the sessions before it: what is a fall, and what is no news."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench as wb
from workbench.model.findings import Finding, Severity
from workbench.quality.drift import LATEST, LEAST, drift

MONDAY = date(2024, 1, 1)


def weekdays(count: int, start: date = MONDAY) -> list[date]:
    days = (start + timedelta(days=i) for i in range(2 * count + 7))
    return [day for day in days if day.isoweekday() < 6][:count]


def history(scores: list[float], start: date = MONDAY) -> pl.DataFrame:
    return pl.DataFrame({"session": weekdays(len(scores), start), "score": scores})


def after(frame: pl.DataFrame) -> date:
    return weekdays(len(frame) + 1, frame["session"][0])[-1]


def judged(scores: list[float], value: float) -> Finding | None:
    frame = history(scores)
    return drift(frame, after(frame), value)


def test_the_bound_is_the_one_worked_out_by_hand() -> None:
    # Median 96; distances 6 4 2 0 0 0 0 2 2 4 4, their median 2; spread 1.4826 * 2 = 2.9652; bound 96 - 5 * 2.9652 = 81.174.
    scores = [90.0, 92.0, 94.0, 96.0, 96.0, 96.0, 96.0, 98.0, 98.0, 100.0, 100.0]
    assert judged(scores, 81.18) is None
    found = judged(scores, 81.17)
    assert found is not None
    assert (found.kind, found.symbol, found.severity) == ("score_drift", "", Severity.MEDIUM)
    assert (found.start, found.end) == (date(2024, 1, 16), date(2024, 1, 16))
    assert found.observed == {"score": 81.17}
    assert found.proposed is None
    assert found.confidence == 0.65  # 0.95 * 11 / 16
    assert sum(h.probability for h in found.hypotheses) == pytest.approx(1)
    for hypothesis in found.hypotheses:
        assert "11 sessions from 2024-01-01 to 2024-01-15 lead to expect 96.0, with a spread of 3.0" in hypothesis.evidence
    assert [judged(scores, value).severity for value in (51.0, 7.0)] == [Severity.HIGH, Severity.CRITICAL]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("value", "severity"),
    [(99.99, None), (98.5, None), (98.49, "medium"), (85.0, "medium"), (84.99, "high"), (70.0, "high"), (69.99, "critical")],
)
def test_a_history_without_any_spread_has_a_floor(value: float, severity: str | None) -> None:
    found = judged([100.0] * 60, value)
    assert (found.severity.value if found else None) == severity


def test_a_rise_is_no_finding() -> None:
    assert judged([60.0] * 60, 100.0) is None


def test_a_weekly_season_is_no_finding_and_a_fall_within_it_is() -> None:
    days = weekdays(200)
    season = {1: 80.0, 2: 99.0, 3: 100.0, 4: 98.0, 5: 95.0}
    frame = pl.DataFrame({"session": days, "score": [season[d.isoweekday()] - 0.3 * (i % 4) for i, d in enumerate(days)]})
    fired = [day for day, score in frame.iter_rows() if drift(frame, day, score)]
    assert fired == []
    monday = after(frame)
    assert monday.isoweekday() == 1
    assert drift(frame, monday, 79.0) is None
    fallen = drift(frame, monday, 70.0)
    assert fallen is not None
    assert "Mondays among the 200 sessions" in fallen.hypotheses[0].evidence
    tuesday = monday + timedelta(days=1)
    assert drift(frame, tuesday, 80.0) is not None, "what is usual on a Monday is not on a Tuesday"


def test_the_first_weeks_of_a_season_are_no_finding_either() -> None:
    frame = history([80.0, 100.0, 100.0, 100.0, 100.0] * 3)
    assert drift(frame, after(frame), 80.0) is None


def test_a_weekday_that_only_seems_different_is_not_believed() -> None:
    # Eight Mondays of 99.7 among 100s differ by less than three standard errors (0.4 points at the floor).
    frame = history([99.7, 100.0, 100.0, 100.0, 100.0] * 8)
    found = drift(frame, after(frame), 94.5)
    assert found is not None
    assert "Mondays" not in found.hypotheses[0].evidence


def test_a_ruined_session_in_the_history_widens_nothing() -> None:
    clean = [100.0, 99.0, 98.0, 99.0] * 10
    spoilt = [*clean[:20], 0.0, *clean[21:]]
    for value in (95.5, 95.0, 90.0, 40.0):
        assert (judged(clean, value) is None) == (judged(spoilt, value) is None)
    assert judged(spoilt, 90.0) is not None
    assert judged([100.0] * 9 + [50.0], 50.0) is not None


def test_what_comes_every_other_week_is_no_news() -> None:
    scores = [60.0 if i % 8 == 3 else 100.0 for i in range(120)]
    assert judged(scores, 60.0) is None
    assert judged(scores, 58.9) is not None


def test_a_backfilled_session_is_judged_by_older_ones_only() -> None:
    old, new = [70.0] * 20, [100.0] * 210
    frame = history(old + new)
    day = frame["session"][20]
    assert drift(frame, day, 70.0) is None, "70 was usual then"
    assert drift(frame, day, 70.0) == drift(frame.filter(pl.col("session") < day), day, 70.0)
    assert drift(frame, after(frame), 70.0) is not None, "and is not now"


def test_the_session_itself_is_no_part_of_its_baseline() -> None:
    frame = history([100.0] * LEAST + [50.0])
    assert drift(frame, frame["session"][LEAST], 50.0) == drift(frame.head(LEAST), frame["session"][LEAST], 50.0)
    assert drift(frame.head(LEAST), frame["session"][LEAST - 1], 50.0) is None, "nine before it are too few"


def test_too_little_history_says_nothing() -> None:
    assert drift(history([100.0]).clear(), MONDAY, 0.0) is None
    assert judged([100.0] * (LEAST - 1), 0.0) is None
    assert judged([100.0] * LEAST, 0.0) is not None
    unknown = history([100.0] * 12).with_columns(pl.Series("score", [None, float("nan"), *[100.0] * 10]))
    assert drift(unknown, after(unknown), 0.0) is not None
    assert drift(unknown[1:-1], after(unknown), 0.0) is None
    assert judged([100.0] * 20, float("nan")) is None


def test_only_the_latest_sessions_count() -> None:
    frame = history([60.0] * 400 + [100.0] * LATEST)
    assert drift(frame, after(frame), 90.0) is not None


def test_few_rows_speak_for_an_outage() -> None:
    frame = history([100.0] * 20).with_columns(rows=pl.lit(500))
    few, usual = drift(frame, after(frame), 60.0, rows=40), drift(frame, after(frame), 60.0, rows=498)
    assert few is not None
    assert usual is not None
    assert few.hypotheses[0].kind == "vendor_outage"
    assert "40 rows came, 500 are usual" in few.hypotheses[0].evidence
    assert usual.hypotheses[0].kind == "source_changed"
    assert (few.rows, usual.rows) == (40, 498)


@given(scores=st.lists(st.floats(0, 100), min_size=LEAST, max_size=80), value=st.floats(0, 100), seed=st.integers(0, 9))
def test_order_does_not_matter_and_lower_is_never_better(scores: list[float], value: float, seed: int) -> None:
    frame = history(scores)
    before = frame.clone()
    found = drift(frame, after(frame), value)
    assert found == drift(frame.sample(fraction=1, shuffle=True, seed=seed), after(frame), value)
    assert frame.equals(before)
    lower = drift(frame, after(frame), value / 2)
    if found is not None:
        assert 0 < found.confidence < 1
        assert lower is not None
        assert lower.severity.rank >= found.severity.rank


def test_real_sessions_leave_their_history_only_where_they_are_bad(sample: object) -> None:
    scores = wb.check(sample).score.by_session.sort("session")  # type: ignore[arg-type]
    assert len(scores) == 3270
    assert [day for day, score, rows in scores.tail(400).iter_rows() if drift(scores, day, score, rows=rows)] == []
    assert drift(scores, scores["session"][-1], 80.0) is not None
