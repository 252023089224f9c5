"""``workbench findings`` and ``workbench review list | decide | undo | export``: a review without a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.cli.labs import LabFolder
from workbench.cli.printing import printable
from workbench.cli.reviewing import MOST_TOLD, Reason, Who, review
from workbench.cli.runs import DatasetName, Json
from workbench.model.decisions import BY_HAND
from workbench.model.findings import Severity

commands = typer.Typer()

Kinds = Annotated[list[str] | None, typer.Option("--kind", help="Only of this kind; may be given several times.")]
Symbols = Annotated[list[str] | None, typer.Option("--symbol", help="Only of this symbol; may be given several times.")]
Start = Annotated[str | None, typer.Option("--start", help="Only what reaches into the days from this one on.")]
End = Annotated[str | None, typer.Option("--end", help="Only what reaches into the days up to this one.")]
Sources = Annotated[list[str] | None, typer.Option("--source", help="Only rows of this source; may be given several times.")]
Mildest = Annotated[Severity, typer.Option("--severity", help="Only what is at least so severe.")]
States = Annotated[
    list[str] | None, typer.Option("--state", help="waiting, changed, later, decided or policy; may be given several times.")
]


@commands.command()
def findings(
    dataset: DatasetName,
    kind: Kinds = None,
    symbol: Symbols = None,
    start: Start = None,
    end: End = None,
    source: Sources = None,
    severity: Mildest = Severity.LOW,
    state: States = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when anything was found.")] = False,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """List what is wrong with a dataset, worst first, with what is decided of it."""
    from workbench.cli.printing import echo_findings, echo_incidents, print_json
    from workbench.lab.choosing import which_of
    from workbench.lab.lab import open_lab
    from workbench.lab.review_json import entry_document, item_document

    which = which_of(kinds=kind, symbols=symbol, start=start, end=end, sources=source, severity=severity, states=state)
    made = open_lab(lab)[dataset].open_review()
    entries = made.entries(which)
    if json:
        found = [item_document(item, made.dataset.contract) for entry in entries for item in entry.items]
        print_json({"schema": "workbench.findings/1", "dataset": dataset, "findings": found})
    else:
        echo_findings([entry_document(entry, made.dataset.contract) for entry in entries], most=len(entries))
        echo_incidents([entry.incident.summary for entry in entries if entry.incident])
        typer.echo(f"\n{dataset}: {sum(len(entry.items) for entry in entries):,} finding(s), those of one cause told as one")
    if strict and entries:
        raise typer.Exit(1)


@review.command("list")
def list_queue(
    dataset: DatasetName,
    kind: Kinds = None,
    symbol: Symbols = None,
    start: Start = None,
    end: End = None,
    source: Sources = None,
    severity: Mildest = Severity.LOW,
    state: States = None,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """List what waits for a person, the dearest first; --state says what else."""
    from workbench.cli.printing import print_json
    from workbench.lab.choosing import OPEN, which_of
    from workbench.lab.lab import open_lab
    from workbench.lab.review_json import review_document

    which = which_of(kinds=kind, symbols=symbol, start=start, end=end, sources=source, severity=severity, states=state or OPEN)
    made = open_lab(lab)[dataset].open_review()
    document = review_document(made, which)
    if json:
        print_json(document)
        return
    for entry in document["entries"][:MOST_TOLD]:
        typer.echo(_told(entry))
    if len(document["entries"]) > MOST_TOLD:
        typer.echo(f"and {len(document['entries']) - MOST_TOLD:,} more (--json has them all)")
    typer.echo(f"{dataset}: {made.progress()}; score {made.score:.2f}, after decisions {made.score_after:.2f}")


@review.command("decide")
def decide(
    dataset: DatasetName,
    finding: Annotated[list[str] | None, typer.Argument(help="Their ids; none: all that the options choose.")] = None,
    action: Annotated[str, typer.Option("--action", help=f"{', '.join(one.value for one in BY_HAND)}.", metavar="ACTION")] = ...,  # type: ignore[assignment]
    reason: Reason = ...,  # type: ignore[assignment]
    note: Annotated[str, typer.Option("--note", help="Whatever else there is to say.")] = "",
    value: Annotated[
        list[str] | None, typer.Option("--set", help="For take_given: close=12.5, or factor=100 for all rows.")
    ] = None,
    by: Who = None,
    kind: Kinds = None,
    symbol: Symbols = None,
    start: Start = None,
    end: End = None,
    source: Sources = None,
    severity: Mildest = Severity.LOW,
    state: States = None,
    incident: Annotated[bool, typer.Option("--incident", help="All members of the incidents these findings belong to.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, however many there are.")] = False,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """Decide about findings; the tables follow with workbench review apply, or behind the next run."""
    from workbench.cli.printing import print_json
    from workbench.lab.choosing import OPEN, action_of, values_of, which_of
    from workbench.lab.lab import open_lab
    from workbench.lab.review_json import taken_document
    from workbench.model.errors import BadInput

    does, given = action_of(action), values_of(value or ())
    made = open_lab(lab)[dataset].open_review(by=by)
    if finding:
        chosen = [made.item(one) for one in finding]
        incidents = {item.finding.incident for item in chosen if incident and item.finding.incident}
        chosen += [item for item in made.items if item.finding.incident in incidents and item not in chosen]
    else:
        which = which_of(
            kinds=kind, symbols=symbol, start=start, end=end, sources=source, severity=severity, states=state or OPEN
        )
        chosen = [item for entry in made.entries(which) for item in entry.items]
    if not chosen:
        raise BadInput(f"{dataset}: no finding is chosen; workbench review list shows them")
    ids = [item.id for item in chosen]
    if len(ids) > 1 and not yes:
        typer.echo(
            f"{dataset}: {len(ids)} findings; the score after decisions would go from {made.score_after:.2f} to "
            f"{made.becomes(ids, does):.2f}; do it with --yes", err=True,
        )  # fmt: skip
        raise typer.Exit(2)
    taken = made.decide(ids, does, reason, note=note, given=given)
    if json:
        print_json(taken_document(made, taken))
        return
    typer.echo(f"{dataset}: {len(taken.lines)} finding(s): {action}; the score after decisions is {made.score_after:.2f}")
    for line in taken.overruled:
        typer.echo(f"  {line.by} had decided {line.action.value} at {line.at:%Y-%m-%d %H:%M} UTC ({line.reason}); yours is later")


@review.command("undo")
def undo(
    dataset: DatasetName,
    finding: Annotated[list[str] | None, typer.Argument(help="Findings, by their ids; none: what was decided last.")] = None,
    by: Who = None,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """Take back what one decided, by a further line of the ledger."""
    from workbench.cli.printing import print_json
    from workbench.lab.lab import open_lab
    from workbench.lab.review_json import taken_document
    from workbench.model.errors import BadInput

    made = open_lab(lab)[dataset].open_review(by=by)
    chosen = [made.item(one).id for one in finding] if finding else list(made.latest)
    if not chosen:
        raise BadInput(f"{dataset}: {made.by} has decided nothing that stands")
    taken = made.withdraw(chosen)
    if json:
        print_json(taken_document(made, taken))
    else:
        typer.echo(f"{dataset}: {len(taken.lines)} decision(s) taken back; the score after decisions is {made.score_after:.2f}")


@review.command("precision")
def precision(dataset: DatasetName, lab: LabFolder = Path(), json: Json = False) -> None:
    """Say how often each kind was right, as persons judged, and what that proposes for the contract."""
    from workbench.cli.printing import print_json
    from workbench.lab.lab import open_lab

    learned = open_lab(lab)[dataset].decisions.learned()
    if json:
        print_json(learned.to_json())
        return
    for row in learned.to_polars().iter_rows(named=True):
        interval = f"95 % interval {row['low']:.0%} to {row['high']:.0%}"
        typer.echo(
            f"{row['kind']:<24} {row['confirmed']:>5} of {row['judged']:>5} confirmed  {row['precision']:6.0%}  {interval}"
        )
    if learned.to_polars().is_empty():
        typer.echo(f"{dataset}: nobody has decided anything yet")
    for proposal in learned.proposals():
        typer.echo(f"\nTo put into the contract, if you agree:\n{proposal}")


@review.command("export")
def export(
    dataset: DatasetName,
    to: Annotated[Path | None, typer.Option("--to", help="A .csv or .json file; none: JSON goes to stdout.")] = None,
    lab: LabFolder = Path(),
) -> None:
    """Write the whole ledger: who decided what, when, why, and over which data."""
    from workbench.cli.printing import print_json
    from workbench.lab.lab import open_lab
    from workbench.lab.review_export import export_ledger

    decisions = open_lab(lab)[dataset].decisions
    if to is None:
        print_json(decisions.to_json())
        return
    typer.echo(f"{to}: {export_ledger(decisions, to):,} line(s)")


def _told(entry: dict[str, Any]) -> str:
    """Say one thing to decide on in one line."""
    span = entry["start"] if entry["start"] == entry["end"] else f"{entry['start']} .. {entry['end']}"
    whom = printable(entry["summary"] or entry["symbol"], 60)
    held = entry["decision"]
    by_whom = f": {held['action']} by {printable(held['by'], 20)}" if entry["state"] != "waiting" else ""
    where = f"{entry['kind']:<20} {whom:<12} {span}"
    return f"{entry['id']}  {entry['points']:6.2f}  {entry['confidence']:.2f}  {where}  {entry['state']}{by_whom}"
