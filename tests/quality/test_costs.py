"""What findings cost is what the score lacks, and without their failures the score is what it would be."""

from __future__ import annotations

from collections import Counter
from datetime import date

import polars as pl
import pytest

from tests.quality.conftest import Judge, clean_year
from workbench.lab.judgement import Judgement
from workbench.quality.costs import Costs, costs_of, with_tolerance


def spoilt() -> pl.DataFrame:
    """Return three symbols' year, each damaged in its own way."""
    first, second, third = (clean_year(f"S{n}", seed=n) for n in range(3))
    at = pl.int_range(pl.len())
    first = first.with_columns(pl.when(at == 50).then(pl.col("low") / 90).otherwise("low").alias("low"))
    second = second.with_columns(pl.when(at.is_in([20, 60, 90])).then(None).otherwise("open").alias("open")).filter(
        ~at.is_in([30, 31])
    )
    third = third.with_columns(pl.when(at == 70).then(pl.col("low") * 0.99).otherwise("high").alias("high"))
    return pl.concat([first, second, third, third.filter(at == 100).with_columns(close=pl.col("close") * 1.001)])


@pytest.fixture
def judgement(judged: Judge) -> Judgement:
    return judged(spoilt())


@pytest.fixture
def costs(judgement: Judgement) -> Costs:
    return costs_of({f.id: f for f in judgement.findings}, judgement.score, judgement.ledger.faults)


def without(costs: Costs, *findings: str) -> float:
    gone: Counter[str] = Counter()
    for one in findings:
        gone.update(costs.claims[one])
    return costs.without(gone)


def test_what_findings_cost_is_all_that_was_lost(judgement: Judgement, costs: Costs) -> None:
    lost = {check.result.name: float(check.points_lost) for check in judgement.score.checks if check.points_lost}
    assert len(lost) >= 4
    assert sum(costs.points.values()) == pytest.approx(sum(lost.values()))
    assert without(costs, *costs.points) == pytest.approx(100)
    assert without(costs) == pytest.approx(float(judgement.score))


def test_each_finding_takes_what_its_own_check_lost(judgement: Judgement, costs: Costs) -> None:
    for finding in judgement.findings:
        assert without(costs, finding.id) > float(judgement.score), finding.kind
        mine = sum(
            float(check.worth) * failures / float(check.result.total) / float(check.result.tolerance)
            for check in judgement.score.checks if (failures := costs.claims[finding.id].get(check.result.name))
        )  # fmt: skip
        assert without(costs, finding.id) - float(judgement.score) <= mine + 1e-9


def test_without_the_faults_it_is_the_score_of_repaired_rows(judged: Judge, judgement: Judgement, costs: Costs) -> None:
    """What a decision promises is what judging the repaired rows gives."""
    at = pl.int_range(pl.len()).over("symbol")
    repaired = spoilt().with_columns(
        pl.when((pl.col("symbol") == "S0") & (at == 50)).then(pl.col("low") * 90).otherwise("low").alias("low")
    )
    mine = [f.id for f in judgement.findings if f.symbol == "S0"]
    assert mine
    assert without(costs, *mine) == pytest.approx(float(judged(repaired).score), abs=1e-6)


def test_a_row_that_goes_is_missing_instead(judgement: Judgement, costs: Costs) -> None:
    (tick,) = (f.id for f in judgement.findings if f.symbol == "S0")
    gone = costs.claims[tick]
    bars = next(check for check in judgement.score.checks if check.result.name == "bar_count")
    one = float(bars.worth) / float(bars.result.total) / float(bars.result.tolerance)
    assert costs.without(gone, missing=1) == pytest.approx(costs.without(gone) - one)


def test_two_findings_about_one_failure_share_it(judged: Judge) -> None:
    """A session that nobody has is told for each symbol, and is lost once."""
    rows = pl.concat([clean_year(f"S{n}", seed=n) for n in range(3)])
    made = judged(rows.filter(pl.col("date") != date(2023, 5, 24)))
    costs = costs_of({f.id: f for f in made.findings}, made.score, made.ledger.faults)
    absent = [f.id for f in made.findings if f.kind == "missing_session"]
    assert len(absent) == 3
    assert {round(costs.claims[one]["session_coverage"], 9) for one in absent} == {round(1 / 3, 9)}
    assert without(costs, *absent) == pytest.approx(100)


def test_another_tolerance_is_another_score(judgement: Judgement) -> None:
    score = judgement.score
    values = next(check for check in score.checks if check.result.name == "missing_values")
    usual = float(values.result.tolerance)
    assert with_tolerance(score, "missing_values", usual) == pytest.approx(float(score))
    assert with_tolerance(score, "missing_values", usual * 2) == pytest.approx(float(score) + float(values.points_lost) / 2)
    worthless = float(score) - float(values.worth - values.points_lost)
    assert with_tolerance(score, "missing_values", usual / 1e9) == pytest.approx(worthless)
    assert with_tolerance(score, "freshness", 0.5) == float(score)
