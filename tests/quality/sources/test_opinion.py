"""Sources against each other: conventions are named, mistakes are found, and the right one is blamed."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from tests.quality.conftest import clean_year
from workbench.lab.check import Checked
from workbench.model.checks import Verdict
from workbench.model.findings import Finding, Severity

PRICES = ("open", "high", "low", "close")


def of(checked: Checked, check: str) -> tuple[Verdict, dict[str, object]]:
    result = next(c.result for c in checked.score.checks if c.result.name == check)
    return result.verdict, result.metrics


def disagreements(checked: Checked) -> list[Finding]:
    return [f for f in checked.findings if f.kind == "vendor_disagreement"]


def at(frame: pl.DataFrame, rows: int | slice, **factors: float) -> pl.DataFrame:
    place = pl.int_range(pl.len())
    here = place == rows if isinstance(rows, int) else place.is_between(rows.start, rows.stop - 1)
    return frame.with_columns(pl.when(here).then(pl.col(n) * f).otherwise(n).alias(n) for n, f in factors.items())


def scaled(frame: pl.DataFrame, factor: float) -> pl.DataFrame:
    return frame.with_columns(pl.col(*PRICES) * factor)


def test_the_same_data_agrees(year: pl.DataFrame) -> None:
    checked = wb.check(year, reference=year)
    assert {of(checked, f"reference_{what}")[0] for what in ("agreement", "correlation", "rmse")} == {Verdict.PASS}
    assert disagreements(checked) == []


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda f: scaled(f, 0.5), "a constant factor of 2"),
        (lambda f: scaled(f, 100), "a factor of 0.01, as of other units"),
        (lambda f: f.with_columns(pl.col("close") * 1.0004), "a steady difference of -4.0 bps"),
        (lambda f: f.with_columns(pl.col("volume") * 1000), "a factor of 0.001, as of other units"),
        (lambda f: at(f, slice(0, 100), open=0.98, high=0.98, low=0.98, close=0.98), "a factor that steps 1 time(s)"),
    ],
)
def test_a_convention_is_named_and_is_no_disagreement(year: pl.DataFrame, other: object, said: str) -> None:
    checked = wb.check(year, reference=other(year.with_columns(pl.col("volume").cast(pl.Float64))))  # type: ignore[operator]
    verdict, metrics = of(checked, "reference_agreement")
    assert verdict is Verdict.PASS
    assert any(said in text for text in metrics["conventions"])  # type: ignore[attr-defined]
    assert disagreements(checked) == []


def test_a_clock_that_is_hours_off_is_one_statement(shared_data: Path) -> None:
    bars = pl.read_csv(shared_data / "backtesting_0.6.6" / "EURUSD.csv", try_parse_dates=True).head(3000)
    moved = bars.with_columns(pl.nth(0).dt.offset_by("2h"))
    checked = wb.check(bars, reference=moved)
    verdict, metrics = of(checked, "reference_agreement")
    assert verdict is Verdict.PASS
    assert any("its clock is -2 hour(s) off" in text for text in metrics["conventions"])  # type: ignore[attr-defined]


def test_one_wrong_cell_is_one_finding_and_the_one_astray_is_blamed(year: pl.DataFrame) -> None:
    mine = wb.check(at(year, 80, high=1.06), reference=year)
    (found,) = disagreements(mine)
    assert (found.start, found.fields, found.severity) == (year["date"][80], ("high",), Severity.HIGH)
    assert found.proposed is not None
    assert found.proposed["high"] == pytest.approx(year["high"][80], rel=1e-4)
    theirs = disagreements(wb.check(year, reference=at(year, 80, high=1.06)))
    assert [(f.severity, f.proposed) for f in theirs] == [(Severity.LOW, None)]


def test_a_stretch_on_another_scale_is_one_disagreement(year: pl.DataFrame) -> None:
    (found,) = disagreements(wb.check(at(year, slice(60, 100), **dict.fromkeys(PRICES, 2.0)), reference=year))
    assert (found.start, found.end, found.rows, found.fields) == (year["date"][60], year["date"][99], 40, PRICES)


@pytest.mark.parametrize("rows", [1, 7, 12, 23, 40, 120])
@pytest.mark.parametrize("factor", [1.01, 1.02, 1.1])
def test_a_longer_disagreement_is_never_a_smaller_one(rows: int, factor: float) -> None:
    long = pl.concat([clean_year(), clean_year().with_columns(pl.col("date").dt.offset_by("52w"))]).unique("date").sort("date")
    astray = at(long, slice(100, 100 + rows), **dict.fromkeys(PRICES, factor))
    checked = wb.check(astray, reference=long)
    result = next(c.result for c in checked.score.checks if c.result.name == "reference_agreement")
    assert result.failures == 4 * rows
    (found,) = disagreements(checked)
    assert (found.start, found.rows) == (long["date"][100], rows)


def test_three_sources_vote(year: pl.DataFrame) -> None:
    astray = at(year, 120, close=1.02)
    others = {"first": year, "second": scaled(year, 0.25)}
    (found,) = disagreements(wb.check(astray, reference=others))
    assert found.hypotheses[0].kind == "this_source_wrong"
    assert found.hypotheses[0].probability >= 0.9
    checked = wb.check(year, reference={"first": astray, "second": scaled(year, 0.25)})
    assert [f.hypotheses[0].kind for f in disagreements(checked)] == ["reference_wrong"]
    assert of(checked, "reference_agreement")[0] is Verdict.PASS
    opinion = checked.judgement.ledger.opinion
    assert opinion is not None
    trust = opinion.trust.group_by("source").agg((pl.col("agreeing").sum() - pl.col("cells").sum()).alias("against"))
    assert dict(trust.iter_rows()) == {"this data": 0, "first": -1, "second": 0}


def test_sources_that_share_nothing_say_so(year: pl.DataFrame) -> None:
    other = pl.concat([clean_year("XXX"), clean_year("YYY")])
    mine = pl.concat([clean_year("AAA"), clean_year("BBB")])
    result = next(c.result for c in wb.check(mine, reference=other).score.checks if c.result.name == "reference_agreement")
    assert (result.verdict, result.reason) == (Verdict.NOT_APPLICABLE, "the reference shares no symbol and time with the data")


def test_a_reference_of_a_tenth_says_how_much_it_covers(year: pl.DataFrame) -> None:
    _, metrics = of(wb.check(year, reference={"few": year.head(25)}), "reference_agreement")
    assert metrics["covered"] == {"few": pytest.approx(0.1, abs=0.01)}


def test_two_real_vendors_agree_but_for_what_is_wrong(shared_data: Path) -> None:
    """Two vendors' AAPL: splits in one's volumes only, GOOG's volume doubled, a handful of highs and lows astray."""
    wiki = shared_data / "bokeh_wiki_2026.1" / "stocks.csv.gz"
    yahoo = pl.concat(
        pl.read_csv(file, try_parse_dates=True).with_columns(pl.lit(file.stem).alias("Ticker"))
        for file in sorted((shared_data / "bokeh_yahoo_2025.0").glob("*.csv"))
    )
    checked = wb.check(wiki, reference={"yahoo": yahoo})
    metrics = of(checked, "reference_agreement")[1]
    assert metrics["covered"] == {"yahoo": 1.0}
    assert any("GOOG volume: a factor of 1.99" in text for text in metrics["conventions"])  # type: ignore[attr-defined]
    blamed = {(f.symbol, str(f.start)) for f in disagreements(checked) if f.severity is Severity.HIGH}
    assert {("MSFT", "2008-07-01"), ("MSFT", "2004-11-22")} <= blamed
    assert len(disagreements(checked)) < 130


