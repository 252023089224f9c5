"""What the data looks like: what is missing, how returns are spread, what is covered, each column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from workbench.figures.theme import BLUE, GRID, INK, LOSS_SCALE, MUTED, ORANGE, PAPER, VERMILION, blank, number, plain, say, short

if TYPE_CHECKING:
    import numpy.typing as npt
    import plotly.graph_objects as go

MAX_ROWS = 40
MAX_LINES = 6
BINS = 121


def missing_map(frame: pl.DataFrame) -> go.Figure:
    """Show where data is missing: symbols down, periods across.

    Parameters
    ----------
    frame : DataFrame
        ``symbol`` (String), ``period`` (Date: the first day of it, or String), ``missing_share``
        (Float64 in [0, 1]; null where nothing was expected). The 40 symbols that miss most are shown.
    """
    if frame.is_empty():
        return say(blank("What is missing", alt="There is nothing to show.", height=180), "Nothing was expected.")
    order = (
        frame.group_by("symbol").agg(pl.col("missing_share").mean()).sort(["missing_share", "symbol"], descending=[True, False])
    )
    symbols = order["symbol"].head(MAX_ROWS).to_list()
    periods = frame["period"].unique().sort()
    grid = pl.DataFrame({"symbol": symbols}).join(periods.to_frame(), how="cross").join(
        frame.select("symbol", "period", "missing_share"), on=["symbol", "period"], how="left", maintain_order="left"
    )  # fmt: skip
    z = grid["missing_share"].to_numpy().reshape(len(symbols), len(periods)) * 100
    whole = float(frame["missing_share"].mean() or 0)  # type: ignore[arg-type]
    more = f", the {MAX_ROWS} worst of {order.height:,} symbols" if order.height > MAX_ROWS else ""
    alt = (
        f"Heat map of missing data, {len(symbols)} symbols over {len(periods)} periods; {whole:.2%} is missing on average{more}."
    )
    figure = blank(f"What is missing{more}", alt=alt, height=min(820, 150 + 22 * len(symbols)))
    figure.add_heatmap(
        z=z, x=_period_names(periods), y=list(range(len(symbols))), zmin=0, zmax=100,
        text=[[plain(symbol, 20)] * len(periods) for symbol in symbols], colorscale=LOSS_SCALE, xgap=int(len(periods) < 100),
        ygap=1, hovertemplate="%{text}<br>%{x}<br>%{z:.2f} % missing<extra></extra>",
        colorbar={"title": {"text": "% missing", "font": {"size": 11, "color": MUTED}}, "thickness": 10, "outlinewidth": 0},
    )  # fmt: skip
    figure.update_xaxes(type="category", nticks=10, showgrid=False, title_text="period (exchange date)")
    _name_rows(figure, symbols)
    return figure


def _period_names(periods: pl.Series) -> list[str]:
    if periods.dtype == pl.Date and (periods.dt.day() == 1).all():
        return periods.dt.to_string("%Y-%m").to_list()
    return [plain(p, 20) for p in periods]


def returns_histogram(frame: pl.DataFrame) -> go.Figure:
    """Show how returns are spread, tails included.

    Parameters
    ----------
    frame : DataFrame
        ``symbol`` (String), ``return`` (Float64, 0.01 is one per cent; null and not finite are
        passed over). Up to six symbols have a line each; more are pooled into one.

    Notes
    -----
    121 bins, equal for all lines, out to the 99.5th percentile of the absolute return times two;
    what lies beyond is counted in the outermost bins. The count axis is logarithmic.
    """
    known = frame.filter(pl.col("return").is_finite()).select("symbol", pl.col("return") * 100)
    if known.is_empty():
        return say(blank("Returns", alt="There are no returns to show.", height=180), "There are no returns to show.")
    reach = float(known["return"].abs().quantile(0.995) or 0) * 2 or 1.0
    edges = np.linspace(-reach, reach, BINS + 1)
    beyond = int((known["return"].abs() > reach).sum())
    symbols = known["symbol"].unique().sort().to_list()
    named = symbols if len(symbols) <= MAX_LINES else [f"{len(symbols):,} symbols"]
    edge = f"{beyond:,} beyond ±{reach:.3g} % in the edge bins"
    alt = f"Histogram of {known.height:,} returns of {len(symbols):,} symbols, {edge}."
    figure = blank("How returns are spread", alt=alt, height=380)
    for name in named:
        values = known if len(symbols) > MAX_LINES else known.filter(pl.col("symbol") == name)
        counts = _counts(values["return"].to_numpy(), edges)
        figure.add_scatter(
            x=(edges[:-1] + edges[1:]) / 2, y=np.where(counts > 0, counts.astype(float), np.nan), mode="lines",
            name=plain(name, 20), line={"shape": "hvh", "width": 1.5}, hovertemplate="%{x:.2f} %: %{y:,} returns<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title_text=f"return per row (%), {edge}")
    figure.update_yaxes(title_text="returns (count, log)", type="log", dtick=1)
    return figure


def _counts(values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0].astype(np.int64)


def coverage(frame: pl.DataFrame) -> go.Figure:
    """Show from when to when each symbol is there, and how full that stretch is.

    Parameters
    ----------
    frame : DataFrame
        ``symbol`` (String), ``first``, ``last`` (Date), ``sessions``, ``expected`` (integers:
        sessions seen and scheduled from first to last; expected null or 0 where it is not known).
        The 40 least covered are shown.
    """
    shown = frame.drop_nulls(["first", "last"]).with_columns(
        pl.when(pl.col("expected") > 0).then(pl.col("sessions") / pl.col("expected")).alias("share")
    )  # fmt: skip
    if shown.is_empty():
        return say(blank("Coverage", alt="No symbol has any session.", height=180), "No symbol has any session.")
    total = shown.height
    shown = shown.sort(["share", "symbol"], nulls_last=True).head(MAX_ROWS).sort("symbol")
    reach = f"{shown['first'].sort()[0]} to {shown['last'].sort()[-1]}"
    alt = f"Bars from the first to the last session of {shown.height} of {total:,} symbols, {reach}."
    title = "Coverage" if total <= MAX_ROWS else f"Coverage, the {MAX_ROWS} least covered of {total:,} symbols"
    figure = blank(title, alt=alt, height=min(980, 130 + 24 * shown.height))
    days = (shown["last"] - shown["first"]).dt.total_milliseconds() + 86_400_000
    said = [_covered(*row) for row in shown.select("sessions", "expected", "share").rows()]
    spans = shown.select("symbol", "first", "last").rows()
    figure.add_bar(
        orientation="h", y=list(range(shown.height)), base=shown["first"].cast(pl.String).to_list(), x=days.to_numpy(),
        marker={"color": [_shade(share) for share in shown["share"]]}, hoverinfo="text",
        hovertext=[f"<b>{plain(s, 20)}</b><br>{a} to {b}<br>{t}" for (s, a, b), t in zip(spans, said, strict=True)],
    )  # fmt: skip
    figure.update_xaxes(type="date", title_text="session (exchange date)")
    figure.update_layout(bargap=0.35)
    _name_rows(figure, shown["symbol"].to_list(), [text.rpartition(", ")[2] for text in said])
    return figure


def _covered(sessions: int, expected: int | None, share: float | None) -> str:
    # Cut, not rounded: 100 % means all of them.
    return f"{sessions:,} sessions" if share is None else f"{sessions:,} of {expected:,} sessions, {int(share * 1000) / 10:.1f} %"


def _shade(share: float | None) -> str:
    """Return the colour of a bar: full, with holes, mostly holes; the numbers stand beside it."""
    if share is None or share >= 0.995:
        return BLUE
    return ORANGE if share >= 0.9 else VERMILION


def _name_rows(figure: go.Figure, symbols: list[str], notes: list[str] | None = None) -> None:
    """Label numbered rows: positions, not categories, so that cut names cannot fall together."""
    names = [plain(s, 20) for s in symbols]
    if notes:
        names = [f"{name} · {note}" for name, note in zip(names, notes, strict=True)]
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names, autorange="reversed", showgrid=False, zeroline=False)


def columns(frame: pl.DataFrame) -> go.Figure:
    """Show one line for each column of the data: what is missing, and from where to where values lie.

    Parameters
    ----------
    frame : DataFrame
        ``column`` (String), ``missing_share`` (Float64 in [0, 1]), ``min``, ``p01``, ``median``,
        ``p99``, ``max`` (Float64, null where there is none). Further columns are passed over.
    """
    numbers = ("min", "p01", "median", "p99", "max")
    missing = [f"{v:.2%}" if v is not None else "–" for v in frame["missing_share"]]
    cells = [[plain(c, 30) for c in frame["column"]], missing, *([number(v) for v in frame[c]] for c in numbers)]
    most = ", ".join(f"{short(c, 20)} {m}" for c, m in zip(frame["column"], missing, strict=True) if m not in ("0.00%", "–"))
    figure = blank(
        "Columns", alt=f"Table of {frame.height} columns; missing: {most or 'nothing'}.", height=110 + 30 * max(1, frame.height)
    )
    align = ["left"] + ["right"] * 6
    figure.add_table(
        columnwidth=[1.4, 1, 1.2, 1.2, 1.2, 1.2, 1.2],
        header={
            "values": ["column", "missing", "min", "1 %", "median", "99 %", "max"], "align": align, "fill": {"color": PAPER},
            "line": {"color": GRID, "width": 1}, "font": {"size": 12, "color": MUTED}, "height": 30,
        },
        cells={
            "values": cells, "align": align, "fill": {"color": PAPER}, "line": {"color": GRID, "width": 1},
            "font": {"size": 13, "color": INK}, "height": 30,
        },
    )  # fmt: skip
    return figure
