"""Rows kept while they are measured are those that would be read again, and no others."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import workbench as wb
from workbench.calendars import calendar
from workbench.lab import keeping, large
from workbench.lab.keeping import Kept
from workbench.model.contract import Contract
from workbench.quality.measure import measure
from workbench.quality.terms import Terms
from workbench.quality.timetables import terms_of

DAYS = (date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4))
SPOILT = (5, 395, 801)
"""Rows without a close: in the first session of A, in its second beside a cut at 400, and in the first of B."""


def terms() -> Terms:
    contract = Contract(dataset="x", frequency="1m", calendar="XNYS")
    return terms_of(contract, ("close",), {"": calendar("XNYS")}, (DAYS[0], DAYS[-1]))


def rows() -> pl.DataFrame:
    """Return minutes of two symbols in two whole sessions, three closes missing."""
    opens = [datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC) for day in DAYS[:2]]
    at = [moment + timedelta(minutes=n) for moment in opens for n in range(390)]
    one = pl.DataFrame({"event_at": at, "session": [moment.date() for moment in at]}).with_columns(
        pl.col("event_at").cast(pl.Datetime("us", "UTC")), close=10 + pl.int_range(len(at)) % 7 / 100
    )
    both = pl.concat([one.select(pl.lit(name).alias("symbol"), pl.all()) for name in ("A", "B")]).with_row_index("n")
    return both.with_columns(pl.when(pl.col("n").is_in(SPOILT)).then(None).otherwise("close").alias("close")).drop("n")


def kept(*parts: pl.DataFrame) -> Kept:
    found = Kept(terms())
    for part in parts:
        found.keep(part, measure(part, terms()))
    return found


CELLS = rows().select("symbol", "session").unique(maintain_order=True)


def test_what_was_kept_are_all_rows_of_a_session_and_the_rest_is_named() -> None:
    found, rest = kept(rows()).of(CELLS)
    assert found.equals(rows().join(CELLS[:3], on=["symbol", "session"], how="semi", maintain_order="left"))
    assert rest.equals(CELLS[3:])


def test_a_session_that_lies_in_two_chunks_is_kept_only_if_both_keep_it() -> None:
    """Cut at 400, the second session of A is short on either side; that of B is whole, and a late bar of it is alone."""
    found, rest = kept(rows()[:400], rows()[400:]).of(CELLS[:2])
    assert len(found) == 780
    assert rest.is_empty()
    late = rows()[-1:].with_columns(pl.col("event_at") + timedelta(hours=2))
    found, rest = kept(rows(), late).of(CELLS[3:])
    assert found.is_empty()
    assert rest.equals(CELLS[3:])


def test_whatever_is_asked_for_and_nowhere_is_not_read_again() -> None:
    nobody = pl.DataFrame({"symbol": ["A", "Z"], "session": [DAYS[2], DAYS[0]]})
    found, rest = kept(rows()).of(nobody)
    assert found.is_empty()
    assert rest.is_empty()


def test_whole_symbols_are_read_again() -> None:
    found, rest = kept(rows()).of(CELLS.select("symbol").unique())
    assert found.is_empty()
    assert len(rest) == 2


def test_there_is_an_end_to_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_KEPT", 700)
    found, rest = kept(rows()[:780], rows()[780:]).of(CELLS)
    assert len(found) == 780
    assert rest.equals(CELLS[2:])


def test_rows_in_another_order_than_their_state_are_not_kept() -> None:
    found, rest = kept(rows().sort("event_at")).of(CELLS)
    assert found.is_empty()
    assert len(rest) == 4


def minutes(folder: Path) -> Path:
    """Write half-hourly bars of three months, every tenth row of some symbols spoilt, and return their folder."""
    schedule = calendar("XNYS").schedule(date(2024, 1, 2), date(2024, 3, 28))
    times = [opens + timedelta(minutes=30 * k) for opens in schedule["open_at"] for k in range(13)]
    random = np.random.default_rng(3)
    for month in (1, 2, 3):
        frames = []
        for n in range(6):
            close = 50 * np.exp(np.cumsum(random.normal(0, 0.002, len(times))))
            close[random.choice(len(times), 6, replace=False)] *= 1.3
            lacking = random.random(len(times)) < 0.01
            whole = pl.DataFrame({"ticker": f"S{n}", "time": times, "close": close, "volume": 100.0}).with_columns(
                pl.col("time").cast(pl.Datetime("us", "UTC"))
            )
            frames.append(whole.filter(~pl.Series(lacking)).filter(pl.col("time").dt.month() == month))
        place = folder / f"month={month}"
        place.mkdir(parents=True)
        pl.concat(frames).write_parquet(place / "part.parquet", row_group_size=128)
    return folder


@pytest.mark.parametrize("rows_of_a_chunk", [100, 333, 100_000])
def test_findings_are_those_of_rows_read_again(rows_of_a_chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = minutes(tmp_path / "bars")
    monkeypatch.setattr(large, "LARGE_ROWS", 1000)
    monkeypatch.setattr(import_module("workbench.lake.chunks"), "CHUNK_ROWS", rows_of_a_chunk)
    asked: list[int] = []
    again = large._rows_again
    monkeypatch.setattr(large, "_rows_again", lambda plan, cells: (asked.append(len(cells)), again(plan, cells))[1])
    by_memory = wb.check(folder, calendar="XNYS")
    monkeypatch.setattr(keeping, "MOST_KEPT", 0)
    by_files = wb.check(folder, calendar="XNYS")
    assert by_memory.findings == by_files.findings
    assert by_memory.to_json() == by_files.to_json()
    assert {finding.kind for finding in by_files.findings} >= {"bad_tick", "missing_bar"}
    assert asked[0] < asked[1] / 2
