"""The history of runs as a table: each run once, in the order of recording, in one commit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from workbench.lake import run_history, version_of
from workbench.lake.run_history import RUN_HISTORY, append_runs, history_table, read_runs, replace_runs
from workbench.lake.versions import find_table
from workbench.model.errors import BadInput, LakeBroken

if TYPE_CHECKING:
    from workbench.lake import Lake

AT = datetime(2024, 1, 2, 22, tzinfo=UTC)


def recorded(*numbers: int, **columns: Any) -> pl.DataFrame:
    """Return runs r0, r1, … recorded an hour apart."""
    given = {"outcome": "done", "score": 97.5, "metrics": [{"name": "close.missing_rate", "value": 0.25}], **columns}
    rows = [
        dict.fromkeys(RUN_HISTORY)
        | {"run": f"r{n}", "session": date(2024, 1, 2) + timedelta(days=n), "recorded_at": AT + timedelta(hours=n)}
        | given
        for n in numbers
    ]
    return pl.DataFrame(rows, schema=RUN_HISTORY)


def test_there_may_be_no_history_yet(lake: Lake) -> None:
    assert_frame_equal(read_runs(lake, "d"), RUN_HISTORY.to_frame())
    assert append_runs(lake, "d", recorded()) is None
    assert version_of(lake, history_table("d")) is None


def test_what_is_appended_is_read_in_the_order_of_recording(lake: Lake) -> None:
    assert append_runs(lake, "d", recorded(3, 1)) == 0
    assert append_runs(lake, "d", recorded(2, outcome="failed", score=None, metrics=None)) == 1
    found = read_runs(lake, "d")
    assert found["run"].to_list() == ["r1", "r2", "r3"]
    assert_frame_equal(found.filter(pl.col("run") != "r2"), recorded(1, 3))
    assert (lake.root / "metadata" / "history" / "d" / "_delta_log").is_dir()
    assert read_runs(lake, "other").is_empty()


def test_a_run_is_there_once(lake: Lake) -> None:
    append_runs(lake, "d", recorded(1, 1))
    assert append_runs(lake, "d", recorded(1, score=3.0)) is None
    assert append_runs(lake, "d", recorded(1, 2)) == 1
    assert_frame_equal(read_runs(lake, "d"), recorded(1, 2))


def test_many_commits_do_not_make_many_files(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_history, "MOST_FILES", 4)
    for number in range(11):
        append_runs(lake, "d", recorded(number))
    table = find_table(lake, history_table("d"))
    assert table is not None
    assert len(table.file_uris()) <= 4
    assert_frame_equal(read_runs(lake, "d"), recorded(*range(11)))


def test_the_whole_history_can_be_replaced(lake: Lake) -> None:
    assert replace_runs(lake, "d", recorded(1, 2)) == 0
    assert replace_runs(lake, "d", recorded(2, 3)) == 1
    assert_frame_equal(read_runs(lake, "d"), recorded(2, 3))


def test_other_columns_are_refused(lake: Lake) -> None:
    with pytest.raises(BadInput, match="found others at score"):
        append_runs(lake, "d", recorded(1).with_columns(pl.col("score").cast(pl.Int64)))
    with pytest.raises(BadInput, match="found others at extra"):
        append_runs(lake, "d", recorded(1).with_columns(extra=1))
    with pytest.raises(BadInput, match="1 without"):
        append_runs(lake, "d", recorded(1, run=None))


def test_a_run_that_was_taken_up_again_is_as_it_ended_at_last(lake: Lake) -> None:
    append_runs(lake, "d", recorded(1, outcome="failed"))
    later = recorded(1).with_columns(pl.col("recorded_at") + timedelta(minutes=5))
    assert append_runs(lake, "d", later) == 1
    assert_frame_equal(read_runs(lake, "d"), later)


def test_a_damaged_history_says_how_it_is_made_again(lake: Lake) -> None:
    append_runs(lake, "d", recorded(1))
    folder = lake.path(history_table("d"))
    for path in folder.glob("*.parquet"):
        path.write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(LakeBroken, match="--rebuild"):
        read_runs(lake, "d")
    replace_runs(lake, "d", recorded(1))
    assert_frame_equal(read_runs(lake, "d"), recorded(1))
    for path in folder.glob("_delta_log/*.json"):
        path.write_text("{nothing")
    replace_runs(lake, "d", recorded(2))
    assert_frame_equal(read_runs(lake, "d"), recorded(2))
