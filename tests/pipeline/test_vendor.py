"""A dataset that a vendor serves, a file for each session: what misbehaves costs its own session, and is told."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from tests.ingest.vendor import Vendor, half, hang_up, serving, status
from tests.quality.conftest import clean_year
from workbench.lab.lab import Lab, open_lab
from workbench.lab.layout import lay_out
from workbench.model.errors import BadInput, Transient
from workbench.pipeline.backfill import Notebooks, backfill
from workbench.pipeline.daily import run_daily

pytestmark = pytest.mark.slow
FIRST, LAST = date(2023, 3, 1), date(2023, 3, 10)
NOW = datetime(2023, 3, 2, tzinfo=UTC)
CONTRACT = """
dataset = "served"
calendar = "XNYS"
[[sources]]
name = "vendor"
path = "URL/{session}.csv"
headers = {X-Api-Key = "env:VENDOR_KEY"}
timeout_seconds = 5
"""
PATIENCE = "[retries]\nattempts = 3\nfirst_wait_seconds = 0.01\nlongest_wait_seconds = 0.02\n"


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    monkeypatch.setenv("VENDOR_KEY", "s3cr3t")
    with serving() as made:
        made.answers = [status(404)]
        for (session,), rows in clean_year().partition_by("date", as_dict=True).items():
            made.of_path[f"/prices/{session}.csv"] = [status(200, rows.write_csv().encode())]
        yield made


@pytest.fixture
def served(tmp_path: Path, vendor: Vendor) -> Lab:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "served.toml").write_text(CONTRACT.replace("URL", vendor.url.rpartition("/")[0]))
    (tmp_path / "workbench.toml").write_text(PATIENCE)
    return open_lab(tmp_path)


def test_each_way_to_fail_has_its_category_and_the_others_are_filled(served: Lab, vendor: Vendor) -> None:
    good = {day: vendor.of_path[f"/prices/2023-03-0{day}.csv"] for day in (2, 3)}
    vendor.of_path["/prices/2023-03-02.csv"] = [status(500), hang_up, *good[2]]
    vendor.of_path["/prices/2023-03-03.csv"] = [half]
    vendor.of_path["/prices/2023-03-06.csv"] = [status(200, b"<html>maintenance</html>")]
    del vendor.of_path["/prices/2023-03-07.csv"]
    filled = backfill(served, served["served"], FIRST, LAST, notebooks=Notebooks.NONE)
    told = {failure.session.day: (failure.category, failure.error) for failure in filled.failed}
    assert {day: category for day, (category, _) in told.items()} == {3: "transient", 6: "data", 7: "data"}
    assert "RemoteProtocolError" in told[3][1]
    assert "it answers 404: there is no such file" in told[7][1]
    sessions = served["served"].read().frame["session"].unique().sort().to_list()
    assert [session.day for session in sessions] == [1, 2, 8, 9, 10]
    vendor.of_path["/prices/2023-03-03.csv"] = good[3]
    asked = len(vendor.asked)
    again = backfill(served, served["served"], FIRST, LAST, notebooks=Notebooks.NONE)
    # what comes behind the session that came late is judged anew
    assert (again.skipped, again.done, len(again.failed)) == (2, 4, 2)
    assert f"/prices/{FIRST}.csv" not in {request["path"] for request in vendor.asked[asked:]}


def test_the_key_is_in_no_file_that_a_run_leaves(served: Lab, vendor: Vendor) -> None:
    backfill(served, served["served"], FIRST, FIRST, notebooks=Notebooks.NONE)
    assert vendor.asked[0]["x-api-key"] == "s3cr3t"
    texts = [path.read_bytes() for path in served.root.rglob("*") if path.is_file()]
    assert texts
    assert not [text for text in texts if b"s3cr3t" in text]


def test_a_corrected_file_makes_a_new_version(served: Lab, vendor: Vendor) -> None:
    backfill(served, served["served"], FIRST, FIRST, notebooks=Notebooks.NONE)
    before = served["served"].read().frame["close"].item()
    rows = clean_year().filter(pl.col("date") == FIRST).with_columns(pl.col("close") + 0.5, pl.col("high") + 0.5)
    vendor.of_path[f"/prices/{FIRST}.csv"] = [status(200, rows.write_csv().encode())]
    assert backfill(served, served["served"], FIRST, FIRST, notebooks=Notebooks.NONE, force=True).done == 1
    assert served["served"].read().frame["close"].item() == pytest.approx(before + 0.5)


def test_a_corrected_file_is_found_by_the_next_run_of_its_session(served: Lab, vendor: Vendor) -> None:
    lay_out(served.root)
    lab = open_lab(served.root)
    assert run_daily(lab, lab["served"], FIRST, now=NOW).is_new
    assert not run_daily(lab, lab["served"], FIRST, now=NOW).is_new
    before = lab["served"].read().frame["close"].item()
    rows = clean_year().filter(pl.col("date") == FIRST).with_columns(pl.col("close") + 0.5, pl.col("high") + 0.5)
    vendor.of_path[f"/prices/{FIRST}.csv"] = [status(200, rows.write_csv().encode())]
    assert run_daily(lab, lab["served"], FIRST, now=NOW).is_new
    assert lab["served"].read().frame["close"].item() == pytest.approx(before + 0.5)
    vendor.of_path[f"/prices/{FIRST}.csv"] = [status(500)]
    with pytest.raises(Transient, match="500"):
        run_daily(lab, lab["served"], FIRST, now=NOW)


def test_a_file_for_each_session_needs_a_session(served: Lab) -> None:
    with pytest.raises(BadInput, match="source vendor has a file for each session; say which"):
        served["served"].ingest()
