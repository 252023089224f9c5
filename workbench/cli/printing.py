"""What commands share: JSON on stdout, words for people, moments read from options."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import typer

from workbench.model.checks import Dimension
from workbench.model.errors import BadInput
from workbench.model.findings import in_words
from workbench.model.score import score_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BAR = 24
MOST_FINDINGS = 10
DOUBT = 0.1
"""How probable another explanation must be to be named."""


def print_json(document: dict[str, Any]) -> None:
    """Print one JSON document on stdout."""
    typer.echo(json.dumps(document, ensure_ascii=False, allow_nan=False))


def moment(text: str | None, option: str) -> datetime | None:
    """Read a moment from an option; a date means its end, what has no zone is UTC.

    Raises
    ------
    BadInput
        It is no ISO 8601 date or time.
    """
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{option} {text}: expected a date or time such as 2024-03-01 or 2024-03-01T21:00Z") from error
    if len(text) <= len("2024-03-01"):
        read = read.replace(hour=23, minute=59, second=59)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def printable(text: str, width: int = 40) -> str:
    """Make any vendor's text safe and short for a terminal."""
    clean = "".join(c if c.isprintable() else "·" for c in text)
    return clean if len(clean) <= width else clean[: width - 1] + "…"


def echo_score(document: dict[str, Any], title: str) -> None:
    """Print a score, its five dimensions, and what each check costs."""
    typer.echo(f"\n{title}: {score_text(document['score'])} of 100   (coverage {document['coverage']:.0%} of the checks)")
    for name in Dimension:
        dimension = document["dimensions"][name]
        if dimension["score"] is None:
            typer.echo(f"  {name:<13} {'·' * BAR}    n/a")
            continue
        full = int(dimension["score"] * BAR)
        bar = "█" * full + "░" * (BAR - full)
        typer.echo(f"  {name:<13} {bar} {score_text(100 * dimension['score']):>6}   weighs {dimension['weight']:.0%}")
    checks = [check for dimension in document["dimensions"].values() for check in dimension["checks"] if check["points_lost"]]
    for check in sorted(checks, key=lambda c: -float(c["points_lost"])):
        counts = f"{check['failures']:,} of {check['total']:,} {check['unit']}"
        typer.echo(f"  -{check['points_lost']:6.2f}  {check['name']}: {printable(check.get('reason') or counts, 100)}")
    _echo_unjudged([check for dimension in document["dimensions"].values() for check in dimension["checks"]])


def _echo_unjudged(checks: Sequence[dict[str, Any]]) -> None:
    """Print what could not be judged and why, checks with one reason together."""
    reasons: dict[str, list[str]] = {}
    for check in checks:
        silent = check.get("unjudged") or (check.get("reason") if check["verdict"] == "NOT_APPLICABLE" else None)
        if silent:
            reasons.setdefault(silent, []).append(check["name"])
    for reason, names in reasons.items():
        typer.echo(f"  not judged  {', '.join(names)}: {printable(reason, 110)}")


def echo_comparisons(comparisons: Sequence[tuple[str, str]], most: int = 8) -> None:
    """Print how other sources and vintages stand to the data."""
    if comparisons:
        typer.echo("\nCompared with")
    for name, words in comparisons[:most]:
        typer.echo(f"  {printable(name, 24):<24} {printable(words, 110)}")
    if len(comparisons) > most:
        typer.echo(f"  … and {len(comparisons) - most:,} more; --json has them all")


def echo_checks(document: dict[str, Any]) -> None:
    """Print every check with its verdict, its tolerance, and why where it was not evaluated."""
    typer.echo("")
    for name, dimension in document["dimensions"].items():
        for check in dimension["checks"]:
            counts = (
                check.get("reason")
                or f"{check['failures']:,} of {check['total']:,} {check['unit']}, worth nothing from {check['tolerance']:.2%}"
            )
            typer.echo(f"  {name:<13} {check['name']:<22} {check['verdict']:<15} {printable(counts, 110)}")


