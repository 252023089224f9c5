"""The report of a run: the dataset as it is after the run, and what is different from the run before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.audit.report import render_report
from workbench.audit.shared import share_plotly
from workbench.audit.store import latest, run_folder
from workbench.lab.documents import dataset_document, quality_record, session_score
from workbench.lab.report import report_content, write_page
from workbench.lab.results import RunReport
from workbench.lake import TableRef, Zone, version_of
from workbench.model.runs import Outcome

if TYPE_CHECKING:
    from datetime import date

    from workbench.lab.judgement import Judgement
    from workbench.lake import Lake
    from workbench.model.contract import Contract
    from workbench.model.runs import RunManifest

REPORT = "report.html"


def write_run_report(lake: Lake, contract: Contract, judgement: Judgement, *, session: date, run: str) -> RunReport:
    """Write the report of a run into its folder.

    Parameters
    ----------
    lake : Lake
    contract : Contract
    judgement : Judgement
    session : date
    run : str
        The run's id; its folder is made where it is not there.
    """
    metadata = lake.zone(Zone.METADATA)
    changes = _changes(judgement, session, latest(metadata, contract.dataset, outcome=Outcome.DONE))
    facts = dataset_document((), judgement.evidence.state, contract, contract.calendar, contract.timezone, ())
    version = version_of(lake, TableRef.processed(contract.dataset))
    content = report_content(
        judgement,
        title=contract.title or contract.dataset,
        subtitle=f"Session {session}, {contract.kind.value}, {contract.frequency}",
        facts=(
            ("rows", f"{facts['rows']:,}"),
            ("symbols", f"{facts['symbols']:,}"),
            ("span", f"{facts['first']} to {facts['last']}"),
            ("calendar", contract.calendar or "named from the data"),
            ("score of this session alone", _points(session_score(judgement, session))),
            ("judged at", f"{judgement.evidence.now:%Y-%m-%d %H:%M} UTC" if judgement.evidence.now else "no moment"),
        ),
        changes=changes,
        provenance=(("run", run), ("processed table", f"version {version}"), ("contract", f"{contract.dataset}.toml")),
        timezone=contract.timezone or "UTC",
    )
    folder = run_folder(metadata, run, session)
    folder.mkdir(parents=True, exist_ok=True)
    shared = f"../../../../{share_plotly(metadata / 'runs')}"  # the page lies in runs/YYYY/MM/DD/<run>/
    return RunReport(write_page(folder / REPORT, render_report(content, shared=shared)), changes)


def _points(value: float | None) -> str:
    return "no rows" if value is None else f"{value:.1f}"


def _changes(judgement: Judgement, session: date, before: RunManifest | None) -> tuple[str, ...]:
    if before is None or before.score is None:
        return ("This is the first run of the dataset: there is nothing to compare with.",)
    now, then = quality_record(judgement, session), before.score
    lines = [f"Compared with run {before.id} of session {before.session}."]
    moved = now["score"] - then["score"]
    points = "unchanged" if abs(moved) < 0.05 else f"{moved:+.1f} points"
    lines.append(f"Score {now['score']:.1f}, {points}; rows {now['rows']:,}, {now['rows'] - then['rows']:+,}.")
    for name, dimension in now["dimensions"].items():
        was = then["dimensions"].get(name, {}).get("score")
        if dimension["score"] != was:
            lines.append(f"{name.capitalize()}: {_percent(was)} before, {_percent(dimension['score'])} now.")
    gone = {f["id"] for f in then["findings"]} - {f["id"] for f in now["findings"]}
    new = {f["id"] for f in now["findings"]} - {f["id"] for f in then["findings"]}
    lines.append(f"Findings: {len(new)} new, {len(gone)} gone, {len(now['findings'])} in all.")
    return tuple(lines)


def _percent(value: float | None) -> str:
    return "not applicable" if value is None else f"{100 * value:.1f}"
