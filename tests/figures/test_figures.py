"""Every figure survives an empty result and one row, and says in words what it shows."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

import workbench as wb
from workbench.figures.arbitration import arbitration
from workbench.figures.context import around, finding_in_context
from workbench.figures.over_time import findings_over_time
from workbench.figures.parts import session_scores, symbol_scores
from workbench.figures.prices import prices
from workbench.figures.profile import columns, coverage, missing_map, returns_histogram
from workbench.figures.score import dimensions, loss_map, waterfall
from workbench.figures.shape import correlation, missing_calendar, missing_hours, tails
from workbench.figures.theme import INK, caption_html, restyle
from workbench.figures.trend import metric_trend, score_trend
from workbench.model.findings import Finding, Hypothesis, Severity
from workbench.model.names import Kind
from workbench.model.score import Thresholds, score_text

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
    (score_trend, pl.DataFrame({"session": [DAY], "score": [97.0], "session_score": [60.0], "drift": ["critical"]})),
    (score_trend, pl.DataFrame({"session": [DAY], "score": [97.0]}).with_columns(session_score=None, drift=None, accuracy=None)),
    (lambda f: metric_trend(f, name="<b>A</b>.missing_rate"), pl.DataFrame({"session": [DAY], "value": [0.25]})),
    (missing_calendar, pl.DataFrame({"session": [DAY], "expected": [10], "missing": [1]})),
    (missing_hours, pl.DataFrame({"session": [DAY], "slot": [time(9, 30)], "expected": [30], "missing": [1]})),
    (
        lambda f: tails(f, f.select("symbol", volume=pl.col("return") + 1)),
        pl.DataFrame({"symbol": ["<b>A</b>"] * 3, "return": [0.01, -0.02, 0.1]}),
    ),
    (correlation, pl.DataFrame({"symbol": ["<b>A</b>"], "other": ["<b>A</b>"], "correlation": [1.0], "rows": [40]})),
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


def test_a_trend_marks_the_sessions_that_left_their_history() -> None:
    days = pl.date_range(date(2024, 1, 1), date(2024, 1, 6), eager=True)
    drifts = [None, None, "medium", "critical", None, None]
    alone = [100.0, 99.0, 90.0, None, 100.0, 100.0]
    frame = pl.DataFrame({"session": days, "score": [99.0] * 6, "session_score": alone, "drift": drifts})
    figure = score_trend(frame.reverse())
    assert "2 left the history of the sessions before, the last at 2024-01-04" in figure.layout.meta["alt"]
    marks = {trace.name: trace for trace in figure.data if trace.name.startswith("left its history")}
    assert list(marks) == ["left its history, medium"]
    (mark,) = marks.values()
    assert ([x[:10] for x in mark.x], list(mark.y)) == (["2024-01-03"], [90.0])
    assert figure.layout.yaxis.range[0] < 70
    plain = score_trend(frame.drop("session_score", "drift"))
    assert len(plain.data) == 1
    assert "left" not in plain.layout.meta["alt"]


def test_a_metric_is_drawn_in_order_without_what_was_not_measured() -> None:
    days = pl.date_range(date(2024, 1, 1), date(2024, 1, 4), eager=True)
    frame = pl.DataFrame({"session": days, "value": [1.0, None, float("nan"), 4.0]}).reverse()
    figure = metric_trend(frame, name="ohlc_order.failures")
    assert list(figure.data[0].y) == [1.0, 4.0]
    assert "over 2 sessions from 2024-01-01 to 2024-01-04; between 1 and 4, last 4" in figure.layout.meta["alt"]


def test_few_sessions_have_a_tick_each_and_no_hours() -> None:
    alone = metric_trend(pl.DataFrame({"session": [DAY], "value": [1.0]}), name="rows").layout.xaxis
    assert (alone.dtick, list(alone.range)) == (86_400_000, ["2024-01-01T10:00", "2024-01-02T14:00"])
    many = pl.date_range(DAY, date(2024, 3, 1), eager=True)
    assert metric_trend(pl.DataFrame({"session": many, "value": [1.0] * len(many)}), name="rows").layout.xaxis.dtick is None


def test_findings_by_month_are_as_wide_as_their_month() -> None:
    days = [date(2024, 1, 31), date(2024, 2, 29)]
    figure = findings_over_time(pl.DataFrame({"session": days, "kind": ["stale"] * 2, "count": [1.0, 2.0]}))
    assert {(bar.xperiod, bar.xperiodalignment) for bar in figure.data} == {("M1", "middle")}
    assert (figure.layout.xaxis.dtick, figure.layout.xaxis.ticklabelmode) == ("M1", "period")


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


def test_a_finding_is_drawn_in_its_context_with_what_else_it_might_be() -> None:
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(200)]
    rows = pl.DataFrame(
        {
            "symbol": "<b>A</b>",
            "session": days,
            "event_at": [datetime(d.year, d.month, d.day, tzinfo=UTC) for d in days],
            "close": 10.0,
        }
    ).with_columns(pl.col("event_at").cast(pl.Datetime("us", "UTC")))
    claims = (Hypothesis("bad_tick", 0.9, "it lies <far> off"), Hypothesis("real_move", 0.1, "the volume burst"))
    found = Finding(
        "bad_tick", "<b>A</b>", days[100], days[100], 1, Severity.HIGH, 0.9, ("close",), {"close": 20.0}, None, claims
    )
    near = around(rows, found)
    assert (near["session"][0], near["session"][-1]) == (days[70], days[130])
    drawn = finding_in_context(near, found, kind=Kind.BARS, frequency="1d", other=([days[100]], [10.0]))
    notes = [note.text for note in drawn.layout.annotations]
    assert [("90%" in text, "&lt;far&gt;" in text) for text in notes] == [(False, False), (True, True)]
    assert "it lies <far> off" in drawn.layout.meta["alt"]
    assert any(trace.name == "other source" for trace in drawn.data)


def test_sources_are_drawn_by_month_with_their_disagreements() -> None:
    trust = pl.DataFrame(
        {"month": [date(2024, 1, 1)] * 2, "source": ["this data", "other"], "agreeing": [90, 100], "cells": [100, 100]}
    )
    claims = (Hypothesis("this_source_wrong", 0.9, "off by 50 bps"),)
    found = Finding(
        "vendor_disagreement", "A", date(2024, 1, 5), date(2024, 1, 5), 1, Severity.HIGH, 0.95, ("high",), None, None, claims
    )
    drawn = arbitration(trust, [found])
    assert {trace.name for trace in drawn.data} == {"this data", "other", "this data suspected (1)"}
    assert "this data: 90 of 100 cells" in drawn.layout.meta["alt"]
    assert "no other source" in arbitration(trust.clear(), []).layout.meta["alt"]


def test_a_calendar_has_a_band_for_each_year_and_every_day_its_place() -> None:
    days = pl.date_range(date(2022, 12, 26), date(2023, 1, 6), eager=True)
    frame = pl.DataFrame({"session": days.filter(days.dt.weekday() < 6)}).with_columns(expected=4, missing=pl.lit(0))
    frame = frame.with_columns(pl.when(pl.col("session") == date(2023, 1, 3)).then(1).otherwise(0).alias("missing"))
    drawn = missing_calendar(frame)
    z = drawn.data[0].z
    assert z.shape == (2 * 6 - 1, 54)
    # 2023 began with a Sunday: Tuesday, 3 January, lies in the second column, second row of the second band.
    assert (z[6 + 1, 1], np.nanmax(np.delete(z, 1, axis=1))) == (25.0, 0.0)
    assert list(drawn.layout.yaxis.ticktext) == ["2022", "2023"]


def test_tails_stand_beside_a_normal() -> None:
    values = np.random.default_rng(5).standard_normal(20_000)
    drawn = tails(
        pl.DataFrame({"symbol": "A", "return": values}), pl.DataFrame(schema={"symbol": pl.String, "volume": pl.Float64})
    )
    seen, normal = drawn.data
    at_two = [float(np.interp(2, trace.x, trace.y)) for trace in (seen, normal)]
    assert at_two == pytest.approx([0.0455, 0.0455], abs=0.005)
    assert "axis2" not in str(drawn.layout.to_plotly_json().keys())


def test_parts_below_a_threshold_are_told_by_shape_and_colour() -> None:
    days = pl.date_range(date(2024, 1, 1), date(2024, 1, 4), eager=True)
    sessions = session_scores(pl.DataFrame({"session": days, "score": [100.0, 84.0, 40.0, None]}), Thresholds())
    assert [(trace.name, len(trace.x)) for trace in sessions.data] == [(None, 3), ("high (1)", 1), ("critical (1)", 1)]
    assert "2 are below 85, the lowest 40.0 on 2024-01-03" in repr(sessions)
    symbols = symbol_scores(pl.DataFrame({"symbol": ["<b>A</b>", "B"], "score": [99.0, 84.0]}), Thresholds())
    assert list(symbols.data[0].marker.symbol) == ["triangle-up", "circle"]
    assert "<b>A</b>" not in symbols.to_json()


def test_a_figure_is_for_any_page_and_its_text_is_below_it() -> None:
    drawn = metric_trend(pl.DataFrame({"session": [DAY], "value": [0.25]}), name="<script>alert(1)</script>")
    shown = restyle(drawn, "notebook")
    assert shown.layout.template.layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert INK not in shown.to_json().replace(f'"bgcolor":"{INK}"', "")
    assert drawn.layout.template.layout.paper_bgcolor == "#ffffff"
    below = caption_html(drawn)
    assert "role='note'" in below
    assert "<script>" not in below
    assert "&lt;script&gt;alert(1)" in below


def test_rows_are_drawn_in_the_order_of_time_however_they_lie() -> None:
    at = [datetime(2024, 1, day, 5, tzinfo=UTC) for day in (2, 3, 4)]
    rows = pl.DataFrame({"symbol": "A", "event_at": at, "session": [a.date() for a in at], "close": [1.0, 2.0, 3.0]})
    drawn = prices(rows.reverse(), kind=Kind.BARS, symbol="A")
    assert list(drawn.data[0].y) == [1.0, 2.0, 3.0]
