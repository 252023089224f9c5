"""What is wrong with sessions of minutes as wholes: their clock, their day, their holes."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

import workbench as wb
from workbench.calendars import calendar
from workbench.lab.check import Checked

PRICES = ("open", "high", "low", "close")
HOURS = calendar("XNYS").schedule(date(2023, 3, 1), date(2023, 4, 28))
SESSIONS = HOURS["session"].to_list()


@pytest.fixture(scope="module")
def minutes() -> pl.DataFrame:
    """Return forty sessions of minute bars of one symbol, stamped in UTC."""
    times = pl.concat(
        [
            pl.datetime_range(opens, closes - timedelta(minutes=1), "1m", eager=True, time_zone="UTC")
            for opens, closes in HOURS.select("open_at", "close_at").iter_rows()
        ]
    )
    random = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.0006, len(times))))
    opened = np.concatenate([[100.0], close[:-1]])
    spread = np.abs(random.normal(0, 0.0003, (2, len(times))))
    columns = {
        "open": opened, "high": np.maximum(opened, close) * (1 + spread[0]), "low": np.minimum(opened, close) * (1 - spread[1]),
        "close": close,
    }  # fmt: skip
    volume = random.integers(1_000, 9_000, len(times))
    return pl.DataFrame({"time": times, **{name: np.round(column, 4) for name, column in columns.items()}, "volume": volume})


def told(checked: Checked) -> list[tuple[str, int]]:
    return sorted((f.kind, f.rows) for f in checked.findings)


def of_session(number: int) -> pl.Expr:
    return pl.col("time").dt.convert_time_zone("America/New_York").dt.date() == SESSIONS[number]


def of_saturday(friday: int) -> pl.Expr:
    return pl.col("time").dt.convert_time_zone("America/New_York").dt.date() == SESSIONS[friday] + timedelta(days=1)


def test_clean_minutes_have_no_findings(minutes: pl.DataFrame) -> None:
    assert told(wb.check(minutes)) == []


def test_a_clock_that_is_off_from_some_day_on_is_one_finding(minutes: pl.DataFrame) -> None:
    behind = pl.col("time") >= HOURS["open_at"][25]
    late = minutes.with_columns(pl.when(behind).then(pl.col("time") + pl.duration(hours=1)).otherwise("time").alias("time"))
    (finding,) = wb.check(late, calendar="XNYS").findings
    assert (finding.kind, finding.start, finding.end) == ("clock_shift", SESSIONS[25], SESSIONS[-1])


def test_a_saturday_that_repeats_a_friday_is_a_phantom(minutes: pl.DataFrame) -> None:
    friday = next(number for number, day in enumerate(SESSIONS) if number > 10 and day.weekday() == 4)
    copy = minutes.filter(of_session(friday)).with_columns(pl.col("time") + pl.duration(days=1))
    checked = wb.check(pl.concat([minutes, copy]).sort("time"), calendar="XNYS")
    assert [(f.kind, f.start) for f in checked.findings] == [("phantom_session", SESSIONS[friday] + timedelta(days=1))]


def test_a_saturday_that_all_symbols_copy_is_no_error_of_the_calendar(minutes: pl.DataFrame) -> None:
    friday = next(number for number, day in enumerate(SESSIONS) if number > 10 and day.weekday() == 4)
    copied = pl.concat([minutes, minutes.filter(of_session(friday)).with_columns(pl.col("time") + pl.duration(days=1))])
    fresh = copied.with_columns(
        (pl.col("close", "open", "high", "low") * pl.when(of_saturday(friday)).then(1.0007).otherwise(1.0)).round(4)
    )
    for frame, kind in ((copied, "phantom_session"), (fresh, "calendar_error")):
        names = [frame.with_columns(pl.lit(name).alias("symbol")) for name in ("AAA", "BBB", "CCC", "DDD")]
        checked = wb.check(pl.concat(names).sort("symbol", "time"), calendar="XNYS")
        assert [f.kind for f in checked.findings] == [kind] * 4


def test_a_hole_within_a_session_is_missing(minutes: pl.DataFrame) -> None:
    rows = minutes.with_row_index()
    hole = rows.filter(~(of_session(12) & pl.col("index").is_between(12 * 390 + 100, 12 * 390 + 139))).drop("index")
    assert told(wb.check(hole, calendar="XNYS")) == [("missing_bar", 40)]


def test_a_thin_symbol_only_does_not_trade_where_it_is_quiet(minutes: pl.DataFrame) -> None:
    """Bars that drop out whatever the volume around them are missing; those of quiet hours are not."""
    random = np.random.default_rng(3)
    is_noon = (pl.col("time").dt.hour().is_between(15, 18)).alias("is_noon")
    quiet = minutes.with_columns(pl.when(is_noon).then(pl.col("volume") // 20).otherwise("volume").alias("volume"))
    dropped = pl.Series(random.random(len(minutes)) < 0.3)
    thin, lossy = quiet.filter(~(is_noon & dropped)), minutes.filter(~pl.Series(random.random(len(minutes)) < 0.02))
    checked = wb.check(thin, calendar="XNYS")
    assert [f for f in checked.findings if f.kind == "missing_bar" and f.confidence >= 0.5] == []
    assert [e.kind for e in checked.judgement.explained] == ["no_trade"]
    missing = [f for f in wb.check(lossy, calendar="XNYS").findings if f.kind == "missing_bar"]
    assert sum(f.rows for f in missing) == len(minutes) - len(lossy)
    assert min(f.confidence for f in missing) > 0.5
