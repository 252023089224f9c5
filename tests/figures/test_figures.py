"""Every figure survives an empty result and one row, and says in words what it shows."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

import workbench as wb
from workbench.figures.prices import prices
from workbench.figures.profile import columns, coverage, missing_map, returns_histogram
from workbench.figures.score import dimensions, loss_map, waterfall
from workbench.figures.theme import score_text
from workbench.figures.trend import score_trend
from workbench.model.names import Kind

DAY = date(2024, 1, 2)
BAR = pl.DataFrame({
    "symbol": ["<b>A</b>"], "event_at": [datetime(2024, 1, 2, 5, tzinfo=UTC)], "session": [DAY],
    "open": [1.0], "high": [2.0], "low": [0.5], "close": [1.5], "volume": [10.0],
})  # fmt: skip
FRAMES: list[tuple[Callable[[pl.DataFrame], Any], pl.DataFrame]] = [
    (lambda f: prices(f, kind=Kind.BARS, symbol="<b>A</b>"), BAR),
    (missing_map, pl.DataFrame({"symbol": ["A"], "period": [DAY], "missing_share": [0.5]})),
    (coverage, pl.DataFrame({"symbol": ["A"], "first": [DAY], "last": [DAY], "sessions": [1], "expected": [1]})),
    (returns_histogram, pl.DataFrame({"symbol": ["A"], "return": [0.01]})),
    (score_trend, pl.DataFrame({"session": [DAY], "score": [97.0]})),
    (
        columns,
        pl.DataFrame(
            {"column": ["close"], "missing_share": [0.0], "min": [1.0], "p01": [1.0], "median": [1.0], "p99": [1.0], "max": [1.0]}
        ),
    ),
]


@pytest.mark.parametrize(("draw", "frame"), FRAMES)
def test_one_row_and_none(draw: Callable[[pl.DataFrame], Any], frame: pl.DataFrame) -> None:
    for given in (frame, frame.clear()):
        before = given.clone()
        figure = draw(given)
        assert figure.layout.meta["alt"]
        assert "<b>A</b>" not in figure.to_json()
        assert given.equals(before)


def test_the_score_is_drawn_whether_points_were_lost_or_not() -> None:
    days = pl.date_range(date(2024, 1, 2), date(2024, 1, 12), eager=True)
    days = days.filter(days.dt.weekday() < 6)
    clean = wb.check(pl.DataFrame({"date": days, "close": [10.0 + i for i in range(len(days))]})).score
    spoilt = wb.check(pl.DataFrame({"date": days, "close": [10.0, None, *[12.0 + i for i in range(len(days) - 2)]]})).score
    for score in (clean, spoilt):
        for draw in (waterfall, dimensions, loss_map):
            assert draw(score).layout.meta["alt"]
    assert score_text(spoilt.value) in waterfall(spoilt).layout.meta["alt"]


def test_many_rows_are_drawn_as_few_and_extremes_survive() -> None:
    days = pl.date_range(date(1990, 1, 1), date(2023, 12, 31), eager=True)
    rows = pl.DataFrame({"symbol": "A", "session": days}).with_columns(
        pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("event_at"),
        *(pl.lit(10.0).alias(name) for name in ("open", "close")),
        pl.lit(11.0).alias("high"),
        pl.when(pl.int_range(pl.len()) == 5000).then(0.1).otherwise(9.0).alias("low"),
        pl.lit(1.0).alias("volume"),
    )
    figure = prices(rows, kind=Kind.BARS, symbol="A", max_points=500)
    candles = figure.data[0]
    assert len(candles.x) <= 520
    assert min(candles.low) == 0.1
