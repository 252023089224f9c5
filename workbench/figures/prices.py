"""Prices as candles or lines, volume below, findings marked where they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.figures.buckets import Buckets, Window, is_intraday, looked_at, periods, rows_of
from workbench.figures.marks import Mark, marks
from workbench.figures.theme import (
    BLUE,
    GRID,
    INK,
    MUTED,
    PAPER,
    SEVERITY_COLOURS,
    SEVERITY_SHAPES,
    SLATE,
    VERMILION,
    blank,
    plain,
    say,
    short,
)
from workbench.model.findings import Severity
from workbench.model.names import PRICE_FIELDS, SESSION, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

    from workbench.model.findings import Finding, Moment

MAX_CLOSED_DAYS = 400
MAX_SPANS = 60
HALF_BUCKET = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Axes:
    """What axes say and show.

    Attributes
    ----------
    timezone
        The clock of intraday data: an IANA name.
    currency
        The unit of prices.
    every
        The shortest time one candle stands for, as for :func:`workbench.figures.buckets.bucketed`.
    window
        The part that is looked at: what it holds is drawn as finely as there is room for.
    """

    timezone: str = "UTC"
    currency: str | None = None
    every: str = ""
    window: Window | None = None


def prices(
    frame: pl.DataFrame, *, kind: Kind, symbol: str, findings: Sequence[Finding] = (),
    frequency: str = "1d", max_points: int = 1500, axes: Axes | None = None,
) -> go.Figure:  # fmt: skip
    """Show one symbol's prices, with what was found.

    Parameters
    ----------
    frame : DataFrame
        ``symbol``, ``event_at`` (Datetime, UTC), ``session`` (Date) and the kind's columns: open,
        high, low, close and volume; or price and size; or bid and ask; or value. Other symbols
        and columns are passed over, order does not matter, null and NaN are not drawn. Bars of
        which only the close is there become a line.
    kind : Kind
    symbol : str
    findings : sequence of Finding
        Those of the symbol are marked at their own time and value, however coarse the rest is.
    frequency : str
        The contract's; decides between sessions and times of day.
    max_points : int
        Above it, rows are aggregated: minutes and hours within sessions, then sessions, weeks, ….
    axes : Axes, optional

    Returns
    -------
    Figure
        Nights, weekends and holidays take no room; a day inside a finding's span does.
    """
    axes = axes or Axes()
    intraday = is_intraday(frequency)
    rows = rows_of(frame, symbol=symbol, timezone=axes.timezone, intraday=intraday)
    if rows.is_empty():
        figure = blank(plain(symbol), alt=f"No rows of {short(symbol)}.", height=180)
        return say(figure, f"No rows of {plain(symbol)} to show.")
    drawn = looked_at(rows, axes.window, kind=kind, intraday=intraday, max_points=max_points, every=axes.every)
    columns = (*PRICE_FIELDS,) if drawn.has_candles else drawn.prices
    placed = marks(findings, rows, symbol=symbol, prices=columns, timezone=axes.timezone if drawn.is_intraday else None)
    figure = blank(_title(symbol, drawn, frequency), alt=_alt(symbol, drawn, placed, axes.window), height=460)
    _draw_candles(figure, drawn) if drawn.has_candles else _draw_lines(figure, drawn)
    _draw_marks(figure, placed)
    _draw_volume(figure, drawn)
    _label(figure, drawn, kind, axes)
    figure.update_xaxes(rangebreaks=closed_times(rows, placed, drawn))
    figure.layout.meta["clock"] = "time" if drawn.is_intraday else "session"
    return figure


def _title(symbol: str, drawn: Buckets, frequency: str) -> str:
    grain = frequency if not drawn.step else f"by {drawn.name.removesuffix('s')}"
    return f"<b>{plain(symbol)}</b>  <span style='color:{MUTED}'>{plain(grain, 20)}</span>"


def _alt(symbol: str, drawn: Buckets, placed: list[Mark], window: Window | None) -> str:
    shape, at = "Candles" if drawn.has_candles else "Line", drawn.frame["at"]
    if window is not None:
        at = at.filter(at.cast(pl.Datetime("us")).is_between(*window))
    span = f"from {at[0]} to {at[-1]}, {len(at):,} points ({drawn.name})" if len(at) else "with nothing in sight"
    return f"{shape} of {short(symbol)} {span}, {len(placed)} findings marked."


def _draw_candles(figure: go.Figure, drawn: Buckets) -> None:
    f = drawn.frame
    figure.add_candlestick(
        x=_times(f["at"]), **{price: f[price].to_numpy() for price in PRICE_FIELDS},
        increasing={"line": {"color": BLUE, "width": 1}, "fillcolor": PAPER},
        decreasing={"line": {"color": SLATE, "width": 1}, "fillcolor": SLATE},
        name="price", showlegend=False,
    )  # fmt: skip


def _draw_lines(figure: go.Figure, drawn: Buckets) -> None:
    f, at = drawn.frame, _times(drawn.frame["at"])
    for price, colour in zip(drawn.prices, (BLUE, VERMILION), strict=False):
        if drawn.step:
            edge: dict[str, Any] = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
            figure.add_scatter(x=at, y=f[f"low_{price}"].to_numpy(), **edge)
            figure.add_scatter(x=at, y=f[f"high_{price}"].to_numpy(), fill="tonexty", fillcolor=_faint(colour), **edge)
        figure.add_scatter(
            x=at,
            y=f[price].to_numpy(),
            mode="lines",
            name=price,
            line={"color": colour, "width": 1.4},
            showlegend=len(drawn.prices) > 1,
        )


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"


def _draw_volume(figure: go.Figure, drawn: Buckets) -> None:
    if "volume" not in drawn.frame.columns:
        return
    figure.add_bar(
        x=_times(drawn.frame["at"]), y=drawn.frame["volume"].to_numpy(), yaxis="y2", name="volume", showlegend=False,
        marker={"color": "#9fb3c8", "line": {"width": 0}},
    )  # fmt: skip


def _draw_marks(figure: go.Figure, placed: list[Mark]) -> None:
    for severity in reversed(Severity):
        mine = [m for m in placed if m.severity is severity and m.value is not None]
        if mine:
            figure.add_scatter(
                x=[_stamp(m.at) for m in mine], y=[m.value for m in mine], mode="markers", name=f"{severity} ({len(mine)})",
                marker={"symbol": SEVERITY_SHAPES[severity], "size": 10, "color": SEVERITY_COLOURS[severity]},
                hoverinfo="text", hovertext=[m.text for m in mine],
            )  # fmt: skip
    ghosts = [m for m in placed if m.proposed is not None]
    if ghosts:
        figure.add_scatter(
            x=[_stamp(m.at) for m in ghosts], y=[m.proposed for m in ghosts], mode="markers", name="proposed",
            marker={"symbol": "circle-open", "size": 10, "color": INK, "line": {"width": 1.5}}, hoverinfo="text",
            hovertext=[m.text for m in ghosts],
        )  # fmt: skip
    spans = [m for m in placed if m.start != m.end][:MAX_SPANS]
    figure.update_layout(shapes=[_span(m) for m in spans])


def _span(mark: Mark) -> dict[str, Any]:
    """Return a shaded stretch from the start to the end of a finding, days to their edges."""
    pad = timedelta(0) if isinstance(mark.start, datetime) else HALF_BUCKET
    start, end = (datetime.fromisoformat(_stamp(m)) for m in (mark.start, mark.end))
    return {
        "type": "rect", "xref": "x", "yref": "paper", "x0": (start - pad).isoformat(), "x1": (end + pad).isoformat(),
        "y0": 0, "y1": 1, "fillcolor": SEVERITY_COLOURS[mark.severity], "opacity": 0.12, "line": {"width": 0}, "layer": "below",
    }  # fmt: skip


def _label(figure: go.Figure, drawn: Buckets, kind: Kind, axes: Axes) -> None:
    clock = f"time ({axes.timezone})" if drawn.is_intraday else "session (exchange date)"
    unit = "value" if kind is Kind.VALUES else "price"
    figure.update_layout(
        yaxis={"title": {"text": f"{unit} ({plain(axes.currency, 12)})" if axes.currency else unit}},
        xaxis={"type": "date", "showgrid": False, "title": {"text": clock}, "rangeslider": {"visible": False}},
    )
    if "volume" in drawn.frame.columns:
        low = {
            "domain": [0, 0.17],
            "title": {"text": "volume"},
            "nticks": 3,
            "gridcolor": GRID,
            "tickformat": "~s",
            "anchor": "x",
        }
        figure.update_layout(yaxis={"domain": [0.23, 1]}, yaxis2=low, xaxis={"anchor": "y2"}, bargap=0.1)


def closed_times(rows: pl.DataFrame, placed: list[Mark], drawn: Buckets) -> list[dict[str, Any]]:
    """Return plotly's range breaks: week days, hours and dates on which this symbol never trades.

    Told from the rows themselves. Nothing that a finding touches is hidden.
    """
    if drawn.step not in ("", "1d") and not drawn.is_intraday:
        return []
    touched = {_day(m) for mark in placed for m in (mark.at, mark.start, mark.end)}
    days = pl.concat([rows["at"].cast(pl.Date), rows[SESSION]]).unique()
    week = _closed_week({*days.dt.weekday().to_list(), *(d.isoweekday() for d in touched)})
    found = [{"bounds": [(week[0] % 7), (week[-1] + 1) % 7], "pattern": "day of week"}] if week else []
    hours = _closed_hours(rows, placed) if drawn.is_intraday else None
    closed = _closed_days(days, placed, week)
    return [*found, *([{"values": closed}] if closed else []), *([{"bounds": hours, "pattern": "hour"}] if hours else [])]


def _closed_week(present: set[int]) -> list[int]:
    """Return the ISO week days never traded, as one run in cyclic order; empty where they make several."""
    absent = sorted(set(range(1, 8)) - present)
    starts = [d for d in absent if (d - 2) % 7 + 1 not in absent]
    if len(starts) != 1:
        return []
    return sorted(absent, key=lambda d: (d - starts[0]) % 7)


def _closed_days(days: pl.Series, placed: list[Mark], week: list[int]) -> list[str]:
    every = periods(days)
    closed = every.filter(~every.is_in(days.implode()) & ~every.dt.weekday().is_in(week))
    if len(closed) > MAX_CLOSED_DAYS:
        return []
    return [d.isoformat() for d in closed if not any(_day(m.start) <= d <= _day(m.end) for m in placed)]


def _closed_hours(rows: pl.DataFrame, placed: list[Mark]) -> list[float] | None:
    """Return the hours of the night in which nothing ever happens; None where they are fewer than four."""
    touched = pl.Series(
        [m for mark in placed for m in (mark.at, mark.start, mark.end) if isinstance(m, datetime)], dtype=pl.Datetime("us")
    )
    at = pl.concat([rows["at"].cast(pl.Datetime("us")), touched])
    hour = at.dt.hour().cast(pl.Float64) + at.dt.minute() / 60
    first, last = hour.min(), hour.max()
    if not isinstance(first, float) or not isinstance(last, float) or last - first > 20:
        return None
    return [min(24.0, last + 0.25), max(0.0, first - 0.1)]


def _day(moment: Moment) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _stamp(moment: Moment) -> str:
    return moment.isoformat()


def _times(at: pl.Series) -> list[str]:
    return at.cast(pl.String).to_list()
