"""Leaves in the log: every commit says what it changed; a fold of what they say is what the rows are."""

from __future__ import annotations

import json
import shutil
from datetime import date
from importlib import import_module
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from workbench.lake import (
    Lake,
    LeafBy,
    Lineage,
    TableRef,
    content_hashes,
    leaves,
    replace_receipts,
    replace_sessions,
    scan,
    tables,
    version_of,
)
from workbench.model.contract import PartitionBy
from workbench.model.errors import BadInput, LakeBroken

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Bars = Callable[..., pl.DataFrame]

TABLE = TableRef.processed("bars")
QUARANTINE = TableRef.quarantine("bars")
DAYS = [date(2024, 1, 30), date(2024, 1, 31), date(2024, 2, 1), date(2024, 2, 2), date(2024, 4, 1)]
EVERY_LEAF = pytest.mark.parametrize("leaf_by", list(LeafBy))
log = import_module("workbench.lake.leaves")


def from_rows(lake: Lake, leaf_by: LeafBy, table: TableRef = TABLE, version: int | None = None) -> pl.DataFrame:
    return content_hashes(scan(lake, table, version=version).collect(), leaf_by)


def assert_never_from_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on the log alone must do."""

    def fail(*_: Any) -> pl.DataFrame:
        raise AssertionError("the rows were read")

    monkeypatch.setattr(log, "_from_rows", fail)


def listed(lake: Lake, version: int, table: TableRef = TABLE) -> dict[str, Any]:
    """Return what a commit's metadata says of leaves."""
    history = {commit["version"]: commit for commit in DeltaTable(lake.path(table)).history()}
    found: dict[str, Any] = json.loads(history[version]["workbench.leaves"])
    return found


@pytest.fixture
def put(lake: Lake, bars: Bars, lineage: Lineage) -> Callable[..., int]:
    """Return a writer of one session's bars."""

    def write(day: date, close: float = 1.0, symbols: tuple[str, ...] = ("A", "B"), **options: Any) -> int:
        frame = bars(list(symbols), [day], close=close)
        options = {"sessions": (day, day), "partition_by": PartitionBy.TIME, "lineage": lineage} | options
        return replace_sessions(lake, TABLE, frame, **options)

    return write


Change = tuple[int, int, list[int]]
CHANGES = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.lists(st.integers(0, 4), max_size=4)), min_size=1, max_size=5
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, by=st.sampled_from(PartitionBy), leaf_by=st.sampled_from(LeafBy))
def test_the_log_says_what_the_rows_say_at_every_version(  # the law of this file
    tmp_path_factory: pytest.TempPathFactory,
    bars: Bars,
    lineage: Lineage,
    changes: list[Change],
    by: PartitionBy,
    leaf_by: LeafBy,
) -> None:
    lake = Lake(tmp_path_factory.mktemp("law"))
    for number, (one, other, picked) in enumerate(changes):
        first, last = DAYS[min(one, other)], DAYS[max(one, other)]
        new = bars(["B", "A"], [DAYS[i] for i in set(picked) if first <= DAYS[i] <= last], close=float(number))
        replace_sessions(lake, TABLE, new, sessions=(first, last), partition_by=by, lineage=lineage, leaf_by=leaf_by)
    with pytest.MonkeyPatch.context() as patch:
        assert_never_from_rows(patch)
        for version in range(len(changes)):
            assert_frame_equal(leaves(lake, TABLE, version, leaf_by=leaf_by), from_rows(lake, leaf_by, version=version))


@EVERY_LEAF
@pytest.mark.parametrize("by", list(PartitionBy))
def test_real_bars(
    lake: Lake, standard: pl.DataFrame, lineage: Lineage, by: PartitionBy, leaf_by: LeafBy, monkeypatch: pytest.MonkeyPatch
) -> None:
    recent = standard.filter(pl.col("session") >= date(2012, 11, 15))
    day = date(2013, 1, 15)
    options: Any = {"partition_by": by, "lineage": lineage, "leaf_by": leaf_by}
    replace_sessions(lake, TABLE, recent, sessions=None, **options)
    before = leaves(lake, TABLE, leaf_by=leaf_by)
    changed = recent.filter(pl.col("session") == day).with_columns(close=pl.lit(7.0))
    replace_sessions(lake, TABLE, changed, sessions=(day, day), **options)
    assert_never_from_rows(monkeypatch)
    after = leaves(lake, TABLE, leaf_by=leaf_by)
    assert_frame_equal(after, from_rows(lake, leaf_by))
    differ = before.filter(before["hash"] != after["hash"])["leaf"].to_list()
    assert differ == [day if leaf_by is LeafBy.SESSION else day.replace(day=1)]
    assert_frame_equal(leaves(lake, TABLE, 0, leaf_by=leaf_by), before)


