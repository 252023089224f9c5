"""How a score, or a metric, moved from run to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.figures.theme import (
    BLUE,
    DIMENSION_COLOURS,
    INK,
    MUTED,
    SEVERITY_COLOURS,
    SEVERITY_SHAPES,
    SKY,
    VERMILION,
    blank,
    number,
    over_days,
    plain,
    say,
    short,
)
from workbench.model.checks import Dimension
from workbench.model.findings import Severity
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
        (Float64, 0 to 1, null where not applicable), ``session_score`` (Float64, 0 to 100, of that
        session alone) and ``drift`` (String: the severity with which that one left its history,
        null where it did not). One row for each run, in any order.
    thresholds : Thresholds, optional
    """
    time = "session" if "session" in frame.columns else "started_at"
    runs = frame.drop_nulls([time, "score"]).sort(time)
    if runs.is_empty():
        return say(blank("Score by run", alt="There are no runs to show.", height=180), "There are no runs to show yet.")
    limits = thresholds or Thresholds()
    last, low = runs["score"][-1], runs["score"].sort()[0]
    fallen = runs.filter(pl.col("drift").is_not_null()) if "drift" in runs.columns else runs.clear()
    alt = (
        f"Line of the scores of {runs.height:,} runs from {runs[time][0]} to {runs[time][-1]}; lowest {low:.1f}, last {last:.1f}."
        + (f" {fallen.height:,} left the history of the sessions before, the last at {fallen[time][-1]}." if len(fallen) else "")
    )
    figure = blank("Score by run", alt=alt, height=380)
    at = _moments(runs[time])
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
    _draw_session_scores(figure, runs, time)
    _draw_limits(figure, limits)
    if time == "session":
        over_days(figure, runs[time].to_list(), "session (exchange date)")
    else:
        figure.update_xaxes(type="date", title_text="run started (UTC)")
    figure.update_yaxes(title_text="score (0 to 100)", range=[min(float(limits.critical), _lowest(runs)) - 5, 101.5])
    return figure


def metric_trend(frame: pl.DataFrame, *, name: str) -> go.Figure:
    """Show one metric over sessions.

    Parameters
    ----------
    frame : DataFrame
        ``session`` (Date) and ``value`` (Float64; null where it was not measured), one row a
        session, in any order.
    name : str
        What was measured; any text.
    """
    seen = frame.filter(pl.col("value").is_finite() & pl.col("session").is_not_null()).sort("session")
    title = plain(name, 60)
    if seen.is_empty():
        words = "No run has measured this yet."
        return say(blank(title, alt=words, height=180), words)
    days, values = seen["session"], seen["value"]
    alt = (
        f"Line of {short(name, 60)} over {seen.height:,} sessions from {days[0]} to {days[-1]}; "
        f"between {number(values.min())} and {number(values.max())}, last {number(values[-1])}."
    )
    figure = blank(title, alt=alt, height=320)
    figure.add_scatter(
        x=_moments(days), y=values.to_numpy(), mode="lines+markers", line={"color": BLUE, "width": 2}, marker={"size": 5},
        showlegend=False, hovertemplate="%{x|%Y-%m-%d}<br>%{y:,.6~g}<extra></extra>",
    )  # fmt: skip
    over_days(figure, days.to_list(), "session (exchange date)")
    figure.update_yaxes(title_text="value")
    return figure


def _moments(times: pl.Series) -> list[str]:
    return times.cast(pl.Datetime("us")).dt.to_string("iso").to_list()


def _draw_session_scores(figure: go.Figure, runs: pl.DataFrame, time: str) -> None:
    """Draw each session's own score, and a mark on those that left their history: told apart by shape too."""
    if "session_score" not in runs.columns:
        return
    alone = runs.drop_nulls("session_score")
    figure.add_scatter(
        x=_moments(alone[time]), y=alone["session_score"].to_numpy(), name="session alone", mode="lines+markers",
        line={"color": SKY, "width": 1, "dash": "dot"}, marker={"size": 4},
    )  # fmt: skip
    fallen = alone.drop_nulls("drift") if "drift" in alone.columns else alone.clear()
    for severity in Severity:
        some = fallen.filter(pl.col("drift") == severity.value) if len(fallen) else fallen
        if len(some):
            figure.add_scatter(
                x=_moments(some[time]), y=some["session_score"].to_numpy(), name=f"left its history, {severity}", mode="markers",
                marker={"symbol": SEVERITY_SHAPES[severity], "color": SEVERITY_COLOURS[severity], "size": 11},
            )  # fmt: skip


def _lowest(runs: pl.DataFrame) -> float:
    """Return the lowest value drawn, on the scale of 0 to 100."""
    points = [runs[name].min() for name in ("score", "session_score") if name in runs.columns and runs[name].count()]
    drawn = [*points, *(runs[d].min() * 100 for d in Dimension if d in runs.columns and runs[d].count())]  # type: ignore[operator]
    return float(min(drawn))  # type: ignore[type-var,arg-type]


def _draw_limits(figure: go.Figure, limits: Thresholds) -> None:
    for name, value, colour in (("critical below", limits.critical, VERMILION), ("high below", limits.high, MUTED)):
        figure.add_hline(
            y=float(value), line={"color": colour, "width": 1, "dash": "dot"}, annotation_text=f"{name} {float(value):g}",
            annotation_position="bottom right", annotation_font={"size": 11, "color": colour},
        )  # fmt: skip
