"""What is tidy is read in a few steps, to the same rows; whatever is not goes the way of all others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from workbench.calendars import calendar
from workbench.lab.tidy import Tidy
from workbench.lab.understanding import understand
from workbench.model.contract import Contract
from workbench.transform.standardise import Origin, standardise
from workbench.transform.tables import RawTable

COLUMNS = {"time": "ts", "symbol": "sym", "open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
OPEN = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
SPAN = (date(2024, 3, 1), date(2024, 3, 8))


def minutes(stamp: str = "start", name: str = "XNYS") -> Contract:
    return Contract(dataset="x", frequency="1m", calendar=name, columns=COLUMNS, stamp=stamp)


def table(rows: int = 500) -> pl.DataFrame:
    at = [OPEN + timedelta(minutes=number) for number in range(rows)]
    prices = {name: [10.0 + number % 7 for number in range(rows)] for name in "ohlc"}
    one = pl.DataFrame({"ts": at, **prices, "v": list(range(rows))})
    both = [one.with_columns(pl.lit(name).alias("sym")) for name in ("A", "B")]
    return pl.concat(both).with_columns(pl.when(pl.col("v") == 7).then(None).otherwise(pl.col("c")).alias("c"))


def tidy(frame: pl.DataFrame, contract: Contract) -> pl.DataFrame | None:
    made = Tidy.of(contract, COLUMNS, calendar(contract.calendar), SPAN)
    return None if made is None else made.standard(frame)


@pytest.mark.parametrize("contract", [minutes(), minutes("end"), minutes(name="XTKS"), minutes(name="24/7")])
def test_tidy_rows_are_what_they_are_otherwise(contract: Contract) -> None:
    found = tidy(table(), contract)
    assert found is not None
    arrived = standardise([Origin(RawTable(table(), "x", ""))], columns=COLUMNS, kind=contract.kind, frequency="1m")
    other = understand(arrived, contract).frame
    assert found.with_columns(pl.col("symbol").cast(pl.String)).equals(other.select(found.columns))
    assert other["unreadable"].null_count() == other["quarantine_reason"].null_count() == len(other)


@pytest.mark.parametrize("stamp", ["start", "end"])
@pytest.mark.parametrize(("name", "first"), [("XNYS", date(2024, 3, 9)), ("XNYS", date(2024, 11, 2)), ("XASX", date(2024, 4, 6))])
def test_tidy_rows_lie_on_their_days_over_a_change_of_clocks(name: str, first: date, stamp: str) -> None:
    """Every minute of three days: around midnight the hour decides which day it is."""
    at = pl.datetime_range(first, first + timedelta(days=3), "1m", time_unit="us", time_zone="UTC", eager=True)
    rows = table(len(at)).with_columns(pl.concat([at, at]).alias("ts"))
    found = tidy(rows, minutes(stamp, name))
    assert found is not None
    begins = rows["ts"] - timedelta(minutes=1 if stamp == "end" else 0)
    zone = calendar(name).timezone
    assert found["session"].equals(begins.dt.convert_time_zone(zone).dt.date().alias("session"))
    offsets = begins.dt.convert_time_zone(zone).dt.dst_offset()
    assert offsets.n_unique() == 2


SPOILED: list[Callable[[pl.DataFrame], pl.DataFrame]] = [
    lambda rows: rows.reverse(),
    lambda rows: pl.concat([rows[:10], rows[9:]]),
    lambda rows: rows.sort("ts"),
    lambda rows: rows.with_columns(pl.col("ts").dt.replace_time_zone(None)),
    lambda rows: rows.with_columns(pl.when(pl.col("v") == 3).then(None).otherwise(pl.col("ts")).alias("ts")),
    lambda rows: rows.with_columns(pl.when(pl.col("v") == 3).then(None).otherwise(pl.col("sym")).alias("sym")),
    lambda rows: rows.with_columns(pl.col("sym") + " "),
    lambda rows: rows.with_columns(pl.when(pl.col("v") == 3).then(float("inf")).otherwise(pl.col("h")).alias("h")),
    lambda rows: rows.with_columns(pl.when(pl.col("v") == 3).then(float("nan")).otherwise(pl.col("h")).alias("h")),
    lambda rows: rows.with_columns(pl.col("o").cast(pl.String)),
    lambda rows: rows.with_columns(pl.col("ts") + pl.duration(days=pl.when(pl.col("v") < 9).then(0).otherwise(120))),
    lambda rows: rows.clear(),
]


@pytest.mark.parametrize("spoil", SPOILED)
def test_whatever_is_not_tidy_goes_the_way_of_all_others(spoil: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    assert tidy(spoil(table(3000)), minutes()) is None


def test_days_and_sessions_of_the_evening_before_are_never_tidy() -> None:
    assert tidy(table(), minutes(name="CMES")) is None
    daily = Contract(dataset="x", calendar="XNYS")
    assert Tidy.of(daily, COLUMNS, calendar("XNYS"), SPAN) is None
