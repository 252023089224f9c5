"""Many sessions: once each, in any number of workers, taken up where it was stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import Say, say
from workbench.audit.store import shelf
from workbench.lab.lab import Lab, open_lab
from workbench.lab.layout import lay_out
from workbench.lake import TableRef, Zone, scan
from workbench.lake.run_history import read_runs, replace_runs
from workbench.model.errors import BadInput, StageFailed, SystemFailure
from workbench.model.failures import Category
from workbench.model.runs import Outcome, StageRecord
from workbench.pipeline import backfill as backfilling
from workbench.pipeline.backfill import Filled, Notebooks, backfill
from workbench.pipeline.daily import resume, run_daily
from workbench.pipeline.planning import Plan
from workbench.pipeline.summary import require_filled

__all__ = ["say"]
pytestmark = pytest.mark.slow
FIRST, LAST = date(2000, 3, 1), date(2000, 3, 10)
SESSIONS = 8
NAME = "us_equities"


@pytest.fixture(scope="session")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lab of the sample's first spring, which is read sooner than thirteen years."""
    root = tmp_path_factory.mktemp("spring")
    lay_out(root)
    path = root / "data" / "sample" / "stocks.csv.gz"
    rows = pl.read_csv(path.read_bytes())
    path.unlink()
    rows.filter(pl.col("Date") < "2000-05-01").write_csv(root / "data" / "sample" / "spring.csv")
    contract = root / "contracts" / f"{NAME}.toml"
    contract.write_text(contract.read_text().replace("stocks.csv.gz", "spring.csv"))
    return root


@pytest.fixture
def spring(laid_out: Path, tmp_path: Path) -> Lab:
    shutil.copytree(laid_out, tmp_path / "lab")
    return open_lab(tmp_path / "lab")


def fill(lab: Lab, **options: object) -> Filled:
    options = {"notebooks": Notebooks.NONE, **options}
    return backfill(lab, lab[NAME], FIRST, LAST, **options)  # type: ignore[arg-type]


def outcome(lab: Lab) -> tuple[object, ...]:
    """Return what a backfill leaves: rows, features, scores, whatever way it went."""
    tables = [TableRef.processed(NAME), TableRef.derived("returns", NAME)]
    rows = [scan(lab.lake, table).collect().sort("symbol", "event_at") for table in tables]
    history = (
        lab[NAME].history().frame.sort("session").select("session", "outcome", "score", "session_score", "coverage", "findings")
    )
    return (*(frame.drop("receipt", strict=False).hash_rows().sum() for frame in rows), history.rows())


def test_what_is_done_is_left_alone_and_what_changed_is_done_again(spring: Lab) -> None:
    first, again = fill(spring), fill(spring)
    assert (first.done, first.skipped, first.failed) == (SESSIONS, 0, [])
    assert (again.done, again.skipped) == (0, SESSIONS)
    assert fill(spring, force=True).done == SESSIONS
    contract = spring.root / "contracts" / f"{NAME}.toml"
    contract.write_text(contract.read_text() + "\n[checks.ohlc_order]\ntolerance = 0.02\n")
    assert fill(open_lab(spring.root)).done == SESSIONS


def test_rows_that_arrive_later_leave_the_sessions_before_them_alone(spring: Lab) -> None:
    fill(spring)
    later = pl.read_csv(spring.root / "data" / "sample" / "spring.csv").filter(pl.col("Date") > "2000-03-20")
    (spring.root / "later.csv").write_text(later.write_csv())
    spring[NAME].ingest([spring.root / "later.csv"])
    assert fill(spring).skipped == SESSIONS


WAYS = ({"notebooks": Notebooks.MONTHLY}, {"workers": 2}, {"notebooks": Notebooks.EACH, "workers": 2})


def test_whatever_is_kept_and_whoever_works_the_tables_and_scores_are_the_same(
    spring: Lab, laid_out: Path, tmp_path: Path
) -> None:
    fill(spring)
    expected = outcome(spring)
    for number, options in enumerate(WAYS):
        root = tmp_path / f"lab{number}"
        shutil.copytree(laid_out, root)
        lab = open_lab(root)
        assert fill(lab, **options).done == SESSIONS
        assert outcome(lab) == expected
        kept = len(list((root / "data" / "metadata" / "runs").rglob("quality.ipynb")))
        assert kept == {Notebooks.MONTHLY: 1, Notebooks.EACH: SESSIONS}.get(options.get("notebooks"), 0)  # type: ignore[call-overload]


