"""``workbench audit``: the runs of a lab, read back and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.differences import difference_lines
from workbench.cli.labs import LabFolder
from workbench.cli.printing import print_json, printable
from workbench.cli.runs import DatasetName, Json

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


@audit.command("seal")
def seal_left_out(
    dataset: Annotated[str | None, typer.Argument(help="Of this dataset; none: of all.")] = None,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """Seal runs that were never sealed; their seals say that it was done late."""
    from workbench.lab.lab import open_lab
    from workbench.lab.sealing import seal_runs, unsealed

    opened = open_lab(lab)
    made = [
        link
        for name in ([dataset] if dataset else opened.datasets)
        for link in seal_runs(opened, opened[name], unsealed(opened, name), late=True)
    ]
    if json:
        told = [{"dataset": m.seal.dataset, "run": m.seal.run, "number": m.seal.number, "sha256": m.sha256} for m in made]
        print_json({"schema": "workbench.sealed/1", "sealed": told})
        return
    for link in made:
        typer.echo(f"{link.seal.dataset}: run {link.seal.run} is seal {link.seal.number}")
    typer.echo(f"{len(made):,} run(s) sealed" if made else "every run is sealed")


@audit.command("head")
def show_head(
    sign: Annotated[Path | None, typer.Option("--sign", help="Sign with this private ed25519 key (PEM).")] = None,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """Print the last seal of every chain: kept elsewhere, it shows a cut tail, or a whole that was rewritten."""
    from workbench.lab.lab import open_lab
    from workbench.lab.verifying import heads

    document = heads(open_lab(lab), sign=sign)
    if json:
        print_json(document)
        return
    for name, told in document["heads"].items():
        typer.echo(f"{name}  seal {told['number']}  run {told['run']}  sha256 {told['sha256']}")
    if "signature" in document:
        typer.echo(f"signed: {document['signature']}")


@audit.command("verify")
def verify_sealed(
    run: Annotated[str | None, typer.Argument(help="A run: all that it could see, and all that it left.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All runs of all datasets.")] = False,
    head: Annotated[Path | None, typer.Option("--head", help="Heads that were kept elsewhere, as a file.")] = None,
    public_key: Annotated[
        Path | None, typer.Option("--public-key", help="Every seal, and the heads, must be signed by its holder (PEM).")
    ] = None,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """Compare everything with what was sealed: reports, manifests, seals, raw files, files and logs of tables."""
    from workbench.lab.lab import open_lab
    from workbench.lab.verifying import verification_document, verified
    from workbench.model.errors import BadInput

    if (run is None) != everything:
        raise BadInput("say which run is to be verified, or --all")
    found = verified(open_lab(lab), run, head=head, public_key=public_key)
    document = verification_document(found)
    if json:
        print_json(document)
    else:
        for problem in found.problems:
            typer.echo(f"{problem.what}: {printable(problem.path, 200)}: {printable(problem.says, 200)}")
        for note in found.notes:
            typer.echo(f"note: {printable(note, 200)}")
        size = f"{document['files']:,} files, {document['size_bytes'] / 1e6:,.1f} MB, {document['seals']:,} seals"
        typer.echo(f"{size}: " + (f"{len(found.problems):,} problem(s)" if found.problems else "all as sealed"))
    if found.problems:
        raise typer.Exit(1)


@audit.command("asof")
def known_then(
    dataset: DatasetName,
    at: Annotated[str, typer.Argument(help="A moment: 2024-03-01T21:00Z; a date means its end, UTC.")],
    html: Annotated[Path | None, typer.Option("--html", help="Write it here, as one page.")] = None,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """Say what was known of a dataset at a moment: data, score, open findings, decisions."""
    from workbench.cli.printing import echo_findings, echo_score, moment
    from workbench.lab.lab import open_lab
    from workbench.lab.report import write_page
    from workbench.model.errors import BadInput

    then = moment(at, "T")
    if then is None:
        raise BadInput("say which moment")
    known = open_lab(lab).asof(dataset, then)
    document = known.to_json()
    if html is not None:
        write_page(html, known.html())
    if json:
        print_json(document)
        return
    echo_score(document, f"{dataset}, what was recorded by {document['at']}, as today's code judges it")
    run = document["run"]
    typer.echo(
        f"\nLast run by then: {run['run']} of {run['session']}, score {run['score']}" if run else "\nNo run had ended by then"
    )
    typer.echo(f"{document['arrivals']:,} arrivals; " + ", ".join(f"{n} version {v}" for n, v in document["versions"].items()))
    echo_findings(document["findings"])
    typer.echo(f"\nDecisions that stood: {len(document['decisions']):,}")
    for entry in document["decisions"][:MOST_TOLD]:
        typer.echo(f"  {entry['at']}  {entry['action']} by {printable(entry['by'])}: {printable(entry['reason'], 100)}")


@audit.command("diff")
def show_difference(
    run_a: Annotated[str, typer.Argument(help="A run.")],
    run_b: Annotated[str, typer.Argument(help="Another of the same dataset, usually a later one.")],
    html: Annotated[Path | None, typer.Option("--html", help="Write it here, as one page.")] = None,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """Say what is different between two runs: parameters, code, contract, data, findings, and what moved the score."""
    from workbench.lab.lab import open_lab
    from workbench.lab.report import write_page

    made = open_lab(lab).diff(run_a, run_b)
    document = made.to_json()
    if html is not None:
        write_page(html, made.html())
    if json:
        print_json(document)
        return
    for line in difference_lines(document):
        typer.echo(printable(line, 200))


@audit.command("replay")
def replay_run(
    run: Annotated[str, typer.Argument(help="A run.")],
    with_current_code: Annotated[
        bool, typer.Option("--with-current-code", help="With today's package and notebooks: what they would have said then.")
    ] = False,
    keep: Annotated[Path | None, typer.Option("--keep", help="Leave the scratch lab here, to look at.")] = None,
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """Do a run again, on the same data with the code of that time, in a place of its own; and compare, to the bit."""
    from workbench.lab.lab import open_lab
    from workbench.pipeline.replaying import replay

    done = replay(
        open_lab(lab), run, current_code=with_current_code, keep=keep, progress=lambda name: typer.echo(f"  {name}", err=True)
    )
    document = done.to_json()
    if json:
        print_json(document)
    else:
        typer.echo(
            f"{document['dataset']} {document['session']}: score {document['score']['then']} then, {document['score']['now']} now"
        )
        for line in document["differences"]:
            typer.echo(f"  {printable(line, 200)}")
        for line in document["reasons"]:
            typer.echo(f"  why: {printable(line, 200)}")
        typer.echo("score, states and findings are the same, to the bit" if done.is_same else "not the same")
        if keep is not None:
            typer.echo(f"the scratch lab: {keep}")
    if not done.is_same:
        raise typer.Exit(1)


@audit.command("site")
def make_site(
    folder: Annotated[Path, typer.Argument(help="Where; made if it is not there, brought up to date if it is.")],
    lab: LabFolder = Path(),
    json: Json = False,
) -> None:
    """Build a site of the whole history that opens from disk: calendars, trends, findings, runs with their reports."""
    import time

    from workbench.lab.lab import open_lab
    from workbench.lab.site import build_site

    began = time.perf_counter()
    built = build_site(open_lab(lab), folder)
    seconds = round(time.perf_counter() - began, 3)
    document = {"schema": "workbench.site/1", "folder": str(folder), "pages": built.pages, "written": built.written}
    document |= {"removed": built.removed, "reports": built.reports, "seconds": seconds}
    if json:
        print_json(document)
        return
    typer.echo(f"{built.pages:,} pages, {built.written:,} of them written now, {built.reports:,} reports copied; {seconds:.1f} s")
    typer.echo(f"open {folder / 'index.html'}")


@audit.command("pack")
def pack_notebooks(lab: LabFolder = Path(), json: Json = False) -> None:
    """Compress the executed notebooks of old runs, as workbench.toml says; they are listed, opened and verified as before."""
    from datetime import UTC, datetime

    from workbench.lab.lab import open_lab
    from workbench.lab.retention import pack_old

    runs, won = pack_old(open_lab(lab), datetime.now(UTC))
    if json:
        print_json({"schema": "workbench.packed/1", "runs": runs, "bytes": won})
        return
    typer.echo(f"{runs:,} runs packed, {won / 1e6:,.1f} MB less")
