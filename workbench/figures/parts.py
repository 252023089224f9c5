"""Scores of parts: each session by itself, each symbol by itself; one that is ruined does not hide in a mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.figures.theme import BLUE, MUTED, SEVERITY_COLOURS, SEVERITY_SHAPES, VERMILION, blank, plain, say, short
from workbench.model.findings import Severity

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.model.score import Thresholds

MAX_SYMBOLS: Final = 30


def session_scores(frame: pl.DataFrame, limits: Thresholds) -> go.Figure:
    """Show the score of each session by itself, those below a threshold marked.

    Parameters
    ----------
    frame : DataFrame
        ``session`` (Date), ``score`` (Float64, 0 to 100), in any order.
    limits : Thresholds
        Scores below which somebody is told.
    """
    title = "The score of each session"
    known = frame.drop_nulls(["session", "score"]).sort("session")
    if known.is_empty():
        return say(blank(title, alt="No session has a score.", height=180), "No session has a score.")
    low = known.filter(pl.col("score") < float(limits.high))
    worst = known.sort("score", "session").row(0, named=True)
    alt = (
        f"Line of the scores of {len(known):,} sessions; {len(low):,} are below {float(limits.high):g}, "
        f"the lowest {worst['score']:.1f} on {worst['session']}."
    )
    figure = blank(title, alt=alt, height=340)
    figure.add_scatter(
        x=known["session"].cast(pl.String).to_list(), y=known["score"].round(6).to_numpy(), mode="lines", showlegend=False,
        line={"color": BLUE, "width": 1.4}, hovertemplate="%{x}<br>%{y:.2f}<extra></extra>",
    )  # fmt: skip
    for severity, some in (
        (Severity.HIGH, low.filter(pl.col("score") >= float(limits.critical))),
        (Severity.CRITICAL, low.filter(pl.col("score") < float(limits.critical))),
    ):
        if len(some):
            figure.add_scatter(
                x=some["session"].cast(pl.String).to_list(), y=some["score"].round(6).to_numpy(), mode="markers",
                name=f"{severity} ({len(some):,})", hovertemplate="%{x}<br>%{y:.2f}<extra></extra>",
                marker={"symbol": SEVERITY_SHAPES[severity], "size": 9, "color": SEVERITY_COLOURS[severity]},
            )  # fmt: skip
    _draw_limits(figure, limits, "h")
    figure.update_xaxes(type="date", title_text="session (exchange date)", showgrid=False)
    figure.update_yaxes(title_text="score (0 to 100)", range=[min(worst["score"], float(limits.critical)) - 5, 102])
    return figure


def symbol_scores(frame: pl.DataFrame, limits: Thresholds) -> go.Figure:
    """Show the score of each symbol by itself, lowest on top.

    Parameters
    ----------
    frame : DataFrame
        ``symbol`` (String), ``score`` (Float64, 0 to 100). The 30 lowest are shown.
    limits : Thresholds
    """
    title = "The score of each symbol"
    known = frame.drop_nulls(["symbol", "score"]).sort("score", "symbol")
    if known.is_empty():
        return say(blank(title, alt="No symbol has a score.", height=180), "No symbol has a score.")
    shown, low = known.head(MAX_SYMBOLS), known.filter(pl.col("score") < float(limits.high))
    alt = (
        f"Scores of {len(shown)} of {len(known):,} symbols; {len(low):,} are below {float(limits.high):g}, "
        f"the lowest {known['score'][0]:.1f} of {short(known['symbol'][0], 20)}."
    )
    figure = blank(title, alt=alt, height=150 + 26 * len(shown))
    rows, is_low = list(range(len(shown))), shown["score"] < float(limits.high)
    figure.add_scatter(
        x=shown["score"].round(6).to_numpy(), y=rows, mode="markers+text", showlegend=False, cliponaxis=False,
        text=[f"{score:.1f}" for score in shown["score"]], textposition="middle right", hoverinfo="skip",
        marker={"size": 11, "color": [VERMILION if bad else BLUE for bad in is_low],
                "symbol": ["triangle-up" if bad else "circle" for bad in is_low]},
    )  # fmt: skip
    _draw_limits(figure, limits, "v")
    figure.update_xaxes(title_text="score (0 to 100)", range=[min(known["score"][0], float(limits.critical)) - 5, 104])
    figure.update_yaxes(
        tickvals=rows, ticktext=[plain(s, 20) for s in shown["symbol"]], autorange="reversed", zeroline=False, showgrid=True
    )
    return figure


def _draw_limits(figure: go.Figure, limits: Thresholds, way: str) -> None:
    for name, value, colour in (("critical", limits.critical, VERMILION), ("high", limits.high, MUTED)):
        look = {"line": {"color": colour, "width": 1, "dash": "dot"}, "annotation_text": f"{name} below {float(value):g}",
                "annotation_font": {"size": 11, "color": colour}}  # fmt: skip
        if way == "h":
            figure.add_hline(y=float(value), annotation_position="bottom left", **look)
        else:
            figure.add_vline(x=float(value), annotation_position="top", **look)
