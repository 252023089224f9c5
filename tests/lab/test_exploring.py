"""What the explorer decides, without a browser: views, frequencies, versions, what a zoom asks for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from workbench.figures.charts import window_of
from workbench.lab.dataset import Dataset
from workbench.lab.exploring import Exploration, Wanted
from workbench.lab.layout import lay_out
from workbench.model.errors import BadInput
from workbench.quality.sources.changes import changed_cells

EVENTS = pl.DataFrame({"symbol": ["IBM"], "date": ["2012-06-01"], "split": ["2:1"], "dividend": [0.0]})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = tmp_path_factory.mktemp("lab")
    lay_out(root)
    made = wb.open(root)["us_equities"]
    made.update()
    return made


@pytest.fixture(scope="module")
def repaired(data: Dataset) -> Dataset:
    """Return a dataset whose first version has one wrong low, and lacks the last session."""
    ibm = data.read(symbols=["IBM"], start="2012-01-01").frame
    wrong = ibm.with_columns(pl.when(pl.int_range(pl.len()) == 100).then(18.0).otherwise("low").alias("low"))
    return data.scratch(wrong.head(-1), ibm)


@pytest.fixture
def minutes() -> pl.DataFrame:
    """Return two sessions of one-minute bars in New York, whose price rises by a cent a minute."""
    opening = [datetime(2024, 3, day, 14, 30, tzinfo=UTC) for day in (4, 5)]
    at = [start + timedelta(minutes=m) for start in opening for m in range(390)]
    price = pl.Series([100 + i / 100 for i in range(len(at))])
    return pl.DataFrame({"symbol": "A", "event_at": at, "session": [a.date() for a in at], "volume": 1.0}).with_columns(
        open=price, high=price + 0.01, low=price - 0.01, close=price
    )


def test_a_chart_is_as_fine_as_asked_for(data: Dataset) -> None:
    daily = data.chart("IBM", start="2012-01-01", end="2012-12-31")
    weekly = data.chart("IBM", start="2012-01-01", end="2012-12-31", frequency="1w")
    assert len(data.chart("IBM", start="2012-01-01", end="2012-12-31", frequency="1d").data[0].x) == 250  # as it is stored
    assert (len(daily.data[0].x), len(weekly.data[0].x)) == (250, 53)
    assert max(weekly.data[0].high) == max(daily.data[0].high)
    assert "session (exchange date)" in daily.layout.xaxis.title.text
    assert "USD" in daily.layout.yaxis.title.text
    assert "2012-01-03 to 2012-12-31, 250 points" in repr(daily)


def test_a_zoom_is_drawn_finely_and_the_rest_stays(data: Dataset) -> None:
    exploration, wanted = Exploration(data), Wanted(("IBM",))
    whole = exploration.figure(wanted)
    inside = exploration.figure(wanted, window_of("2008-09-01", "2008-09-30"))
    september = [x for x in inside.data[0].x if x.startswith("2008-09")]
    assert len([x for x in whole.data[0].x if x.startswith("2008-09")]) < 6
    assert len(september) == 21
    assert (inside.data[0].x[0], len(inside.data[0].x)) == (whole.data[0].x[0], len(whole.data[0].x) + 21 - 5)
    assert "21 points" in repr(inside)


def test_several_symbols_begin_with_a_hundred(data: Dataset) -> None:
    drawn = data.chart("IBM", "AAPL", start="2010-01-01")
    assert [round(trace.y[0], 9) for trace in drawn.data] == [100, 100]
    assert len({trace.line.dash for trace in drawn.data}) == 2
    assert "100" in drawn.layout.yaxis.title.text


def test_what_differs_between_versions_is_marked(repaired: Dataset) -> None:
    changes = repaired.changes("IBM", versus=0)
    assert changes.filter(pl.col("what") == "changed").select("session", "field", "before").rows() == [
        (date(2012, 5, 25), "low", 18.0)
    ]
    assert set(changes.filter(pl.col("what") == "added")["session"]) == {date(2013, 3, 1)}
    drawn = repaired.chart("IBM", versus=0)
    assert {"version 0", "changed (1)", "added (4)"} <= {trace.name for trace in drawn.data}
    assert "6 cells differ" in repr(drawn)
    moment = repaired.versions()["recorded_at"][0]
    assert repaired.changes("IBM", versus=moment).equals(changes)
    assert repaired.changes("IBM", versus=1).is_empty()


def test_as_it_arrived_is_not_what_is_left_after_decisions(data: Dataset) -> None:
    ibm = data.read(symbols=["IBM"], start="2012-01-01").frame
    wrong = ibm.with_columns(pl.when(pl.int_range(pl.len()) == 100).then(18.0).otherwise("low").alias("low"))
    held = data.scratch(wrong)
    policy = wb.Contract.model_validate({"dataset": "x", "policies": {"findings": [{"kind": "*", "action": "take_proposed"}]}})
    object.__setattr__(held, "contract", held.contract.model_copy(update={"policies": policy.policies}))
    held.decisions.settle()
    raw, corrected = (min(held.chart("IBM", view=view).data[0].low) for view in ("raw", "corrected"))
    assert (raw, corrected > 170) == (18.0, True)


def test_adjusted_prices_are_offered_where_events_are_known(data: Dataset, tmp_path: Path) -> None:
    assert "no events are known" in data.views["adjusted"]
    with pytest.raises(BadInput, match="no events are known"):
        data.chart("IBM", view="adjusted")
    EVENTS.write_csv(tmp_path / "events.csv")
    contract = data.contract.model_copy(update={"events": str(tmp_path / "events.csv")})
    known = Dataset(data.root, data.lake, contract)
    assert known.views["adjusted"] == ""
    plain, adjusted = (known.chart("IBM", start="2012-05-31", end="2012-05-31", view=v) for v in ("corrected", "adjusted"))
    assert adjusted.data[0].close[0] == pytest.approx(plain.data[0].close[0] / 2)
    assert "1 splits" in repr(known.chart("IBM", start="2012-01-01"))


def test_within_a_day_sessions_are_marked_on_the_exchange_clock(data: Dataset, minutes: pl.DataFrame) -> None:
    contract = data.contract.model_copy(update={"frequency": "1m", "symbols": (), "adjustment": "unknown"})
    held = Dataset(data.root, data.lake, contract).scratch(minutes)
    assert Exploration(held).frequencies[:4] == ("as stored", "5m", "15m", "30m")
    drawn = held.chart("A", frequency="15m")
    assert (len(drawn.data[0].x), drawn.data[0].x[0][:16]) == (2 * 26, "2024-03-04 09:30")
    assert drawn.layout.xaxis.title.text == "time (America/New_York)"
    assert [shape.x0[:16] for shape in drawn.layout.shapes if shape.type == "line"] == ["2024-03-04T09:30", "2024-03-05T09:30"]
    assert len(held.chart("A", frequency="1d").data[0].x) == 2


@pytest.mark.parametrize(
    ("symbols", "asked", "complaint"),
    [
        (("IBMM",), {}, "did you mean 'IBM'"),
        (("IBM",), {"frequency": "2w"}, "no frequency '2w'"),
        (("IBM",), {"view": "mended"}, "no view 'mended'"),
        (("IBM",), {"view": "raw", "versus": 0}, "versions are of the view"),
        (("IBM",), {"versus": 99}, "version from 0 to"),
    ],
)
def test_what_is_not_there_is_said(data: Dataset, symbols: tuple[str, ...], asked: dict[str, object], complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        data.chart(*symbols, **asked)  # type: ignore[arg-type]


def test_changes_are_of_cells_and_of_rows() -> None:
    at = [datetime(2024, 1, day, tzinfo=UTC) for day in (2, 3, 4)]
    rows = pl.DataFrame(
        {"symbol": "A", "event_at": at, "session": [a.date() for a in at], "close": [1.0, 2.0, None], "volume": 5.0},
        schema_overrides={"event_at": pl.Datetime("us", "UTC")},
    )
    after = rows.with_columns(pl.Series("close", [1.0, 2.5, 3.0])).head(3).filter(pl.col("event_at") > at[0])
    told = changed_cells(rows, after, ["close", "volume", "bid"]).select("what", "field", "before", "after").rows()
    assert told == [
        ("removed", "close", 1.0, None),
        ("removed", "volume", 5.0, None),
        ("changed", "close", 2.0, 2.5),
        ("changed", "close", None, 3.0),
    ]
    assert changed_cells(rows, rows, ["close"]).is_empty()
    assert changed_cells(rows.clear(), rows.clear(), ["close"]).is_empty()
