"""``workbench init`` and ``workbench lab``: making a lab, and opening it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

commands = typer.Typer()

LabFolder = Annotated[Path, typer.Option("--lab", help="The lab's folder.")]


@commands.command()
def init(folder: Annotated[Path, typer.Argument(help="Where to lay it out; made if it is not there.")] = Path()) -> None:
    """Lay out a lab: settings, contracts, notebooks, templates, and the zones of a lake."""
    from workbench.lab.layout import lay_out

    written = lay_out(folder)
    if not written:
        typer.echo(f"{folder}: the lab is complete, nothing was written")
        return
    typer.echo(f"{folder}: laid out a lab, {len(written)} files")
    typer.echo("next: workbench ingest us_equities")


@commands.command()
def lab(
    folder: Annotated[Path, typer.Argument(help="The lab's folder.")] = Path(),
    port: Annotated[int, typer.Option("--port", help="Where JupyterLab listens on this machine.")] = 8888,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Open JupyterLab on the lab, with the tour first."""
    from workbench.lab.lab import open_lab
    from workbench.pipeline.jupyter import serve_lab

    raise typer.Exit(serve_lab(open_lab(folder), port=port, browser=browser))
