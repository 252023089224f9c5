"""How results show themselves in a notebook: compact HTML, every vendor's text escaped; and as text."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from workbench.model.findings import in_words
from workbench.model.score import score_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import polars as pl

    from workbench.model.findings import Finding
    from workbench.model.score import Score

MOST_ROWS = 12
MOST_CHARACTERS = 60
_CELL = "padding:2px 10px;text-align:left;border-bottom:1px solid rgba(128,128,128,.25);white-space:nowrap"


def cell(value: Any) -> str:
    """Return one value as safe, short HTML."""
    if value is None:
        return "<span style='opacity:.5'>·</span>"
    text = f"{value:,.6g}" if isinstance(value, float) else str(value)
    short = text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
    return escape(short)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return an HTML table."""
    head = "".join(f"<th style='{_CELL}'>{cell(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td style='{_CELL}'>{cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f"<table style='border-collapse:collapse;font-size:12px'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def titled(title: str, *parts: str, note: str = "") -> str:
    """Return parts under a title, with a quiet line beneath."""
    head = f"<div style='font-weight:600;margin:2px 0'>{cell(title)}</div>"
    below = f"<div style='opacity:.65;font-size:12px'>{escape(note)}</div>" if note else ""
    return f"<div style='font-family:system-ui,sans-serif'>{head}{''.join(parts)}{below}</div>"


def frame_html(title: str, frame: pl.DataFrame) -> str:
    """Return the first rows of a frame under a title."""
    rest = len(frame) - MOST_ROWS
    note = f"{len(frame):,} rows" + (f", {rest:,} more than shown" if rest > 0 else "")
    return titled(title, table(frame.columns, frame.head(MOST_ROWS).iter_rows()), note=note)


def score_html(score: Score, title: str) -> str:
    """Return a score with its five dimensions as bars."""
    rows = "".join(
        _bar(d.dimension.value, None if d.score is None else float(d.score), float(d.weight)) for d in score.dimensions
    )
    number = (
        f"<span style='font-size:30px;font-weight:700'>{score_text(score.value)}</span> <span style='opacity:.65'>of 100</span>"
    )
    return titled(
        title, number, f"<table style='font-size:12px'>{rows}</table>", note=f"coverage {float(score.coverage):.0%} of the checks"
    )


def _bar(name: str, value: float | None, weight: float) -> str:
    shown = "n/a" if value is None else score_text(100 * value)
    full = 0 if value is None else round(160 * value)
    inner = f"<div style='background:#0072B2;width:{full}px;height:9px'></div>"
    bar = f"<div style='background:rgba(128,128,128,.25);width:160px;height:9px'>{inner}</div>"
    number = f"<td style='padding:0 10px;text-align:right'>{shown}</td><td style='opacity:.65'>weighs {weight:.0%}</td>"
    return f"<tr><td style='padding-right:10px'>{escape(name)}</td><td>{bar}</td>{number}</tr>"


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
            f.confidence,
        )
        for f in findings[:MOST_ROWS]
    ]
    header = ("severity", "kind", "symbol", "start", "end", "rows", "observed", "confidence")
    return titled("Findings", table(header, rows), note=f"{len(findings):,} findings, worst first")
