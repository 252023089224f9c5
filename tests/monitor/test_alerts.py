"""Who is told, and how soon: the design's thresholds, compared exactly."""

from datetime import date
from fractions import Fraction

import polars as pl
import pytest

from workbench.model.findings import Finding, Severity
from workbench.model.score import Score
from workbench.monitor.alerts import Level, band, level_of

NONE = pl.DataFrame()


def score(value: str) -> Score:
    return Score(Fraction(value), Fraction(1), (), NONE, NONE, NONE)


def finding(severity: Severity) -> Finding:
    return Finding("stale", "A", date(2024, 1, 2), date(2024, 1, 2), 1, severity, 0.9)


@pytest.mark.parametrize(
    ("value", "severity", "expected"),
    [("100", None, "ok"), ("100", Severity.LOW, "ok"), ("100", Severity.MEDIUM, "medium"), ("85", None, "ok"),
     ("84.999", None, "high"), ("70", None, "high"), ("69.999", None, "critical")],
)  # fmt: skip
def test_bands(value: str, severity: Severity | None, expected: str) -> None:
    found = [finding(severity)] if severity else []
    assert band(score(value), found).value == expected


def test_a_failed_run_is_critical_whatever_the_score() -> None:
    assert level_of(score("100"), [], failed=True) is Level.CRITICAL
    assert level_of(None, [], failed=True) is Level.CRITICAL
    assert level_of(score("100"), [], failed=False) is None