def test_days_that_slipped_are_a_clock(year: pl.DataFrame) -> None:
    later = year.with_columns(pl.col("date") + timedelta(days=1))
    _, metrics = of(wb.check(year, reference=later), "reference_agreement")
    assert any("its clock is -1 day(s) off" in text for text in metrics["conventions"])  # type: ignore[attr-defined]


def test_what_both_sources_have_is_no_slip(year: pl.DataFrame) -> None:
    """A wild low that two vendors report alike did trade; one that only the data has did not, and its value is known."""
    wild = at(year, 80, low=0.8)
    alone = wb.check(wild)
    assert [f.kind for f in alone.findings] == ["bad_tick"]
    both = wb.check(wild, reference=wild)
    assert both.findings == ()
    assert [(odd.kind, odd.start) for odd in both.judgement.explained] == [("real_move", year["date"][80])]
    assert float(both.score) == 100
    against = next(f for f in wb.check(wild, reference=year).findings if f.kind == "bad_tick")
    assert against.confidence >= 0.99
    assert against.proposed == {"low": pytest.approx(year["low"][80], rel=1e-5)}


def test_summer_time_kept_by_one_of_two_is_a_clock_in_those_weeks(shared_data: Path) -> None:
    bars = pl.read_csv(shared_data / "backtesting_0.6.6" / "EURUSD.csv", try_parse_dates=True)
    when = pl.nth(0)
    summer = when.dt.replace_time_zone("UTC").dt.convert_time_zone("America/New_York").dt.dst_offset() != pl.duration()
    moved = bars.with_columns(pl.when(summer).then(when.dt.offset_by("1h")).otherwise(when).name.keep()).unique(
        bars.columns[0], maintain_order=True
    )
    checked = wb.check(bars, reference=moved)
    metrics = of(checked, "reference_agreement")[1]
    assert any("its clock is -1 hour(s) off in the weeks from" in text for text in metrics["conventions"])  # type: ignore[attr-defined]
    assert len(disagreements(checked)) <= 12  # the weeks in which clocks change


