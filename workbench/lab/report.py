"""Judgements as reports: facts, figures, what is different from the run before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.audit.report import ReportContent, render_report
from workbench.figures.arbitration import arbitration
from workbench.figures.prices import Axes
from workbench.figures.prices import prices as price_figure
from workbench.figures.profile import columns, coverage, missing_map, returns_histogram
from workbench.figures.score import dimensions, loss_map, waterfall
from workbench.lab.contexts import in_context, opinion_of
from workbench.lab.documents import comparisons, decided, score_document
from workbench.lab.fingerprint import code_fingerprint, environment
from workbench.model.errors import BadInput
from workbench.model.names import SYMBOL
from workbench.quality.profile import column_profile, log_returns, missing_by_month, symbol_profile

if TYPE_CHECKING:
    from pathlib import Path

    import plotly.graph_objects as go

    from workbench.lab.check import Checked
    from workbench.lab.judgement import Judgement

MOST_PRICE_FIGURES = 4
MOST_CONTEXTS = 6
MOST_ROWS = 2_000_000


def write_check_report(checked: Checked, path: Path) -> Path:
    """Write the report of a check.

    Raises
    ------
    BadInput
        The place cannot be written.
    """
    document = checked.to_json()["dataset"]
    content = report_content(
        checked.judgement,
        title=checked.title,
        subtitle=f"{document['kind']}, {document['frequency']}, {document['first']} to {document['last']}",
        facts=_facts(document),
        changes=None,
        provenance=(("checked", ", ".join(checked.paths)), *_made_by()),
        timezone=checked.understood.timezone or "UTC",
    )
    return write_page(path, render_report(content))


def report_content(
    judgement: Judgement,
    *,
    title: str,
    subtitle: str,
    facts: tuple[tuple[str, str], ...],
    changes: tuple[str, ...] | None,
    provenance: tuple[tuple[str, str], ...],
    timezone: str = "UTC",
) -> ReportContent:
    """Gather everything a report shows."""
    return ReportContent(
        title=title,
        subtitle=subtitle,
        score=judgement.score,
        findings=judgement.findings,
        incidents=judgement.incidents,
        explained=judgement.explained,
        facts=facts,
        compared=comparisons(score_document(judgement.score)),
        decided=decided(judgement.findings, judgement.evidence.contract),
        figures=_figures(judgement, timezone),
        changes=changes,
        provenance=provenance,
        generated_at=datetime.now(UTC),
    )


def write_page(path: Path, page: str) -> Path:
    """Write a page whole or not at all.

    Raises
    ------
    BadInput
        The folder is not there, or cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(page, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise BadInput(f"{path}: the report cannot be written: {error.strerror or error}; choose another place") from error
    return path


def _facts(document: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return (
        ("rows", f"{document['rows']:,}"),
        ("symbols", f"{document['symbols']:,}"),
        ("span", f"{document['first']} to {document['last']}"),
        ("frequency", str(document["frequency"])),
        ("calendar", document["calendar"] or "none, or several"),
        ("time zone", document["timezone"] or "not known"),
        ("inferred", "; ".join(document["inferred"]) or "nothing"),
    )


def _made_by() -> tuple[tuple[str, str], ...]:
    libraries = environment()
    return (
        ("code", code_fingerprint()),
        ("with", ", ".join(f"{k} {v}" for k, v in libraries.items() if k in ("python", "polars", "numpy"))),
    )


def _figures(judgement: Judgement, timezone: str) -> tuple[tuple[str, go.Figure], ...]:
    ledger, score = judgement.ledger, judgement.score
    some = sampled(judgement)
    figures = [
        ("Where the points went", waterfall(score)),
        ("The five dimensions", dimensions(score)),
        *_contexts(judgement, timezone),
        *[(f"Prices of {symbol}", _prices(judgement, symbol, timezone)) for symbol in _worth_a_look(judgement)],
        ("Lost points by symbol and session", loss_map(score)),
        ("Missing sessions", missing_map(missing_by_month(ledger))),
        ("Coverage", coverage(symbol_profile(ledger))),
        ("Returns", returns_histogram(log_returns(some, ledger.terms.kind))),
        ("Columns", columns(column_profile(some, ledger.terms.fields))),
    ]
    opinion = opinion_of(judgement)
    if opinion is not None:
        figures.insert(2, ("Sources against each other", arbitration(opinion.trust, opinion.findings)))
    return tuple(figures)


def _contexts(judgement: Judgement, timezone: str) -> list[tuple[str, go.Figure]]:
    """Draw the worst findings that have rows to show, each with its hypotheses; no two of one kind and symbol before others."""
    chosen = list({(f.kind, f.symbol): f for f in reversed(judgement.findings) if f.symbol and f.hypotheses}.values())[::-1]
    drawn = [(finding, in_context(judgement, finding, timezone)) for finding in chosen[:MOST_CONTEXTS]]
    return [(f"Found: {f.kind.replace('_', ' ')} of {f.symbol}", figure) for f, figure in drawn if figure is not None]


def sampled(judgement: Judgement) -> pl.DataFrame:
    """Return the rows that describe the data: all of them, or those of every so many symbols where there are very many."""
    series = judgement.evidence.state.series.select(SYMBOL, "rows").sort(SYMBOL)
    every = max(1, judgement.evidence.state.rows // MOST_ROWS)
    return judgement.look(series.gather_every(every).select(SYMBOL))


def _worth_a_look(judgement: Judgement) -> list[str]:
    """Choose the symbols with the worst findings, then the lowest scores."""
    found = dict.fromkeys(f.symbol for f in judgement.findings if f.symbol)
    ranked = dict.fromkeys(judgement.score.by_symbol[SYMBOL].to_list())
    there = set(judgement.evidence.state.series[SYMBOL].drop_nulls().to_list())
    wanted = dict.fromkeys(symbol for symbol in (*found, *ranked) if symbol in there)
    return list(wanted)[:MOST_PRICE_FIGURES]


def _prices(judgement: Judgement, symbol: str, timezone: str) -> go.Figure:
    contract = judgement.evidence.contract
    return price_figure(
        judgement.look(pl.DataFrame({SYMBOL: [symbol]})),
        kind=contract.kind,
        symbol=symbol,
        findings=[f for f in judgement.findings if f.symbol == symbol],
        frequency=contract.frequency,
        axes=Axes(timezone=timezone, currency=contract.currency),
    )
