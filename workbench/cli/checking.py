"""``workbench check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.printing import (
    echo_comparisons,
    echo_explained,
    echo_findings,
    echo_incidents,
    echo_score,
    moment,
    print_json,
    printable,
)

commands = typer.Typer()


@commands.command()
def check(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders: CSV, Parquet, Arrow, HDF5, JSON; gz and zip too.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document (workbench.check/1) on stdout.")] = False,
    report: Annotated[Path | None, typer.Option("--report", help="Write the report here, as one HTML file.")] = None,
    contract: Annotated[Path | None, typer.Option("--contract", help="What the data promises (TOML).")] = None,
    calendar: Annotated[str | None, typer.Option("--calendar", help="XNYS, XLON, …, 24/7, 24/5, learned.")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Judge at this moment; nothing after it is used.")] = None,
    reference: Annotated[
        list[Path] | None, typer.Option("--reference", help="Another source to compare with; several, most trusted first.")
    ] = None,
    previous: Annotated[
        Path | None, typer.Option("--previous", help="What the same source said before; see what it changed.")
    ] = None,
    events: Annotated[Path | None, typer.Option("--events", help="Splits and dividends, where the data carries none.")] = None,
    min_score: Annotated[float | None, typer.Option("--min-score", min=0, max=100, help="Exit 1 below this score (85).")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when anything was found.")] = False,
) -> None:
    """Score market data without any set-up, and say what is wrong with it."""
    from workbench.lab.check import check as check_data
    from workbench.lab.contracts import read_contract
    from workbench.lab.documents import comparisons
    from workbench.lab.report import write_check_report

    terms = None if contract is None else read_contract(contract)
    others = {path.name: path for path in reference or []}
    checked = check_data(
        paths,
        contract=terms,
        calendar=calendar,
        as_of=moment(as_of, "--as-of"),
        reference=others,
        previous=previous,
        events=events,
    )
    if report is not None:
        write_check_report(checked, report)
    document = checked.to_json()
    if json:
        print_json(document)
    else:
        _describe(document["dataset"], checked.left_out)
        echo_score(document, "Score")
        echo_comparisons(comparisons(document))
        echo_findings(document["findings"])
        echo_incidents([incident["summary"] for incident in document["incidents"]])
        echo_explained(document["explained"])
        if report is not None:
            typer.echo(f"\nReport: {report}")
    least = min_score if min_score is not None else checked.understood.contract.score.min_score
    if document["score"] < least or (strict and checked.findings):
        raise typer.Exit(1)


def _describe(dataset: dict[str, object], left_out: int) -> None:
    what = f"{dataset['kind']}, {dataset['rows']:,} rows, {dataset['symbols']} symbol(s), {dataset['frequency']}"
    typer.echo(f"{what}, {dataset['first']} .. {dataset['last']}, calendar {dataset['calendar'] or 'none or several'}")
    if left_out:
        typer.echo(f"{left_out:,} rows after --as-of were left out")
    inferred = dataset["inferred"]
    if isinstance(inferred, list) and inferred:
        typer.echo("inferred: " + printable("; ".join(str(note) for note in inferred), 400))
