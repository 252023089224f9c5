"""When sessions are due, what is caught up, and what other schedulers are told."""

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import Say, say
from workbench.audit.manifest import write_manifest
from workbench.audit.store import runs_of_session
from workbench.lab.lab import Lab, open_lab
from workbench.lab.layout import lay_out
from workbench.lake import Zone
from workbench.model.errors import BadInput
from workbench.pipeline.schedule import closings, cron_lines, due, next_due, run_due, scheduled, systemd_units

__all__ = ["say"]
NAME = "us_equities"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def change(lab: Lab) -> Callable[[str], Lab]:
    """Return what adds to the contract."""

    def changed(text: str) -> Lab:
        contract = lab.root / "contracts" / f"{NAME}.toml"
        contract.write_text(contract.read_text() + text)
        return open_lab(lab.root)

    return changed


def days(lab: Lab, now: str) -> list[date]:
    return [closing.session for closing in due(lab, lab[NAME], at(now))]


def test_a_session_is_due_half_an_hour_after_its_close_in_winter_in_summer_and_on_half_days(lab: Lab) -> None:
    found = closings(lab[NAME], date(2012, 11, 22), date(2012, 11, 26))
    assert [(c.session.day, f"{c.due_at:%H:%M}") for c in found] == [(23, "18:30"), (26, "21:30")]
    assert closings(lab[NAME], date(2012, 7, 2), date(2012, 7, 2))[0].due_at == at("2012-07-02T20:30")


def test_the_next_session_comes_after_weekends_and_holidays(lab: Lab) -> None:
    coming = next_due(lab[NAME], at("2012-12-31T22:00"))
    assert coming is not None
    assert (coming.session, coming.due_at) == (date(2013, 1, 2), at("2013-01-02T21:30"))


def test_of_a_dataset_that_never_ran_the_newest_session_is_due(lab: Lab) -> None:
    assert days(lab, "2013-03-01T21:29") == [date(2013, 2, 28)]
    assert days(lab, "2013-03-01T21:31") == [date(2013, 3, 1)]


def test_the_delay_is_the_contracts(change: Callable[[str], Lab]) -> None:
    lab = change("\n[schedule]\nminutes_after_close = 0\n")
    assert days(lab, "2013-03-01T21:01") == [date(2013, 3, 1)]


@pytest.mark.slow
def test_what_was_missed_is_caught_up_oldest_first_and_done_once(lab: Lab) -> None:
    first = list(run_due(lab, [NAME], now=at("2013-02-25T22:00")))
    assert [closing.session for _, closing, _ in first] == [date(2013, 2, 25)]
    assert days(lab, "2013-02-25T22:01") == []
    assert days(lab, "2013-02-28T22:00") == [date(2013, 2, 26), date(2013, 2, 27), date(2013, 2, 28)]
    came = list(run_due(lab, [NAME], now=at("2013-02-27T22:00")))
    assert [closing.session.day for _, closing, _ in came] == [26, 27]
    assert list(run_due(lab, [NAME], now=at("2013-02-27T22:00"))) == []


@pytest.mark.slow
def test_a_session_that_failed_is_left_alone_for_a_while_and_then_tried_again(lab: Lab) -> None:
    path = lab.root / "data" / "sample" / "stocks.csv.gz"
    rows = pl.read_csv(path.read_bytes())
    path.unlink()
    rows.filter(pl.col("Date") < "2013-03-01").write_csv(lab.root / "data" / "sample" / "stocks.csv")
    contract = lab.root / "contracts" / f"{NAME}.toml"
    contract.write_text(contract.read_text().replace("stocks.csv.gz", "stocks.csv"))
    lab = open_lab(lab.root)
    (_, _, came) = next(iter(run_due(lab, [NAME], now=at("2013-03-01T22:00"))))
    assert came.manifest.outcome == "failed"  # type: ignore[union-attr]
    assert days(lab, "2013-03-01T22:01") == []
    (recorded,) = runs_of_session(lab.lake.zone(Zone.METADATA), NAME, date(2013, 3, 1))
    while_after = replace(recorded, finished_at=at("2013-03-01T22:00"))
    write_manifest(came.folder, while_after)  # type: ignore[union-attr]
    assert days(lab, "2013-03-01T22:14") == []
    assert days(lab, "2013-03-01T22:16") == [date(2013, 3, 1)]


def test_a_dataset_without_a_named_calendar_cannot_be_scheduled(change: Callable[[str], Lab], lab: Lab) -> None:
    contract = lab.root / "contracts" / f"{NAME}.toml"
    contract.write_text(contract.read_text().replace('calendar = "XNYS"\n', ""))
    with pytest.raises(BadInput, match="a schedule needs to know when the market closes"):
        scheduled(open_lab(lab.root), [NAME])
    with pytest.raises(BadInput, match="no dataset here names its calendar"):
        scheduled(open_lab(lab.root), [])


def test_cron_and_systemd_are_given_every_time_of_day_at_which_the_market_closes(lab: Lab) -> None:
    lines = cron_lines(lab, [NAME], 2026)
    assert lines[0] == "CRON_TZ=America/New_York"
    assert [line.partition(" * * *")[0] for line in lines[1:]] == ["30 13", "30 16"]
    assert lines[1].endswith(f"workbench schedule {NAME} --once --lab {lab.root}")
    service, timer = systemd_units(lab, [NAME], 2026)
    assert f"ExecStart=workbench schedule {NAME} --once" in service
    assert "OnCalendar=*-*-* 13:30:00 America/New_York\nOnCalendar=*-*-* 16:30:00 America/New_York" in timer


def test_an_unknown_scheduler_is_bad_input(lab: Lab, say: Say) -> None:
    said = say("schedule", NAME, "--print", "at", "--lab", lab.root)
    assert (said.status, said.err.splitlines()[-1]) == (2, "workbench: --print 'at': expected cron or systemd")


@pytest.mark.slow
def test_in_the_foreground_it_says_what_is_next_runs_what_is_due_and_ends_when_told_to(tmp_path: Path) -> None:
    root = tmp_path / "lab"
    lay_out(root)
    command = [sys.executable, "-m", "workbench", "schedule", NAME, "--lab", str(root)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert "is due at" in process.stderr.readline()
            told = process.stderr.readline()
            assert f" UTC  {NAME} " in told
            assert "stage transform failed" in told  # the sample ends in 2013: nothing has arrived for the last session
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 3
        finally:
            process.kill()
