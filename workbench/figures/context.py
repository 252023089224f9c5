"""A finding in its context: the prices around it with the cell marked, and beside them what else it might be."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.figures.marks import local
from workbench.figures.prices import Axes, prices
from workbench.figures.theme import INK, MUTED, SEVERITY_COLOURS, SKY, SLATE, alt_of, plain, short, words
from workbench.model.names import EVENT_AT, SESSION, SYMBOL

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

    from workbench.model.findings import Finding, Moment
    from workbench.model.names import Kind

AROUND: Final = 30
"""Rows shown before and behind a finding."""
LONGEST: Final = 250
"""Rows of a long finding that are shown, from where it ends: there is its step."""
SHARE: Final = 0.60
"""Of the width, for the prices."""
LINE: Final = 46


def around(frame: pl.DataFrame, finding: Finding) -> pl.DataFrame:
    """Return a symbol's rows around a finding.

    Parameters
    ----------
    frame : DataFrame
        Standard rows; other symbols are passed over.
    finding : Finding
    """
    rows = frame.filter(pl.col(SYMBOL) == finding.symbol).sort(EVENT_AT, nulls_last=True)
    time = EVENT_AT if isinstance(finding.start, datetime) else SESSION
    first = rows.filter(pl.col(time) < finding.start).height
    last = rows.filter(pl.col(time) <= finding.end).height
    low = max(first, last - LONGEST) - AROUND
    return rows[max(low, 0) : last + AROUND]


def finding_in_context(
    rows: pl.DataFrame,
    finding: Finding,
    *,
    kind: Kind,
    frequency: str,
    axes: Axes | None = None,
    other: tuple[Sequence[Moment], Sequence[float | None]] | None = None,
) -> go.Figure:
    """Draw one finding.

    Parameters
    ----------
    rows : DataFrame
        As :func:`around` gives them.
    finding : Finding
    kind : Kind
    frequency : str
    axes : Axes, optional
    other : tuple of moments and values, optional
        What another source says of the main price, on the data's scale.

    Returns
    -------
    Figure
        Prices at the left, the competing hypotheses with their probabilities at the right.
    """
    figure = prices(rows, kind=kind, symbol=finding.symbol, findings=[finding], frequency=frequency, axes=axes)
    best = finding.hypotheses[0] if finding.hypotheses else None
    span = f"{finding.start}" if finding.start == finding.end else f"{finding.start} to {finding.end}"
    figure.update_layout(
        title={
            "text": f"<b>{plain(finding.symbol)}</b>  {words(finding.kind)}  <span style='color:{MUTED}'>{plain(span, 60)}</span>"
        },
        height=380,
        meta={"alt": f"{alt_of(figure)} {short(finding.kind)}: {short(best.evidence, 200) if best else 'no hypotheses'}."},
    )
    if other is not None and not rows.is_empty():
        figure.add_scatter(
            x=[_shown(moment, axes or Axes()) for moment in other[0]], y=list(other[1]), mode="lines", name="other source",
            line={"color": SKY, "width": 1.5, "dash": "dot"},
        )  # fmt: skip
    _draw_hypotheses(figure, finding)
    return figure


def _shown(moment: Moment, axes: Axes) -> str:
    return (local(moment, axes.timezone) if isinstance(moment, datetime) else moment).isoformat()


def _draw_hypotheses(figure: go.Figure, finding: Finding) -> None:
    """Put the hypotheses beside the prices, the likeliest on top, each under its evidence."""
    told = list(reversed(finding.hypotheses))
    figure.update_layout(
        xaxis={"domain": [0, SHARE]},
        xaxis3={"domain": [SHARE + 0.06, 1], "range": [0, 1.12], "anchor": "y3", "visible": False},
        yaxis3={"domain": [0, 1], "anchor": "x3", "visible": False, "range": [-0.6, max(len(told), 3) - 0.2]},
    )
    figure.add_bar(
        x=[h.probability for h in told], y=list(range(len(told))), orientation="h", xaxis="x3", yaxis="y3", width=0.3,
        marker={"color": [SEVERITY_COLOURS[finding.severity] if h is finding.hypotheses[0] else SLATE for h in told]},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    for place, hypothesis in enumerate(told):
        text = f"<b>{words(hypothesis.kind)}</b> {hypothesis.probability:.0%}"
        evidence = _wrapped(hypothesis.evidence)
        figure.add_annotation(
            x=0, y=place + 0.22, xref="x3", yref="y3", text=f"{text}<br><span style='color:{MUTED}'>{evidence}</span>",
            showarrow=False, align="left", xanchor="left", yanchor="bottom", font={"size": 12, "color": INK},
        )  # fmt: skip


def _wrapped(text: str) -> str:
    """Break a sentence into at most three lines."""
    lines: list[str] = [""]
    for word in short(text, 3 * LINE).split():
        if len(lines[-1]) + len(word) > LINE and len(lines) < 3:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "<br>".join(plain(line, 2 * LINE) for line in lines)
