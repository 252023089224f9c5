"""Several processes that write one table: on one partition, on different ones, on the very same session."""

from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path

import polars as pl
import pytest

from workbench.lake import Lake, Lineage, TableRef, history, replace_sessions, scan
from workbench.model.contract import PartitionBy

pytestmark = pytest.mark.slow
TABLE = TableRef.processed("bars")
FIRST = date(2024, 1, 1)


def rows(session: date, writer: int) -> pl.DataFrame:
    names = [f"S{number:03}" for number in range(50)]
    frame = pl.DataFrame({"symbol": names, "session": session, "close": float(writer)})
    return frame.with_columns(event_at=pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))


def write(root: Path, writer: int, sessions: list[date]) -> None:
    lake, lineage = Lake(root), Lineage(f"writer {writer}")
    for session in sessions:
        span = (session, session)
        replace_sessions(lake, TABLE, rows(session, writer), sessions=span, partition_by=PartitionBy.TIME, lineage=lineage)


def at_once(root: Path, sessions: list[list[date]]) -> pl.DataFrame:
    with ProcessPoolExecutor(len(sessions), mp_context=get_context("spawn")) as pool:
        for future in [pool.submit(write, root, number, days) for number, days in enumerate(sessions)]:
            future.result()
    return scan(Lake(root), TABLE).collect()


def days(start: int, count: int, step: int = 1) -> list[date]:
    return [FIRST + timedelta(days=start + step * number) for number in range(count)]


def test_sessions_of_one_month_from_four_writers_are_all_there(tmp_path: Path) -> None:
    Lake(tmp_path).create()
    found = at_once(tmp_path, [days(writer, 7, 4) for writer in range(4)])
    counts = found.group_by("session").agg(pl.len(), pl.col("close").n_unique().alias("writers")).sort("session")
    assert counts["session"].to_list() == sorted(day for writer in range(4) for day in days(writer, 7, 4))
    assert counts["len"].unique().to_list() == [50]
    assert counts["writers"].unique().to_list() == [1]
    assert history(Lake(tmp_path), TABLE).height == 28


def test_sessions_of_different_months_from_four_writers_are_all_there(tmp_path: Path) -> None:
    Lake(tmp_path).create()
    found = at_once(tmp_path, [days(40 * writer, 5) for writer in range(4)])
    assert found.height == 4 * 5 * 50
    assert found.group_by("session").len()["len"].unique().to_list() == [50]


def test_of_one_session_from_four_writers_one_is_whole(tmp_path: Path) -> None:
    Lake(tmp_path).create()
    found = at_once(tmp_path, [days(0, 1) * 5 for _ in range(4)])
    assert found.height == 50
    assert found["close"].n_unique() == 1
    assert history(Lake(tmp_path), TABLE).height == 20
