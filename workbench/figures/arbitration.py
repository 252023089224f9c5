"""Sources against each other: how often each agrees with what most say, and where they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.figures.theme import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SEVERITY_COLOURS,
    SEVERITY_SHAPES,
    SLATE,
    VERMILION,
    blank,
    plain,
    say,
)
from workbench.model.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

    from workbench.model.findings import Finding

COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SLATE)


def arbitration(trust: pl.DataFrame, findings: Sequence[Finding]) -> go.Figure:
    """Draw which source can be trusted, over time.

    Parameters
    ----------
    trust : DataFrame
        ``month`` (Date), ``source``, ``agreeing`` and ``cells`` (Int64).
    findings : sequence of Finding
        Disagreements; each is marked under the months, by what it is taken for.
    """
    if trust.is_empty():
        return say(blank("Sources", alt="There is no other source.", height=180), "There is no other source to compare with.")
    shares = trust.filter(pl.col("cells") > 0).with_columns((100 * pl.col("agreeing") / pl.col("cells")).alias("share"))
    total = trust.group_by("source").agg(pl.col("agreeing", "cells").sum()).sort("source")
    told = "; ".join(f"{s}: {a:,} of {c:,} cells" for s, a, c in total.iter_rows())
    figure = blank(
        "Sources: who agrees with what most say", alt=f"Lines of the share of agreeing cells by month. {told}.", height=420
    )
    by_source = shares.sort("month").partition_by("source", as_dict=True, maintain_order=True)
    for number, ((source,), rows) in enumerate(by_source.items()):
        figure.add_scatter(
            x=rows["month"].cast(pl.String).to_list(), y=rows["share"].to_numpy(), mode="lines+markers", name=plain(source, 24),
            line={"color": COLOURS[number % len(COLOURS)], "width": 1.6}, marker={"size": 4},
        )  # fmt: skip
    _draw_disagreements(figure, findings)
    figure.update_layout(
        yaxis={"title": {"text": "agreeing cells (%)"}, "domain": [0.3, 1]},
        yaxis2={"title": {"text": "field"}, "domain": [0, 0.2], "anchor": "x", "type": "category"},
        xaxis={"type": "date", "anchor": "y2", "title": {"text": "month"}},
    )
    return figure


def _draw_disagreements(figure: go.Figure, findings: Sequence[Finding]) -> None:
    for severity in Severity:
        mine = [f for f in findings if f.kind == "vendor_disagreement" and f.severity is severity]
        if mine:
            told = {Severity.HIGH: "this data suspected", Severity.LOW: "the other suspected"}.get(severity, "undecided")
            figure.add_scatter(
                x=[f.start.isoformat() for f in mine], y=[", ".join(f.fields)[:24] for f in mine], yaxis="y2", mode="markers",
                name=f"{told} ({len(mine)})", hoverinfo="text",
                hovertext=[f"{plain(f.symbol)} {f.start}<br>{plain(f.hypotheses[0].evidence, 120)}" for f in mine],
                marker={"symbol": SEVERITY_SHAPES[severity], "size": 8, "color": SEVERITY_COLOURS[severity]},
            )  # fmt: skip
