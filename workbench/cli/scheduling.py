"""``workbench schedule``: run datasets when their markets have closed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.labs import LabFolder

commands = typer.Typer()


@commands.command()
def schedule(
    datasets: Annotated[list[str] | None, typer.Argument(help="Datasets; none: all of the lab whose calendar is named.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Run what is due now, and end.")] = False,
    print_for: Annotated[
        str | None, typer.Option("--print", help="Print what another scheduler needs, cron or systemd, and end.")
    ] = None,
    cold: Annotated[bool, typer.Option("--cold", help="Start an ordinary kernel for each notebook.")] = False,
    lab: LabFolder = Path(),
) -> None:
    """Run each session some minutes after its market has closed; sessions that were missed are caught up."""
    from workbench.lab.lab import open_lab
    from workbench.model.errors import BadInput
    from workbench.pipeline.schedule import cron_lines, keep_running, next_due, outcome_of, run_due, scheduled, systemd_units

    opened = open_lab(lab)
    names = scheduled(opened, datasets or ())
    if print_for is not None:
        made = {"cron": cron_lines, "systemd": systemd_units}.get(print_for)
        if made is None:
            raise BadInput(f"--print {print_for!r}: expected cron or systemd")
        typer.echo("\n".join(made(opened, names, datetime.now(UTC).year)))
        return
    went_well = []

    def tick() -> None:
        for name, closing, came in run_due(opened, names, cold=cold):
            told, is_well = outcome_of(came)
            went_well.append(is_well)
            typer.echo(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC  {name} {closing.session}: {told}", err=True)

    if once:
        tick()
        raise typer.Exit(0 if all(went_well) else 3)
    for name in names:
        ahead = next_due(opened[name], datetime.now(UTC))
        if ahead:
            typer.echo(f"{name}: session {ahead.session} is due at {ahead.due_at:%Y-%m-%d %H:%M} UTC", err=True)
    keep_running(tick)
