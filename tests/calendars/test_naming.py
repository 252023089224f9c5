"""The calendar a series keeps is named, whatever is wrong with the series."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from workbench.calendars import calendar, learn_calendar, name_calendar, name_intraday_calendar
from workbench.model.errors import BadInput

SPAN = (date(2019, 1, 1), date(2022, 12, 31))


@pytest.mark.parametrize("name", ["XNYS", "XLON", "XETR", "XTKS", "XHKG", "XASX", "XTSE", "24/7"])
def test_clean_series_are_named(name: str) -> None:
    fit = name_calendar(calendar(name).sessions(*SPAN))
    assert (fit.name, fit.missing, fit.extra) == (name, 0, 0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["XNYS", "XLON", "XTKS"])
def test_damage_does_not_fool_it(name: str, seed: int) -> None:
    """One session in twenty gone, a month gone, three phantom Saturdays."""
    sessions = calendar(name).sessions(*SPAN)
    random = np.random.default_rng(seed)
    kept = sessions.filter(pl.Series(random.random(len(sessions)) > 0.05))
    kept = kept.filter((kept.dt.year() != 2020) | (kept.dt.month() != 7))
    saturdays = [d + timedelta(days=1) for d in kept.filter(kept.dt.weekday() == 5).sample(3, seed=seed)]
    fit = name_calendar(pl.concat([kept, pl.Series(kept.name, saturdays)]))
    assert fit.name == name


def test_short_series_lean_on_offsets_and_suffix() -> None:
    days = pl.Series([date(2023, 5, 30), date(2023, 5, 31), date(2023, 6, 2), date(2023, 6, 5)])
    assert name_calendar(days).name == "XNYS"
    assert name_calendar(days, offsets_minutes=pl.Series([120] * 4, dtype=pl.Int32), symbol="8TRA.DE").name == "XETR"
    assert name_calendar(days, offsets_minutes=pl.Series([540] * 4, dtype=pl.Int32)).name == "XTKS"


def test_offsets_that_fit_no_market_are_no_evidence() -> None:
    days = calendar("XNYS").sessions(*SPAN)
    assert name_calendar(days, offsets_minutes=pl.Series([345] * len(days), dtype=pl.Int32)).name == "XNYS"
    with pytest.raises(BadInput, match="without dates"):
        name_calendar(days.clear())


def test_a_publisher_learns_its_holidays_but_not_its_gaps() -> None:
    weekdays = pl.date_range(date(2010, 1, 1), date(2019, 12, 31), eager=True)
    weekdays = weekdays.filter(weekdays.dt.weekday() < 6)
    closed = ((weekdays.dt.month() == 12) & (weekdays.dt.day() == 25)) | ((weekdays.dt.month() == 6) & (weekdays.dt.day() == 17))
    gap = date(2015, 3, 3)
    published = weekdays.filter(~closed & (weekdays != gap))
    learned = learn_calendar(published).sessions(date(2010, 1, 1), date(2019, 12, 31))
    assert learned.filter(~learned.is_in(published.implode())).to_list() == [gap]


def minutes(name: str, start: date, end: date, zone: str | None = None) -> pl.Series:
    schedule = calendar(name).schedule(start, end)
    hours = schedule.select("open_at", pl.col("close_at") - timedelta(minutes=1)).iter_rows()
    stamps = pl.concat([pl.datetime_range(first, last, "1m", eager=True) for first, last in hours])
    local = stamps.dt.convert_time_zone(zone) if zone else stamps
    return local.dt.replace_time_zone(None)


@pytest.mark.parametrize(
    ("name", "zone", "expected"),
    [
        ("XNYS", None, "UTC"),
        ("XNYS", "America/New_York", "America/New_York"),
        ("XLON", None, "UTC"),
        ("24/7", None, "UTC"),
        ("24/5", None, "UTC"),
    ],
)
def test_intraday_calendar_and_zone(name: str, zone: str | None, expected: str) -> None:
    fit = name_intraday_calendar(minutes(name, date(2024, 6, 3), date(2024, 6, 21), zone), is_zoned=False)
    assert fit is not None
    assert (fit.name, fit.timezone) == (name, expected)


def test_real_series(shared_data: Path) -> None:
    wanted = {"eia_oil/wti-daily.csv": "learned", "eia_oil/brent-daily.csv": "learned", "backtesting_0.6.6/GOOG.csv": "XNYS"}
    for path, name in wanted.items():
        frame = pl.read_csv(shared_data / path, try_parse_dates=True).drop_nulls()
        fit = name_calendar(frame[frame.columns[0]])
        assert fit.name == name, path
        assert fit.missing < 0.01 * len(frame), path
