"""Compaction: fewer files, the same rows, the same leaves, and the past as it was."""

from __future__ import annotations

from datetime import date
from importlib import import_module
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from workbench.lake import (
    Lake,
    LeafBy,
    Lineage,
    TableRef,
    compact,
    compaction,
    content_hashes,
    history,
    leaves,
    lineage_of,
    replace_receipts,
    replace_sessions,
    scan,
    version_of,
)
from workbench.model.contract import PartitionBy
from workbench.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    Bars = Callable[..., pl.DataFrame]

TABLE = TableRef.processed("bars")
ORDER = ["symbol", "event_at", "row", "receipt"]
EVERY_PARTITIONING = pytest.mark.parametrize("by", list(PartitionBy))


def whole(lake: Lake, version: int | None = None, table: TableRef = TABLE) -> pl.DataFrame:
    return scan(lake, table, version=version).collect().sort(ORDER)


def files(lake: Lake, table: TableRef = TABLE) -> list[str]:
    return DeltaTable(lake.path(table)).file_uris()


@pytest.fixture
def daily(lake: Lake, standard: pl.DataFrame, lineage: Lineage) -> Callable[[PartitionBy], Lake]:
    """Return a maker of a lake with real bars, one commit for each session of three months."""

    def make(by: PartitionBy) -> Lake:
        recent = standard.filter(pl.col("session") >= date(2013, 1, 22))
        for (day,), rows in recent.group_by("session", maintain_order=True):
            assert isinstance(day, date)
            options: Any = {"partition_by": by, "lineage": lineage, "leaf_by": LeafBy.MONTH}
            replace_sessions(lake, TABLE, rows, sessions=(day, day), **options)
        return lake

    return make


@EVERY_PARTITIONING
def test_files_become_one_for_each_partition_and_nothing_else_changes(
    daily: Callable[[PartitionBy], Lake], by: PartitionBy
) -> None:
    lake = daily(by)
    past = [whole(lake, version) for version in range(3)]
    rows, before = whole(lake), leaves(lake, TABLE, leaf_by=LeafBy.MONTH)
    crowd, latest = files(lake), version_of(lake, TABLE)
    assert latest is not None
    assert compact(lake, TABLE, partition_by=by) == latest + 1
    assert_frame_equal(whole(lake), rows)
    assert_frame_equal(leaves(lake, TABLE, leaf_by=LeafBy.MONTH), before)
    assert_frame_equal(content_hashes(rows, LeafBy.MONTH), before)
    partitions = {uri.rsplit("/", 1)[0] for uri in files(lake)}
    assert len(files(lake)) == len(partitions) < len(crowd)
    for uri in files(lake):
        stored = pl.read_parquet(uri.removeprefix("file://"), hive_partitioning=False)
        assert_frame_equal(stored, stored.sort(ORDER))
    for version, expected in enumerate(past):
        assert_frame_equal(whole(lake, version), expected)


def test_it_says_what_it_is_and_comes_to_rest(daily: Callable[[PartitionBy], Lake], monkeypatch: pytest.MonkeyPatch) -> None:
    lake = daily(PartitionBy.TIME)
    before = leaves(lake, TABLE, leaf_by=LeafBy.MONTH)
    version = compact(lake, TABLE, partition_by=PartitionBy.TIME)
    assert version is not None
    monkeypatch.setattr(import_module("workbench.lake.leaves"), "_from_rows", None)  # the log alone must do
    assert_frame_equal(leaves(lake, TABLE, leaf_by=LeafBy.MONTH), before)
    assert compact(lake, TABLE, partition_by=PartitionBy.TIME) is None
    assert version_of(lake, TABLE) == version
    assert history(lake, TABLE)["operation"][-1] == "compact"
    assert lineage_of(lake, TABLE, version).tables == (("processed/bars", version - 1),)


def test_only_partitions_with_several_files_are_written(lake: Lake, bars: Bars, lineage: Lineage) -> None:
    put: Any = {"partition_by": PartitionBy.TIME, "lineage": lineage}
    for day in (date(2024, 1, 2), date(2024, 1, 3), date(2024, 2, 1)):
        replace_sessions(lake, TABLE, bars(["A"], [day]), sessions=(day, day), **put)
    alone = [uri for uri in files(lake) if "month=2" in uri]
    compact(lake, TABLE, partition_by=PartitionBy.TIME)
    assert [uri for uri in files(lake) if "month=2" in uri] == alone
    assert len(files(lake)) == 2


@EVERY_PARTITIONING
def test_rows_without_session_and_hostile_symbols(lake: Lake, bars: Bars, lineage: Lineage, by: PartitionBy) -> None:
    table = TableRef.quarantine("bars")
    for number in range(3):
        rows = bars(["it's", "", "../../x", "A"], [None, date(2024, 1, 2)], receipt=f"{number:016x}")
        replace_receipts(lake, table, rows, receipts=[f"{number:016x}"], partition_by=by, lineage=lineage)
    before = whole(lake, table=table)
    assert compact(lake, table, partition_by=by) == 3
    assert_frame_equal(whole(lake, table=table), before)
    assert len(files(lake, table)) == {PartitionBy.TIME: 2, PartitionBy.SYMBOL: 4, PartitionBy.HYBRID: 8}[by]


def test_large_tables_are_compacted_some_partitions_at_a_time(
    daily: Callable[[PartitionBy], Lake], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = daily(PartitionBy.TIME)
    rows, latest = whole(lake), version_of(lake, TABLE)
    before = leaves(lake, TABLE, leaf_by=LeafBy.MONTH)
    assert latest is not None
    monkeypatch.setattr(compaction, "COMMIT_ROWS", 1)
    assert compact(lake, TABLE, partition_by=PartitionBy.TIME) == latest + before.filter(pl.col("rows") > 5).height
    assert_frame_equal(whole(lake), rows)
    assert_frame_equal(leaves(lake, TABLE, leaf_by=LeafBy.MONTH), before)


@pytest.mark.usefixtures("no_lock")
def test_a_commit_in_between_is_neither_lost_nor_undone(
    daily: Callable[[PartitionBy], Lake], bars: Bars, lineage: Lineage, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = daily(PartitionBy.TIME)
    day = date(2013, 2, 4)
    plan = compaction._planned

    def planned(*args: Any) -> Any:
        decided = plan(*args)
        monkeypatch.setattr(compaction, "_planned", plan)
        rival = whole(lake).filter(pl.col("session") == day).with_columns(close=pl.lit(9.0))
        options: Any = {"partition_by": PartitionBy.TIME, "lineage": lineage, "leaf_by": LeafBy.MONTH}
        replace_sessions(lake, TABLE, rival, sessions=(day, day), **options)
        return decided

    monkeypatch.setattr(compaction, "_planned", planned)
    compact(lake, TABLE, partition_by=PartitionBy.TIME)
    assert whole(lake).filter(pl.col("session") == day)["close"].unique().to_list() == [9.0]
    assert_frame_equal(leaves(lake, TABLE, leaf_by=LeafBy.MONTH), content_hashes(whole(lake), LeafBy.MONTH))


def test_another_partitioning_and_no_table_are_refused(daily: Callable[[PartitionBy], Lake], lake: Lake) -> None:
    with pytest.raises(BadInput, match="no table"):
        compact(lake, TABLE, partition_by=PartitionBy.TIME)
    daily(PartitionBy.TIME)
    with pytest.raises(BadInput, match="by year, month"):
        compact(lake, TABLE, partition_by=PartitionBy.SYMBOL)
