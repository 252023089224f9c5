"""What a score is made of, and where its points went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from workbench.figures.buckets import periods
from workbench.figures.theme import DIMENSION_COLOURS, INK, LOSS_SCALE, MUTED, SLATE, blank, plain, say, short, words
from workbench.model.checks import Verdict
from workbench.model.score import score_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.model.score import DimensionScore, Score

MAX_STEPS = 24
MAX_SYMBOLS = 30
MAX_PERIODS = 60
PERIODS = (("", "session"), ("1w", "week"), ("1mo", "month"), ("1q", "quarter"), ("1y", "year"))
NO_SESSION = "whole span"


@dataclass(frozen=True, slots=True)
class _Step:
    label: str
    group: str
    colour: str
    points: float
    detail: str = ""


def waterfall(score: Score) -> go.Figure:
    """Show how 100 becomes the score: one step down for each check that costs points.

    Parameters
    ----------
    score : Score

    Returns
    -------
    Figure
        Horizontal; steps are grouped and coloured by dimension, largest first within each. The
        axis starts near the score, hence steps are to scale against each other, not against 100.
    """
    steps = _steps(score)
    end, said = float(score.value), score_text(score.value)
    if not steps:
        figure = blank("Nothing is lost", alt="No check costs any points: the score is 100.", height=180)
        return say(figure, f"Score {said}: no check that could be evaluated costs any points.")
    worst = max(steps, key=lambda step: step.points)
    largest = f"the largest is {worst.label} with {worst.points:.2f} points"
    alt = f"Waterfall from 100 to the score of {said} in {len(steps)} steps; {largest}."
    figure = blank("What cost points", alt=alt, height=150 + 30 * (len(steps) + 2))
    _draw_steps(figure, steps, end, said)
    margin = max(0.5, (100 - end) * 0.08)
    figure.update_xaxes(title_text="score (points)", range=[max(0.0, end - margin) if end > margin else 0, 100 + margin * 1.6])
    figure.update_layout(barmode="overlay", bargap=0.35, margin={"t": 84})
    return figure


def _steps(score: Score) -> list[_Step]:
    steps: list[_Step] = []
    for dimension in score.dimensions:
        lost = sorted((c for c in dimension.checks if c.points_lost), key=lambda c: (-c.points_lost, c.result.name))
        for check in lost:
            result = check.result
            detail = result.reason or f"{float(result.failures):,.6g} of {float(result.total):,.6g} {result.unit}"
            colour = DIMENSION_COLOURS[dimension.dimension]
            steps.append(
                _Step(words(result.name), str(dimension.dimension), colour, float(check.points_lost), plain(detail, 120))
            )
    rest = 100 - score.value - sum((c.points_lost for c in score.checks), start=score.value * 0)
    if rest > 0:
        steps.append(
            _Step(plain(score.reason, 36) or "no check", "the data as a whole", SLATE, float(rest), plain(score.reason, 120))
        )
    return _folded(steps)


def _folded(steps: list[_Step]) -> list[_Step]:
    """Keep the steps that matter most, in their order, and add the others up."""
    if len(steps) <= MAX_STEPS:
        return steps
    kept = {id(s) for s in sorted(steps, key=lambda s: -s.points)[: MAX_STEPS - 1]}
    rest = [s for s in steps if id(s) not in kept]
    return [s for s in steps if id(s) in kept] + [
        _Step(f"{len(rest)} smaller ones", "several", SLATE, sum(s.points for s in rest))
    ]


def _draw_steps(figure: go.Figure, steps: list[_Step], end: float, said: str) -> None:
    after, level = [], 100.0
    for step in steps:
        level -= step.points
        after.append(level)
    for group, colour in dict.fromkeys((s.group, s.colour) for s in steps):
        at = [i for i, step in enumerate(steps) if step.group == group]
        figure.add_bar(
            orientation="h", name=group, marker_color=colour, y=[i + 1 for i in at], base=[after[i] for i in at],
            x=[steps[i].points for i in at], text=[f"−{steps[i].points:.2f}" for i in at], textposition="outside",
            cliponaxis=False, hoverinfo="text", textfont_color=INK,
            hovertext=[f"<b>{steps[i].label}</b><br>{steps[i].detail}<br>{steps[i].points:.4f} points lost" for i in at],
        )  # fmt: skip
    figure.add_scatter(
        x=[100, end], y=[0, len(steps) + 1], mode="markers+text", showlegend=False, text=["100", f"<b>{said}</b>"],
        textposition=["middle left", "middle right"], marker={"symbol": "diamond", "size": 11, "color": INK}, hoverinfo="skip",
        cliponaxis=False,
    )  # fmt: skip
    labels = ["nothing wrong", *(s.label for s in steps), "<b>score</b>"]
    figure.update_yaxes(
        tickvals=list(range(len(labels))), ticktext=labels, range=[len(steps) + 1.6, -0.6], showgrid=False, zeroline=False
    )


def dimensions(score: Score) -> go.Figure:
    """Show the five dimensions as bars of 0 to 100, with their effective weights; n/a is said, not drawn as zero."""
    rows = list(score.dimensions)
    said = "; ".join(f"{d.dimension} {_value(d)}" for d in rows)
    figure = blank("The five dimensions", alt=f"Bars of the five dimensions: {said}.", height=300)
    labels = [str(d.dimension) if d.score is None else f"{d.dimension} · {float(d.weight) * 100:.0f} %" for d in rows]
    for dimension, label in zip(rows, labels, strict=True):
        value = 0.0 if dimension.score is None else float(dimension.score) * 100
        figure.add_bar(
            orientation="h", x=[value], y=[label], marker_color=DIMENSION_COLOURS[dimension.dimension], showlegend=False,
            hoverinfo="text", hovertext=f"{label}: {_value(dimension)}",
        )  # fmt: skip
        figure.add_annotation(text=_value(dimension), x=value, y=label, xanchor="left", xshift=6, showarrow=False, font_color=INK)
    figure.update_xaxes(title_text="score of the dimension (0 to 100)", range=[0, 116], tickvals=[0, 25, 50, 75, 100])
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    figure.update_layout(bargap=0.4)
    return figure


def _value(dimension: DimensionScore) -> str:
    if dimension.score is None:
        return "not applicable"
    failed = " (a check could not run)" if dimension.verdict is Verdict.ERROR else ""
    return f"{score_text(dimension.score * 100)}{failed}"


def loss_map(score: Score) -> go.Figure:
    """Show where points were lost: symbols down, sessions across.

    Parameters
    ----------
    score : Score
        Its ``losses`` are drawn. Above 60 sessions they are added up by week, month, quarter or
        year; above 30 symbols the worst 30 are shown and the others added up. Points without a
        symbol or a session have a row or a column of their own.
    """
    losses = score.losses.filter(pl.col("points") > 0)
    if losses.is_empty():
        return say(
            blank("Nothing is lost", alt="No point is lost in any symbol or session.", height=180), "No point is lost anywhere."
        )
    placed, period = _by_period(losses)
    symbols = _worst_symbols(placed)
    columns = _columns(placed, score, period)
    cells = placed.join(symbols, on="symbol", how="left", nulls_equal=True).group_by("row", "period").agg(
        pl.col("points").sum(), pl.struct("points", "check").top_k_by("points", 1).first().struct.field("check").alias("check")
    )  # fmt: skip
    labels = symbols.group_by("row", maintain_order=True).agg(pl.col("label").first()).sort("row")["label"].to_list()
    top = cells.sort(["points", "row", "period"], descending=[True, False, False]).row(0, named=True)
    most = f"most, {top['points']:.2f}, at {labels[top['row']]} in {top['period']}"
    alt = f"Heat map of lost points, {len(labels)} symbols by {period}; {most}."
    figure = blank(f"Where points were lost, by {period}", alt=alt, height=min(760, 170 + 24 * len(labels)))
    _draw_cells(figure, cells, labels, columns)
    figure.update_xaxes(title_text=f"{period} (exchange date)", type="category", showgrid=False, nticks=10)
    return figure


def _by_period(losses: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    every, name = next((p for p in PERIODS if _width(losses["session"], p[0]) <= MAX_PERIODS), PERIODS[-1])
    start = pl.col("session").dt.truncate(every) if every else pl.col("session")
    return losses.with_columns(start.alias("start"), start.cast(pl.String).fill_null(NO_SESSION).alias("period")), name


def _width(sessions: pl.Series, every: str) -> int:
    seen = sessions.drop_nulls()
    return seen.n_unique() if not every or seen.is_empty() else len(periods(seen, every))


def _columns(placed: pl.DataFrame, score: Score, period: str) -> list[str]:
    """Return the columns to draw; sessions without a loss are among them as long as all fit."""
    seen = placed["session"].drop_nulls()
    every = next(step for step, name in PERIODS if name == period)
    starts = seen.unique().sort()
    if every and len(seen):
        starts = periods(seen, every)
    elif len(seen):
        known = score.by_session["session"]
        both = pl.concat([starts, known.filter((known >= starts[0]) & (known <= starts[-1]))]).unique().sort()
        starts = both if len(both) <= MAX_PERIODS else starts
    named = starts.cast(pl.String).to_list()
    return [*named, NO_SESSION] if placed["session"].has_nulls() else named


def _worst_symbols(placed: pl.DataFrame) -> pl.DataFrame:
    """Return ``symbol, row, label``: worst first; those beyond the limit share the last row."""
    ranked = (
        placed.group_by("symbol")
        .agg(pl.col("points").sum())
        .sort(["points", "symbol"], descending=[True, False])
        .with_row_index("row")
    )
    others = ranked.height - MAX_SYMBOLS
    labels = ["no symbol" if s is None else short(s, 20) for s in ranked["symbol"].head(MAX_SYMBOLS)]
    labels += [f"{others} others"] * max(0, others)
    return ranked.select("symbol", pl.col("row").cast(pl.Int64).clip(0, MAX_SYMBOLS), pl.Series("label", labels))


def _draw_cells(figure: go.Figure, cells: pl.DataFrame, labels: list[str], columns: list[str]) -> None:
    at = {name: i for i, name in enumerate(columns)}
    z = [[0.0] * len(columns) for _ in labels]
    hover = [[f"{plain(label, 20)}<br>{column}<br>nothing lost" for column in columns] for label in labels]
    for row, period, points, check in cells.select("row", "period", "points", "check").rows():
        z[row][at[period]] = points
        hover[row][at[period]] = (
            f"<b>{plain(labels[row], 20)}</b><br>{period}<br>{points:.4f} points lost<br>most: {words(check)}"
        )
    figure.add_heatmap(
        z=z, x=columns, y=list(range(len(labels))), text=hover, hoverinfo="text", colorscale=LOSS_SCALE, zmin=0, xgap=1, ygap=1,
        colorbar={"title": {"text": "points", "font": {"size": 11, "color": MUTED}}, "thickness": 10, "outlinewidth": 0},
    )  # fmt: skip
    named = [plain(label, 20) for label in labels]
    figure.update_yaxes(tickvals=list(range(len(labels))), ticktext=named, autorange="reversed", showgrid=False, zeroline=False)
