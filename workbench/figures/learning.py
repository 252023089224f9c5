"""What decisions teach, drawn: precision by kind, and what other thresholds and tolerances would have shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.figures.theme import BLUE, GREEN, MUTED, SLATE, VERMILION, blank, say, words

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import polars as pl

LINES = (
    ("fewer", "findings fewer", SLATE),
    ("spared", "refuted ones spared", GREEN),
    ("missed", "confirmed ones missed", VERMILION),
)
NONE_YET = "Nobody has decided anything yet: there is nothing to learn from."


def precision(kinds: pl.DataFrame) -> go.Figure:
    """Draw how often each kind was right.

    Parameters
    ----------
    kinds : DataFrame
        As :class:`workbench.review.learning.Lessons` has them.
    """
    alt = "; ".join(f"{row['kind']}: {row['confirmed']} of {row['judged']} confirmed" for row in kinds.iter_rows(named=True))
    figure = blank("How often each kind was right, as persons judged", alt=alt or NONE_YET, height=120 + 34 * max(len(kinds), 2))
    if kinds.is_empty():
        return say(figure, NONE_YET)
    names = [f"{words(kind)} ({judged})" for kind, judged in kinds.select("kind", "judged").iter_rows()]
    middle = kinds["precision"]
    figure.add_scatter(
        x=middle.to_list(), y=names, mode="markers", marker={"size": 10, "color": BLUE}, showlegend=False,
        error_x={
            "type": "data", "symmetric": False, "array": (kinds["high"] - middle).to_list(),
            "arrayminus": (middle - kinds["low"]).to_list(), "color": SLATE, "thickness": 1.5,
        },
        hovertemplate="%{y}: %{x:.0%} confirmed<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%", title={"text": "share that was confirmed, with its 95 % interval"})
    return figure


def what_if(thresholds: pl.DataFrame) -> go.Figure:
    """Draw, for every kind that was judged, what a higher threshold would have spared, and what it would have missed.

    Parameters
    ----------
    thresholds : DataFrame
        As :class:`workbench.review.learning.Lessons` has them.
    """
    kinds = thresholds["kind"].unique(maintain_order=True).to_list()
    alt = f"Findings fewer, and confirmed ones missed, by threshold of confidence, for {len(kinds)} kinds." if kinds else NONE_YET
    figure = blank("What another threshold would have shown", alt=alt, height=150 + 190 * max(len(kinds), 1))
    if not kinds:
        return say(figure, NONE_YET)
    figure.set_subplots(rows=len(kinds), cols=1, shared_xaxes=True, vertical_spacing=0.25 / len(kinds))
    for at, kind in enumerate(kinds, 1):
        mine = thresholds.filter(thresholds["kind"] == kind)
        for column, label, colour in LINES:
            figure.add_scatter(
                x=mine["threshold"].to_list(), y=mine[column].to_list(), name=label, row=at, col=1, showlegend=at == 1,
                mode="lines",
                line={"color": colour, "width": 2, "shape": "hv", "dash": "dot" if column == "fewer" else "solid"},
            )  # fmt: skip
        figure.update_yaxes(title={"text": words(kind)}, rangemode="tozero", tickformat="d", nticks=4, row=at, col=1)
    figure.update_xaxes(title={"text": "threshold of confidence"}, row=len(kinds), col=1)
    return figure


def tolerances(scores: pl.DataFrame) -> go.Figure:
    """Draw what the score would be with other tolerances.

    Parameters
    ----------
    scores : DataFrame
        ``check, factor, tolerance, score``: each check's tolerance times a factor, all else being as it is.
    """
    names = scores["check"].unique(maintain_order=True).to_list()
    figure = blank("What another tolerance would make of the score", alt=f"The score by tolerance, for {len(names)} checks.")
    if not names:
        return say(figure, "No check fails: no tolerance changes the score.")
    for name in names:
        mine = scores.filter(scores["check"] == name)
        figure.add_scatter(
            x=mine["factor"].to_list(), y=mine["score"].to_list(), name=words(name), mode="lines",
            customdata=mine["tolerance"].to_list(), hovertemplate=f"{words(name)} %{{customdata:.4f}}: %{{y:.2f}}<extra></extra>",
        )  # fmt: skip
    figure.add_vline(x=1, line={"color": MUTED, "width": 1, "dash": "dot"})
    figure.update_xaxes(type="log", tickvals=[0.25, 0.5, 1, 2, 4], title={"text": "tolerance, as a multiple of today's"})
    figure.update_yaxes(title={"text": "score (0 to 100)"})
    return figure
