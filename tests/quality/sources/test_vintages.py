"""What a newer vintage changed: re-adjusted, corrected, or damaged."""

from datetime import UTC, datetime, time
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from tests.quality.conftest import clean_year
from workbench.lab.check import Checked
from workbench.model.checks import Verdict
from workbench.model.findings import Finding
from workbench.quality.attribution import attribution

PRICES = ("open", "high", "low", "close")


def revisions(checked: Checked) -> list[Finding]:
    return [f for f in checked.findings if f.kind == "revision"]


def put(frame: pl.DataFrame, row: int, **values: float | None) -> pl.DataFrame:
    here = pl.int_range(pl.len()) == row
    return frame.with_columns(
        pl.when(here).then(pl.lit(v, dtype=frame.schema[n])).otherwise(n).alias(n) for n, v in values.items()
    )


def test_nothing_changed(year: pl.DataFrame) -> None:
    checked = wb.check(year, previous=year.head(200))
    assert revisions(checked) == []
    assert next(c.result.verdict for c in checked.score.checks if c.result.name == "vintage_stability") is Verdict.PASS


def test_a_past_that_was_readjusted_as_a_whole_is_explained(year: pl.DataFrame) -> None:
    old = year.head(200).with_columns(pl.col(*PRICES) * 2)
    checked = wb.check(year, previous=old)
    assert revisions(checked) == []
    assert {odd.kind for odd in checked.judgement.explained} == {"readjustment"}


def test_a_past_that_no_longer_joins_the_rest_is_damage(year: pl.DataFrame) -> None:
    new = year.with_columns(pl.when(pl.int_range(pl.len()) < 120).then(pl.col(n) / 2).otherwise(n).alias(n) for n in PRICES)
    (found,) = revisions(wb.check(new, previous=year))
    assert (found.start, found.end, found.rows, found.fields) == (year["date"][0], year["date"][119], 120, PRICES)
    assert found.hypotheses[0].kind == "damage"
    assert found.proposed == {"factor": pytest.approx(2.0)}


def test_the_side_of_a_joint_that_is_what_it_was_is_right_however_short(year: pl.DataFrame) -> None:
    new = year.with_columns(pl.when(pl.int_range(pl.len()) >= 100).then(pl.col(n) / 100).otherwise(n).alias(n) for n in PRICES)
    (found,) = revisions(wb.check(new, previous=year))
    assert (found.start, found.rows, found.fields) == (year["date"][100], len(year) - 100, PRICES)
    assert found.proposed == {"factor": pytest.approx(100.0)}


def test_good_history_that_was_spoilt_is_found_though_each_row_is_plausible(year: pl.DataFrame) -> None:
    close = year["close"][90]
    (found,) = revisions(wb.check(put(year, 90, close=close * 1.004), previous=year))
    assert (found.start, found.fields) == (year["date"][90], ("close",))
    assert found.hypotheses[0].kind == "damage"
    assert found.proposed == {"close": pytest.approx(close)}


def test_a_bad_tick_that_was_mended_is_a_correction(year: pl.DataFrame) -> None:
    (found,) = revisions(wb.check(year, previous=put(year, 90, high=year["high"][90] * 1.5)))
    assert found.hypotheses[0].kind == "correction"
    assert found.proposed is None


def test_rows_that_are_gone_are_damage(year: pl.DataFrame) -> None:
    gone = year.filter(~pl.int_range(pl.len()).is_between(50, 52))
    (found,) = revisions(wb.check(gone, previous=year))
    assert (found.rows, found.hypotheses[0].kind) == (3, "damage")


def stability(checked: Checked) -> tuple[Verdict, int]:
    result = next(c.result for c in checked.score.checks if c.result.name == "vintage_stability")
    return result.verdict, int(result.failures)


def test_lost_history_costs_points_wherever_it_lay(year: pl.DataFrame) -> None:
    checked = wb.check(year.tail(100), previous=year)
    (found,) = revisions(checked)
    assert (found.start, found.rows) == (year["date"][0], len(year) - 100)
    assert stability(checked) == (Verdict.FAIL, len(year) - 100)


def test_a_window_that_moved_on_lost_nothing(year: pl.DataFrame) -> None:
    checked = wb.check(year.tail(220), previous=year.head(220))
    assert revisions(checked) == []
    assert stability(checked) == (Verdict.PASS, 0)


def test_a_symbol_that_is_gone_costs_points_and_the_parts_add_up(year: pl.DataFrame) -> None:
    two = pl.concat([year, clean_year("BBB")])
    checked = wb.check(two.filter(pl.col("symbol") != "BBB"), previous=two)
    (found,) = revisions(checked)
    assert (found.symbol, found.rows) == ("BBB", 250)
    assert stability(checked) == (Verdict.FAIL, 250)
    assert sum(attribution(checked.score, "symbol").values()) == 100 - checked.score.value


def test_vintages_that_share_nothing_say_so(year: pl.DataFrame) -> None:
    other = pl.concat([clean_year("XXX"), clean_year("YYY")])
    assert stability(wb.check(pl.concat([year, clean_year("BBB")]), previous=other))[0] is Verdict.NOT_APPLICABLE


def test_nothing_after_as_of_is_missed(year: pl.DataFrame) -> None:
    then = datetime.combine(year["date"][200], time(23), UTC)
    assert revisions(wb.check(year, previous=year, as_of=then)) == []


def test_a_bar_that_was_still_forming_is_no_revision(year: pl.DataFrame) -> None:
    live = put(year.head(200), 199, close=year["close"][199] * 1.002, volume=10)
    checked = wb.check(year, previous=live)
    assert revisions(checked) == []
    assert {odd.kind for odd in checked.judgement.explained} == {"revision"}


@pytest.mark.parametrize("name", ["1398-HK-1d-bad-div", "DODFX-1d-cg-double-count", "CLC-L-1d-bad-div"])
def test_an_adjusted_close_restated_by_factors_is_a_readjustment(shared_data: Path, name: str) -> None:
    folder = shared_data / "yfinance_repair_dev"
    checked = wb.check(folder / f"{name}-fixed.csv", previous=folder / f"{name}.csv")
    assert [f for f in revisions(checked) if "adj_close" in f.fields] == []
    assert any(odd.kind == "readjustment" for odd in checked.judgement.explained)
