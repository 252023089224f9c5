"""How a score moved from run to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.figures.theme import DIMENSION_COLOURS, INK, MUTED, VERMILION, blank, say
from workbench.model.checks import Dimension
from workbench.model.score import Thresholds

if TYPE_CHECKING:
    import plotly.graph_objects as go


def score_trend(frame: pl.DataFrame, *, thresholds: Thresholds | None = None) -> go.Figure:
    """Show the score of each run, its dimensions behind it, and the lines below which somebody is told.

    Parameters
    ----------
    frame : DataFrame
        ``session`` (Date) or ``started_at`` (Datetime, UTC), ``score`` (Float64, 0 to 100), and
        any of ``completeness``, ``accuracy``, ``consistency``, ``timeliness``, ``validity``
        (Float64, 0 to 1, null where not applicable). One row for each run, in any order.
    thresholds : Thresholds, optional
    """
    time = "session" if "session" in frame.columns else "started_at"
    runs = frame.drop_nulls([time, "score"]).sort(time)
    if runs.is_empty():
        return say(blank("Score by run", alt="There are no runs to show.", height=180), "There are no runs to show yet.")
    limits = thresholds or Thresholds()
    last, low = runs["score"][-1], runs["score"].sort()[0]
    alt = (
        f"Line of the scores of {runs.height:,} runs from {runs[time][0]} to {runs[time][-1]}; lowest {low:.1f}, last {last:.1f}."
    )
    figure = blank("Score by run", alt=alt, height=380)
    at = runs[time].cast(pl.Datetime("us")).dt.to_string("iso").to_list()
    for dimension in Dimension:
        if dimension in runs.columns and runs[dimension].null_count() < runs.height:
            figure.add_scatter(
                x=at, y=(runs[dimension] * 100).to_numpy(), name=str(dimension), mode="lines+markers",
                line={"color": DIMENSION_COLOURS[dimension], "width": 1}, marker={"size": 3}, opacity=0.75,
            )  # fmt: skip
    figure.add_scatter(
        x=at,
        y=runs["score"].to_numpy(),
        name="score",
        mode="lines+markers",
        line={"color": INK, "width": 2.5},
        marker={"size": 6},
    )
    _draw_limits(figure, limits)
    figure.update_xaxes(type="date", title_text="session (exchange date)" if time == "session" else "run started (UTC)")
    figure.update_yaxes(title_text="score (0 to 100)", range=[min(float(limits.critical), _lowest(runs)) - 5, 101.5])
    return figure


def _lowest(runs: pl.DataFrame) -> float:
    """Return the lowest value drawn, on the scale of 0 to 100."""
    drawn = [runs["score"].min(), *(runs[d].min() * 100 for d in Dimension if d in runs.columns and runs[d].count())]  # type: ignore[operator]
    return float(min(drawn))  # type: ignore[type-var,arg-type]


def _draw_limits(figure: go.Figure, limits: Thresholds) -> None:
    for name, value, colour in (("critical below", limits.critical, VERMILION), ("high below", limits.high, MUTED)):
        figure.add_hline(
            y=float(value), line={"color": colour, "width": 1, "dash": "dot"}, annotation_text=f"{name} {float(value):g}",
            annotation_position="bottom right", annotation_font={"size": 11, "color": colour},
        )  # fmt: skip
