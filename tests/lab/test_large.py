"""A folder too large to hold is judged as if it were held: the same score, the same findings."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import workbench as wb
from workbench.calendars import calendar
from workbench.lab import large


def minute_bars(symbols: int = 6, sessions: int = 30) -> pl.DataFrame:
    """Return half-hourly bars of some symbols, with defects: a null, a zero, a lone price, a hole, a frozen stretch."""
    schedule = calendar("XNYS").schedule(date(2024, 1, 2), date(2024, 12, 31)).head(sessions)
    random = np.random.default_rng(5)
    frames = []
    for n in range(symbols):
        times = [opens + timedelta(minutes=30 * k) for opens in schedule["open_at"] for k in range(13)]
        close = 50 * np.exp(np.cumsum(random.normal(0, 0.002, len(times))))
        frame = pl.DataFrame({"ticker": f"S{n}", "time": times, "open": close, "high": close * 1.001, "low": close * 0.999,
                              "close": close, "volume": random.integers(100, 999, len(times))})  # fmt: skip
        frames.append(frame.with_columns(pl.col("time").cast(pl.Datetime("us", "UTC"))))
    bars = pl.concat(frames).with_row_index("n")
    at = pl.col("n")
    spoilt = pl.when(at == 40).then(None).when(at == 90).then(0.0).when(at == 200).then(pl.col("close") * 1.4)
    bars = bars.with_columns(
        spoilt.otherwise("close").alias("close"),
        pl.when(at == 301).then(pl.col("low") - 1).otherwise("high").alias("high"),
    ).filter(~at.is_between(500, 503))  # fmt: skip
    frozen = [pl.when(at.is_between(900, 925)).then(pl.col(name).filter(at == 900).first()).otherwise(name).alias(name)
              for name in ("open", "high", "low", "close")]  # fmt: skip
    return bars.with_columns(frozen).drop("n")


def by_month(folder: Path, bars: pl.DataFrame) -> Path:
    for (month,), part in bars.group_by(pl.col("time").dt.month(), maintain_order=True):
        place = folder / "year=2024" / f"month={month}"
        place.mkdir(parents=True)
        part.sort("ticker", "time").write_parquet(place / "part.parquet", row_group_size=256)
    return folder


def told(document: dict[str, Any]) -> dict[str, Any]:
    """Return what both ways must say: everything but how the columns came to be understood."""
    dataset = {key: value for key, value in document["dataset"].items() if key not in ("inferred", "paths")}
    return {**document, "dataset": dataset}


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "LARGE_ROWS", 1000)


def both(folder: Path, monkeypatch: pytest.MonkeyPatch, **how: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check a folder whole, and then as if it were large."""
    whole = wb.check(folder, calendar="XNYS", **how).to_json()
    monkeypatch.setattr(large, "LARGE_ROWS", 1000)
    return told(whole), told(wb.check(folder, calendar="XNYS", **how).to_json())


def is_read_in_chunks(folder: Path) -> bool:
    return large.judged_files(large.large_files([folder]), None, "XNYS", None) is not None


def test_chunk_by_chunk_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = by_month(tmp_path / "bars", minute_bars())
    whole, chunked = both(folder, monkeypatch)
    assert is_read_in_chunks(folder)
    assert chunked == whole
    kinds = {finding["kind"] for finding in whole["findings"]}
    assert kinds >= {"missing_value", "non_positive", "bad_tick", "ohlc_order", "missing_bar", "stale"}


def test_symbols_that_are_not_in_the_sample_keep_the_calendar_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "SAMPLES", 1)
    monkeypatch.setattr(large, "SAMPLE_ROWS", 200)
    whole, chunked = both(by_month(tmp_path / "bars", minute_bars()), monkeypatch)
    assert chunked == whole


