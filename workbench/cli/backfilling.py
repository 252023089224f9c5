"""``workbench backfill``: many sessions of a dataset, as far as they are not done."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.labs import LabFolder
from workbench.cli.printing import print_json
from workbench.cli.runs import DatasetName, Json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workbench.pipeline.backfill import Filled

commands = typer.Typer()
MOST_TOLD = 10


@commands.command()
def backfill(
    dataset: DatasetName,
    start: Annotated[str, typer.Option("--start", help="The first session.")],
    end: Annotated[str, typer.Option("--end", help="The last session.")],
    notebooks: Annotated[
        str, typer.Option("--notebooks", help="Whose executed notebooks are kept: each, monthly (each month's last), none.")
    ] = "each",
    workers: Annotated[int, typer.Option("--workers", min=1, help="How many sessions to work on at once.")] = 1,
    cluster: Annotated[str | None, typer.Option("--cluster", help="A Dask scheduler, tcp://HOST:PORT, to work instead.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Run sessions that are done, too.")] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first session that fails.")] = False,
    cold: Annotated[bool, typer.Option("--cold", help="Start an ordinary kernel for each notebook.")] = False,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """Run every session of a range that is not done; interrupted, the same command goes on."""
    from workbench.cli.printing import session_of
    from workbench.lab.lab import open_lab
    from workbench.pipeline.backfill import Notebooks
    from workbench.pipeline.backfill import backfill as fill
    from workbench.pipeline.summary import backfill_document, require_filled

    opened = open_lab(lab)
    data = opened[dataset]
    first, last = (session_of(text, lambda: data.last_session) for text in (start, end))
    with _bar(f"{dataset} {first} .. {last}") as progress:
        filled = fill(
            opened, data, first, last, notebooks=Notebooks.named(notebooks), force=force, fail_fast=fail_fast, cold=cold,
            workers=workers, cluster=cluster, progress=progress,
        )  # fmt: skip
    document = backfill_document(filled, first, last)
    if json:
        print_json(document)
    else:
        _tell(document)
    require_filled(filled)


@contextmanager
def _bar(title: str) -> Iterator[Callable[[Filled], None]]:
    """Show how far it is, how fast, and how long it will take; on stderr, and only to a person."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(file=sys.stderr), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(title, total=None, rate="")

        def show(filled: Filled) -> None:
            done = filled.sessions - filled.left
            speed = bar.tasks[0].speed
            bar.update(task, total=filled.sessions, completed=done, rate=f"{speed:.1f} a second" if speed else "")

        yield show


def _tell(document: dict[str, Any]) -> None:
    typer.echo(
        f"{document['dataset']}: {document['sessions']} sessions from {document['start']} to {document['end']}: "
        f"{document['done']} done, {document['skipped']} were done before, {len(document['failed'])} failed, "
        f"{document['left']} not come to; {document['seconds']:.1f} s"
    )
    for failure in document["failed"][:MOST_TOLD]:
        typer.echo(f"  {failure['session']}  {failure['category'] or 'failed'}: {failure['error']}")
    if len(document["failed"]) > MOST_TOLD:
        typer.echo(f"  and {len(document['failed']) - MOST_TOLD} more (--json has them all)")
