"""The shape of data, on numbers worked out by hand."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import workbench as wb
from workbench.lab.dataset import Dataset
from workbench.model.names import Kind
from workbench.quality.profile import log_returns
from workbench.quality.shape import return_correlation, volumes

DAYS = pl.date_range(date(2024, 1, 2), date(2024, 6, 28), eager=True)
DAYS = DAYS.filter(DAYS.dt.weekday() < 6)


def _bars(symbol: str, moves: np.ndarray) -> pl.DataFrame:
    close = 100 * np.exp(np.cumsum(moves))
    at = DAYS.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return pl.DataFrame({"symbol": symbol, "event_at": at, "session": DAYS, "close": close}).with_columns(
        pl.lit(None, dtype=pl.String).alias("quarantine_reason")
    )


def test_correlations_are_pearsons_and_alike_symbols_are_neighbours() -> None:
    rng = np.random.default_rng(3)
    one, two = rng.normal(0, 0.01, (2, len(DAYS)))
    mixed = one + 0.5 * two
    parts = [_bars("A", one), _bars("B", two), _bars("C", mixed), _bars("D", -two), _bars("E", one * 0)]
    told = return_correlation(pl.concat(parts).sample(fraction=1, shuffle=True, seed=1), Kind.BARS)
    pair = {(a, b): c for a, b, c in told.select("symbol", "other", "correlation").rows()}
    assert pair["A", "C"] == pytest.approx(np.corrcoef(one[1:], mixed[1:])[0, 1], abs=1e-9)
    assert pair["B", "D"] == pytest.approx(-1)
    assert pair["A", "A"] == 1
    assert pair["A", "E"] is None
    order = told["symbol"].unique(maintain_order=True).to_list()
    assert abs(order.index("A") - order.index("C")) == 1
    assert return_correlation(parts[0], Kind.BARS).is_empty()


def test_volumes_are_of_rows_that_can_be_trusted() -> None:
    rows = _bars("A", np.zeros(len(DAYS))).with_columns(
        pl.int_range(pl.len()).cast(pl.Float64).alias("volume"),
        pl.when(pl.int_range(pl.len()) == 5).then(pl.lit("bad")).alias("quarantine_reason"),
    )
    assert volumes(rows, Kind.BARS)["volume"].to_list() == [float(n) for n in range(1, len(DAYS)) if n != 5]
    assert volumes(rows.drop("volume"), Kind.BARS).is_empty()


def test_what_is_missing_is_placed_by_day_and_by_hour(tmp_path: object) -> None:
    opening = [datetime(2024, 3, day, 14, 30, tzinfo=UTC) for day in (4, 5, 6)]
    at = [start + timedelta(minutes=m) for start in opening for m in range(390)]
    lost = {opening[1] + timedelta(minutes=m) for m in range(30, 45)}
    rows = pl.DataFrame({"symbol": "A", "event_at": at, "session": [a.date() for a in at], "close": 10.0, "volume": 1.0})
    rows = rows.with_columns(open="close", high="close", low="close").filter(~pl.col("event_at").is_in(list(lost)))
    contract = wb.Contract(dataset="a", frequency="1m", calendar="XNYS")
    root = Dataset(tmp_path, None, contract)  # type: ignore[arg-type]
    made = root.scratch(rows).profile()
    assert made.days.filter(pl.col("missing") > 0).rows() == [(date(2024, 3, 5), 390, 15)]
    (hole,) = made.hours.filter(pl.col("missing") > 0).rows()
    assert (hole[0], hole[1].isoformat(), hole[2:]) == (date(2024, 3, 5), "10:00:00", (30, 15))
    assert made.hours["expected"].sum() == 3 * 390
    assert "on 1 days; most on 2024-03-05" in repr(made.figure("calendar"))
    assert "most begin at 10:00" in repr(made.figure("hours"))


def test_returns_are_of_neighbours_in_time_however_rows_lie() -> None:
    rows = pl.concat([_bars("A", np.full(len(DAYS), 0.01)), _bars("B", np.full(len(DAYS), -0.02))])
    told = log_returns(rows.sample(fraction=1, shuffle=True, seed=2), Kind.BARS)
    assert told.group_by("symbol").agg(pl.col("return").round(9).unique()).sort("symbol").rows() == [
        ("A", [0.01]),
        ("B", [-0.02]),
    ]
