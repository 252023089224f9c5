"""A clock that is set back: the later of two arrivals is meant still, and runs go on."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.lab.test_states import DAILY, a_dataset, daily_rows, write
from tests.pipeline.test_stream import Ahead
from workbench.lab.lab import open_lab
from workbench.lake import receipts
from workbench.model.runs import Outcome
from workbench.pipeline.daily import run_daily

DAY = date(2023, 6, 30)


def test_a_correction_that_comes_before_what_it_corrects_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = a_dataset(tmp_path, DAILY)
    write(tmp_path, "all.csv", daily_rows("AAA"))
    with monkeypatch.context() as patch:
        patch.setattr("workbench.lab.arrivals.datetime", Ahead)
        data.update()
    write(tmp_path, "later.csv", [f"AAA,{DAY},10,11,9,10.9,1"])
    data.update()
    assert data.read(start=DAY, end=DAY).to_polars()["close"].to_list() == [10.9]
    assert [receipt.received_at.year for receipt in receipts(data.lake, "mine")] == [2040, 2040]


@pytest.mark.slow
def test_a_run_of_yesterday_is_no_run_of_today(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = a_dataset(tmp_path, DAILY)
    write(tmp_path, "all.csv", daily_rows("AAA"))
    lab, now = open_lab(tmp_path), datetime(2023, 7, 1, tzinfo=UTC)
    with monkeypatch.context() as patch:
        patch.setattr("workbench.pipeline.planning.datetime", Ahead)
        assert run_daily(lab, data, DAY, now=now).is_new
    assert not run_daily(lab, data, DAY, now=now).is_new
    write(tmp_path, "later.csv", [f"AAA,{DAY},10,11,9,10.9,1"])
    again = run_daily(lab, data, DAY, now=now)
    assert (again.is_new, again.manifest.outcome) == (True, Outcome.DONE)
    assert not run_daily(lab, data, DAY, now=now).is_new
