"""The commands together, and the one place that turns an error into a line and an exit status."""

from __future__ import annotations

import sys
import traceback
from typing import Annotated

import typer

from workbench import __version__
from workbench.cli import auditing, backfilling, checking, deciding, labs, reviewing, runs, scheduling, streaming
from workbench.model.errors import WorkbenchError
from workbench.model.failures import Category, category_of

INTERRUPTED = 130

app = typer.Typer(
    name="workbench",
    help="Can I trust this market data? Scores, findings and audit reports.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for family in (checking, labs, runs, backfilling, streaming, scheduling, deciding, reviewing, auditing):
    app.add_typer(family.commands)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"workbench {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    del debug, version  # --debug is read by main, wherever it stands


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 good, 1 below the threshold, 2 bad input, 3 a failure of the system."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    try:
        app(args=[word for word in given if word != "--debug"], prog_name="workbench")
    except WorkbenchError as error:
        _fail(str(error), error.exit_status, debug=debug)
    except SystemExit as end:  # typer's own way to tell of Ctrl-C
        if end.code != INTERRUPTED:
            raise
        _fail("interrupted; nothing half-done was published", 3, debug=False)
    except Exception as error:  # noqa: BLE001 (the last line of defence: one line, status 3)
        _fail(_told(error), 3, debug=debug)


def _told(error: Exception) -> str:
    if isinstance(error, OSError) and category_of(error) is Category.SYSTEM:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}; mend it, then run the same command again: what is done stays done"
    return f"unexpected {type(error).__name__}: {error}; run again with --debug for the traceback"


def _fail(message: str, status: int, *, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    one_line = " ".join(message.split())
    typer.echo(f"workbench: {one_line}", err=True)
    sys.exit(status)