def test_notebooks_that_are_wanted_later_are_made_later(spring: Lab) -> None:
    fill(spring)
    assert fill(spring, notebooks=Notebooks.MONTHLY).done == 1
    assert fill(spring).skipped == SESSIONS


def test_a_dask_cluster_of_two_processes_fills_the_same(spring: Lab, laid_out: Path, tmp_path: Path) -> None:
    import distributed

    fill(spring)
    root = tmp_path / "lab2"
    shutil.copytree(laid_out, root)
    lab = open_lab(root)
    options = {"dashboard_address": None, "processes": True, "n_workers": 2, "threads_per_worker": 1}
    with distributed.LocalCluster(host="127.0.0.1", **options) as cluster:
        assert fill(lab, cluster=cluster.scheduler_address).done == SESSIONS
    assert outcome(lab) == outcome(spring)


def test_no_scheduler_is_one_line(spring: Lab) -> None:
    with pytest.raises(BadInput, match="no Dask scheduler answers there"):
        fill(spring, cluster="tcp://127.0.0.1:1")


def without_a_session(lab: Lab, day: str) -> None:
    path = lab.root / "data" / "sample" / "spring.csv"
    pl.read_csv(path).filter(pl.col("Date") != day).write_csv(path)


def test_a_session_that_fails_is_told_and_stops_no_other(spring: Lab) -> None:
    without_a_session(spring, "2000-03-07")
    filled = fill(spring)
    assert (filled.done, len(filled.failed)) == (SESSIONS - 1, 1)
    failure = filled.failed[0]
    assert (failure.session, failure.category) == (date(2000, 3, 7), "data")
    assert "no row of session 2000-03-07 has arrived" in failure.error
    with pytest.raises(StageFailed, match="1 of 8 sessions failed, the first 2000-03-07 in stage transform"):
        require_filled(filled)
    assert fill(spring, force=True, fail_fast=True).left == 3


