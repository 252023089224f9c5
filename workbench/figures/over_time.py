"""Runs over time, for pages that show a whole history: findings by kind, and what happened when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.figures.theme import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    SLATE,
    VERMILION,
    blank,
    over_months,
    plain,
    say,
    short,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import plotly.graph_objects as go

MOST_KINDS: Final = 7
_COLOURS: Final = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, SLATE)
_PATTERNS: Final = ("", "/", "x", "\\", "-", ".", "+")


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened at a session: a few words, and longer ones for who points at it."""

    session: date
    word: str
    detail: str = ""


def findings_over_time(frame: pl.DataFrame) -> go.Figure:
    """Show how many findings of each kind were open, month by month.

    Parameters
    ----------
    frame : DataFrame
        ``session`` (Date), ``kind`` (String), ``count`` (Float64): of each run, in any order.

    Returns
    -------
    Figure
        Stacked bars, one for each month: what its last run said. Kinds are told apart by pattern too.
    """
    title = "Findings by kind"
    if frame.is_empty():
        return say(blank(title, alt="No run has found anything.", height=180), "No run has found anything.")
    monthly = frame.with_columns(pl.col("session").dt.month_start().alias("month")).sort("session")
    last = monthly.filter(pl.col("session") == pl.col("session").max().over("month"))
    kinds = last.group_by("kind").agg(pl.col("count").sum()).sort("count", "kind", descending=[True, False])["kind"].to_list()
    is_shown = pl.col("kind").is_in(kinds[:MOST_KINDS])
    named = last.with_columns(pl.when(is_shown).then("kind").otherwise(pl.lit("other")).alias("kind"))
    counted = named.group_by("month", "kind").agg(pl.col("count").sum()).sort("month")
    span = f"{last['month'].dt.to_string('iso').min()!s} to {last['month'].dt.to_string('iso').max()!s}"
    alt = f"Stacked bars of open findings by month, {span}; most of them {kinds[0]}."
    figure = blank(title, alt=plain(short(alt, 200), 200), height=320)
    for number, kind in enumerate([*kinds[:MOST_KINDS], *(["other"] if len(kinds) > MOST_KINDS else [])]):
        part = counted.filter(pl.col("kind") == kind)
        figure.add_bar(
            x=part["month"].dt.to_string("iso").to_list(), y=part["count"].to_numpy(), name=words(kind),
            marker={"color": _COLOURS[number % 7], "pattern": {"shape": _PATTERNS[number % 7], "fgopacity": 0.45}},
            hovertemplate="%{x|%B %Y}<br>%{y:,.0f}<extra>" + words(kind) + "</extra>",
        )  # fmt: skip
    over_months(figure, counted["month"].to_list())
    figure.update_yaxes(title_text="open findings")
    figure.update_layout(barmode="stack", bargap=0.15)
    return figure


def noted(figure: go.Figure, notes: Sequence[Note], *, most: int = 40) -> go.Figure:
    """Mark on a figure over sessions what happened when: a line each, its words where one points at it.

    Parameters
    ----------
    figure : Figure
        Is changed, and returned.
    notes : sequence of Note
        The latest ``most`` are shown.
    """
    shown = sorted(notes, key=lambda note: note.session)[-most:]
    if not shown:
        return figure
    for note in shown:
        figure.add_vline(x=note.session.isoformat(), line={"color": MUTED, "width": 1, "dash": "dot"}, opacity=0.55)
    figure.add_scatter(
        x=[note.session.isoformat() for note in shown], y=[1.0] * len(shown), yaxis="y2", mode="markers", name="events",
        marker={"symbol": "triangle-down", "size": 10, "color": INK},
        hovertext=[_pointed(note) for note in shown],
        hoverinfo="text",
    )  # fmt: skip
    figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})
    return figure


def thinned(frame: pl.DataFrame, most: int) -> pl.DataFrame:
    """Return at most so many rows of a frame over ``session`` with a ``score``: of each week, month or year, the worst.

    Parameters
    ----------
    frame : DataFrame
        ``session`` (Date), ``score`` and others; sorted by session.
    most : int
    """
    for every in ("1w", "1mo", "1q", "1y"):
        if len(frame) > most:
            part = pl.col("session").dt.truncate(every).alias("_part")
            frame = frame.sort("score").group_by(part).first().drop("_part").sort("session")
    return frame


def _pointed(note: Note) -> str:
    more = f"<br>{plain(note.detail, 90)}" if note.detail else ""
    return f"{note.session}: {plain(note.word, 60)}{more}"