@pytest.mark.parametrize("rows", [slice(0, 120), slice(100, 252)])
@pytest.mark.parametrize("factor", [2.0, 100.0])
def test_a_good_source_does_not_acquit_a_wrong_scale(year: pl.DataFrame, rows: slice, factor: float) -> None:
    """A step that does not come back is a convention between two sources, and a fault of the one that steps."""
    wrong = at(year, rows, **dict.fromkeys(PRICES, factor))
    alone, beside = wb.check(wrong), wb.check(wrong, reference=year)
    kinds = {f.kind for f in alone.findings} & {"unadjusted_split", "double_split", "partial_split", "unit_switch"}
    assert kinds
    assert kinds <= {f.kind for f in beside.findings}
    assert of(beside, "statistical_bounds")[0] is Verdict.FAIL


def test_the_majority_is_heard_about_findings(year: pl.DataFrame) -> None:
    """A wild low that one more source has, and a third has not, did trade."""
    wild = at(year, 80, low=0.8)
    checked = wb.check(wild, reference={"first": wild, "second": year})
    assert "bad_tick" not in {f.kind for f in checked.findings}
    (found,) = disagreements(checked)
    assert found.hypotheses[0].kind == "reference_wrong"
    assert "low of second is" in found.hypotheses[0].evidence


def test_a_second_bad_source_improves_nothing(year: pl.DataFrame) -> None:
    """Correlation and RMSE are against the first source, whoever else there is."""
    noise = pl.Series([1 + 0.02 * (-1) ** i for i in range(len(year))])
    noisy = year.with_columns(pl.col(*PRICES) * noise)
    one = of(wb.check(year, reference={"a": noisy}), "reference_rmse")
    two = of(wb.check(year, reference={"a": noisy, "b": noisy}), "reference_rmse")
    assert one == two
    assert one[0] is Verdict.FAIL


def test_a_single_value_is_held_against_a_close(year: pl.DataFrame) -> None:
    index = year.select("date", pl.col("close").alias("value"))
    assert of(wb.check(year, reference=index), "reference_agreement")[0] is Verdict.PASS
    wrong = wb.check(at(index, 50, value=1.05), reference=year)
    assert [finding.start for finding in disagreements(wrong)] == [year["date"][50]]


def test_a_reference_without_any_of_the_prices_is_said_to_have_none(year: pl.DataFrame) -> None:
    quotes = year.select("date", bid=pl.col("close") * 0.999, ask=pl.col("close") * 1.001)
    told = {c.result.name: c.result.reason for c in wb.check(year, reference=quotes).score.checks}
    for what in ("agreement", "correlation", "rmse"):
        assert "no other source has any of the data's price columns" in (told[f"reference_{what}"] or "")