def test_what_may_pass_is_tried_again_and_what_may_not_is_not(spring: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    (spring.root / "workbench.toml").write_text("[retries]\nattempts = 3\nfirst_wait_seconds = 0.01\n")
    lab = open_lab(spring.root)
    tries: list[tuple[date, str]] = []
    real = backfilling.in_process

    def shaky(dataset: object) -> Callable[[Plan, str], StageRecord]:
        def execute(plan: Plan, stage: str) -> StageRecord:
            tries.append((plan.session, stage))
            said = {date(2000, 3, 2): "TimeoutError", date(2000, 3, 3): "ValueError"}.get(plan.session)
            kind = {"TimeoutError": Category.TRANSIENT, "ValueError": Category.DATA}.get(said or "")
            if stage == "profile" and kind and not (said == "TimeoutError" and tries.count((plan.session, stage)) == 3):
                return StageRecord(stage, Outcome.FAILED, error=said, category=kind.value)
            return real(dataset)(plan, stage)  # type: ignore[arg-type]

        return execute

    monkeypatch.setattr(backfilling, "in_process", shaky)
    filled = fill(lab)
    assert [failure.session for failure in filled.failed] == [date(2000, 3, 3)]
    assert (tries.count((date(2000, 3, 2), "profile")), tries.count((date(2000, 3, 3), "profile"))) == (3, 1)
    stages = next(run for run in shelf(lab.lake.zone(Zone.METADATA)).runs if run.session == date(2000, 3, 2)).stages
    assert [stage.retries for stage in stages] == [0, 0, 2, 0, 0]


def test_where_the_system_fails_everything_stops_and_says_how_to_go_on(spring: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    real = backfilling.in_process

    def full(dataset: object) -> Callable[[Plan, str], StageRecord]:
        def execute(plan: Plan, stage: str) -> StageRecord:
            if plan.session == date(2000, 3, 6) and stage == "quality":
                return StageRecord(stage, Outcome.FAILED, error="OSError: [Errno 28] No space left", category="system")
            return real(dataset)(plan, stage)  # type: ignore[arg-type]

        return execute

    with monkeypatch.context() as patch:
        patch.setattr(backfilling, "in_process", full)
        with pytest.raises(SystemFailure, match=r"2000-03-06: stage quality.*3 sessions are done, the rest was not tried"):
            fill(spring)
    assert fill(spring).done == SESSIONS - 3


COMMAND = ("backfill", NAME, "--start", FIRST.isoformat(), "--end", LAST.isoformat(), "--json")


@contextmanager
def started(lab: Lab, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "workbench", *COMMAND, "--lab", str(lab.root), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        yield process


def finished_runs(lab: Lab) -> int:
    return len(shelf(lab.lake.zone(Zone.METADATA)).runs)


@pytest.mark.parametrize("options", ["--notebooks none", "--notebooks none --workers 2", "--notebooks each"])
def test_killed_and_started_again_it_ends_as_if_undisturbed(spring: Lab, laid_out: Path, tmp_path: Path, options: str) -> None:
    fill(spring)
    expected = outcome(spring)
    root = tmp_path / "killed"
    shutil.copytree(laid_out, root)
    lab = open_lab(root)
    for runs in (2, 5):
        with started(lab, *options.split()) as process:
            while finished_runs(lab) < runs and process.poll() is None:
                time.sleep(0.02)
            os.killpg(process.pid, signal.SIGKILL)
    with started(lab, *options.split()) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    document = json.loads(out)
    assert document["done"] + document["skipped"] == SESSIONS
    assert document["skipped"] >= 5
    assert outcome(lab) == expected
    assert not [path for path in root.rglob("*.partial.*") if path.is_file()]
    assert not [run for run in shelf(lab.lake.zone(Zone.METADATA), unfinished=True).runs if run.outcome is Outcome.UNFINISHED]


def test_what_a_killed_backfill_did_not_remember_is_remembered_by_the_next(spring: Lab) -> None:
    fill(spring)
    runs = read_runs(spring.lake, NAME)
    replace_runs(spring.lake, NAME, runs.head(3))
    assert fill(spring).skipped == SESSIONS
    assert read_runs(spring.lake, NAME).drop("metrics").equals(runs.drop("metrics"))


def test_interrupted_it_ends_cleanly_and_goes_on(spring: Lab) -> None:
    with started(spring, "--notebooks", "none", "--workers", "2") as process:
        while finished_runs(spring) < 2 and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert err.splitlines()[-1] == "workbench: interrupted; nothing half-done was published"
    filled = fill(spring)
    assert filled.skipped >= 2
    assert filled.done + filled.skipped == SESSIONS


def test_a_range_without_sessions_and_a_range_that_runs_backwards_are_refused(spring: Lab, say: Say) -> None:
    weekend = say("backfill", NAME, "--start", "2000-03-04", "--end", "2000-03-05", "--lab", spring.root)
    assert weekend.status == 2
    assert "no session from 2000-03-04 to 2000-03-05 in calendar XNYS" in weekend.err
    backwards = say("backfill", NAME, "--start", "2000-03-05", "--end", "2000-03-01", "--lab", spring.root)
    assert "--start comes first" in backwards.err
    unknown = say("backfill", NAME, "--start", "2000-03-01", "--end", "2000-03-02", "--notebooks", "some", "--lab", spring.root)
    assert "--notebooks 'some': expected one of each, monthly, none" in unknown.err


def test_a_run_that_failed_is_resumed_behind_its_last_good_stage(spring: Lab, say: Say) -> None:
    profile = spring.stages / "profile.ipynb"
    good = profile.read_text()
    profile.write_text(good.replace("data.profile(end=session)", "1 / 0"))
    failed = run_daily(spring, spring[NAME], LAST, now=datetime(2000, 3, 11, tzinfo=UTC))
    assert [stage.outcome.value for stage in failed.manifest.stages] == ["done", "done", "failed", "not_run", "not_run"]
    profile.write_text(good)
    told = say("run", NAME, "--resume", failed.manifest.id, "--lab", spring.root)
    assert told.status == 0, told.err
    assert "1/5" not in told.err
    assert "3/5 profile" in told.err
    with pytest.raises(BadInput, match="has ended well"):
        resume(spring, failed.manifest.id, dataset=NAME)
    with pytest.raises(BadInput, match="no run 'nonsense' is kept here"):
        resume(spring, "nonsense", dataset=NAME)


def test_of_two_runs_of_one_session_the_second_waits_and_finds_it_done(spring: Lab) -> None:
    command = [sys.executable, "-m", "workbench", "run", NAME, "--session", LAST.isoformat(), "--now", "2000-03-11T00:00Z"]
    command += ["--lab", str(spring.root)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("waiting for it" in err and "not run again" in err for err in told) == 1
    assert finished_runs(spring) == 1