def echo_alarms(alarms: Sequence[dict[str, Any]], most: int = 5) -> None:
    """Print the symbols and sessions whose own score is below a threshold, worst first."""
    for alarm in alarms[:most]:
        whose = f"{alarm['what']} {printable(alarm['name'], 30)}"
        typer.echo(f"  {alarm['level'].upper():<9} {whose} on its own: {score_text(alarm['score'])}")
    if len(alarms) > most:
        typer.echo(f"  … and {len(alarms) - most:,} more symbols and sessions below a threshold")


def echo_losses(losses: dict[str, list[dict[str, Any]]], most: int = 8) -> None:
    """Print the symbols and the sessions that cost most, side by side."""
    if not losses["symbol"]:
        return
    typer.echo("\nWhere the points went")
    for by in ("symbol", "session"):
        for row in losses[by][:most]:
            name = printable(str(row["name"] or f"no {by}"), 24)
            typer.echo(f"  {by:<8} {name:<26} {'█' * max(1, round(BAR * row['share'])):<{BAR}} -{row['points']:.2f}")
        if len(losses[by]) > most:
            typer.echo(f"  {by:<8} … {len(losses[by]) - most:,} more, -{sum(r['points'] for r in losses[by][most:]):.2f}")


def echo_change(change: dict[str, Any], since: str) -> None:
    """Print what moved a score, check by check; the parts add up."""
    typer.echo(f"\nSince {since}: {change['before']:.2f} to {change['after']:.2f}, {change['change']:+.2f} points")
    for row in change["checks"]:
        typer.echo(
            f"  {row['points']:+7.2f}  {row['check']}: errors {row['errors']:+.2f}, weights and coverage {row['rest']:+.2f}"
        )
    for by in ("symbols", "sessions"):
        worst = ", ".join(f"{printable(name, 24)} {points:+.2f}" for name, points in list(change[by].items())[:5])
        if worst:
            typer.echo(f"  {by}: {worst}")


def echo_findings(findings: Sequence[dict[str, Any]], most: int = MOST_FINDINGS) -> None:
    """Print the worst findings and say how many more there are."""
    if not findings:
        typer.echo("\nNothing wrong was found.")
        return
    typer.echo(f"\nFindings: {len(findings):,}" + (f", the worst {most}:" if len(findings) > most else ""))
    for f in findings[:most]:
        span = f["start"] if f["start"] == f["end"] else f"{f['start']} .. {f['end']}"
        observed = in_words(f["observed"]) if f["fields"] else ""
        words = f"  {f['severity']:<8} {f['kind']:<20} {printable(f['symbol'], 20):<12} {span}  {printable(observed, 60)}"
        typer.echo(words.rstrip())
        typer.echo(f"{'':11}{math.floor(f['confidence'] * 100) / 100:.2f}  {_why(f['hypotheses'])}")
        if "points" in f:
            typer.echo(f"{'':11}{f['id']}  costs {f['points']:.2f} points, {f['state']}")


def _why(hypotheses: Sequence[dict[str, Any]]) -> str:
    """Say what speaks for a finding, and what else it might be."""
    if not hypotheses:
        return ""
    first, *others = hypotheses
    rival = f"; or {others[0]['kind']} ({others[0]['probability']:.0%})" if others and others[0]["probability"] >= DOUBT else ""
    return printable(first["evidence"], 110) + rival


def echo_explained(explained: Sequence[dict[str, Any]]) -> None:
    """Count what looks odd and is right, by kind."""
    kinds = Counter(odd["kind"] for odd in explained)
    if kinds:
        counted = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in kinds.most_common())
        typer.echo(f"\nLooks odd, is right: {counted} (--json and --report say why)")


def echo_incidents(summaries: Sequence[str]) -> None:
    """Print what many symbols have in common; above, each incident stands as one finding."""
    if summaries:
        typer.echo("\nOne cause, many symbols: " + "; ".join(printable(summary, 80) for summary in summaries))


def session_of(text: str, last: Callable[[], date]) -> date:
    """Read a session from an option; ``last`` asks for the newest.

    Raises
    ------
    BadInput
        It is neither.
    """
    if text == "last":
        return last()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"--session {text}: expected a date such as 2024-03-01, or 'last'") from error
