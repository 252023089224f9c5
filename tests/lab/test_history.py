"""Runs as a history: taken from manifests, made again from them, shown; and the drift of a score in what a run keeps."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import workbench as wb
from workbench.audit.manifest import write_manifest
from workbench.audit.store import run_folder
from workbench.lab.history import History, keep_run, rebuild, rows_of
from workbench.lab.layout import lay_out
from workbench.lake import Lake
from workbench.lake.run_history import RUN_HISTORY, history_table, read_runs
from workbench.model.errors import BadInput
from workbench.model.runs import Outcome, RunManifest, StageRecord
from workbench.model.score import Thresholds

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.lab.dataset import Dataset

FIRST = date(2024, 1, 2)
CHECK = {"verdict": "FAIL", "score": 0.5, "failures": 3, "total": 40, "points_lost": 12.5, "name": "missing_values"}
SCORE: dict[str, Any] = {
    "score": 87.5, "session_score": 60.0, "coverage": 0.75, "band": "medium", "rows": 40,
    "dimensions": {
        "completeness": {"score": 0.5, "checks": [CHECK | {"metrics": {"missing_rate": {"close": 0.075, "low": None}}}]},
        "timeliness": {"score": None, "checks": [CHECK | {"name": "freshness", "verdict": "NOT_APPLICABLE"}]},
    },
    "findings": [{"kind": "score_drift", "severity": "high"}, {"kind": "bad_tick"}, {"kind": "bad_tick"}],
}  # fmt: skip


def manifest(number: int, **changes: Any) -> RunManifest:
    """Return a run of day ``number``, which ended an hour and a half after it began."""
    started = datetime(2024, 1, 2, 22, tzinfo=UTC) + timedelta(days=number)
    measured = {"profile": {"columns": [{"column": "close", "median": 10.5, "rows": 40}]}, "mine": 7, "transformed": {"rows": 5}}
    given: dict[str, Any] = {
        "id": f"r{number}", "dataset": "mine", "session": FIRST + timedelta(days=number), "outcome": Outcome.DONE,
        "started_at": started, "finished_at": started + timedelta(minutes=90), "now": started, "parameters": {}, "inputs": {},
        "versions": {"in": {}, "out": {"processed/mine": 4}}, "environment": {},
        "stages": (StageRecord("profile", Outcome.DONE, 1.5, measured=measured),), "score": SCORE,
    }  # fmt: skip
    return RunManifest(**given | changes)


def stored(lake: Lake, *manifests: RunManifest) -> None:
    for one in manifests:
        write_manifest(run_folder(lake.root / "metadata", one.id, one.session), one)


def history(*manifests: RunManifest) -> History:
    return History(rows_of(manifests), "Mine", Thresholds())


def test_a_row_says_what_the_manifest_says() -> None:
    row = rows_of([manifest(1)]).row(0, named=True)
    metrics = {m["name"]: m["value"] for m in row.pop("metrics")}
    assert row == {
        "run": "r1", "session": date(2024, 1, 3), "recorded_at": datetime(2024, 1, 3, 23, 30, tzinfo=UTC),
        "now": datetime(2024, 1, 3, 22, tzinfo=UTC), "outcome": "done", "score": 87.5, "session_score": 60.0, "coverage": 0.75,
        "completeness": 0.5, "accuracy": None, "consistency": None, "timeliness": None, "validity": None, "rows": 40,
        "findings": 3, "drift": "high", "band": "medium", "seconds": 5400.0, "version": 4,
        "contract": None, "code": None, "retries": 0, "error": None,
    }  # fmt: skip
    assert metrics == {
        "missing_values.failures": 3, "missing_values.total": 40, "missing_values.points_lost": 12.5, "missing_values.score": 0.5,
        "close.missing_rate": 0.075, "close.median": 10.5, "close.rows": 40, "transformed.rows": 5, "mine": 7,
        "findings.bad_tick": 2, "findings.score_drift": 1, "profile.seconds": 1.5,
    }  # fmt: skip


def test_a_run_that_failed_has_a_row_too() -> None:
    failed = manifest(1, outcome=Outcome.FAILED, score=None, stages=(StageRecord("ingest", Outcome.FAILED, 2.0),), versions={})
    row = rows_of([failed]).row(0, named=True)
    assert (row["outcome"], row["score"], row["findings"], row["band"], row["version"]) == ("failed", None, None, None, None)
    assert row["metrics"] == [{"name": "ingest.seconds", "value": 2.0}]


def test_the_table_is_the_same_when_it_is_made_again_from_the_manifests(tmp_path: Path) -> None:
    lake = Lake(tmp_path).create()
    for number in (2, 0, 1):
        stored(lake, manifest(number))
        keep_run(lake, manifest(number))
    kept = read_runs(lake, "mine")
    assert kept["run"].to_list() == ["r0", "r1", "r2"]
    assert keep_run(lake, manifest(1)) is None
    rebuild(lake, "mine")
    assert_frame_equal(read_runs(lake, "mine"), kept)


def test_a_lab_with_older_runs_begins_with_all_of_them(tmp_path: Path) -> None:
    lake = Lake(tmp_path).create()
    stored(lake, manifest(0), manifest(1), manifest(2), manifest(3, dataset="other"))
    keep_run(lake, manifest(2))
    assert read_runs(lake, "mine")["run"].to_list() == ["r0", "r1", "r2"]
    assert not lake.path(history_table("other")).exists()


def test_a_metric_is_the_one_of_each_sessions_last_run() -> None:
    again = manifest(5, session=FIRST, score=SCORE | {"score": 50.0, "dimensions": {}})
    failed = manifest(6, session=FIRST, score=None, outcome=Outcome.FAILED)
    runs = history(manifest(1), manifest(0), again, failed)
    assert runs.metric("score").rows() == [(FIRST, 50.0), (date(2024, 1, 3), 87.5)]
    assert runs.metric("close.missing_rate").rows() == [(FIRST, 0.075), (date(2024, 1, 3), 0.075)]
    assert {"score", "seconds", "mine", "missing_values.failures"} < set(runs.metrics)
    with pytest.raises(BadInput, match=r"did you mean 'close\.missing_rate'"):
        runs.metric("close.missing_rat")


def test_a_history_shows_itself_with_and_without_runs() -> None:
    hostile = manifest(1, id="r1", score=SCORE | {"band": "<script>"})
    full, empty = history(manifest(0), hostile), History(RUN_HISTORY.to_frame(), "Mine", Thresholds())
    for shown in (full, empty):
        assert "<script>" not in shown._repr_html_()
        assert "Mine" in repr(shown)
        assert len(shown.to_pandas()) == len(shown.to_polars()) == len(shown.to_json()) == len(shown)
        assert shown.figure().layout.meta["alt"]
    assert "2 left the history" in full.figure().layout.meta["alt"]
    assert "0.075" in full.figure("close.missing_rate").layout.meta["alt"]
    assert full.to_json()[0]["recorded_at"] == "2024-01-02T23:30:00Z"
    assert full.to_json()[0]["metrics"]["mine"] == 7
    assert empty.metrics == tuple(sorted(name for name, dtype in RUN_HISTORY.items() if dtype.is_numeric()))


@pytest.fixture
def damaged(tmp_path: Path) -> Dataset:
    """Return sixty sessions of two symbols; on the 51st their highs lie below their lows."""
    lay_out(tmp_path)
    contract = 'dataset = "mine"\ncalendar = "XNYS"\n[[sources]]\nname = "vendor"\npath = "incoming/*.csv"\n'
    (tmp_path / "contracts" / "mine.toml").write_text(contract)
    days = pl.date_range(date(2024, 1, 2), date(2024, 6, 28), eager=True)
    holidays = [date(2024, 1, 15), date(2024, 2, 19), date(2024, 3, 29)]
    days = days.filter((days.dt.weekday() < 6) & ~days.is_in(holidays))[:60]
    (tmp_path / "incoming").mkdir()
    for symbol, base in (("AAA", 10.0), ("BBB", 50.0)):
        close = [base + (7 * i % 11) / 10 for i in range(60)]
        frame = pl.DataFrame(
            {"Date": days, "Open": close, "High": close, "Low": close, "Close": close, "Volume": [1000.0 + i for i in range(60)]}
        )
        is_bad = pl.int_range(pl.len()) == 50
        high, low = pl.col("Close") + 0.5, pl.col("Close") - 0.5
        swapped = pl.when(is_bad).then(low).otherwise(high).alias("High"), pl.when(is_bad).then(high).otherwise(low).alias("Low")
        frame.with_columns(*swapped).write_csv(tmp_path / "incoming" / f"{symbol}.csv")
    data = wb.open(tmp_path)["mine"]
    data.update()
    return data


def kinds(findings: Any) -> list[str]:
    return [finding["kind"] for finding in findings]


def test_a_score_that_left_its_history_is_a_finding_of_its_session(damaged: Dataset) -> None:
    sessions = damaged.read().to_polars()["session"].unique().sort()
    bad, next_day = sessions[50], sessions[51]
    scored = damaged.score(end=bad)
    record = scored.quality_record(bad)
    assert "score_drift" in kinds(record["findings"])
    assert kinds(scored.findings.to_json()) == kinds(record["findings"])
    assert record["band"] == "medium"
    drifted = next(f for f in record["findings"] if f["kind"] == "score_drift")
    assert (drifted["start"], drifted["symbol"], drifted["observed"]) == (str(bad), "", {"score": record["session_score"]})
    for day in (sessions[49], next_day):
        assert "score_drift" not in kinds(damaged.score(end=day).quality_record(day)["findings"])
    whole = damaged.score()
    assert "score_drift" not in kinds(whole.findings.to_json()), "of no session in particular"
    assert kinds(whole.quality_record(bad)["findings"]).count("score_drift") == 1


def test_the_report_of_the_run_shows_the_drift(damaged: Dataset) -> None:
    bad = damaged.read().to_polars()["session"].unique().sort()[50]
    page = damaged.report(bad, run="r1").path.read_text()
    assert "score_drift" in page


def test_a_dataset_knows_its_history(damaged: Dataset) -> None:
    assert len(damaged.history()) == 0
    stored(damaged.lake, manifest(0), manifest(1))
    assert len(damaged.history()) == 0
    assert damaged.history(fresh=True).to_polars()["run"].to_list() == ["r0", "r1"]
    assert len(damaged.history()) == 2
