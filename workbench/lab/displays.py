"""How results show themselves in a notebook, with what they are made of."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from workbench.model.findings import in_words
from workbench.model.html import bar, table, titled
from workbench.model.score import score_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from workbench.model.findings import Finding
    from workbench.model.score import Score

MOST_ROWS = 12


def frame_html(title: str, frame: pl.DataFrame) -> str:
    """Return the first rows of a frame under a title."""
    rest = len(frame) - MOST_ROWS
    note = f"{len(frame):,} rows" + (f", {rest:,} more than shown" if rest > 0 else "")
    return titled(title, table(frame.columns, frame.head(MOST_ROWS).iter_rows()), note=note)


def score_html(score: Score, title: str) -> str:
    """Return a score with its five dimensions as bars."""
    rows = "".join(
        _dimension(d.dimension.value, None if d.score is None else float(d.score), float(d.weight)) for d in score.dimensions
    )
    number = f"<span class='s'>{score_text(score.value)}</span> <span class='q'>of 100</span>"
    note = f"{score.reason}; " if score.reason else ""
    return titled(title, number, f"<table>{rows}</table>", note=f"{note}coverage {float(score.coverage):.0%} of the checks")


def _dimension(name: str, value: float | None, weight: float) -> str:
    shown = "n/a" if value is None else score_text(100 * value)
    return (
        f"<tr><td>{escape(name)}</td><td>{bar(value)}</td><td class='n'>{shown}</td><td class='q'>weighs {weight:.0%}</td></tr>"
    )


def findings_html(findings: Sequence[Finding]) -> str:
    """Return the worst findings as a table."""
    if not findings:
        return titled("Findings", note="nothing wrong was found")
    rows = [
        (
            f.severity.value,
            f.kind,
            f.symbol,
            f.start,
            f.end,
            f.rows,
            in_words(f.observed) or None if f.fields else None,
            in_words(f.proposed) or None,
            f.confidence,
        )
        for f in findings[:MOST_ROWS]
    ]
    header = ("severity", "kind", "symbol", "start", "end", "rows", "observed", "proposed", "confidence")
    return titled("Findings", table(header, rows, marked=True), note=f"{len(findings):,} findings, worst first")
