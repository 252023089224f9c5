"""What moved a score from one value to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.figures.theme import BLUE, INK, ORANGE, SLATE, blank, plain, say, words
from workbench.model.score import score_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.quality.attribution import Comparison

MAX_STEPS = 20


def change(comparison: Comparison) -> go.Figure:
    """Show how one score became another: a step for each check that moved it.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    Figure
        Horizontal, from the earlier score at the top to the later one at the bottom. Steps to the left
        cost points; what errors did and what weights, coverage and the number of rows did are apart.
    """
    before, after = (float(score.value) for score in (comparison.before, comparison.after))
    steps = _steps(comparison)
    said = f"{score_text(comparison.before.value)} to {score_text(comparison.after.value)}"
    if not steps:
        return say(blank("What moved the score", alt=f"Nothing moved: {said}.", height=180), "No check moved the score.")
    alt = f"Waterfall from {said} in {len(steps)} steps; the largest is {steps[0][0]} with {steps[0][2]:+.2f} points."
    figure = blank("What moved the score", alt=alt, height=150 + 30 * (len(steps) + 2))
    level, at = before, 1
    for label, kind, points in steps:
        colour = SLATE if kind == "rest" else ORANGE if points < 0 else BLUE
        figure.add_bar(
            orientation="h", y=[at], base=[level], x=[points], marker_color=colour, showlegend=False, hoverinfo="text",
            text=[f"{points:+.2f}"], textposition="outside", cliponaxis=False, textfont_color=INK,
            hovertext=[f"<b>{plain(label, 40)}</b><br>{points:+.4f} points"],
        )  # fmt: skip
        level, at = level + points, at + 1
    figure.add_scatter(
        x=[before, after], y=[0, at], mode="markers+text", showlegend=False, hoverinfo="skip", cliponaxis=False,
        text=[f"<b>{score_text(s.value)}</b>" for s in (comparison.before, comparison.after)], textposition="middle right",
        marker={"symbol": "diamond", "size": 11, "color": INK},
    )  # fmt: skip
    labels = ["before", *(plain(label, 40) for label, _, _ in steps), "after"]
    figure.update_yaxes(tickvals=list(range(at + 1)), ticktext=labels, range=[at + 0.6, -0.6], showgrid=False, zeroline=False)
    figure.update_xaxes(title_text="score (points)", range=_range(before, after, steps))
    figure.update_layout(barmode="overlay", bargap=0.35)
    return figure


def _steps(comparison: Comparison) -> list[tuple[str, str, float]]:
    """Return label, kind and points of each step, largest first; small ones are added up."""
    steps = [(words(m.check), "errors", float(m.errors)) for m in comparison.moved if m.errors]
    steps += [(f"{words(m.check)}: weight, coverage", "rest", float(m.rest)) for m in comparison.moved if m.rest]
    if comparison.unexplained:
        steps.append(("the data as a whole", "rest", float(comparison.unexplained)))
    steps.sort(key=lambda step: (-abs(step[2]), step[0]))
    others = steps[MAX_STEPS:]
    folded = [(f"{len(others)} smaller ones", "rest", sum(points for *_, points in others))] if others else []
    return steps[:MAX_STEPS] + folded


def _range(before: float, after: float, steps: list[tuple[str, str, float]]) -> list[float]:
    """Return the span of the axis: all levels, with room for the numbers beside the bars."""
    levels, level = [before, after], before
    for *_, points in steps:
        level += points
        levels.append(level)
    room = max(1.0, (max(levels) - min(levels)) * 0.15)
    return [min(levels) - room, max(levels) + room]
