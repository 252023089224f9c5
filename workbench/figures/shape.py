"""The shape of data: missingness as a calendar, tails on logarithmic axes, correlations in an order that shows groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from workbench.figures.theme import (
    BLUE,
    GREEN,
    LOSS_SCALE,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    SLATE,
    VERMILION,
    blank,
    plain,
    say,
    short,
)
from workbench.model.names import SESSION, SYMBOL

if TYPE_CHECKING:
    import numpy.typing as npt
    import plotly.graph_objects as go

MAX_YEARS: Final = 16
MAX_COLUMNS: Final = 130
MAX_LINES: Final = 6
TAIL_POINTS: Final = 160
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LINES: Final = ((BLUE, "solid"), (VERMILION, "dash"), (GREEN, "dot"), (ORANGE, "dashdot"), (PURPLE, "longdash"), (SKY, "solid"))
# Blue for together, vermilion for against each other; opaque, so that numbers on it are told from it on any page.
BOTH_WAYS: Final = [[0.0, "#D55E00"], [0.5, "#eceff2"], [1.0, "#0072B2"]]


def missing_calendar(frame: pl.DataFrame) -> go.Figure:
    """Show which days lack rows: a band for each year, weeks across, week days down.

    Parameters
    ----------
    frame : DataFrame
        ``session`` (Date), ``expected``, ``missing`` (Int64). Of more than 16 years the last are shown.
    """
    known = frame.filter(pl.col("expected") > 0).sort(SESSION)
    if known.is_empty():
        return say(blank("What is missing, by day", alt="Nothing was expected on any day.", height=180), "Nothing was expected.")
    day = pl.col(SESSION)
    first_weekday = day.dt.truncate("1y").dt.weekday() - 1
    placed = known.with_columns(
        day.dt.year().alias("year"),
        ((day.dt.ordinal_day() - 1 + first_weekday) // 7).alias("week"),
        (day.dt.weekday() - 1).alias("weekday"),
        (100 * pl.col("missing") / pl.col("expected")).alias("share"),
    )
    years = placed["year"].unique().sort().to_list()[-MAX_YEARS:]
    placed = placed.filter(pl.col("year") >= years[0])
    deep = 7 if (placed["weekday"] > 4).any() else 5
    band = deep + 1
    rows = ((placed["year"] - years[0]) * band + placed["weekday"]).to_numpy()
    z = np.full((band * len(years) - 1, 54), np.nan)
    told = np.full(z.shape, "", dtype=object)
    z[rows, placed["week"].to_numpy()] = placed["share"].to_numpy()
    cells = placed.select(SESSION, "weekday", "missing", "expected").rows()
    told[rows, placed["week"].to_numpy()] = [f"{d} ({DAYS[w]})<br>{m:,} of {e:,} rows missing" for d, w, m, e in cells]
    lost, due = int(known["missing"].sum()), int(known["expected"].sum())
    bad = known.filter(pl.col("missing") > 0)
    worst = bad.sort([pl.col("missing") / pl.col("expected"), SESSION], descending=[True, False])
    most = f"; most on {worst[SESSION][0]}" if len(worst) else ""
    alt = (
        f"Calendar of {years[0]} to {years[-1]}, a cell a day: {lost:,} of {due:,} rows are missing, on {len(bad):,} days{most}."
    )
    figure = blank("What is missing, by day", alt=alt, height=110 + 7 * z.shape[0])
    _heat(figure, z, told, "% missing", list(range(54)))
    starts = [round((np.datetime64(f"2024-{m:02}-01") - np.datetime64("2024-01-01")).astype(int) / 7 + 1) for m in range(1, 13)]
    figure.update_xaxes(tickvals=starts, ticktext=MONTHS, showgrid=False, zeroline=False)
    figure.update_yaxes(
        tickvals=[number * band + deep // 2 for number in range(len(years))], ticktext=[str(year) for year in years],
        autorange="reversed", showgrid=False, zeroline=False,
    )  # fmt: skip
    return figure


def missing_hours(frame: pl.DataFrame) -> go.Figure:
    """Show at which time of day rows are missing, session by session, or averaged over weeks, months or years.

    Parameters
    ----------
    frame : DataFrame
        ``session`` (Date), ``slot`` (Time: when half an hour begins), ``expected``, ``missing`` (Int64).
    """
    title = "What is missing, by time of day"
    if frame.is_empty():
        return say(blank(title, alt="Nothing is known by time of day.", height=180), "Only for bars of half an hour or less.")
    every = next(e for e in ("1d", "1w", "1mo", "1y") if frame[SESSION].dt.truncate(e).n_unique() <= MAX_COLUMNS or e == "1y")
    by = frame.group_by(pl.col(SESSION).dt.truncate(every), "slot").agg(pl.col("expected", "missing").sum())
    columns, slots = by[SESSION].unique().sort(), by["slot"].unique().sort()
    grid = pl.DataFrame({"slot": slots}).join(columns.to_frame(), how="cross").join(by, on=["slot", SESSION], how="left",
                                                                                  maintain_order="left")  # fmt: skip
    shape = (len(slots), len(columns))
    z = grid.select(100 * pl.col("missing") / pl.col("expected")).to_series().to_numpy().reshape(shape)
    told = np.array([
        "" if e is None else f"{d}, {t:%H:%M}<br>{m:,} of {e:,} rows missing"
        for t, d, e, m in grid.select("slot", SESSION, "expected", "missing").rows()
    ], dtype=object).reshape(shape)  # fmt: skip
    lost = by.group_by("slot").agg(pl.col("missing").sum()).sort(["missing", "slot"], descending=[True, False])
    most = f"; most begin at {lost['slot'][0]:%H:%M}" if lost["missing"][0] else ""
    alt = f"Heat map of {len(columns)} periods by {len(slots)} half hours: {int(by['missing'].sum()):,} rows are missing{most}."
    figure = blank(title, alt=alt, height=170 + (20 if len(slots) <= 26 else 12) * len(slots))
    _heat(figure, z, told, "% missing", columns.cast(pl.String).to_list())
    figure.update_xaxes(type="category", nticks=10, showgrid=False, title_text="session (exchange date)")
    figure.update_yaxes(
        tickvals=list(range(len(slots))), ticktext=[f"{t:%H:%M}" for t in slots], autorange="reversed", showgrid=False,
        zeroline=False, title_text="time of day (exchange clock)",
    )  # fmt: skip
    return figure


def tails(returns: pl.DataFrame, volumes: pl.DataFrame) -> go.Figure:
    """Show how often large moves and large volumes come, on logarithmic axes.

    Parameters
    ----------
    returns : DataFrame
        ``symbol``, ``return`` (Float64).
    volumes : DataFrame
        ``symbol``, ``volume`` (Float64, positive); may be empty.

    Notes
    -----
    Complementary distribution of ``|r - mean| / std`` of each symbol, beside that of a normal, ``erfc(x / sqrt 2)``; and of
    the volume over its median, beside a log-normal of the same spread. Up to six symbols; more are pooled.
    """
    moves = _standardised(returns.filter(pl.col("return").is_finite()), "return", is_log=False)
    sizes = _standardised(volumes.filter(pl.col("volume") > 0), "volume", is_log=True)
    if moves.is_empty():
        return say(blank("Tails", alt="There are no returns to show.", height=180), "There are no returns to show.")
    beyond = float((moves["x"] > 4).mean() or 0)  # type: ignore[arg-type]
    alt = (f"Tails of {len(moves):,} returns: {beyond:.3%} lie beyond four standard deviations, where a normal has 0.006%"
           f"{f'; and of {len(sizes):,} volumes' if len(sizes) else ''}.")  # fmt: skip
    figure = blank("How heavy the tails are", alt=alt, height=420)
    _draw_tails(figure, moves, "", is_first=True)
    x = np.geomspace(0.1, 6, 60)
    _reference(figure, x, _beyond(x), "normal", "")
    figure.update_layout(
        xaxis={"type": "log", "title": {"text": "size of a return (standard deviations)"}, "dtick": "D2"},
        yaxis={"type": "log", "title": {"text": "share that is larger"}, "tickformat": "~%", "dtick": 1},
    )
    if len(sizes):
        _draw_tails(figure, sizes, "2", is_first=False)
        spread = float(sizes.select((pl.col("x").log() ** 2).mean().sqrt()).item())
        if spread:  # else all volumes are one
            x = np.geomspace(0.1, float(sizes["x"].max() or 10), 60)  # type: ignore[arg-type]
            _reference(figure, x, _beyond(np.log(x) / spread) / 2, "log-normal", "2")
        figure.update_layout(
            xaxis={"domain": [0, 0.46]},
            xaxis2={"domain": [0.56, 1], "anchor": "y2", "type": "log", "dtick": "D2", "title": {"text": "volume (medians)"}},
            yaxis2={"anchor": "x2", "type": "log", "tickformat": "~%", "dtick": 1, "range": [-5, 0.1]},
        )
    figure.update_layout(yaxis={"range": [-5, 0.1]})
    return figure


def _standardised(frame: pl.DataFrame, column: str, *, is_log: bool) -> pl.DataFrame:
    """Return ``symbol, x``: the size of a value in standard deviations, or in medians of its symbol."""
    value = pl.col(column)
    size = value / value.median().over(SYMBOL) if is_log else ((value - value.mean()) / value.std()).abs().over(SYMBOL)
    made = frame.select(SYMBOL, size.alias("x")).filter(pl.col("x").is_finite(), pl.col("x") > 0)
    return made if made[SYMBOL].n_unique() <= MAX_LINES else made.with_columns(pl.lit("all symbols").alias(SYMBOL))


def _draw_tails(figure: go.Figure, sizes: pl.DataFrame, axis: str, *, is_first: bool) -> None:
    for (symbol,), (colour, dash) in zip(sizes.select(SYMBOL).unique().sort(SYMBOL).rows(), LINES, strict=False):
        x = np.sort(sizes.filter(pl.col(SYMBOL) == symbol)["x"].to_numpy())
        share = 1 - np.arange(len(x)) / len(x)
        # Thinned evenly in the logarithm of the share, so that the largest are all there.
        at = np.unique(len(x) - np.geomspace(1, len(x), TAIL_POINTS).astype(np.int64))
        at = at[x[at] >= 0.1]
        figure.add_scatter(
            x=np.round(x[at], 6), y=np.round(share[at], 8), mode="lines", name=plain(symbol, 16), legendgroup=str(symbol),
            showlegend=is_first, xaxis=f"x{axis}", yaxis=f"y{axis}", line={"color": colour, "width": 1.6, "dash": dash},
            hovertemplate="%{x:.2f}: %{y:.3%} larger<extra>%{fullData.name}</extra>",
        )  # fmt: skip


def _reference(figure: go.Figure, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], name: str, axis: str) -> None:
    figure.add_scatter(
        x=np.round(x, 6), y=np.round(np.maximum(y, 1e-9), 12), mode="lines", name=name, xaxis=f"x{axis}", yaxis=f"y{axis}",
        line={"color": SLATE, "width": 3}, opacity=0.45, hoverinfo="skip",
    )  # fmt: skip


def _beyond(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the share of a normal that lies further out than x standard deviations, on both sides."""
    from math import erfc, sqrt

    return np.array([erfc(value / sqrt(2)) for value in x])


