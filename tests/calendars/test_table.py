"""The shipped table says what exchange_calendars says, and what history says."""

from datetime import UTC, date, datetime

import pytest

from workbench.calendars import calendar, names
from workbench.model.errors import BadInput


@pytest.mark.parametrize(
    ("start", "end", "open_days"),
    [
        (date(2001, 9, 10), date(2001, 9, 18), [10, 17, 18]),
        (date(2012, 10, 26), date(2012, 11, 1), [26, 31, 1]),
        (date(2024, 3, 28), date(2024, 4, 1), [28, 1]),
    ],
)
def test_closures_of_new_york(start: date, end: date, open_days: list[int]) -> None:
    assert [day.day for day in calendar("XNYS").sessions(start, end)] == open_days


def test_half_days_and_daylight_saving() -> None:
    schedule = calendar("XNYS").schedule(date(2023, 11, 22), date(2023, 11, 24))
    assert schedule["close_at"].to_list() == [datetime(2023, 11, 22, 21, tzinfo=UTC), datetime(2023, 11, 24, 18, tzinfo=UTC)]
    summer = calendar("XNYS").schedule(date(2023, 7, 5), date(2023, 7, 5))
    assert summer["open_at"].to_list() == [datetime(2023, 7, 5, 13, 30, tzinfo=UTC)]


# exchange_calendars 4.13 reads attributes that pandas 3.1 deprecates.
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
@pytest.mark.parametrize("name", ["XNYS", "XLON", "XTKS", "XHKG"])
def test_the_table_equals_the_library(name: str) -> None:
    library = pytest.importorskip("exchange_calendars").get_calendar(name, start="2015-01-01", end="2024-12-31")
    mine = calendar(name).schedule(date(2015, 1, 1), date(2024, 12, 31))
    assert mine["session"].to_list() == [day.date() for day in library.sessions]
    assert mine["close_at"].to_list() == [moment.to_pydatetime() for moment in library.closes]


def test_around_the_clock() -> None:
    assert len(calendar("24/7").sessions(date(2024, 1, 1), date(2024, 1, 7))) == 7
    week = calendar("24/5").schedule(date(2024, 3, 8), date(2024, 3, 12))
    assert week["open_at"].to_list() == [datetime(2024, 3, d, h, tzinfo=UTC) for d, h in ((7, 22), (10, 21), (11, 21))]
    assert calendar("24/5").sessions(date(2023, 12, 25), date(2024, 1, 1)).dt.day().to_list() == [26, 27, 28, 29]


def test_unknown_names_get_a_suggestion() -> None:
    assert "XNYS" in names()
    with pytest.raises(BadInput, match="did you mean 'XNYS'"):
        calendar("XNYX")
