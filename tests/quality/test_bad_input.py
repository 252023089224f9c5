"""What cannot be judged is said, and counted in the coverage; a guess is never presented as knowledge."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

import workbench as wb
from tests.quality.conftest import clean_year
from workbench.lab.check import Checked
from workbench.model.checks import CheckResult, Verdict
from workbench.model.contract import parse_contract
from workbench.model.errors import BadInput

PRICES = ("open", "high", "low", "close")


def of(checked: Checked, name: str = "statistical_bounds") -> CheckResult:
    return next(c.result for c in checked.score.checks if c.result.name == name)


def test_three_rows_say_nothing_about_jumps(year: pl.DataFrame) -> None:
    checked = wb.check(year.head(3), calendar="XNYS")
    assert of(checked).verdict is Verdict.NOT_APPLICABLE
    assert "rows enough to be judged by its own moves" in of(checked).reason
    assert checked.findings == ()


def test_a_short_symbol_beside_a_long_one_is_counted_in_the_coverage(year: pl.DataFrame) -> None:
    short = clean_year("BBB").head(4)
    whole, some = wb.check(year, calendar="XNYS"), wb.check(pl.concat([year, short]), calendar="XNYS")
    assert of(some).total == len(year)
    assert of(some).unjudged.startswith("4 rows: too few moves")
    assert some.score.coverage < whole.score.coverage


def test_constant_prices_are_stale_for_nobody_and_judged_by_nobody(year: pl.DataFrame) -> None:
    still = year.with_columns(pl.lit(10.0).alias(name) for name in PRICES)
    checked = wb.check(still, calendar="XNYS")
    assert of(checked).verdict is Verdict.NOT_APPLICABLE
    assert [f.kind for f in checked.findings if f.kind == "bad_tick"] == []


def test_a_year_missing_is_one_finding_and_no_jump() -> None:
    years = [clean_year(year=y, seed=y) for y in (2020, 2022)]
    checked = wb.check(pl.concat(years), calendar="XNYS")
    assert [(f.kind, f.rows) for f in checked.findings] == [("missing_session", 252)]


@pytest.mark.parametrize("factor", [1e-8, 1e6])
def test_tiny_and_huge_prices_are_judged_alike(year: pl.DataFrame, factor: float) -> None:
    spoilt = year.with_columns(pl.when(pl.int_range(pl.len()) == 100).then(pl.col("low") * 0.5).otherwise("low").alias("low"))
    scaled = spoilt.with_columns(pl.col(*PRICES) * factor)
    assert [(f.kind, f.start, f.confidence) for f in wb.check(scaled, calendar="XNYS").findings] == [
        (f.kind, f.start, f.confidence) for f in wb.check(spoilt, calendar="XNYS").findings
    ]


def test_two_time_zones_in_one_file_are_placed_each_by_its_own_offset() -> None:
    days = [date(2023, 1, 3) + timedelta(days=n) for n in range(60) if (date(2023, 1, 3) + timedelta(days=n)).weekday() < 5]
    rows = [(f"{day}T00:00:00{'-05:00' if n < 20 else '+00:00'}", 100 + n % 7) for n, day in enumerate(days)]
    frame = pl.DataFrame({"time": [time for time, _ in rows], "close": [float(price) for _, price in rows]})
    checked = wb.check(frame)
    assert {f.kind for f in checked.findings} <= {"missing_session", "phantom_session"}
    assert checked.to_json()["dataset"]["rows"] == len(days)


def test_events_that_contradict_the_prices_are_no_splits(year: pl.DataFrame) -> None:
    """A table that tells of a split which the prices, adjusted or not, do not show changes nothing."""
    events = pl.DataFrame({"symbol": ["AAA"], "date": [year["date"][100]], "split": [4.0]})
    assert wb.check(year, events=events, calendar="XNYS").findings == ()


def test_a_detector_that_fails_is_an_error_of_its_checks(year: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.quality.detectors import panel

    def broken(track: object, crowd: object) -> list[object]:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(panel, "LOCAL", (broken,))
    checked = wb.check(year, calendar="XNYS")
    assert of(checked).verdict is Verdict.ERROR
    assert "a detector failed: ZeroDivisionError: a bug" in of(checked).reason
    assert float(checked.score) < 100


@pytest.mark.parametrize("seed", range(40))
def test_any_frame_is_judged_or_refused(seed: int) -> None:
    """Random prices of any size with holes, zeros, infinities and repeated times: never an ERROR, never a crash."""
    random = np.random.default_rng(seed)
    count = int(random.choice([1, 2, 3, 5, 8, 30, 200]))
    parts = []
    for symbol in range(int(random.choice([1, 2, 6]))):
        price = np.exp(np.cumsum(random.normal(0, float(random.choice([0, 0.02, 0.3])), count))) * 10 ** float(
            random.choice([-8, 0, 6])
        )
        days = [date(2020, 1, 1) + timedelta(days=int(n)) for n in np.sort(random.integers(0, 2 * count, count))]
        columns = {"open": price, "high": price * 1.01, "low": price * 0.99, "close": price, "adj_close": price * 0.9}
        paid = np.where(random.random(count) < 0.1, price * 0.02, 0.0)
        split = np.where(random.random(count) < 0.05, 2.0, 0.0)
        frame = pl.DataFrame(
            {"date": days, "symbol": f"S{symbol}", **columns, "volume": price * 1e3, "dividends": paid, "splits": split}
        )
        for name in frame.columns[2:]:
            for value in (None, 0.0, -1.0, float("inf"), 1e300, 5e-324):
                if random.random() < 0.15:
                    here = pl.Series(random.random(count) < float(random.choice([0.05, 0.5, 1.0])))
                    frame = frame.with_columns(pl.when(here).then(pl.lit(value, dtype=pl.Float64)).otherwise(name).alias(name))
        parts.append(frame)
    whole = pl.concat(parts)
    try:
        checked = wb.check(whole, reference=whole.head(count), previous=whole.tail(count))
    except BadInput:  # nothing in it can be read; its message is tried elsewhere
        return
    assert [c.result.reason for c in checked.score.checks if c.result.verdict is Verdict.ERROR] == []
    assert checked.to_json()["findings"] is not None


def test_a_promised_column_that_is_gone_is_a_finding(year: pl.DataFrame) -> None:
    contract = parse_contract('dataset = "x"\ncalendar = "XNYS"\n[columns]\nvwap = "VWAP"\n', origin="x.toml")
    with pytest.raises(BadInput, match="VWAP"):
        wb.check(year, contract=contract)
    promised = parse_contract('dataset = "x"\ncalendar = "XNYS"\n[[sources]]\nname = "v"\npath = "x"\n', origin="x.toml")
    (found,) = wb.check(year.drop("open"), contract=promised).findings
    assert (found.kind, found.fields) == ("schema_drift", ("open",))


def sunk(year: pl.DataFrame) -> pl.DataFrame:
    """Return the year with a day on which the price went below zero, and the next that came back from there."""
    row = pl.int_range(pl.len())
    falls, rises = row == 100, row == 101
    return year.with_columns(
        open=pl.when(rises).then(-14.1).otherwise("open"),
        low=pl.when(falls).then(-40.32).when(rises).then(-16.74).otherwise("low"),
        close=pl.when(falls).then(-37.63).otherwise("close"),
    )


@pytest.mark.parametrize("columns", [("open", "high", "low", "close", "volume"), ("close",)])
def test_a_price_that_traded_below_zero_is_explained(year: pl.DataFrame, columns: tuple[str, ...]) -> None:
    checked = wb.check(sunk(year).select("symbol", "date", *columns), calendar="XNYS")
    assert [e.kind for e in checked.judgement.explained] == ["negative_price"]
    assert "non_positive" not in {f.kind for f in checked.findings}


@pytest.mark.parametrize("wrong", [-1.0, -99.0, "mirrored"])
def test_a_flipped_sign_and_a_marker_are_wrong(year: pl.DataFrame, wrong: float | str) -> None:
    low = -pl.col("close") if wrong == "mirrored" else pl.lit(wrong)
    close = pl.when(pl.int_range(pl.len()) == 100).then(low).otherwise("close")
    checked = wb.check(year.select("symbol", "date", close.alias("close")), calendar="XNYS")
    assert [f.kind for f in checked.findings] == ["non_positive"]
