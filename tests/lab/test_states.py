"""A dataset's score comes from stored states: only what changed is read, and what is stored never lies."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from workbench.calendars import calendar
from workbench.lab.dataset import Dataset
from workbench.lab.layout import lay_out
from workbench.lake import TableRef, compact
from workbench.quality.state import FRAMES, State

DAILY = """
dataset = "mine"
calendar = "XNYS"
symbols = ["AAA", "BBB"]
[[sources]]
name = "vendor"
path = "incoming/*.csv"
{more}
"""
MINUTES = """
dataset = "mine"
frequency = "30m"
calendar = "XNYS"
timezone = "UTC"
[[sources]]
name = "vendor"
path = "incoming/*.csv"
{more}
"""
FIRST, LAST = date(2023, 1, 3), date(2023, 6, 30)


def a_dataset(root: Path, contract: str, more: str = "") -> Dataset:
    lay_out(root)
    (root / "contracts" / "mine.toml").write_text(contract.format(more=more))
    (root / "incoming").mkdir(exist_ok=True)
    return wb.open(root)["mine"]


def daily_rows(symbol: str, first: date = FIRST, last: date = LAST) -> list[str]:
    days = calendar("XNYS").sessions(first, last)
    return [f"{symbol},{day},10,11,9,{10 + n % 7 / 10:.2f},{1000 + n}" for n, day in enumerate(days)]


def write(root: Path, name: str, rows: list[str], time: str = "Date") -> None:
    (root / "incoming" / name).write_text(f"Symbol,{time},Open,High,Low,Close,Volume\n" + "\n".join(rows) + "\n")


@pytest.fixture
def daily(tmp_path: Path) -> Dataset:
    data = a_dataset(tmp_path, DAILY)
    write(tmp_path, "all.csv", daily_rows("AAA") + daily_rows("BBB"))
    data.update()
    return data


def same(left: State, right: State) -> bool:
    return all(left.frames[name].equals(right.frames[name], null_equal=True) for name in FRAMES)


def test_a_second_score_measures_nothing_and_is_the_same(daily: Dataset) -> None:
    _, first, made = daily.gather()
    _, second, again = daily.gather()
    _, fresh, anew = daily.gather(fresh=True)
    assert (made.leaves, len(made.measured), again.measured, len(anew.measured)) == (6, 6, (), 6)
    assert same(first.state, second.state)
    assert same(first.state, fresh.state)


def test_one_corrected_old_session_measures_one_leaf(daily: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    before = daily.score().score
    write(daily.root, "fix.csv", ["AAA,2023-02-14,10,11,9,0,1000"])
    daily.ingest([daily.root / "incoming" / "fix.csv"])
    daily.transform("2023-02-14")
    with caplog.at_level(logging.INFO, logger="workbench"):
        _, evidence, made = daily.gather()
    assert made.measured == (date(2023, 2, 1),)
    assert "6 leaves, 5 from stored states, 1 measured (2023-02-01)" in caplog.text
    assert daily.score().score.value < before.value
    assert same(evidence.state, daily.gather(fresh=True)[1].state)


def test_a_new_session_touches_its_own_leaf(daily: Dataset) -> None:
    daily.gather()
    write(daily.root, "new.csv", [f"{symbol},2023-07-03,10,11,9,10.5,900" for symbol in ("AAA", "BBB")])
    daily.ingest([daily.root / "incoming" / "new.csv"])
    daily.transform("2023-07-03")
    _, evidence, made = daily.gather()
    assert (made.leaves, made.measured) == (7, (date(2023, 7, 1),))
    assert same(evidence.state, daily.gather(fresh=True)[1].state)


def test_compaction_measures_nothing(daily: Dataset) -> None:
    write(daily.root, "new.csv", ["AAA,2023-07-03,10,11,9,10.5,900"])
    daily.ingest([daily.root / "incoming" / "new.csv"])
    daily.transform("2023-07-03")
    write(daily.root, "newer.csv", ["AAA,2023-07-05,10,11,9,10.5,900"])
    daily.ingest([daily.root / "incoming" / "newer.csv"])
    daily.transform("2023-07-05")
    _, before, _ = daily.gather()
    assert compact(daily.lake, TableRef.processed("mine"), partition_by=daily.contract.storage.partition_by) is not None
    _, after, made = daily.gather()
    assert made.measured == ()
    assert same(before.state, after.state)


def test_a_past_version_is_scored_from_states(daily: Dataset) -> None:
    before = daily.score().to_json()
    then = datetime.now(UTC)
    write(daily.root, "fix.csv", ["AAA,2023-02-14,10,11,9,0,1000"])
    daily.update([daily.root / "incoming" / "fix.csv"])
    assert daily.score().to_json()["score"] < before["score"]
    _, _, made = daily.gather(as_of=then)
    assert made.measured == ()
    past = daily.score(as_of=then).to_json()["dimensions"]
    assert {name: past[name]["score"] for name in past if name != "timeliness"} == {
        name: before["dimensions"][name]["score"] for name in past if name != "timeliness"
    }


@pytest.mark.parametrize("contract", [DAILY, MINUTES])
@pytest.mark.parametrize("which", [
    {"start": "2023-02-10"}, {"end": "2023-03-08"}, {"start": "2023-02-10", "end": "2023-02-20"},
    {"symbols": ["BBB"]}, {"symbols": ["BBB"], "start": "2023-01-20", "end": "2023-04-03"},
])  # fmt: skip
def test_any_range_and_symbols_are_what_their_rows_say(tmp_path: Path, contract: str, which: dict[str, str]) -> None:
    data = a_dataset(tmp_path, contract)
    rows = daily_rows("AAA") + daily_rows("BBB")
    if contract is MINUTES:
        rows = [row.replace(",10,11,", f" {h}:30,10,11,", 1) for row in rows for h in (14, 15, 16)]
    rows[40] = rows[40].replace("11,9", "8,9")
    rows += [rows[-30], rows[-50].replace(",10,11,9,", ",,,,")]
    write(tmp_path, "all.csv", rows)
    data.update()
    data.gather()
    snap, evidence, _ = data.gather(**which)
    frame = snap.rows()
    if "start" in which:
        frame = frame.filter(pl.col("session") >= pl.lit(which["start"]).str.to_date())
    if "end" in which:
        frame = frame.filter(pl.col("session") <= pl.lit(which["end"]).str.to_date())
    if "symbols" in which:
        frame = frame.filter(pl.col("symbol").is_in(which["symbols"]))
    from workbench.quality.passes import measured

    assert same(evidence.state, measured(frame, evidence.terms))


def test_symbols_of_daily_data_come_from_states(daily: Dataset) -> None:
    """Of six months none is read for its own sake; one in which a symbol has a row twice is, for that symbol."""
    daily.gather()
    _, evidence, made = daily.gather(symbols=["BBB"])
    assert (made.leaves, made.measured) == (6, ())
    assert evidence.state.series["symbol"].to_list() == ["BBB"]
    assert int(evidence.state.sessions["rows"].sum()) == evidence.state.rows


def test_a_damaged_state_is_measured_again_with_a_line_in_the_log(daily: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    _, before, _ = daily.gather()
    for file in (daily.root / "data" / "metadata" / "states").rglob("series.parquet"):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 0xFF
        file.chmod(0o644)
        file.write_bytes(bytes(content))
    with caplog.at_level(logging.WARNING, logger="workbench"):
        _, after, made = daily.gather()
    assert len(made.measured) == 6
    assert caplog.records
    assert same(before.state, after.state)
    assert daily.gather()[2].measured == ()


def test_a_state_does_not_outlive_what_it_was_computed_from(daily: Dataset) -> None:
    daily.gather()
    a_dataset(daily.root, DAILY, "[checks.bar_count]\ntolerance = 0.5\n[score]\nmin_score = 10")
    assert wb.open(daily.root)["mine"].gather()[2].measured == ()
    a_dataset(daily.root, DAILY, "[ranges]\nclose = [1.0, 5.0]")
    narrowed = wb.open(daily.root)["mine"]
    assert len(narrowed.gather()[2].measured) == 6
    assert narrowed.score().score.value < daily.score().score.value


def half_hours(symbol: str, days: list[date], price: float = 10.0) -> list[str]:
    schedule = calendar("XNYS").schedule(days[0], days[-1])
    moments = [(opens + timedelta(minutes=30 * n), n) for opens in schedule["open_at"] for n in range(13)]
    bar = f"{price},{price + 0.7},{price - 0.2}"
    return [f"{symbol},{moment:%Y-%m-%dT%H:%M:%SZ},{bar},{price + n / 20:.2f},{n + 1}" for moment, n in moments]


def test_a_session_in_two_interleaved_files_and_a_row_in_both_are_right(tmp_path: Path) -> None:
    rows = half_hours("AAA", [date(2023, 1, 3), date(2023, 1, 5)])
    whole, split = a_dataset(tmp_path / "whole", MINUTES), a_dataset(tmp_path / "split", MINUTES)
    write(whole.root, "all.csv", rows, "Time")
    write(split.root, "even.csv", rows[::2], "Time")
    write(split.root, "odd.csv", sorted([rows[4], *rows[1::2]]), "Time")
    for data in (whole, split):
        data.update()
    assert same(whole.gather()[1].state, split.gather()[1].state)
    assert split.score().score.value == 100


def test_a_new_intraday_session_is_one_leaf_and_a_half_day_is_whole(tmp_path: Path) -> None:
    data = a_dataset(tmp_path, MINUTES)
    write(tmp_path, "all.csv", half_hours("AAA", [date(2023, 11, 20), date(2023, 11, 22)]), "Time")
    data.update()
    data.gather()
    half_day = half_hours("AAA", [date(2023, 11, 24), date(2023, 11, 24)])[:7]
    write(tmp_path, "friday.csv", half_day, "Time")
    data.ingest([tmp_path / "incoming" / "friday.csv"])
    data.transform("2023-11-24")
    assert data.gather()[2].measured == (date(2023, 11, 24),)
    assert data.score().score.value == 100


def test_a_first_score_up_to_a_session_sees_nothing_of_the_next(tmp_path: Path) -> None:
    data = a_dataset(tmp_path, MINUTES)
    write(tmp_path, "all.csv", half_hours("AAA", [date(2023, 11, 20), date(2023, 11, 22)]), "Time")
    data.update()
    assert data.gather(end="2023-11-20")[2].measured == (date(2023, 11, 20),)


def test_rows_in_quarantine_are_in_the_state(daily: Dataset) -> None:
    daily.gather()
    write(daily.root, "bad.csv", ["AAA,2023-03-07,10,11,9,10,1", "AAA,2023-03-07,10,11,9,10.9,1", "AAA,soon,1,1,1,1,1"])
    daily.update([daily.root / "incoming" / "bad.csv"])
    _, evidence, made = daily.gather()
    assert made.measured == (None, date(2023, 3, 1))
    failed = {c.result.name: int(c.result.failures) for c in daily.score().score.checks}
    assert (failed["unique_key"], failed["formats"]) == (2, 1)
    assert same(evidence.state, daily.gather(fresh=True)[1].state)
