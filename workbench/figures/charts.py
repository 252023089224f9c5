"""Prices with what belongs beside them: corporate actions, session lines, another version; several symbols together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.figures.buckets import MAX_INTRADAY_SESSIONS, is_intraday, looked_at, rows_of
from workbench.figures.marks import MAX_MARKS, marks
from workbench.figures.prices import Axes, prices
from workbench.figures.theme import (
    BLUE,
    GREEN,
    GRID,
    MUTED,
    ORANGE,
    PURPLE,
    SEVERITY_COLOURS,
    SEVERITY_SHAPES,
    SKY,
    SLATE,
    VERMILION,
    alt_of,
    blank,
    number,
    plain,
    say,
    short,
)
from workbench.model.names import EVENT_AT, PRICES, SESSION, SYMBOL

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

    from workbench.model.findings import Finding
    from workbench.model.names import Kind

MAX_TOGETHER: Final = 8
MAX_POINTS: Final = 1500
_LINES: Final = ((BLUE, "solid"), (VERMILION, "dash"), (GREEN, "dot"), (ORANGE, "dashdot"),
                 (PURPLE, "solid"), (SKY, "dash"), (SLATE, "dot"), (BLUE, "longdash"))  # fmt: skip
_SHAPES: Final = {"changed": "diamond-open", "added": "cross-open", "removed": "x-open"}


@dataclass(frozen=True, slots=True)
class Beside:
    """What is drawn beside prices.

    Attributes
    ----------
    findings
        Each is marked at its own time and value.
    events
        ``symbol``, ``session``, ``split`` (1 or 0 is none), ``dividend``; None where none are known.
    other
        A name and the rows of another version.
    changed
        As :func:`workbench.quality.sources.changes.changed_cells` gives it.
    note
        Stands behind the title.
    """

    findings: Sequence[Finding] = ()
    events: pl.DataFrame | None = None
    other: tuple[str, pl.DataFrame] | None = None
    changed: pl.DataFrame | None = None
    note: str = ""


def chart(
    frame: pl.DataFrame, beside: Beside, *, kind: Kind, symbol: str, frequency: str = "1d", axes: Axes | None = None
) -> go.Figure:
    """Show one symbol's prices with everything that helps to judge them.

    Parameters
    ----------
    frame : DataFrame
        As for :func:`workbench.figures.prices.prices`.
    beside : Beside
    kind : Kind
    symbol : str
    frequency : str
        The contract's.
    axes : Axes, optional
    """
    axes = axes or Axes()
    figure = prices(frame, kind=kind, symbol=symbol, findings=beside.findings, frequency=frequency, axes=axes)
    if not figure.data:
        return figure
    figure.update_layout(legend={"y": 1.02})
    if beside.note:
        figure.layout.title.text += f"<span style='color:{MUTED}'> · {plain(beside.note, 80)}</span>"
    is_timed = figure.layout.meta["clock"] == "time"
    said = [alt_of(figure).removesuffix("."), beside.note]
    if beside.other is not None:
        _draw_other(figure, beside.other, kind=kind, symbol=symbol, intraday=is_intraday(frequency), axes=axes)
    if beside.changed is not None:
        said.append(_draw_changes(figure, beside.changed.filter(pl.col(SYMBOL) == symbol), PRICES[kind], axes, is_timed))
    if beside.events is not None:
        said.append(_draw_events(figure, beside.events.filter(pl.col(SYMBOL) == symbol), is_timed))
    if is_timed:
        _draw_sessions(figure, frame, symbol, axes)
    figure.layout.meta["alt"] = "; ".join(part for part in said if part) + "."
    return figure


def together(
    frame: pl.DataFrame, beside: Beside, *, kind: Kind, symbols: Sequence[str], frequency: str = "1d", axes: Axes | None = None
) -> go.Figure:
    """Show several symbols against each other, each as an index that begins with 100; at most eight.

    Parameters
    ----------
    frame, beside, kind, frequency, axes
        As for :func:`chart`; of what is beside, findings and the note are drawn.
    symbols : sequence of str
    """
    axes, shown = axes or Axes(), list(symbols)[:MAX_TOGETHER]
    title = ", ".join(plain(symbol, 16) for symbol in shown)
    note = f"<span style='color:{MUTED}'> · {plain(beside.note, 80)}</span>" if beside.note else ""
    figure = blank(f"<b>{title}</b>{note}", alt="", height=460)
    intraday, said, clocks = is_intraday(frequency), [], set()
    for symbol, (colour, dash) in zip(shown, _LINES, strict=False):
        rows = rows_of(frame, symbol=symbol, timezone=axes.timezone, intraday=intraday)
        if rows.is_empty():
            continue
        drawn = looked_at(rows, axes.window, kind=kind, intraday=intraday, max_points=MAX_POINTS, every=axes.every)
        values = drawn.main
        base = next((value for value in values if value), None)
        if base is None:
            continue
        clocks.add(drawn.is_intraday)
        figure.add_scatter(
            x=drawn.frame["at"].cast(pl.String).to_list(), y=(values * 100 / base).to_numpy(),
            name=plain(symbol, 16), mode="lines",
            line={"color": colour, "width": 1.6, "dash": dash}, hovertemplate="%{x}<br>%{y:.1f}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
        said.append(f"{short(symbol, 16)} {float(values.drop_nulls()[-1]) * 100 / base:.0f}")
        _mark(figure, beside.findings, rows, symbol, PRICES[kind], (100 / base, axes.timezone if drawn.is_intraday else None))
    if not said:
        return say(figure, "No rows of these to show.")
    clock = f"time ({axes.timezone})" if clocks == {True} else "session (exchange date)"
    figure.layout.meta = {"alt": f"Lines of {len(said)} symbols, the first value as 100; in the end {', '.join(said)}.",
                          "clock": "time" if clocks == {True} else "session"}  # fmt: skip
    figure.update_xaxes(type="date", title_text=clock, showgrid=False)
    figure.update_yaxes(title_text="index (first value = 100)")
    return figure


def _mark(
    figure: go.Figure, findings: Sequence[Finding], rows: pl.DataFrame, symbol: str, columns: Sequence[str],
    place: tuple[float, str | None],
) -> None:  # fmt: skip
    """Mark a symbol's findings on its line; ``place`` is the scale of that line and the clock it is drawn on."""
    scale, timezone = place
    placed = [m for m in marks(findings, rows, symbol=symbol, prices=columns, timezone=timezone) if m.value is not None]
    if placed:
        figure.add_scatter(
            x=[m.at.isoformat() for m in placed], y=[(m.value or 0) * scale for m in placed], mode="markers", showlegend=False,
            hoverinfo="text", hovertext=[f"{plain(symbol, 16)}<br>{m.text}" for m in placed],
            marker={"symbol": [SEVERITY_SHAPES[m.severity] for m in placed], "size": 9,
                    "color": [SEVERITY_COLOURS[m.severity] for m in placed]},
        )  # fmt: skip


