"""All runs of a lab: listed, filtered, measured, opened; and the index made again from what is stored."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from polars.testing import assert_frame_equal

import workbench as wb
from tests.cli.conftest import Say, say
from tests.lab.test_history import FIRST, SCORE, manifest, stored
from workbench.audit.inert import inert
from workbench.audit.store import run_folder
from workbench.lab.history import keep_run
from workbench.lab.layout import lay_out
from workbench.model.errors import BadInput, LakeBroken
from workbench.model.runs import Outcome, RunManifest, StageRecord

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.lab.lab import Lab

__all__ = ["say"]
PLOTLY = "application/vnd.plotly.v1+json"
RECORD = "application/vnd.workbench.record+json"
HOSTILE = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lay_out(tmp_path)
    return wb.open(tmp_path)


def kept(lab: Lab, *manifests: RunManifest) -> None:
    for one in manifests:
        stored(lab.lake, one)
        keep_run(lab.lake, one)


def several() -> tuple[RunManifest, ...]:
    failed = StageRecord("ingest", Outcome.FAILED, error="cell 3 (x): Busy: <b>", retries=2)
    return (
        manifest(0),
        manifest(1, dataset="other", inputs={"contract": "c1", "code": "k1"}),
        manifest(2, outcome=Outcome.FAILED, score=None, stages=(failed,)),
        manifest(3, score=SCORE | {"band": "critical", "symbols": {"A": 50.0, "B": 100.0}}),
    )


def test_runs_of_all_datasets_are_one_frame_and_can_be_narrowed(lab: Lab) -> None:
    assert len(lab.runs()) == 0
    assert "0 runs" in repr(lab.runs())
    kept(lab, *several())
    runs = lab.runs()
    assert runs.to_polars().select("run", "dataset", "verdict", "error", "retries").rows() == [
        ("r0", "mine", "medium", None, 0), ("r1", "other", "medium", None, 0),
        ("r2", "mine", "failed", "stage ingest: cell 3 (x): Busy: <b>", 2), ("r3", "mine", "critical", None, 0),
    ]  # fmt: skip
    assert runs.to_polars()["contract"].to_list() == [None, "c1", None, None]
    assert lab.runs("other").to_polars()["run"].to_list() == ["r1"]
    assert lab.runs(start="2024-01-03", end=date(2024, 1, 4)).to_polars()["run"].to_list() == ["r1", "r2"]
    assert lab.runs(verdict=["failed", "critical"]).to_polars()["run"].to_list() == ["r2", "r3"]
    assert len(runs.to_pandas()) == len(runs.to_json()) == len(runs) == 4
    assert "Busy: <b>" not in runs._repr_html_()
    with pytest.raises(BadInput, match="did you mean 'critical'"):
        lab.runs(verdict="critica")


def test_a_metric_is_a_series_over_sessions_by_dataset(lab: Lab) -> None:
    kept(lab, *several())
    runs = lab.runs()
    values = runs.metric("close.missing_rate").rows()
    assert values == [("mine", FIRST, 0.075), ("mine", FIRST + timedelta(days=3), 0.075), ("other", date(2024, 1, 3), 0.075)]
    assert runs.metric("score").height == 3
    assert runs.metric("symbol:A.score")["value"].to_list() == [50.0]
    assert "symbol:B.score" not in runs.metrics
    assert {"score", "retries", "findings.bad_tick", "close.missing_rate"} < set(runs.metrics)
    with pytest.raises(BadInput, match=r"did you mean 'close\.missing_rate'"):
        runs.metric("close.missing_rat")
    with pytest.raises(BadInput, match="mine, other"):
        runs.figure()
    assert "lowest 87.5" in runs.where(dataset="mine").figure().layout.meta["alt"]
    assert "0.075" in lab.runs("mine").figure("close.missing_rate").layout.meta["alt"]


def test_the_index_made_again_is_the_same_and_names_what_cannot_be_read(lab: Lab) -> None:
    kept(lab, *several())
    before = lab.runs()
    assert_frame_equal(lab.runs(fresh=True).frame, before.frame)
    assert_frame_equal(lab.runs().metric("close.missing_rate"), before.metric("close.missing_rate"))
    metadata = lab.root / "data" / "metadata"
    torn = run_folder(metadata, "r1", FIRST + timedelta(days=1)) / "run.json"
    torn.write_text(torn.read_text()[:100])
    newer = run_folder(metadata, "r2", FIRST + timedelta(days=2)) / "run.json"
    newer.write_text(newer.read_text().replace("workbench.run/1", "workbench.run/9"))
    again = lab.runs(fresh=True)
    assert again.to_polars()["run"].to_list() == ["r0", "r3"]
    assert len(again.damaged) == 2
    assert "run.json: expected a run's manifest" in again.damaged[0]
    assert "newer workbench may have written it" in again.damaged[1]
    with pytest.raises(LakeBroken, match=r"run\.json"):
        lab.run("r1")


def executed(folder: Path) -> None:
    """Write the notebook of the profile stage, with a hostile output."""
    figure = {
        "data": [{"type": "bar", "x": [1.5], "y": ["a"], "not_of_this_plotly": 1}],
        "layout": {"meta": {"name": "coverage", "alt": "Bars."}, "title": {"text": HOSTILE}},
    }
    outputs = [
        {"output_type": "display_data", "metadata": {}, "data": {PLOTLY: figure}},
        {"output_type": "display_data", "metadata": {}, "data": {RECORD: {"name": "x", "value": {"rows": 4}}, "text/plain": ""}},
        {"output_type": "execute_result", "metadata": {}, "execution_count": 1, "data": {"text/html": [f"<b>bold{HOSTILE}</b>"]}},
        {"output_type": "stream", "name": "stdout", "text": HOSTILE},
        {"output_type": "error", "ename": "E", "evalue": HOSTILE, "traceback": ["\x1b[31mE\x1b[0m", HOSTILE]},
    ]
    code = {"cell_type": "code", "execution_count": 1, "id": "b", "metadata": {}, "source": "1 < 2", "outputs": outputs}
    title = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": f"# Profile\n\nWhat `it` is {HOSTILE}"}
    notebook = {"cells": [title, code], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "profile.ipynb").write_text(json.dumps(notebook))


def test_a_run_is_opened_with_its_notebooks_and_live_figures(lab: Lab) -> None:
    one = manifest(0, stages=(StageRecord("profile", Outcome.DONE, 1.0, "profile.ipynb"), StageRecord("quality", Outcome.DONE)))
    kept(lab, one)
    run = lab.runs()[-1]
    assert run.id == lab.runs()["r0"].id == lab.run("r0").id == "r0"
    with pytest.raises(BadInput, match=r"profile\.ipynb is missing"):
        run["profile"]
    executed(run.folder)
    figure = run.figure("coverage")
    assert (figure.data[0].x, figure.layout.meta["alt"]) == ((1.5,), "Bars.")
    assert run.figures == run["profile"].figures == ("coverage",)
    assert run["profile"].records == {"x": {"rows": 4}}
    assert run.report is None
    with pytest.raises(BadInput, match="did you mean 'coverage'"):
        run.figure("coverag")
    with pytest.raises(BadInput, match="there are profile"):
        run["quality"]
    with pytest.raises(BadInput, match="did you mean 'r0'"):
        lab.runs()["r00"]
    with pytest.raises(BadInput, match="none at 7"):
        lab.runs()[7]
    page = run["profile"].html()
    assert "<b>bold</b>" in page
    assert "What <code>it</code> is" in page
    assert "1 &lt; 2" in page
    assert "<script>window" not in page
    assert "<img" not in page
    assert "sandbox=" in run["profile"].show()._repr_html_()
    assert "mine" in run._repr_html_()


def test_html_keeps_text_and_tables_only() -> None:
    assert inert("<table><tr><td style='color:red'>1 &lt; 2</td></tr></table>") == (
        '<table><tr><td style="color:red">1 &lt; 2</td></tr></table>'
    )
    assert inert("<p>open<b>still") == "<p>open<b>still</b></p>"
    assert inert('<div style="background:url(http://x)" onclick="x()"><a href="javascript:x()">a</a></div>') == "<div>a</div>"
    assert inert("<scr<script>x</script>ipt>y</scr</div>") == "xipt&gt;y"
    assert inert("<svg><style>x</style></svg>b<iframe srcdoc='<p>'></iframe>c") == "bc"
    assert inert("&lt;script&gt;") == "&lt;script&gt;"


def test_runs_on_the_command_line(lab: Lab, say: Say) -> None:
    kept(lab, *several())
    said = say("audit", "runs", "--lab", lab.root)
    assert said.status == 0
    assert said.out.splitlines()[0].startswith("r3  mine  2024-01-05  critical  87.5")
    assert "4 runs" in said.out
    assert [r["run"] for r in say("audit", "runs", "mine", "--verdict", "failed", "--lab", lab.root, "--json").json["runs"]] == [
        "r2"
    ]
    assert "mine  2024-01-02  0.075" in say("audit", "runs", "--metric", "close.missing_rate", "--lab", lab.root).out
    (run_folder(lab.root / "data" / "metadata", "r0", FIRST) / "run.json").write_text("{}")
    said = say("audit", "runs", "--rebuild", "--lab", lab.root)
    assert "3 runs" in said.out
    assert "cannot be read" in said.err
    assert say("audit", "runs", "--verdict", "fine", "--lab", lab.root).status == 2
