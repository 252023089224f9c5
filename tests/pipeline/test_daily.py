"""The main job: five notebooks, a score, a report; once for the same inputs."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import nbformat
import pytest

from tests.cli.conftest import Say, say
from workbench.lab.lab import Lab
from workbench.model.errors import BadInput
from workbench.model.runs import Outcome
from workbench.pipeline.daily import run_daily
from workbench.pipeline.notebook import refuse_wrong_parameters
from workbench.pipeline.stages import STAGES

__all__ = ["say"]
NOW = datetime(2013, 3, 2, tzinfo=UTC)
LAST = date(2013, 3, 1)
pytestmark = pytest.mark.slow


def test_a_run_leaves_notebooks_manifest_and_report_and_is_not_done_twice(lab: Lab) -> None:
    data = lab["us_equities"]
    data.ingest()
    data.transform()
    ran = run_daily(lab, data, LAST, now=NOW)
    assert ran.manifest.outcome is Outcome.DONE
    assert ran.is_new
    assert ran.folder.is_relative_to(lab.root / "data" / "metadata" / "runs" / "2013" / "03" / "01")
    assert sorted(p.name for p in ran.folder.iterdir()) == sorted(
        [*(f"{s}.ipynb" for s in STAGES), "lineage.ndjson", "report.html", "run.json"]
    )
    document = json.loads((ran.folder / "run.json").read_text())
    assert document["score"]["score"] == 100
    assert document["score"]["dimensions"]["timeliness"]["score"] == 1
    assert document["versions"]["out"]["processed/us_equities"] == document["versions"]["in"]["processed/us_equities"] + 1
    assert data.read().frame.height == 12154
    again = run_daily(lab, data, LAST, now=NOW)
    assert (again.is_new, again.manifest.id) == (False, ran.manifest.id)
    forced = run_daily(lab, data, LAST, now=NOW, force=True)
    assert forced.is_new
    assert data.read().frame.height == 12154
    page = (forced.folder / "report.html").read_text()
    assert f"Compared with run {ran.manifest.id}" in page
    assert str(lab.root) not in page


def broken(lab: Lab, stage: str, code: str) -> None:
    path = lab.stages / f"{stage}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(5, nbformat.v4.new_code_cell(code))
    nbformat.write(notebook, path)


def test_a_failing_stage_stops_the_run_and_says_which_cell_and_why(lab: Lab, say: Say) -> None:
    broken(lab, "transform", "1 / 0")
    said = say("run", "us_equities", "--session", "2013-03-01", "--lab", lab.root)
    assert said.status == 3
    last = said.err.splitlines()[-1]
    assert "stage transform failed in cell" in last
    assert "ZeroDivisionError" in last
    manifest = json.loads(next((lab.root / "data" / "metadata").rglob("run.json")).read_text())
    assert manifest["outcome"] == "failed"
    assert [s["outcome"] for s in manifest["stages"]] == ["done", "failed", "not_run", "not_run", "not_run"]
    folder = next((lab.root / "data" / "metadata").rglob("run.json")).parent
    assert (folder / "transform.ipynb").exists()
    assert not (folder / "profile.ipynb").exists()


def test_wrong_parameters_are_refused_before_anything_runs(lab: Lab) -> None:
    quality = lab.stages / "quality.ipynb"
    with pytest.raises(BadInput, match=r"'sessoin' is not declared.*did you mean 'session'"):
        refuse_wrong_parameters(quality, {"sessoin": "2013-03-01"})
    notebook = nbformat.read(quality, as_version=4)
    for cell in notebook.cells:
        cell.metadata.pop("tags", None)
    nbformat.write(notebook, quality)
    data = lab["us_equities"]
    data.ingest()
    with pytest.raises(BadInput, match="parameters"):
        run_daily(lab, data, LAST, now=NOW)
    assert list((lab.root / "data" / "metadata").rglob("*.ipynb")) == []


def test_a_missing_source_is_bad_input(lab: Lab, say: Say) -> None:
    (lab.root / "data" / "sample" / "stocks.csv.gz").unlink()
    said = say("ingest", "us_equities", "--lab", lab.root)
    assert said.status == 2
    assert "no file at its sources" in said.err.splitlines()[-1]


def test_the_command_line_does_the_main_job(tmp_path: Path, say: Say) -> None:
    root = tmp_path / "mine"
    assert say("init", root).status == 0
    assert "nothing was written" in say("init", root).out
    assert "new" in say("ingest", "us_equities", "--lab", root).out
    assert "nothing new arrived" in say("ingest", "us_equities", "--lab", root).out
    ran = say("run", "us_equities", "--now", "2013-03-02T00:00Z", "--lab", root)
    assert ran.status == 0
    for part in ("100.0 of 100", "timeliness", "Nothing wrong", "report.html", "Next:"):
        assert part in ran.out
    assert "not run again" in say("run", "us_equities", "--now", "2013-03-02T00:00Z", "--lab", root).err
    assert say("score", "us_equities", "--lab", root, "--json").json["score"] == 100
    assert say("findings", "us_equities", "--lab", root, "--json").json["findings"] == []
