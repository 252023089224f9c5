"""Writing: sessions and arrivals are replaced in one commit, in every partitioning, and files stay sorted."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from workbench.lake import (
    Lake,
    Lineage,
    TableRef,
    commits,
    history,
    replace_receipts,
    replace_sessions,
    safe_name,
    scan,
    tables,
    version_of,
)
from workbench.model.contract import PartitionBy
from workbench.model.errors import BadInput, WorkbenchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Bars = Callable[..., pl.DataFrame]

TABLE = TableRef.processed("bars")
QUARANTINE = TableRef.quarantine("bars")
HOSTILE = [
    "../../x",
    "<script>",
    "=cmd()",
    "BRK/B",
    "^GSPC",
    "a" * 10_000,
    "",
    "aapl",
    "AAPL",
    "it's",
    "%2e%2e",
    "A B",
    "\0",
    "🦈",
    "NUL",
]
ORDER = ["symbol", "event_at", "row"]
EVERY_PARTITIONING = pytest.mark.parametrize("by", list(PartitionBy))


def whole(lake: Lake, table: TableRef = TABLE, **options: Any) -> pl.DataFrame:
    return scan(lake, table, **options).collect().sort(ORDER)


def parquet_files(lake: Lake, table: TableRef = TABLE) -> list[Path]:
    """Return every data file there is, of present and past versions."""
    return sorted(lake.path(table).rglob("*.parquet"))


def assert_files_sorted(lake: Lake, table: TableRef = TABLE) -> None:
    for path in parquet_files(lake, table):
        rows = pl.read_parquet(path, hive_partitioning=False)
        assert_frame_equal(rows, rows.sort(ORDER))


@EVERY_PARTITIONING
def test_real_bars_come_back_as_they_were(lake: Lake, standard: pl.DataFrame, lineage: Lineage, by: PartitionBy) -> None:
    assert version_of(lake, TABLE) is None
    shuffled = standard.sample(fraction=1, shuffle=True, seed=1)
    assert replace_sessions(lake, TABLE, shuffled, sessions=None, partition_by=by, lineage=lineage) == 0
    assert version_of(lake, TABLE) == 0
    assert_frame_equal(whole(lake), standard.sort(ORDER))
    assert_files_sorted(lake)


def test_folders_are_as_the_design_says(lake: Lake, standard: pl.DataFrame, lineage: Lineage) -> None:
    few = standard.filter(pl.col("session").dt.year() == 2013, pl.col("session").dt.month() == 2)
    expected = {
        PartitionBy.TIME: "year=2013/month=2",
        PartitionBy.SYMBOL: "symbol_key=IBM",
        PartitionBy.HYBRID: "year=2013/month=2/symbol_key=IBM",
    }
    for by, folder in expected.items():
        replace_sessions(lake, TableRef.processed(by), few, sessions=None, partition_by=by, lineage=lineage)
        assert list((lake.path(TableRef.processed(by)) / folder).glob("*.zstd.parquet"))


@EVERY_PARTITIONING
def test_a_rerun_replaces_its_session_and_nothing_else(
    lake: Lake, standard: pl.DataFrame, lineage: Lineage, by: PartitionBy
) -> None:
    recent = standard.filter(pl.col("session") >= date(2012, 6, 1))
    replace_sessions(lake, TABLE, recent, sessions=None, partition_by=by, lineage=lineage)
    session = date(2013, 1, 15)
    new = recent.filter(pl.col("session") == session).with_columns(close=pl.lit(7.0))
    for version in (1, 2):  # twice is as once
        assert replace_sessions(lake, TABLE, new, sessions=(session, session), partition_by=by, lineage=lineage) == version
        expected = pl.concat([recent.filter(pl.col("session") != session), new]).sort(ORDER)
        assert_frame_equal(whole(lake), expected)
    assert_files_sorted(lake)
    assert_frame_equal(whole(lake, version=0), recent.sort(ORDER))


@EVERY_PARTITIONING
@pytest.mark.parametrize("symbol", HOSTILE, ids=lambda s: repr(s[:12]))
def test_hostile_symbols(lake: Lake, bars: Bars, lineage: Lineage, by: PartitionBy, symbol: str) -> None:
    sessions = [date(2024, 1, 31), date(2024, 2, 1)]
    frame = bars([symbol, "OTHER"], sessions)
    replace_sessions(lake, TABLE, frame, sessions=(sessions[0], sessions[1]), partition_by=by, lineage=lineage)
    one = bars([symbol], sessions[:1], close=2.0)
    replace_sessions(lake, TABLE, one, sessions=(sessions[0], sessions[0]), partition_by=by, lineage=lineage)
    assert_frame_equal(whole(lake, symbols=[symbol], end=sessions[0]), one)
    assert whole(lake)["symbol"].value_counts().sort("count")["symbol"].to_list().count(symbol) == 1
    assert whole(lake).height == 3
    outside = [path for path in lake.root.parent.rglob("*") if not path.is_relative_to(lake.root)]
    assert outside == []


@EVERY_PARTITIONING
def test_all_hostile_symbols_in_one_table(lake: Lake, bars: Bars, lineage: Lineage, by: PartitionBy) -> None:
    frame = bars(HOSTILE, [date(2024, 1, 31)])
    replace_sessions(lake, TABLE, frame, sessions=None, partition_by=by, lineage=lineage)
    assert_frame_equal(whole(lake), frame.sort(ORDER))
    assert {symbol: whole(lake, symbols=[symbol]).height for symbol in HOSTILE} == dict.fromkeys(HOSTILE, 1)
    if by is PartitionBy.SYMBOL:
        names = {path.parent.name.removeprefix("symbol_key=") for path in parquet_files(lake)}
        assert names == {safe_name(symbol) for symbol in HOSTILE}


Change = tuple[int, int, list[int]]
CHANGES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.lists(st.integers(0, 5), max_size=4)), min_size=1, max_size=5
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, by=st.sampled_from(PartitionBy))
def test_any_sequence_of_replacements_is_as_in_memory(
    tmp_path_factory: pytest.TempPathFactory, bars: Bars, lineage: Lineage, changes: list[Change], by: PartitionBy
) -> None:
    lake = Lake(tmp_path_factory.mktemp("law"))
    days = [date(2024, 1, 29), date(2024, 1, 30), date(2024, 1, 31), date(2024, 2, 1), date(2024, 2, 2), date(2024, 3, 1)]
    expected = bars([], [])
    for number, (one, other, picked) in enumerate(changes):
        first, last = days[min(one, other)], days[max(one, other)]
        new = bars(["B", "A"], [days[i] for i in set(picked) if first <= days[i] <= last], close=float(number))
        replace_sessions(lake, TABLE, new, sessions=(first, last), partition_by=by, lineage=lineage)
        expected = pl.concat([expected.filter(~pl.col("session").is_between(first, last)), new])
    assert_frame_equal(whole(lake), expected.sort(ORDER))
    assert_files_sorted(lake)


@EVERY_PARTITIONING
def test_an_empty_frame_removes(lake: Lake, bars: Bars, lineage: Lineage, by: PartitionBy) -> None:
    first, last = date(2024, 1, 2), date(2024, 1, 3)
    frame = bars(["A", "B"], [first, last])
    empty = frame.clear()
    put = {"partition_by": by, "lineage": lineage}
    assert replace_sessions(lake, TABLE, empty, sessions=(first, first), **put) == 0
    assert whole(lake).schema == frame.schema
    replace_sessions(lake, TABLE, frame, sessions=(first, last), **put)
    assert replace_sessions(lake, TABLE, empty, sessions=(first, first), **put) == 2
    assert whole(lake)["session"].unique().to_list() == [last]
    assert replace_sessions(lake, TABLE, empty, sessions=(first, last), **put) == 3
    assert whole(lake).height == 0
    assert replace_sessions(lake, TABLE, frame, sessions=None, **put) == 4
    assert replace_sessions(lake, TABLE, empty, sessions=None, **put) == 5
    assert whole(lake).schema == frame.schema
    assert whole(lake, version=4).height == 4


def test_a_new_session_is_a_file_of_its_own(lake: Lake, bars: Bars, lineage: Lineage) -> None:
    put = {"partition_by": PartitionBy.TIME, "lineage": lineage}
    first, last = date(2024, 1, 2), date(2024, 1, 3)
    replace_sessions(lake, TABLE, bars(["A"], [first]), sessions=(first, first), **put)
    before = parquet_files(lake)
    replace_sessions(lake, TABLE, bars(["A"], [last]), sessions=(last, last), **put)
    assert set(before) < set(parquet_files(lake))
    assert len(DeltaTable(lake.path(TABLE)).file_uris()) == 2


@EVERY_PARTITIONING
def test_a_new_column_is_null_in_older_rows(lake: Lake, bars: Bars, lineage: Lineage, by: PartitionBy) -> None:
    days = [date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4)]
    put = {"partition_by": by, "lineage": lineage}
    replace_sessions(lake, TABLE, bars(["A"], days[:2]), sessions=(days[0], days[1]), **put)
    replace_sessions(lake, TABLE, bars(["A"], days[1:2], vwap=5.0), sessions=(days[1], days[1]), **put)
    replace_sessions(lake, TABLE, bars(["A"], days[2:]), sessions=(days[2], days[2]), **put)
    assert whole(lake)["vwap"].to_list() == [None, 5.0, None]
    assert "vwap" not in whole(lake, version=0).columns


def test_another_type_is_refused_and_nothing_written(lake: Lake, bars: Bars, lineage: Lineage) -> None:
    day = date(2024, 1, 2)
    put = {"partition_by": PartitionBy.TIME, "lineage": lineage}
    replace_sessions(lake, TABLE, bars(["A"], [day]), sessions=(day, day), **put)
    before = parquet_files(lake)
    text = bars(["A"], [day]).with_columns(pl.col("close").cast(pl.String))
    with pytest.raises(BadInput, match="expected column 'close' of type Float64, found String"):
        replace_sessions(lake, TABLE, text, sessions=(day, day), **put)
    with pytest.raises(BadInput, match="has no type"):
        replace_sessions(lake, TABLE, bars(["A"], [day], vwap=None), sessions=(day, day), **put)
    with pytest.raises(BadInput, match="partition column"):
        replace_sessions(lake, TABLE, bars(["A"], [day], year=1), sessions=(day, day), **put)
    assert parquet_files(lake) == before
    replace_sessions(lake, TABLE, text, sessions=None, **put)
    assert whole(lake).schema["close"] == pl.String


def test_unsigned_counts_may_be_written_twice(lake: Lake, bars: Bars, lineage: Lineage) -> None:
    day = date(2024, 1, 2)
    frame = bars(["A"], [day]).with_columns(trades=pl.lit(3, dtype=pl.UInt32))
    for _ in range(2):
        replace_sessions(lake, TABLE, frame, sessions=(day, day), partition_by=PartitionBy.TIME, lineage=lineage)
    assert whole(lake)["trades"].to_list() == [3]


def test_partitioning_changes_only_with_the_whole_table(lake: Lake, bars: Bars, lineage: Lineage) -> None:
    day = date(2024, 1, 2)
    frame = bars(["A"], [day])
    replace_sessions(lake, TABLE, frame, sessions=(day, day), partition_by=PartitionBy.TIME, lineage=lineage)
    with pytest.raises(BadInput, match="by year, month"):
        replace_sessions(lake, TABLE, frame, sessions=(day, day), partition_by=PartitionBy.SYMBOL, lineage=lineage)
    replace_sessions(lake, TABLE, frame, sessions=None, partition_by=PartitionBy.SYMBOL, lineage=lineage)
    assert_frame_equal(whole(lake), frame)
    assert_frame_equal(whole(lake, version=0), frame)


@pytest.mark.parametrize("session", [date(2024, 1, 3), None])
def test_rows_of_other_sessions_are_refused(lake: Lake, bars: Bars, lineage: Lineage, session: date | None) -> None:
    day = date(2024, 1, 2)
    frame = bars(["A"], [day, session])
    with pytest.raises(BadInput, match=r"found 1 other row\(s\)"):
        replace_sessions(lake, TABLE, frame, sessions=(day, day), partition_by=PartitionBy.TIME, lineage=lineage)
    assert version_of(lake, TABLE) is None


@EVERY_PARTITIONING
def test_quarantine_is_replaced_by_receipt(lake: Lake, bars: Bars, lineage: Lineage, by: PartitionBy) -> None:
    one, two, three = ("1" * 16, "2" * 16, "f" * 16)
    unknown = [None, date(2024, 1, 2)]
    put = {"partition_by": by, "lineage": lineage}
    replace_receipts(lake, QUARANTINE, bars(["A"], unknown, receipt=one), receipts=[one], **put)
    others = pl.concat([bars(["B", "A"], unknown, receipt=two), bars(["C"], unknown, receipt=three)])
    replace_receipts(lake, QUARANTINE, others, receipts=[two, three], **put)
    for _ in range(2):  # a rerun leaves the same
        replace_receipts(lake, QUARANTINE, bars(["A"], [None], receipt=two), receipts=[two], **put)
        found = whole(lake, QUARANTINE)
        counts = dict(found.group_by("receipt").len().iter_rows())
        assert counts == {one: 2, two: 1, three: 2}
        assert found["session"].null_count() == 3
    assert_files_sorted(lake, QUARANTINE)
    replace_receipts(lake, QUARANTINE, others.clear(), receipts=[one, two, three], **put)
    assert whole(lake, QUARANTINE).height == 0


@pytest.mark.parametrize("receipts", [[], ["x"], ["' OR 1=1 --"], ["0" * 16 + "\n"], ["0" * 16]])
def test_what_is_not_a_receipt_of_the_rows_is_refused(lake: Lake, bars: Bars, lineage: Lineage, receipts: list[str]) -> None:
    with pytest.raises(BadInput):
        replace_receipts(lake, QUARANTINE, bars(["A"], [None], receipt="1" * 16), receipts=receipts, lineage=lineage)
    assert version_of(lake, QUARANTINE) is None


def test_writers_at_once_neither_lose_nor_double(lake: Lake, bars: Bars, lineage: Lineage) -> None:
    days = [date(2024, 1, day) for day in (2, 3, 4, 5)]

    def write(job: tuple[date, int]) -> int:
        day, number = job
        frame = bars(["A", "B"], [day], close=float(number))
        return replace_sessions(lake, TABLE, frame, sessions=(day, day), partition_by=PartitionBy.TIME, lineage=lineage)

    with ThreadPoolExecutor(3) as pool:
        versions = list(pool.map(write, itertools.product(days, range(3))))
    assert sorted(versions) == list(range(12))
    found = whole(lake)
    assert found.height == 8
    assert found.group_by("session").agg(pl.col("close").n_unique())["close"].to_list() == [1] * 4
    assert_files_sorted(lake)


@pytest.mark.usefixtures("no_lock")
def test_a_commit_in_between_makes_the_plan_anew(
    lake: Lake, bars: Bars, lineage: Lineage, monkeypatch: pytest.MonkeyPatch
) -> None:
    day, other = date(2024, 1, 2), date(2024, 1, 3)
    put = {"partition_by": PartitionBy.TIME, "lineage": lineage}
    plan = tables.planned
    rivals = iter([other, day])

    def planned(*args: Any) -> Any:
        decided = plan(*args)
        if (rival := next(rivals, None)) is not None:
            monkeypatch.setattr(tables, "planned", plan)
            replace_sessions(lake, TABLE, bars(["A"], [rival], close=9.0), sessions=(rival, rival), **put)
            monkeypatch.setattr(tables, "planned", planned)
        return decided

    monkeypatch.setattr(tables, "planned", planned)
    assert replace_sessions(lake, TABLE, bars(["A"], [day], close=1.0), sessions=(day, day), **put) == 2
    assert whole(lake).sort("session")["close"].to_list() == [1.0, 9.0]
    assert history(lake, TABLE).height == 3


@pytest.mark.usefixtures("no_lock")
def test_endless_rivals_end_in_a_clear_error(lake: Lake, bars: Bars, lineage: Lineage, monkeypatch: pytest.MonkeyPatch) -> None:
    day = date(2024, 1, 2)
    put = {"sessions": (day, day), "partition_by": PartitionBy.TIME, "lineage": lineage}
    plan = tables.planned

    def planned(*args: Any) -> Any:
        decided = plan(*args)
        monkeypatch.setattr(tables, "planned", plan)
        replace_sessions(lake, TABLE, bars(["A"], [day], close=9.0), **put)
        monkeypatch.setattr(tables, "planned", planned)
        return decided

    monkeypatch.setattr(tables, "planned", planned)
    monkeypatch.setattr(commits, "ATTEMPTS", 2)
    with pytest.raises(WorkbenchError, match="other writers"):
        replace_sessions(lake, TABLE, bars(["A"], [day]), **put)
    assert whole(lake)["close"].to_list() == [9.0]