def _draw_other(
    figure: go.Figure, other: tuple[str, pl.DataFrame], *, kind: Kind, symbol: str, intraday: bool, axes: Axes
) -> None:
    """Draw the main price of another version as a dotted line."""
    name, frame = other
    rows = rows_of(frame, symbol=symbol, timezone=axes.timezone, intraday=intraday)
    if rows.is_empty():
        return
    drawn = looked_at(rows, axes.window, kind=kind, intraday=intraday, max_points=MAX_POINTS, every=axes.every)
    figure.add_scatter(
        x=drawn.frame["at"].cast(pl.String).to_list(), y=drawn.main.to_numpy(), mode="lines", name=plain(name, 40),
        line={"color": ORANGE, "width": 1.4, "dash": "dot"},
    )  # fmt: skip


def _draw_changes(figure: go.Figure, changed: pl.DataFrame, fields: Sequence[str], axes: Axes, is_timed: bool) -> str:
    """Mark cells that differ between versions; return what was marked, in words."""
    cells = changed.filter(pl.col("field").is_in(list(fields)))
    for what, shape in _SHAPES.items():
        mine = cells.filter(pl.col("what") == what)
        if mine.is_empty():
            continue
        told = [f"{what}: {plain(f)}<br>{number(a)} → {number(b)}" for f, a, b in mine.select("field", "before", "after").rows()]
        shown = mine.head(MAX_MARKS).with_columns(pl.coalesce("after", "before").alias("y"), _at(axes, is_timed))
        figure.add_scatter(
            x=shown["at"].cast(pl.String).to_list(), y=shown["y"].to_numpy(), mode="markers", name=f"{what} ({mine.height:,})",
            marker={"symbol": shape, "size": 11, "color": PURPLE, "line": {"width": 2}}, hoverinfo="text",
            hovertext=told[:MAX_MARKS],
        )  # fmt: skip
    return f"{len(changed):,} cells differ"


