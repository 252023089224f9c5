"""Reading: the past, the pruned, the unknown; and where each version came from."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from workbench.lake import Lake, Lineage, TableRef, history, lineage_of, replace_sessions, scan, version_at, version_of
from workbench.model.contract import PartitionBy
from workbench.model.errors import BadInput, LakeBroken

if TYPE_CHECKING:
    from collections.abc import Callable

    Bars = Callable[..., pl.DataFrame]

TABLE = TableRef.processed("bars")
DAYS = [date(2024, 1, 31), date(2024, 2, 1), date(2024, 3, 1)]


def opened(rows: pl.LazyFrame) -> int:
    """Return how many files a scan opens."""
    sources = re.search(r"Parquet SCAN \[(.*?)\]", rows.explain(), re.DOTALL)
    assert sources is not None
    more = re.search(r"\.\.\. (\d+) other", sources[1])
    return int(more[1]) + 1 if more else sources[1].count(".parquet")


@pytest.fixture
def grown(lake: Lake, bars: Bars, lineage: Lineage) -> Lake:
    """Return a lake with a version for each day, and a last one that corrects the first day."""
    for number, day in enumerate([*DAYS, DAYS[0]]):
        frame = bars(["A", "B"], [day], close=float(number))
        made = Lineage(
            "transform", run=f"run{number}", receipts=lineage.receipts, tables=(("processed/x", number),), code="k", contract="c"
        )
        replace_sessions(lake, TABLE, frame, sessions=(day, day), partition_by=PartitionBy.TIME, lineage=made)
    return lake


def test_a_version_is_read_as_it_was(grown: Lake) -> None:
    heights = [scan(grown, TABLE, version=version).collect().height for version in range(4)]
    assert heights == [2, 4, 6, 6]
    corrected = pl.col("session") == DAYS[0]
    assert scan(grown, TABLE, version=2).filter(corrected).collect()["close"].unique().to_list() == [0.0]
    assert scan(grown, TABLE).filter(corrected).collect()["close"].unique().to_list() == [3.0]


def test_as_of_is_what_was_recorded_by_then(grown: Lake) -> None:
    for version, moment in history(grown, TABLE).select("version", "recorded_at").iter_rows():
        assert version_at(grown, TABLE, moment) >= version  # several commits may share a millisecond
        assert version_at(grown, TABLE, moment - timedelta(microseconds=1)) < version if version else True
    assert scan(grown, TABLE, as_of=datetime.now(UTC)).collect().height == 6
    first = history(grown, TABLE)["recorded_at"][0]
    with pytest.raises(BadInput, match="nothing was recorded by"):
        scan(grown, TABLE, as_of=first - timedelta(seconds=1))


def test_a_scan_stays_at_its_version(grown: Lake, bars: Bars, lineage: Lineage) -> None:
    rows = scan(grown, TABLE)
    replace_sessions(grown, TABLE, bars(["A"], []), sessions=None, partition_by=PartitionBy.TIME, lineage=lineage)
    assert rows.collect().height == 6


def test_bounds_are_closed_and_the_clock_is_the_bounds_type(grown: Lake) -> None:
    def sessions(start: date | None, end: date | None) -> list[date]:
        return scan(grown, TABLE, start=start, end=end).collect()["session"].unique().sort().to_list()

    assert sessions(DAYS[0], DAYS[1]) == DAYS[:2]
    assert sessions(DAYS[1], None) == DAYS[1:]
    assert sessions(datetime(2024, 1, 31, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)) == DAYS[:2]
    assert sessions(datetime(2024, 1, 31, 0, 0, 1, tzinfo=UTC), None) == DAYS[1:]


def test_only_the_columns_asked_for(grown: Lake) -> None:
    assert scan(grown, TABLE, columns=["close", "symbol"]).collect_schema().names() == ["close", "symbol"]
    assert scan(grown, TABLE).collect_schema().names() == ["symbol", "event_at", "session", "close", "row", "receipt"]


def test_one_symbol_may_be_given_as_text(grown: Lake) -> None:
    assert scan(grown, TABLE, symbols="A").collect().height == 3
    assert scan(grown, TABLE, symbols=[]).collect().height == 0


@pytest.mark.parametrize("with_checkpoint", [False, True])
def test_files_that_cannot_hold_a_wanted_row_are_not_opened(
    lake: Lake, standard: pl.DataFrame, lineage: Lineage, *, with_checkpoint: bool
) -> None:
    year = standard.filter(pl.col("session").dt.year() == 2012)
    for by in PartitionBy:
        table = TableRef.processed(by)
        replace_sessions(lake, table, year, sessions=None, partition_by=by, lineage=lineage)
        if with_checkpoint:
            DeltaTable(lake.path(table)).create_checkpoint()
    march = {"start": date(2012, 3, 1), "end": date(2012, 3, 31)}
    clock = {"start": datetime(2012, 3, 1, tzinfo=UTC), "end": datetime(2012, 3, 31, tzinfo=UTC)}
    time, symbol, hybrid = (TableRef.processed(by) for by in PartitionBy)
    assert [opened(scan(lake, time)), opened(scan(lake, time, **march)), opened(scan(lake, time, **clock))] == [12, 1, 1]
    assert [opened(scan(lake, symbol)), opened(scan(lake, symbol, symbols=["AAPL", "MSFT"]))] == [5, 2]
    assert opened(scan(lake, hybrid, symbols=["IBM"], **march)) == 1


def test_what_is_not_there_is_said_in_one_line(grown: Lake) -> None:
    with pytest.raises(BadInput, match="no table processed/nothing yet; run 'workbench run'"):
        scan(grown, TableRef.processed("nothing"))
    with pytest.raises(BadInput, match="expected a version from 0 to 3, found 4"):
        scan(grown, TABLE, version=4)
    with pytest.raises(BadInput, match="did you mean 'close'"):
        scan(grown, TABLE, columns=["clsoe"])
    with pytest.raises(BadInput, match="found both"):
        scan(grown, TABLE, version=1, as_of=datetime.now(UTC))
    naive = datetime(2024, 1, 1)  # noqa: DTZ001 - that is the mistake
    with pytest.raises(BadInput, match="time zone"):
        scan(grown, TABLE, as_of=naive)
    with pytest.raises(BadInput, match="time zone"):
        scan(grown, TABLE, start=naive)


def test_lineage_comes_back_from_every_commit(grown: Lake) -> None:
    for version in range(4):
        made = lineage_of(grown, TABLE, version)
        assert (made.run, made.tables, made.receipts) == (f"run{version}", (("processed/x", version),), ("0123456789abcdef",))
    with pytest.raises(BadInput, match="expected a version"):
        lineage_of(grown, TABLE, 4)


def test_history_says_what_each_commit_did(grown: Lake) -> None:
    found = history(grown, TABLE)
    assert found["version"].to_list() == [0, 1, 2, 3]
    assert found["first"].to_list() == [*DAYS, DAYS[0]]
    assert found["rows"].to_list() == [2] * 4
    assert found["run"].to_list() == [f"run{number}" for number in range(4)]
    assert found["operation"].unique().to_list() == ["replace sessions"]
    assert found["recorded_at"].is_sorted()
    assert found.schema["recorded_at"] == pl.Datetime("us", "UTC")


def test_history_is_never_cleaned_away(grown: Lake) -> None:
    properties = DeltaTable(grown.path(TABLE)).metadata().configuration
    assert properties["delta.enableExpiredLogCleanup"] == "false"
    assert properties["delta.logRetentionDuration"] == properties["delta.deletedFileRetentionDuration"] == "interval 36500 days"
    DeltaTable(grown.path(TABLE)).create_checkpoint()
    assert DeltaTable(grown.path(TABLE)).vacuum(dry_run=True) == []
    assert scan(grown, TABLE, version=0).collect().height == 2


def test_a_foreign_commit_has_no_lineage(grown: Lake) -> None:
    write_deltalake(grown.path(TABLE), DeltaTable(grown.path(TABLE)).to_pyarrow_table(), mode="append")
    with pytest.raises(LakeBroken, match="carries no lineage"):
        lineage_of(grown, TABLE, 4)
    assert history(grown, TABLE)["run"].to_list()[-1] is None
    assert lineage_of(grown, TABLE, 3).run == "run3"


def test_a_broken_log_is_said(grown: Lake) -> None:
    (grown.path(TABLE) / "_delta_log" / f"{0:020}.json").write_text("<html>")
    with pytest.raises(LakeBroken, match="log cannot be read"):
        version_of(grown, TABLE)
