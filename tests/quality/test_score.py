"""The score's definition, by hand-worked numbers and by its laws."""

from datetime import date
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quality.conftest import Judge, clean_year, understood
from workbench.lab.check import judged_rows
from workbench.model.checks import CheckResult, Dimension, Verdict
from workbench.model.contract import Scoring
from workbench.quality.score import score

ROWS = (pl.DataFrame({"symbol": ["A"], "rows": [10]}), pl.DataFrame({"session": [date(2024, 1, 2)], "rows": [10]}))
NO_ROWS = (ROWS[0].clear(), ROWS[1].clear())


def result(
    dimension: Dimension, failures: int, total: int, verdict: Verdict | None = None, tolerance: str = "1/10"
) -> CheckResult:
    settled = verdict or (Verdict.FAIL if failures else Verdict.PASS)
    return CheckResult("c", dimension, settled, "rows", Fraction(tolerance), failures=Fraction(failures), total=Fraction(total))


def test_one_check_worked_by_hand() -> None:
    """1 of 100 fails at a tolerance of 10 %: a tenth of the completeness' 30 points is lost, all five counting."""
    results = [result(d, 1 if d is Dimension.COMPLETENESS else 0, 100) for d in Dimension]
    made = score(results, ROWS, Scoring())
    assert made.value == 97
    assert made.coverage == 1
    assert sum(check.points_lost for check in made.checks) == 3


def test_a_dimension_with_nothing_applicable_hands_its_weight_on() -> None:
    results = [
        result(d, 0, 0 if d is Dimension.TIMELINESS else 10, Verdict.NOT_APPLICABLE if d is Dimension.TIMELINESS else None)
        for d in Dimension
    ]
    made = score(results, ROWS, Scoring())
    weights = {d.dimension: d.weight for d in made.dimensions}
    assert weights[Dimension.TIMELINESS] == 0
    assert weights[Dimension.COMPLETENESS] == Fraction(30, 90)
    assert sum(weights.values()) == 1
    assert made.value == 100
    assert made.coverage == Fraction(9, 10)


def test_an_error_is_lost_in_full_and_stays_visible() -> None:
    results = [result(d, 0, 10, Verdict.ERROR if d is Dimension.ACCURACY else None) for d in Dimension]
    made = score(results, ROWS, Scoring())
    assert made.value == 70
    assert next(d for d in made.dimensions if d.dimension is Dimension.ACCURACY).verdict is Verdict.ERROR


def test_an_empty_table_scores_zero_with_a_reason() -> None:
    made = score([result(d, 0, 10) for d in Dimension], NO_ROWS, Scoring())
    assert (made.value, made.reason) == (0, "there are no rows")


@given(st.lists(st.tuples(st.sampled_from(list(Dimension)), st.integers(0, 50), st.integers(50, 100)), min_size=1, max_size=12))
def test_the_parts_add_up_exactly_and_more_failures_never_raise_the_score(cells: list[tuple[Dimension, int, int]]) -> None:
    results = [result(d, failures, total) for d, failures, total in cells]
    made = score(results, ROWS, Scoring())
    assert sum(check.points_lost for check in made.checks) == 100 - made.value
    worse = score([result(d, f + 1, t) for d, f, t in cells], ROWS, Scoring())
    assert worse.value <= made.value
    assert 0 <= worse.value <= 100


def test_the_contract_may_change_weights() -> None:
    scoring = Scoring(weights={d: 1.0 if d is Dimension.VALIDITY else 0.0 for d in Dimension})
    assert score([result(d, 10 if d is Dimension.ACCURACY else 0, 10) for d in Dimension], ROWS, scoring).value == 100


def test_order_of_rows_does_not_matter(year: pl.DataFrame, judged: Judge) -> None:
    damaged = year.with_columns(pl.when(pl.col("close").is_between(100, 101)).then(-1.0).otherwise("close").alias("close"))
    descending = judged(damaged.reverse())
    assert judged(damaged).score.value == descending.score.value
    assert [f.id for f in judged(damaged).findings] == [f.id for f in descending.findings]


def test_one_ruined_symbol_shows_among_many(judged: Judge) -> None:
    frames = [clean_year(f"S{i}", seed=i) for i in range(9)]
    ruined = clean_year("BAD", seed=99).with_columns(pl.lit(-1.0).alias("low"))
    made = judged(pl.concat([*frames, ruined])).score
    worst = made.by_symbol.row(0, named=True)
    assert worst["symbol"] == "BAD"
    assert worst["score"] < 85
    assert made.by_symbol["score"][1] == pytest.approx(100)
    assert set(made.losses["symbol"]) == {"BAD"}
    assert made.losses["points"].sum() == pytest.approx(float(100 - made.value))


def test_a_check_that_cannot_run_is_an_error_and_never_passes(year: pl.DataFrame) -> None:
    seen = understood(year)
    broken = pl.DataFrame({"symbol": ["AAA"], "session": [date(2023, 1, 3)], "close": ["text"]})
    made = judged_rows(seen, references={"broken": broken}).score
    verdicts = {check.result.name: check.result.verdict for check in made.checks}
    assert verdicts["reference_agreement"] is Verdict.ERROR
    assert made.value <= 80
