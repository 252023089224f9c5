"""``workbench review``: what waits for a person, and what was decided."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.cli.labs import LabFolder
from workbench.cli.runs import DatasetName, Json

commands = typer.Typer()
review = typer.Typer(no_args_is_help=True, help="Rows in quarantine, and what is decided about data.")
commands.add_typer(review, name="review")

RowIds = Annotated[list[str], typer.Argument(help="Rows in quarantine, by their ids.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")]
Who = Annotated[str | None, typer.Option("--by", help="Who says so; the user's name by default.")]
MOST_TOLD = 40


@review.command("quarantined")
def list_quarantined(
    dataset: DatasetName,
    everything: Annotated[
        bool, typer.Option("--all", help="Also rows that were released, dropped, or set aside by a decision.")
    ] = False,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """List the rows in quarantine that wait for a person."""
    from workbench.cli.printing import print_json
    from workbench.lab.documents import plain
    from workbench.lab.lab import open_lab

    data = open_lab(lab)[dataset]
    rows = (data.quarantined() if everything else data.decisions.waiting()).to_dicts()
    if json:
        print_json({"schema": "workbench.quarantine/1", "dataset": dataset, "rows": plain(rows)})
        return
    for row in rows[:MOST_TOLD]:
        where = f"{row['symbol'] or 'no symbol'} {row['event_at'] or 'no time'}"
        typer.echo(f"{row['id']}  {row['quarantine_reason']}  {where}")
    if len(rows) > MOST_TOLD:
        typer.echo(f"and {len(rows) - MOST_TOLD:,} more (--json has them all)")
    if not rows:
        typer.echo("nothing waits in quarantine")


@review.command("inspect")
def inspect_row(dataset: DatasetName, row: Annotated[str, typer.Argument(help="Its id.")], lab: LabFolder = Path()) -> None:
    """Show a row of quarantine: what was read of it, the vendor's own cells, the file it came with, and what was decided."""
    from workbench.lab.lab import open_lab
    from workbench.lake import receipts
    from workbench.model.errors import BadInput

    data = open_lab(lab)[dataset]
    rows = [one for one in data.quarantined().to_dicts() if one["id"] == row]
    if not rows:
        raise BadInput(f"{dataset}: there is no row {row[:60]!r} in quarantine; workbench review quarantined lists them")
    came = {receipt.id: receipt for receipt in receipts(data.lake, dataset)}.get(rows[0]["receipt"])
    told: dict[str, Any] = {name: value for name, value in rows[0].items() if value is not None}
    if came is not None:
        told |= {"source": came.source, "file": came.name, "received_at": came.received_at}
    for name, value in told.items():
        typer.echo(f"{name:18} {value}")
    for entry in (entry for entry in data.decisions.entries if entry.subject == row):
        typer.echo(f"{entry.at:%Y-%m-%d %H:%M}   {entry.action.value} by {entry.by}: {entry.reason}")


@review.command("release")
def release_rows(dataset: DatasetName, rows: RowIds, reason: Reason, by: Who = None, lab: LabFolder = Path()) -> None:
    """Put rows of quarantine among the processed ones; one that has their symbol and time makes way."""
    from workbench.lab.lab import open_lab

    open_lab(lab)[dataset].decisions.release(rows, reason=reason, by=by or getpass.getuser())
    typer.echo(f"{dataset}: {len(rows)} row(s) released")


@review.command("drop")
def drop_rows(dataset: DatasetName, rows: RowIds, reason: Reason, by: Who = None, lab: LabFolder = Path()) -> None:
    """Say of rows of quarantine that they were looked at and stay where they are."""
    from workbench.lab.lab import open_lab

    open_lab(lab)[dataset].decisions.drop(rows, reason=reason, by=by or getpass.getuser())
    typer.echo(f"{dataset}: {len(rows)} row(s) dropped; they stay in quarantine, and wait no more")


@review.command("apply")
def apply_policies(dataset: DatasetName, lab: LabFolder = Path(), json: Json = False) -> None:
    """Decide what the contract's policies decide, and bring the tables in line with all decisions."""
    from workbench.cli.printing import print_json
    from workbench.lab.lab import open_lab
    from workbench.pipeline.summary import settlement_document

    data = open_lab(lab)[dataset]
    document = settlement_document(dataset, data.decisions.settle())
    if json:
        print_json(document)
        return
    for entry in document["decided"][:MOST_TOLD]:
        typer.echo(f"{entry['action']}  {entry['kind']} {entry['symbol']} {entry['start']}: {entry['reason']}")
    spans = ", ".join(f"{first} .. {last}" for first, last in document["written"]) or "none, all was in line"
    typer.echo(f"{dataset}: {len(document['decided'])} decision(s) added; sessions written again: {spans}")
