"""A score made by hand: five dimensions, every verdict, losses with and without addresses."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

import polars as pl
import pytest

from workbench.model.checks import CheckResult, Dimension, Verdict
from workbench.model.score import DimensionScore, Score, ScoredCheck

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = date(2024, 1, 2)
LOSSES = {"dimension": pl.String, "check": pl.String, "symbol": pl.String, "session": pl.Date, "points": pl.Float64}


def _check(dimension: Dimension, name: str, points: str, verdict: Verdict = Verdict.FAIL, reason: str = "") -> ScoredCheck:
    lost = Fraction(points)
    failures = Fraction(3) if verdict is Verdict.FAIL else Fraction(0)
    total = Fraction(1000) if verdict in (Verdict.PASS, Verdict.FAIL) else Fraction(0)
    result = CheckResult(name, dimension, verdict, "rows", Fraction(1, 20), failures=failures, total=total, reason=reason)
    return ScoredCheck(result, lost / result.share_lost if result.share_lost else lost)


def _dimension(dimension: Dimension, score: str | None, weight: str, verdict: Verdict, *checks: ScoredCheck) -> DimensionScore:
    return DimensionScore(dimension, None if score is None else Fraction(score), Fraction(weight), verdict, checks)


def _score(losses: pl.DataFrame | None = None, *, symbols: int = 6) -> Score:
    """Return 78.6 points: accuracy and consistency fail, timeliness asks for nothing, validity has an error."""
    d, na = Dimension, Verdict.NOT_APPLICABLE
    coverage, missing = _check(d.COMPLETENESS, "session_coverage", "1"), _check(d.COMPLETENESS, "missing_rate", "0", Verdict.PASS)
    pattern, reference = (
        _check(d.ACCURACY, "historical_pattern", "20/3"),
        _check(d.ACCURACY, "reference", "0", na, "no reference"),
    )
    ranges = _check(d.VALIDITY, "ranges", "181/15", Verdict.ERROR, "ZeroDivisionError: division by zero")
    parts = (
        _dimension(d.COMPLETENESS, "0.97", "1/3", Verdict.FAIL, coverage, missing),
        _dimension(d.ACCURACY, "0.8", "1/3", Verdict.FAIL, pattern, reference),
        _dimension(d.CONSISTENCY, "0.925", "2/9", Verdict.FAIL, _check(d.CONSISTENCY, "high_below_close", "5/3")),
        _dimension(d.TIMELINESS, None, "0", na, _check(d.TIMELINESS, "age", "0", na, "no 'now' was given")),
        _dimension(d.VALIDITY, "0.5", "1/9", Verdict.ERROR, ranges),
    )
    sessions = [FIRST + timedelta(days=i) for i in range(10)]
    names = [f"S{i:03}" for i in range(symbols)]
    if losses is None:
        rows = [("accuracy", "historical_pattern", names[i % symbols], sessions[i], 20 / 3 / 10) for i in range(10)]
        rows += [
            ("completeness", "session_coverage", None, sessions[3], 1.0),
            ("consistency", "high_below_close", names[0], None, 5 / 3),
        ]
        losses = pl.DataFrame([*rows, ("validity", "ranges", None, None, 181 / 15)], schema=LOSSES, orient="row")
    by_symbol = pl.DataFrame(
        {"symbol": names, "score": [40.0 + 10 * i if i < 6 else 99.0 for i in range(symbols)], "rows": [100] * symbols}
    )
    by_session = pl.DataFrame({"session": sessions, "score": [90.0] * 10, "rows": [60] * 10})
    lost = sum((c.points_lost for p in parts for c in p.checks), Fraction(0))
    return Score(100 - lost, Fraction(7, 8), parts, by_symbol, by_session, losses)


@pytest.fixture
def score() -> Score:
    """Return a score of 78.6 with a loss of every sort."""
    return _score()


@pytest.fixture
def score_with() -> Callable[..., Score]:
    """Return a maker of scores: ``score_with(losses, symbols=…)``."""
    return _score


@pytest.fixture
def perfect() -> Score:
    """Return 100 points, nothing lost anywhere."""
    check = ScoredCheck(
        CheckResult("missing_rate", Dimension.COMPLETENESS, Verdict.PASS, "cells", Fraction(1, 20), total=Fraction(10)),
        Fraction(0),
    )
    part = _dimension(Dimension.COMPLETENESS, "1", "1", Verdict.PASS, check)
    rest = [_dimension(d, None, "0", Verdict.NOT_APPLICABLE) for d in list(Dimension)[1:]]
    empty = pl.DataFrame(schema=LOSSES)
    by_symbol = pl.DataFrame({"symbol": ["A"], "score": [100.0], "rows": [10]})
    by_session = pl.DataFrame({"session": [FIRST], "score": [100.0], "rows": [10]})
    return Score(Fraction(100), Fraction(1), (part, *rest), by_symbol, by_session, empty)
