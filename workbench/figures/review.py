"""A finding as somebody sees it who is to decide about it: where it lies, what others say, what would stand in its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.figures.buckets import is_intraday
from workbench.figures.context import around
from workbench.figures.marks import local
from workbench.figures.prices import Axes, prices
from workbench.figures.theme import GREEN, MUTED, SKY, SLATE, plain
from workbench.model.names import EVENT_AT, PRICES, SESSION, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

    from workbench.model.decisions import Cell
    from workbench.model.findings import Finding, Moment

HEIGHT: Final = 330
WIDTHS: Final[dict[bool, dict[str, timedelta | None]]] = {
    False: {"near": None, "quarter": timedelta(days=75), "year": timedelta(days=183), "all": timedelta(days=20_000)},
    True: {"near": None, "day": timedelta(days=1), "month": timedelta(days=16), "year": timedelta(days=183)},
}
"""How far before and behind a finding one sees, of daily data and within a day; None: some rows."""
MOST_SESSIONS: Final = 30
MOST_TOLD: Final = 10
"""Sessions whose days are written beside where they begin."""
MOST_EVENTS: Final = 40
FAR_APART: Final = 8
GHOST: Final = "would be"


def view(rows: pl.DataFrame, finding: Finding, width: str, *, intraday: bool) -> pl.DataFrame:
    """Return a symbol's rows that are to be seen around a finding.

    Parameters
    ----------
    rows : DataFrame
        Standard rows of its symbol.
    finding : Finding
    width : str
        A key of ``WIDTHS``.
    intraday : bool
        Whether rows come more often than once a session.
    """
    margin = WIDTHS[intraday].get(width)
    if margin is None:
        return around(rows, finding)
    time = EVENT_AT if isinstance(finding.start, datetime) else SESSION
    return rows.filter(pl.col(time).is_between(finding.start - margin, finding.end + margin))


def review_figure(
    rows: pl.DataFrame,
    finding: Finding,
    *,
    kind: Kind,
    frequency: str,
    axes: Axes,
    other: tuple[Sequence[Moment], Sequence[float | None]] | None = None,
    cells: Sequence[Cell] = (),
) -> go.Figure:
    """Draw a finding for somebody who is to decide about it.

    Parameters
    ----------
    rows : DataFrame
        As :func:`view` gives them.
    finding : Finding
    kind : Kind
    frequency : str
    axes : Axes
    other : tuple of moments and values, optional
        What other sources say of the price it is about, on the data's scale.
    cells : sequence of Cell
        What a correction would put where.

    Returns
    -------
    Figure
        Prices with the cells marked, on a logarithmic axis where they are far apart; other sources as a dotted line, what would
        be there as a ghost, events as flags.
    """
    plainly = [finding] if not cells else [replace(finding, proposed=None)]
    figure = prices(rows, kind=kind, symbol=finding.symbol, findings=plainly, frequency=frequency, axes=axes)
    intraday = is_intraday(frequency)
    if not rows.is_empty():
        first, last = (rows[EVENT_AT if intraday else SESSION].drop_nulls().min(), rows[EVENT_AT if intraday else SESSION].max())
        if other is not None:
            _draw_other(figure, other, axes, (first, last))
        _draw_ghost(figure, finding, [cell for cell in cells if first <= cell.at <= last], kind, axes)  # type: ignore[operator]
        _draw_events(figure, rows, axes, intraday=intraday)
    figure.update_layout(
        height=HEIGHT, margin={"t": 30, "b": 4, "l": 8, "r": 8}, title={"text": ""}, showlegend=True,
        xaxis={"title": {"text": ""}}, legend={"y": 1.0, "yanchor": "bottom", "x": 1, "xanchor": "right"},
    )  # fmt: skip
    _stretch(figure, rows, kind)
    return figure


def _stretch(figure: go.Figure, rows: pl.DataFrame, kind: Kind) -> None:
    """Show every price there is, also one beside its own bar; on a logarithmic axis where they are far apart."""
    there = [rows[name].cast(pl.Float64).drop_nulls().drop_nans() for name in PRICES[kind] if name in rows.columns]
    known = pl.concat(there) if there else pl.Series(dtype=pl.Float64)
    low, high = known.min(), known.max()
    if not isinstance(low, float) or not isinstance(high, float):
        return
    if low <= 0 or high <= FAR_APART * low:
        room = 0.06 * (high - low) or abs(high) * 0.01 or 1.0
        figure.update_layout(yaxis={"range": [low - room, high + room]})
        return
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    steps = (1, 2, 5) if len(decades) < 4 else (1,)
    ticks = [step * 10.0**decade for decade in decades for step in steps if low / 2 <= step * 10.0**decade <= high * 2]
    names = [f"{tick:g}" for tick in ticks]
    span = [log10(low) - 0.05, log10(high) + 0.05]
    figure.update_layout(yaxis={"type": "log", "range": span, "tickmode": "array", "tickvals": ticks, "ticktext": names})


def _draw_other(
    figure: go.Figure, other: tuple[Sequence[Moment], Sequence[float | None]], axes: Axes, span: tuple[object, object]
) -> None:
    pairs = [(at, value) for at, value in zip(*other, strict=True) if span[0] <= at <= span[1]]  # type: ignore[operator]
    figure.add_scatter(
        x=[_shown(at, axes) for at, _ in pairs], y=[value for _, value in pairs], mode="lines", name="other sources",
        line={"color": SKY, "width": 2, "dash": "dot"},
    )  # fmt: skip


def _draw_ghost(figure: go.Figure, finding: Finding, cells: Sequence[Cell], kind: Kind, axes: Axes) -> None:
    """Draw what would be there: a point for each value of one row, a line through many rows."""
    about = [name for name in PRICES[kind] if any(cell.values.get(name) is not None for cell in cells)]
    wanted = [name for name in about if name in finding.fields] or about
    is_one = len(cells) == 1 and cells[0].was is not None
    for name in wanted if is_one else wanted[-1:]:
        there = [(cell.at, cell.values[name]) for cell in cells if cell.values.get(name) is not None]
        figure.add_scatter(
            x=[_shown(at, axes) for at, _ in there], y=[value for _, value in there], name=f"{name} {GHOST}",
            mode="lines" if len(there) > 3 else "markers", opacity=0.9,
            line={"color": GREEN, "width": 2},
            marker={"symbol": "diamond-open", "size": 12, "color": GREEN, "line": {"width": 2}},
        )  # fmt: skip


def _draw_events(figure: go.Figure, rows: pl.DataFrame, axes: Axes, *, intraday: bool) -> None:
    """Flag splits and dividends; within a day also where sessions begin."""
    time = EVENT_AT if intraday else SESSION
    flags: list[tuple[Moment, str]] = []
    for name, is_one in (("split", pl.col("split") != 1), ("dividend", pl.col("dividend") > 0)):
        if name in rows.columns:
            there = rows.filter(is_one & (pl.col(name) != 0)).select(time, name)[:MOST_EVENTS]
            flags += [(at, f"{name} {value:g}") for at, value in there.iter_rows()]
    for at, label in flags:
        _flag(figure, _shown(at, axes), label, MUTED, "dash")
    if intraday:
        begins = rows.group_by(SESSION).agg(pl.col(EVENT_AT).min()).sort(SESSION).drop_nulls()
        is_told = len(begins) <= MOST_TOLD
        for day, at in begins.iter_rows() if len(begins) <= MOST_SESSIONS else ():
            _flag(figure, _shown(at, axes), f"{day:%d %b}" if is_told else "", SLATE, "dot")


def _flag(figure: go.Figure, at: str, label: str, colour: str, dash: str) -> None:
    figure.add_shape(
        type="line",
        xref="x",
        yref="paper",
        x0=at,
        x1=at,
        y0=0,
        y1=1,
        line={"color": colour, "width": 1, "dash": dash},
        layer="below",
    )
    figure.add_annotation(
        x=at, y=0, yref="paper", text=plain(label, 24), showarrow=False, xanchor="left", yanchor="bottom",
        font={"size": 10, "color": colour},
    )  # fmt: skip


def _shown(moment: Moment, axes: Axes) -> str:
    return (local(moment, axes.timezone) if isinstance(moment, datetime) else moment).isoformat()