@pytest.mark.usefixtures("small_is_large")
def test_months_are_read_in_the_order_of_time(tmp_path: Path) -> None:
    """By name, month 10 would come before month 2: folded in that order, February would lie inside what is merged."""
    folder = by_month(tmp_path / "bars", minute_bars(sessions=260))
    names = [Path(file).parent.name for file in large.large_files([folder])]
    assert names == sorted(names)
    plan = large._plan(large.large_files([folder]), None, "XNYS", None)
    assert plan is not None
    assert [Path(file).parent.name for file in plan.files] == [f"month={n}" for n in range(1, 13)]


def test_a_moment_cuts_both_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    whole, chunked = both(by_month(tmp_path / "bars", minute_bars()), monkeypatch, as_of=datetime(2024, 2, 1, 18, tzinfo=UTC))
    assert chunked == whole


def test_nothing_after_the_moment_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two prices of one session are missing, and the moment lies between them."""
    bars = minute_bars().with_row_index("n")
    bars = bars.with_columns(pl.when(pl.col("n").is_in([42, 46])).then(None).otherwise("close").alias("close")).drop("n")
    whole, chunked = both(by_month(tmp_path / "bars", bars), monkeypatch, as_of=bars["time"][44])
    assert chunked == whole
    assert [finding["rows"] for finding in whole["findings"] if finding["kind"] == "missing_value"] == [1, 1]


def test_files_that_overlap_in_time_are_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file holds every other bar of the other, and a bar of its own twice: a duplicate over two files."""
    bars = minute_bars(sessions=40)
    folder = tmp_path / "bars"
    for name, part in (("a", bars[::2]), ("b", pl.concat([bars[1::2], bars[10:11]]).sort("ticker", "time"))):
        (folder / f"part={name}").mkdir(parents=True)
        part.write_parquet(folder / f"part={name}" / "rows.parquet")
    whole, chunked = both(folder, monkeypatch)
    assert not is_read_in_chunks(folder)
    assert chunked == whole
    assert "duplicate_key" in {f["kind"] for f in chunked["findings"]}


def test_a_stamp_that_stands_for_none_has_all_files_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars = minute_bars(sessions=20)
    never = pl.lit(date(9999, 12, 31)).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("time")
    folder = tmp_path / "bars"
    (folder / "part=a").mkdir(parents=True)
    pl.concat([bars, bars.head(1).with_columns(never)]).write_parquet(folder / "part=a" / "rows.parquet")
    whole, chunked = both(folder, monkeypatch)
    assert not is_read_in_chunks(folder)
    assert chunked == whole
    assert [f["rows"] for f in chunked["findings"] if f["kind"] == "schema_drift"] == [1]


def test_rows_that_come_unsorted_are_handled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars = minute_bars().sample(fraction=1, shuffle=True, seed=2)
    (tmp_path / "bars" / "year=2024").mkdir(parents=True)
    bars.write_parquet(tmp_path / "bars" / "year=2024" / "rows.parquet", row_group_size=256)
    whole, chunked = both(tmp_path / "bars", monkeypatch)
    assert chunked == whole


@pytest.mark.usefixtures("small_is_large")
def test_a_symbol_in_the_folders_name_is_understood(tmp_path: Path) -> None:
    for (symbol,), part in minute_bars().group_by("ticker", maintain_order=True):
        place = tmp_path / "bars" / f"symbol={symbol}"
        place.mkdir(parents=True)
        part.drop("ticker").write_parquet(place / "rows.parquet")
    checked = wb.check(tmp_path / "bars", calendar="XNYS")
    assert checked.to_json()["dataset"]["symbols"] == 6


def test_findings_have_a_limit_and_say_what_they_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.quality import looking

    bars = minute_bars().with_columns((pl.col("high") - 5).alias("high"))
    whole = wb.check(bars, calendar="XNYS").to_json()
    monkeypatch.setattr(looking, "MOST_ROWS", 400)
    some = wb.check(bars, calendar="XNYS").to_json()
    assert whole["undescribed"] == 0
    assert some["undescribed"] > 100
    counted = [{c["name"]: c["failures"] for c in d["dimensions"]["consistency"]["checks"]} for d in (some, whole)]
    assert counted[0] == counted[1]
    assert 0 < sum(f["rows"] for f in some["findings"]) < sum(f["rows"] for f in whole["findings"])
