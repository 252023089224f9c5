"""``workbench audit``: the runs of a lab, read back and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.labs import LabFolder
from workbench.cli.printing import print_json, printable
from workbench.cli.runs import Json

commands = typer.Typer()
audit = typer.Typer(no_args_is_help=True, help="What was run, what was known when, and whether it is still what it was.")
commands.add_typer(audit, name="audit")

MOST_TOLD = 40


@audit.command("runs")
def list_runs(
    dataset: Annotated[list[str] | None, typer.Argument(help="Of these datasets; none: of all.")] = None,
    start: Annotated[str | None, typer.Option("--start", help="The first session.")] = None,
    end: Annotated[str | None, typer.Option("--end", help="The last session.")] = None,
    verdict: Annotated[
        list[str] | None, typer.Option("--verdict", help="ok, medium, high, critical or failed; may be given several times.")
    ] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="One metric over sessions, such as close.missing_rate.")] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make the index again, from the manifests alone.")] = False,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """List runs with verdict and score, or one metric over their sessions."""
    from workbench.lab.documents import plain
    from workbench.lab.lab import open_lab

    runs = open_lab(lab).runs(dataset or None, start=start, end=end, verdict=verdict or None, fresh=rebuild)
    for line in runs.damaged:
        typer.echo(f"cannot be read: {printable(line, 300)}", err=True)
    if metric is not None:
        values = runs.metric(metric)
        if json:
            print_json({"schema": "workbench.metric/1", "metric": metric, "values": plain(values.to_dicts())})
            return
        for name, session, value in values.iter_rows():
            typer.echo(f"{name}  {session}  {value:,.6g}")
        return
    if json:
        print_json({"schema": "workbench.runs/1", "runs": runs.to_json(), "damaged": list(runs.damaged)})
        return
    shown = runs.to_polars().tail(MOST_TOLD).reverse()
    for row in shown.iter_rows(named=True):
        score = "     " if row["score"] is None else f"{row['score']:5.1f}"
        why = printable(row["error"], 80) if row["error"] else f"{row['findings'] or 0:,} findings"
        typer.echo(f"{row['run']}  {row['dataset']}  {row['session']}  {row['verdict'] or 'unknown':<8} {score}  {why}")
    typer.echo(f"{len(runs):,} runs" + (f", the newest {MOST_TOLD} shown (--json has them all)" if len(runs) > MOST_TOLD else ""))
