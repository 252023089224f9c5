"""``workbench stream``: follow a feed into a dataset."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.labs import LabFolder
from workbench.cli.runs import DatasetName, Json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workbench.pipeline.streaming import Followed

commands = typer.Typer()


@commands.command()
def stream(
    dataset: DatasetName,
    source: Annotated[
        str,
        typer.Option("--from", help="A folder that files drop into, a file of JSON lines, or redis://host:6379/0?stream=KEY."),
    ],
    until_idle: Annotated[
        float | None, typer.Option("--until-idle", min=0, help="Stop once nothing came for so many seconds; none: go on.")
    ] = None,
    judge: Annotated[
        bool, typer.Option("--judge/--no-judge", help="Run the quality notebooks for sessions that are over.")
    ] = True,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """Follow a feed: each event once, whatever is interrupted when; Ctrl-C stops behind the last event taken in."""
    from workbench.cli.printing import print_json
    from workbench.ingest.feeds.opening import open_feed
    from workbench.lab.lab import open_lab
    from workbench.pipeline.streaming import Ending, follow
    from workbench.pipeline.summary import stream_document

    opened = open_lab(lab)
    data = opened[dataset]
    feed = open_feed(source, root=Path(), dataset=dataset)
    typer.echo(f"{dataset}: following {feed.address}", err=True)
    with _told_to_stop() as wanted, _status() as progress:
        done = follow(opened, data, feed, Ending(wanted, until_idle), judges=judge, progress=progress)
    document = stream_document(done)
    if json:
        print_json(document)
    else:
        _tell(document)


@contextmanager
def _told_to_stop() -> Iterator[Callable[[], bool]]:
    """Give what says whether somebody asked us to stop; a second time, it is at once."""
    asked: list[int] = []

    def ask(number: int, _frame: Any) -> None:
        asked.append(number)
        if len(asked) > 1:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _status() -> Iterator[Callable[[Followed], None]]:
    """Show how far it is; on stderr, and only to a person."""
    from rich.console import Console

    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("waiting for events") as status:

        def show(done: Followed) -> None:
            speed = f"{done.events / done.busy_seconds:,.0f} a second" if done.busy_seconds else "waiting"
            bad = sum(done.rejected.values())
            status.update(f"{done.events:,} events, {done.new:,} new, {bad:,} rejected, {speed}")

        yield show


def _tell(document: dict[str, Any]) -> None:
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in document["rejected"].items()) or "none"
    typer.echo(
        f"{document['dataset']}: {document['events']:,} events in {document['pieces']:,} pieces: {document['new']:,} new, "
        f"{document['repeated']:,} repeated, {document['superseded']:,} corrected, {document['late']:,} late; "
        f"rejected: {rejected}"
    )
    if document["events_per_second"]:
        p95 = document["latency_seconds"]["p95"]
        within = f"; 95 of 100 could be read within {p95:.2f} s" if p95 is not None else ""
        typer.echo(f"{document['events_per_second']:,.0f} events a second{within}")
    for session, run in document["judged"].items():
        score = "a stage failed" if run["score"] is None else f"score {run['score']:.1f}"
        typer.echo(f"  {session}: {score}, run {run['run']}")
    if document["alerts"]:
        typer.echo(f"{document['alerts']} alert(s): see metadata/alerts in the lake")