def correlation(frame: pl.DataFrame) -> go.Figure:
    """Show which symbols move together.

    Parameters
    ----------
    frame : DataFrame
        ``symbol``, ``other``, ``correlation`` (Float64 in [-1, 1] or null), ``rows``; every pair, in the order to show.
    """
    title = "Which symbols move together"
    if frame.is_empty():
        return say(blank(title, alt="There are no two symbols to correlate.", height=180), "It takes two symbols with returns.")
    names = frame[SYMBOL].unique(maintain_order=True).to_list()
    side = len(names)
    z = frame["correlation"].to_numpy().astype(np.float64).reshape(side, side)
    pairs = frame.filter(pl.col(SYMBOL) < pl.col("other")).drop_nulls("correlation").sort("correlation")
    said = "no pair shares enough moments"
    if len(pairs):
        ends = [(short(a, 16), short(b, 16), round(c, 2) + 0.0) for a, b, c, _ in (pairs.row(-1), pairs.row(0))]
        said = "most alike {} and {} with {:.2f}, least {} and {} with {:.2f}".format(*ends[0], *ends[1])
    figure = blank(title, alt=f"Correlation matrix of the returns of {side} symbols; {said}.", height=min(760, 200 + 34 * side))
    told = [f"{plain(a, 16)} and {plain(b, 16)}<br>over {n:,} rows" for a, b, n in frame.select(SYMBOL, "other", "rows").rows()]
    labels: dict[str, Any] = {"texttemplate": "%{z:.2f}", "textfont": {"size": 12}} if side <= 14 else {}
    figure.add_heatmap(
        z=z, x=list(range(side)), y=list(range(side)), zmin=-1, zmax=1, colorscale=BOTH_WAYS, xgap=1, ygap=1, hoverinfo="text",
        hovertext=np.array(told, dtype=object).reshape(side, side), **labels, colorbar=_bar("correlation"),
    )  # fmt: skip
    axis = {"tickvals": list(range(side)), "ticktext": [plain(name, 12) for name in names], "showgrid": False, "zeroline": False}
    figure.update_layout(xaxis=axis | {"constrain": "domain"}, yaxis=axis | {"autorange": "reversed", "scaleanchor": "x"})
    return figure


def _heat(figure: go.Figure, z: Any, told: Any, unit: str, x: list[Any]) -> None:
    figure.add_heatmap(
        z=z, x=x, y=list(range(len(z))), zmin=0, zmax=100, colorscale=LOSS_SCALE, xgap=int(len(x) < 100), ygap=1,
        hoverinfo="text", hovertext=told, colorbar=_bar(unit), hoverongaps=False,
    )  # fmt: skip


def _bar(unit: str) -> dict[str, Any]:
    return {"title": {"text": unit, "font": {"size": 11, "color": MUTED}}, "thickness": 10, "outlinewidth": 0}