@EVERY_LEAF
def test_quarantine_is_hashed_whole_though_receipts_are_replaced(
    lake: Lake, bars: Bars, lineage: Lineage, leaf_by: LeafBy, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_never_from_rows(monkeypatch)
    one, two = "1" * 16, "2" * 16
    options: Any = {"lineage": lineage, "leaf_by": leaf_by}
    for receipt, days in ((one, [None, DAYS[0], DAYS[4]]), (two, [None, DAYS[1]]), (one, [DAYS[0]]), (two, [])):
        frame = bars(["A"], days, receipt=receipt, close=float(len(days)))
        replace_receipts(lake, QUARANTINE, frame, receipts=[receipt], **options)
        assert_frame_equal(leaves(lake, QUARANTINE, leaf_by=leaf_by), from_rows(lake, leaf_by, QUARANTINE))
    assert leaves(lake, QUARANTINE, 0, leaf_by=leaf_by)["leaf"][0] is None
    assert leaves(lake, QUARANTINE, leaf_by=leaf_by).height == 1


def test_rows_without_receipt_stay_and_are_hashed(lake: Lake, bars: Bars, lineage: Lineage) -> None:
    options: Any = {"lineage": lineage, "leaf_by": LeafBy.SESSION}
    unknown = bars(["A"], [DAYS[0]]).with_columns(receipt=pl.lit(None, pl.String))
    replace_sessions(lake, QUARANTINE, unknown, sessions=None, partition_by=PartitionBy.TIME, **options)
    replace_receipts(lake, QUARANTINE, bars(["B"], [DAYS[0]], receipt="1" * 16), receipts=["1" * 16], **options)
    assert leaves(lake, QUARANTINE, leaf_by=LeafBy.SESSION)["rows"].to_list() == [2]
    assert_frame_equal(leaves(lake, QUARANTINE, leaf_by=LeafBy.SESSION), from_rows(lake, LeafBy.SESSION, QUARANTINE))


def test_a_commit_lists_what_it_touched_and_no_more(lake: Lake, put: Callable[..., int]) -> None:
    for day in DAYS[:4]:
        put(day, leaf_by=LeafBy.MONTH)
    assert listed(lake, 0)["all"]
    later = listed(lake, 3)
    assert (later["all"], later["by"], list(later["leaves"])) == (False, "month", ["2024-02-01"])
    assert later["leaves"]["2024-02-01"][1] == 4
    put(DAYS[2], symbols=(), leaf_by=LeafBy.MONTH)
    put(DAYS[3], symbols=(), leaf_by=LeafBy.MONTH)
    assert listed(lake, 5)["leaves"] == {"2024-02-01": None}
    put(DAYS[4], leaf_by=LeafBy.MONTH)
    put(DAYS[0], sessions=None, leaf_by=LeafBy.MONTH)
    assert listed(lake, 7)["all"]
    assert leaves(lake, TABLE, leaf_by=LeafBy.MONTH)["leaf"].to_list() == [date(2024, 1, 1)]


@pytest.mark.usefixtures("no_lock")
def test_a_rival_in_the_same_month_is_in_the_hash(lake: Lake, put: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is hashed is what the commit is planned on: a retry hashes anew."""
    put(DAYS[4], leaf_by=LeafBy.MONTH)
    plan = tables.planned

    def planned(*args: Any) -> Any:
        decided = plan(*args)
        monkeypatch.setattr(tables, "planned", plan)
        put(DAYS[0], close=9.0, leaf_by=LeafBy.MONTH)
        return decided

    monkeypatch.setattr(tables, "planned", planned)
    assert put(DAYS[1], leaf_by=LeafBy.MONTH) == 2
    assert_never_from_rows(monkeypatch)
    assert_frame_equal(leaves(lake, TABLE, leaf_by=LeafBy.MONTH), from_rows(lake, LeafBy.MONTH))


@EVERY_LEAF
@pytest.mark.parametrize("silent", [[0], [1], [4], [1, 4], [2, 3], [0, 1, 2, 3, 4, 5]])
def test_commits_that_say_nothing_are_made_up_for_from_rows(
    lake: Lake, put: Callable[..., int], silent: list[int], leaf_by: LeafBy
) -> None:
    for number, day in enumerate([*DAYS, DAYS[1]]):
        put(day, close=float(number), leaf_by=None if number in silent else leaf_by)
    for version in range(6):
        assert_frame_equal(leaves(lake, TABLE, version, leaf_by=leaf_by), from_rows(lake, leaf_by, version=version))


def test_only_what_nothing_is_said_of_is_read(lake: Lake, put: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    for number, day in enumerate(DAYS):
        put(day, leaf_by=None if number == 2 else LeafBy.SESSION)
    seen: list[list[date]] = []

    def hashed(rows: pl.LazyFrame, by: LeafBy) -> pl.DataFrame:
        seen.append(rows.select(pl.col("session").unique().sort()).collect()["session"].to_list())
        return content_hashes(rows, by)

    monkeypatch.setattr(log, "content_hashes", hashed)
    assert leaves(lake, TABLE, leaf_by=LeafBy.SESSION)["leaf"].to_list() == DAYS
    assert seen == [[DAYS[2]]]


@EVERY_LEAF
def test_a_table_written_with_other_leaves_is_read_from_rows(lake: Lake, put: Callable[..., int], leaf_by: LeafBy) -> None:
    for day in DAYS:
        put(day, leaf_by=LeafBy.MONTH)
    put(DAYS[0], close=2.0, leaf_by=LeafBy.SESSION)
    assert_frame_equal(leaves(lake, TABLE, leaf_by=leaf_by), from_rows(lake, leaf_by))


def test_other_software_is_believed_only_where_it_promises_to_change_nothing(
    lake: Lake, put: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in DAYS[:3]:
        put(day, leaf_by=LeafBy.SESSION)
    before = leaves(lake, TABLE, leaf_by=LeafBy.SESSION)
    delta = DeltaTable(lake.path(TABLE))
    assert delta.optimize.compact()["numFilesRemoved"] == 2
    delta.alter.set_table_properties({"delta.appendOnly": "false"})
    with monkeypatch.context() as patch:
        assert_never_from_rows(patch)
        assert_frame_equal(leaves(lake, TABLE, 3, leaf_by=LeafBy.SESSION), before)
    DeltaTable(lake.path(TABLE)).delete("symbol = 'A'")
    assert_frame_equal(leaves(lake, TABLE, leaf_by=LeafBy.SESSION), from_rows(lake, LeafBy.SESSION))
    assert leaves(lake, TABLE, leaf_by=LeafBy.SESSION)["rows"].to_list() == [1, 1, 1]
    DeltaTable(lake.path(TABLE)).restore(1)
    assert leaves(lake, TABLE, leaf_by=LeafBy.SESSION)["leaf"].to_list() == DAYS[:2]


def test_a_foreign_commit_after_ours_is_not_covered_by_ours(lake: Lake, put: Callable[..., int], bars: Bars) -> None:
    put(DAYS[0], leaf_by=LeafBy.SESSION)
    more = bars(["C"], [DAYS[0]]).with_columns(year=pl.lit(2024, pl.Int32), month=pl.lit(1, pl.Int32))
    write_deltalake(lake.path(TABLE), more, mode="append", commit_properties=CommitProperties({"by": "hand"}))
    assert leaves(lake, TABLE, leaf_by=LeafBy.SESSION)["rows"].to_list() == [3]


def test_an_earliest_log_that_is_gone_is_made_up_for(lake: Lake, put: Callable[..., int]) -> None:
    for day in DAYS:
        put(day, leaf_by=LeafBy.SESSION)
    expected = leaves(lake, TABLE, leaf_by=LeafBy.SESSION)
    DeltaTable(lake.path(TABLE)).create_checkpoint()
    for version in range(3):
        (lake.path(TABLE) / "_delta_log" / f"{version:020}.json").unlink()
    assert_frame_equal(leaves(lake, TABLE, leaf_by=LeafBy.SESSION), expected)


def cached(lake: Lake) -> list[Path]:
    return sorted((lake.root / "metadata" / "leaves").rglob("*.parquet"))


@pytest.fixture
def long(lake: Lake, put: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Return a lake whose table has more commits than are read without a stored fold."""
    monkeypatch.setattr(log, "READ_BEFORE_CACHED", 2)
    for number, day in enumerate([*DAYS, *DAYS]):
        put(day, close=float(number), leaf_by=LeafBy.SESSION)
    return lake


def test_a_stored_fold_saves_reading_the_commits_before(long: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = leaves(long, TABLE, 8, leaf_by=LeafBy.SESSION)
    assert [path.name.split("-")[0] for path in cached(long)] == [f"{8:020}"]
    read: list[str] = []
    commit = log._commit
    monkeypatch.setattr(log, "_commit", lambda path, by: (read.append(path.stem), commit(path, by))[1])
    assert_frame_equal(leaves(long, TABLE, 9, leaf_by=LeafBy.SESSION), from_rows(long, LeafBy.SESSION))
    assert_frame_equal(leaves(long, TABLE, 8, leaf_by=LeafBy.SESSION), expected)
    assert read == [f"{9:020}"]
    shutil.rmtree(long.root / "metadata")
    assert_frame_equal(leaves(long, TABLE, 8, leaf_by=LeafBy.SESSION), expected)


def test_any_damaged_byte_of_a_stored_fold_is_seen(long: Lake) -> None:
    expected = leaves(long, TABLE, leaf_by=LeafBy.SESSION)
    (path,) = cached(long)
    sound = path.read_bytes()
    for place in range(0, len(sound), 97):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
        assert_frame_equal(leaves(long, TABLE, leaf_by=LeafBy.SESSION), expected)
        assert path.read_bytes() == sound  # it was computed again
    path.write_bytes(b"")
    assert_frame_equal(leaves(long, TABLE, leaf_by=LeafBy.SESSION), expected)


def test_a_fold_of_an_earlier_table_at_the_same_path_is_not_taken(long: Lake, put: Callable[..., int]) -> None:
    leaves(long, TABLE, leaf_by=LeafBy.SESSION)
    shutil.rmtree(long.path(TABLE))
    for number, day in enumerate([*DAYS, *DAYS]):
        put(day, close=-float(number), leaf_by=LeafBy.SESSION)
    assert_frame_equal(leaves(long, TABLE, leaf_by=LeafBy.SESSION), from_rows(long, LeafBy.SESSION))


def test_few_folds_are_kept_and_a_lake_may_be_read_only(long: Lake) -> None:
    for version in range(9, 2, -1):
        leaves(long, TABLE, version, leaf_by=LeafBy.SESSION)
    assert len(cached(long)) == 4
    assert not list((long.root / "metadata").rglob(".draft*"))
    shutil.rmtree(long.root / "metadata")
    (long.root / "metadata").write_text("no folder can be made here")
    assert leaves(long, TABLE, leaf_by=LeafBy.SESSION).height == 5


def test_what_is_not_there_is_said(lake: Lake, put: Callable[..., int]) -> None:
    with pytest.raises(BadInput, match="no table processed/bars yet"):
        leaves(lake, TABLE, leaf_by=LeafBy.MONTH)
    put(DAYS[0], leaf_by=LeafBy.MONTH)
    with pytest.raises(BadInput, match="expected a version from 0 to 0, found 1"):
        leaves(lake, TABLE, 1, leaf_by=LeafBy.MONTH)
    assert version_of(lake, TABLE) == 0
    (lake.path(TABLE) / "_delta_log" / f"{0:020}.json").write_text("<html>")
    with pytest.raises(LakeBroken, match=r"00\.json: expected a commit"):
        leaves(lake, TABLE, 0, leaf_by=LeafBy.MONTH)
