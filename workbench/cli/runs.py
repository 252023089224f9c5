"""``workbench ingest``, ``run``, ``score``: a dataset of a lab, from its source to its score."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.labs import LabFolder
from workbench.cli.printing import (
    echo_alarms,
    echo_change,
    echo_checks,
    echo_findings,
    echo_losses,
    echo_score,
    moment,
    print_json,
    session_of,
)
from workbench.model.score import score_text

if TYPE_CHECKING:
    from workbench.model.runs import StageRecord

commands = typer.Typer()

DatasetName = Annotated[str, typer.Argument(help="A dataset: the name of its contract.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


@commands.command()
def ingest(
    dataset: DatasetName,
    paths: Annotated[list[Path] | None, typer.Argument(help="Files to bring; none: what the contract's sources name.")] = None,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """Bring source files into the raw zone, and make standard rows of them."""
    from workbench.lab.lab import open_lab

    data = open_lab(lab)[dataset]
    typer.echo(f"{dataset}: bringing sources to the raw zone, and standard rows to the tables", err=True)
    arrivals, transformed = data.update(paths or [])
    written = transformed.to_json() if transformed else None
    if json:
        print_json({"schema": "workbench.ingest/1", "dataset": dataset, "arrivals": arrivals.to_json(), "written": written})
        return
    for arrival in arrivals.items:
        state = "new" if arrival.is_new else "already in the raw zone"
        typer.echo(
            f"{arrival.receipt.name}: {arrival.receipt.rows:,} rows, {arrival.receipt.first} .. {arrival.receipt.last}, {state}"
        )
    if written is None:
        typer.echo("nothing new arrived, nothing was written")
        return
    quarantined = ", ".join(f"{count:,} {reason}" for reason, count in written["quarantined"].items()) or "none"
    typer.echo(f"processed: {written['rows']:,} rows of {written['symbols']} symbols; quarantined: {quarantined}")
    typer.echo(f"next: workbench run {dataset}")


@commands.command()
def run(
    dataset: DatasetName,
    session: Annotated[str, typer.Option("--session", help="A date, or 'last' for the newest that arrived.")] = "last",
    now: Annotated[str | None, typer.Option("--now", help="Judge timeliness at this moment; the clock's by default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Run even if nothing has changed since the last time.")] = False,
    cold: Annotated[bool, typer.Option("--cold", help="Start an ordinary kernel for each notebook.")] = False,
    resume: Annotated[str | None, typer.Option("--resume", help="Go on with this run, behind its last good stage.")] = None,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """Execute the daily pipeline for one session: five notebooks, a score, a report."""
    from workbench.lab.lab import open_lab
    from workbench.pipeline.daily import resume as resumed
    from workbench.pipeline.daily import run_daily
    from workbench.pipeline.summary import require_done, run_document

    opened = open_lab(lab)
    data = opened[dataset]
    common: Any = {"cold": cold, "progress": _progress, "waiting": _waiting}
    if resume:
        ran = resumed(opened, resume, dataset=dataset, **common)
    else:
        day = session_of(session, lambda: data.last_session)
        typer.echo(f"{dataset}: session {day}", err=True)
        ran = run_daily(opened, data, day, now=moment(now, "--now"), force=force, **common)
    if not ran.is_new:
        typer.echo(f"nothing has changed since run {ran.manifest.id}: not run again (--force runs it anyway)", err=True)
    require_done(ran)
    document = run_document(ran)
    if json:
        print_json(document)
    else:
        _tell(document)
    if document["score"] < data.contract.score.min_score:
        raise typer.Exit(1)


def _waiting() -> None:
    typer.echo("another process runs this session: waiting for it", err=True)


def _progress(number: int, of: int, name: str, record: StageRecord | None) -> None:
    if record is None:
        typer.echo(f"  {number}/{of} {name:<10}", err=True, nl=False)
    else:
        typer.echo(f" {record.seconds:5.1f} s  {record.outcome.value}", err=True)


def _tell(document: dict[str, Any]) -> None:
    echo_score(document, f"Score of {document['dataset']} up to session {document['session']}")
    if document["session_score"] is not None:
        typer.echo(f"  this session alone: {score_text(document['session_score'])}")
    echo_findings(document["findings"])
    echo_alarms(document["alarms"])
    if document["alert"]:
        typer.echo(f"\nAlert: {document['alert'].upper()}")
    typer.echo(f"\nNotebooks: {document['folder']}")
    typer.echo(f"Report:    {document['report']}")
    typer.echo(f"Next: open the report in a browser; workbench lab; workbench score {document['dataset']} --explain")


@commands.command()
def score(
    dataset: DatasetName,
    explain: Annotated[bool, typer.Option("--explain", help="Show every check, and where points were lost.")] = False,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Only what was recorded by then; judged at this moment.")] = None,
    start: Annotated[str | None, typer.Option("--start", help="The first session to look at.")] = None,
    end: Annotated[str | None, typer.Option("--end", help="The last session to look at.")] = None,
    symbols: Annotated[list[str] | None, typer.Option("--symbol", help="Only this symbol; may be given several times.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Explain what has moved the score since this moment.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure everything anew, whatever states are stored.")] = False,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """Score what has arrived of a dataset, from the stored states of its leaves; only what changed is read."""
    from workbench.lab.comparing import compare
    from workbench.lab.documents import alarm_documents
    from workbench.lab.lab import open_lab
    from workbench.lab.results import losses

    data = open_lab(lab)[dataset]
    which = {"start": start, "end": end, "symbols": symbols, "fresh": fresh}
    scored = data.score(as_of=moment(as_of, "--as-of"), **which)
    typer.echo(f"{dataset}: {scored.judgement.gathered}", err=True)
    document = {"schema": "workbench.score/1", "dataset": dataset, **scored.to_json(), "alarms": alarm_documents(scored.score)}
    if explain:
        document["losses"] = losses(scored.score)
    if since:
        document["since"] = compare(
            data.score(as_of=moment(since, "--since"), timely=as_of is not None, **which), scored
        ).to_json()
    if json:
        print_json(document)
    else:
        echo_score(document, f"Score of {dataset}")
        echo_alarms(document["alarms"])
        if explain:
            echo_checks(document)
            echo_losses(document["losses"])
        if since:
            echo_change(document["since"], since)
    if document["score"] < data.contract.score.min_score:
        raise typer.Exit(1)
