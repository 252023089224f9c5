"""Each check sees its own defect, at its own address, and nothing else; clean data loses nothing."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.quality.conftest import Judge, clean_year, understood
from workbench.calendars import calendar
from workbench.lab.judgement import Judgement
from workbench.model.checks import Verdict

Damage = Callable[[pl.DataFrame], pl.DataFrame]


def at(row: int, **values: float | None) -> Damage:
    """Return a damage that puts values into one row."""

    def damage(frame: pl.DataFrame) -> pl.DataFrame:
        here = pl.int_range(pl.len()) == row
        return frame.with_columns(
            pl.when(here).then(pl.lit(v, dtype=frame.schema[c])).otherwise(pl.col(c)).alias(c) for c, v in values.items()
        )

    return damage


def drop(*rows: int) -> Damage:
    return lambda frame: frame.filter(~pl.int_range(pl.len()).is_in(rows))


def repeat(row: int, **values: float) -> Damage:
    return lambda frame: pl.concat([frame[: row + 1], at(0, **values)(frame[row : row + 1]), frame[row + 1 :]])


def weekend(frame: pl.DataFrame) -> pl.DataFrame:
    friday = next(i for i, d in enumerate(frame["date"]) if d.weekday() == 4 and i > 20)
    extra = frame[friday : friday + 1].with_columns(pl.col("date") + timedelta(days=1))
    return pl.concat([frame[: friday + 1], extra, frame[friday + 1 :]])


def frozen(frame: pl.DataFrame) -> pl.DataFrame:
    held = frame[100:101].drop("date")
    return pl.concat(
        [
            frame[:101],
            *[frame[i : i + 1].select("date").join(held, how="cross").select(frame.columns) for i in range(101, 106)],
            frame[106:],
        ]
    )


def checks(made: Judgement) -> dict[str, Verdict]:
    return {check.result.name: check.result.verdict for check in made.score.checks}


def test_a_clean_year_loses_nothing(year: pl.DataFrame, judged: Judge) -> None:
    made = judged(year)
    assert float(made.score) == 100
    assert made.findings == ()
    assert checks(made)["freshness"] is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("damage", "check", "kind", "rows"),
    [
        (at(50, open=None), "missing_values", "missing_value", 1),
        (at(50, close=0.0, low=0.0), "price_positive", "non_positive", 1),
        (at(50, volume=-5), "volume_non_negative", "non_positive", 1),
        (at(50, high=50.0), "ohlc_order", "ohlc_order", 1),
        (at(50, volume=0), "historical_pattern", "zero_volume_move", 1),
        (at(50, high=1e15), "ranges", "out_of_range", 1),
        (drop(60, 61), "bar_count", "missing_session", 2),
        (drop(60, 61), "session_coverage", "missing_session", 2),
        (repeat(70), "unique_key", "duplicate_key", 1),
        (repeat(70, close=99.0), "unique_key", "conflicting_duplicate", 2),
        (weekend, "references", "phantom_session", 1),
        (frozen, "historical_pattern", "stale", 5),
        (at(80, close=1.0), "statistical_bounds", "bad_tick", 1),
        (at(80, low=20.0), "statistical_bounds", "bad_tick", 1),
    ],
)
def test_a_planted_defect_is_seen(year: pl.DataFrame, judged: Judge, damage: Damage, check: str, kind: str, rows: int) -> None:
    made = judged(damage(year))
    assert checks(made)[check] is Verdict.FAIL
    found = [f for f in made.findings if f.kind == kind]
    assert [f.rows for f in found] == [rows]
    assert found[0].symbol == "AAA"
    assert float(made.score) < 100
    assert sum(c.points_lost for c in made.score.checks) == 100 - made.score.value


def test_steps_back_in_time_are_counted_once_they_arrive_so(year: pl.DataFrame, judged: Judge) -> None:
    made = judged(pl.concat([year[:50], year[51:52], year[50:51], year[52:]]))
    assert checks(made)["time_order"] is Verdict.FAIL
    assert [f.kind for f in made.findings] == ["out_of_order"]


def test_a_session_missing_for_all_is_one_incident(judged: Judge) -> None:
    gone = date(2023, 6, 6)
    made = judged(pl.concat([clean_year(f"S{i}", seed=i) for i in range(4)]).filter(pl.col("date") != gone))
    assert [(i.kind, i.start, len(i.symbols)) for i in made.incidents] == [("missing_session", gone, 4)]
    assert {f.incident for f in made.findings} == {made.incidents[0].id}


def test_holidays_and_half_days_are_not_missing(judged: Judge) -> None:
    """2023 has Good Friday, Juneteenth and two half-days; the clean year keeps them all right."""
    assert float(judged(clean_year(year=2023)).score) == 100


def test_freshness_counts_from_the_first_close_that_is_missing(year: pl.DataFrame, judged: Judge) -> None:
    cut = year.filter(pl.col("date") <= date(2023, 12, 27))
    fresh = judged(cut, now=datetime(2023, 12, 28, 15, tzinfo=UTC))
    assert checks(fresh)["freshness"] is Verdict.PASS


def test_a_reference_is_compared_cell_by_cell(year: pl.DataFrame, judged: Judge) -> None:
    twin = understood(year).frame
    same = judged(year, references={"twin": twin})
    assert {checks(same)[n] for n in ("reference_agreement", "reference_correlation", "reference_rmse")} == {Verdict.PASS}
    other = judged(at(50, close=150.0, high=151.0)(year), references={"twin": twin})
    result = next(c.result for c in other.score.checks if c.result.name == "reference_agreement")
    assert (result.failures, result.total) == (2, len(year) * 4)


def test_real_clean_data_scores_high(sample_frame: pl.DataFrame, judged: Judge) -> None:
    made = judged(sample_frame)
    assert float(made.score) >= 99
    assert [f for f in made.findings if f.confidence >= 0.5] == []


@pytest.mark.parametrize("damage", ["bad_ticks", "missing_sessions", "stale_week"])
def test_the_order_of_magnitude_of_the_tolerances(year: pl.DataFrame, judged: Judge, damage: str) -> None:
    """One bad tick in a hundred, one session in twenty gone, a stale week: each brings a year below 85."""
    rows = len(year)
    spoilt = {
        "bad_ticks": year.with_columns(
            pl.when(pl.int_range(pl.len()) % 90 == 45).then(pl.col("close") * 3).otherwise("close").alias("close")
        ),
        "missing_sessions": year.filter(pl.int_range(pl.len()) % 20 != 10),
        "stale_week": frozen(year),
    }[damage]
    assert len(spoilt) > rows * 0.9
    assert float(judged(spoilt).score) < 85


def test_nothing_fires_on_two_crashes(shared_data: Path, judged: Judge) -> None:
    for name in ("sp500", "nasdaq"):
        frame = pl.read_csv(shared_data / "arch_8.0.0" / f"{name}.csv.gz", schema_overrides={"Date": pl.String})
        frame = frame.with_columns(pl.col("Date").str.to_date("%m/%d/%Y")).drop("Adj Close")
        kinds = {f.kind for f in judged(frame).findings}
        assert kinds <= {"zero_volume_move"}, name


def test_a_split_applied_to_part_of_a_year_is_one_finding(year: pl.DataFrame, judged: Judge) -> None:
    at = pl.int_range(pl.len()).is_between(100, 139)
    halved = year.with_columns(
        pl.when(at).then(pl.col(name) / 2).otherwise(name).alias(name) for name in ("open", "high", "low", "close")
    )
    made = judged(halved)
    found = [f for f in made.findings if f.kind == "partial_split"]
    assert [(f.start, f.end, f.rows, f.proposed) for f in found] == [(year["date"][100], year["date"][139], 40, {"factor": 2.0})]
    assert float(made.score) < 85


def test_a_real_split_of_unadjusted_prices_is_no_error(sample_frame: pl.DataFrame, judged: Judge) -> None:
    """AAPL halved on 2005-02-28 and did not come back; 1.45 of 2 is what it would have to be off by to be a move."""
    apple = sample_frame.filter(pl.col("Ticker") == "AAPL", pl.col("Date").dt.year() == 2005)
    assert [f.kind for f in judged(apple).findings] == []


def half_hours(shift_from: int, shift_to: int) -> pl.DataFrame:
    """Return half-hourly bars of 60 sessions, those between two numbers an hour late."""
    schedule = calendar("XNYS").schedule(date(2023, 1, 3), date(2023, 3, 30)).head(60)
    times = [
        opens + timedelta(minutes=30 * k + (60 if shift_from <= n < shift_to else 0))
        for n, opens in enumerate(schedule["open_at"])
        for k in range(13)
    ]
    close = [100 + (n * 7 % 13) / 10 for n in range(len(times))]
    bars = pl.DataFrame({"symbol": "AAA", "time": times, "close": close, "volume": [100 + n % 7 for n in range(len(times))]})
    return bars.with_columns(
        pl.col("close").alias("open"), (pl.col("close") + 1).alias("high"), (pl.col("close") - 1).alias("low")
    )


def test_sessions_an_hour_late_are_one_finding(judged: Judge) -> None:
    made = judged(half_hours(20, 30))
    found = [f for f in made.findings if f.kind == "clock_shift"]
    assert [f.rows for f in found] == [10]
    assert float(made.score) < 85
    assert [f.kind for f in judged(half_hours(0, 0)).findings] == []


def test_a_symbol_that_trades_before_the_open_keeps_no_wrong_clock(judged: Judge) -> None:
    regular = half_hours(0, 0)
    early = regular.with_columns(pl.col("time") - timedelta(hours=7))
    assert "clock_shift" not in {f.kind for f in judged(pl.concat([early, regular])).findings}


def test_an_empty_main_price_judges_nothing(year: pl.DataFrame, judged: Judge) -> None:
    made = judged(year.with_columns(pl.lit(None, dtype=pl.Float64).alias("close")))
    assert checks(made)["statistical_bounds"] is Verdict.NOT_APPLICABLE
    assert checks(made)["historical_pattern"] is Verdict.NOT_APPLICABLE


def test_a_publishers_empty_holidays_change_no_count(year: pl.DataFrame, judged: Judge) -> None:
    silent = year.with_columns(pl.when(pl.int_range(pl.len()).is_in([20, 60, 99])).then(0).otherwise("volume").alias("volume"))
    saturdays = (
        silent.filter(pl.col("date").dt.weekday() == 5).head(12).select(pl.col("symbol"), pl.col("date") + timedelta(days=1))
    )
    padded = pl.concat([silent, saturdays], how="diagonal").sort("date")
    plain, with_holidays = judged(silent), judged(padded)
    assert with_holidays.score.value == plain.score.value
    assert [f.id for f in with_holidays.findings] == [f.id for f in plain.findings]
    assert len(with_holidays.explained) == 12


def test_sessions_without_a_price_in_a_row_are_one_finding(year: pl.DataFrame, judged: Judge) -> None:
    here = pl.int_range(pl.len()).is_between(50, 59)
    made = judged(
        year.with_columns(pl.when(here).then(None).otherwise(n).alias(n) for n in ("open", "high", "low", "close", "volume"))
    )
    assert [(f.kind, f.rows) for f in made.findings] == [("missing_value", 10)]


def test_two_publishers_calendars_are_learned_apart(judged: Judge) -> None:
    import workbench as wb

    days = pl.date_range(date(2015, 1, 1), date(2019, 12, 31), eager=True)
    prices = [10 + n % 9 / 10 for n in range(len(days))]
    both = pl.DataFrame({"date": days, "value": prices})
    early, late = both.filter(pl.col("date").dt.weekday() <= 4), both.filter(pl.col("date").dt.weekday().is_between(3, 6))
    alone = wb.check(early.with_columns(pl.lit("P").alias("symbol"))).score.value
    together = [part.with_columns(pl.lit(name).alias("symbol")) for part, name in ((early, "P"), (late, "Q"))]
    assert wb.check(pl.concat(together)).score.value == alone == 100