def _draw_events(figure: go.Figure, events: pl.DataFrame, is_timed: bool) -> str:
    """Mark splits and dividends along the lower edge of the prices; return what was marked, in words."""
    splits, paid = events.filter((pl.col("split") > 0) & (pl.col("split") != 1)), events.filter(pl.col("dividend") > 0)
    where = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True, "anchor": "x"}
    figure.update_layout(yaxis4={**where, "domain": figure.layout.yaxis.domain or [0, 1]})
    for name, some, shape, colour, height in (
        ("split", splits, "square", GREEN, 0.07), ("dividend", paid, "triangle-up-open", SKY, 0.03),
    ):  # fmt: skip
        if some.is_empty():
            continue
        told = [f"{name} {value:g}<br>{day}" for value, day in some.select(name, SESSION).rows()]
        figure.add_scatter(
            x=some[SESSION].cast(pl.Datetime("us") if is_timed else pl.Date).cast(pl.String).to_list(), y=[height] * len(some),
            yaxis="y4", mode="markers", name=f"{name}s ({len(some)})", hoverinfo="text", hovertext=told,
            marker={"symbol": shape, "size": 9, "color": colour, "line": {"width": 1.5}},
        )  # fmt: skip
    return f"{len(splits)} splits and {len(paid)} dividends" if len(splits) or len(paid) else ""


def _draw_sessions(figure: go.Figure, frame: pl.DataFrame, symbol: str, axes: Axes) -> None:
    """Draw a thin line where each session begins, as long as they can be told apart."""
    if axes.window is not None:
        first, last = (moment.date() for moment in axes.window)
        frame = frame.filter(pl.col(SESSION).is_between(first - timedelta(days=1), last + timedelta(days=1)))
    rows = rows_of(frame, symbol=symbol, timezone=axes.timezone, intraday=True)
    inside = rows if axes.window is None else rows.filter(pl.col("at").is_between(*axes.window))
    begins = inside.group_by(SESSION).agg(pl.col("at").min()).sort(SESSION)
    if not 1 < len(begins) <= MAX_INTRADAY_SESSIONS:
        return
    lines = [
        {"type": "line", "xref": "x", "yref": "paper", "x0": at.isoformat(), "x1": at.isoformat(), "y0": 0, "y1": 1,
         "line": {"width": 1, "color": GRID}, "layer": "below"}
        for at in begins["at"]
    ]  # fmt: skip
    figure.update_layout(shapes=[*figure.layout.shapes, *lines])


def _at(axes: Axes, is_timed: bool) -> pl.Expr:
    clock = pl.col(EVENT_AT).dt.convert_time_zone(axes.timezone).dt.replace_time_zone(None)
    return (clock if is_timed else pl.col(SESSION)).alias("at")


def window_of(first: str | datetime, last: str | datetime) -> tuple[datetime, datetime]:
    """Return a window from the range of an axis, as plotly gives it.

    Examples
    --------
    >>> window_of("2020-01-01", "2020-03-01 12:30:00.25")[1]
    datetime.datetime(2020, 3, 1, 12, 30, 0, 250000)
    """
    start, end = (m if isinstance(m, datetime) else datetime.fromisoformat(m) for m in (first, last))
    return (start, end) if start <= end else (end, start)
