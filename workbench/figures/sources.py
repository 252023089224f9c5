"""Sources beside each other: how far each lies off over time, and how alike they are symbol by symbol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.figures.arbitration import COLOURS
from workbench.figures.theme import BLUE, MUTED, VERMILION, blank, number, plain, say, short
from workbench.model.names import SYMBOL

if TYPE_CHECKING:
    import plotly.graph_objects as go

MAX_SYMBOLS: Final = 30
MAX_POINTS: Final = 3000
DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def differences(frame: pl.DataFrame, *, symbol: str, field: str, limit_bps: float) -> go.Figure:
    """Show how far sources lie off, and below it what differs by convention.

    Parameters
    ----------
    frame : DataFrame
        ``at``, ``source``, ``bps``, ``factor``, as :meth:`workbench.quality.sources.opinion.Opinion.differences` gives it.
    symbol, field : str
    limit_bps : float
        Differences up to this are agreement.

    Notes
    -----
    Above 3,000 rows of a source, of each stretch the row that lies furthest off is drawn.
    """
    title = f"<b>{plain(symbol)}</b> {plain(field)}<span style='color:{MUTED}'> · how far sources lie off</span>"
    if frame.is_empty():
        figure = blank(title, alt=f"No other source says anything of {short(symbol)} {short(field)}.", height=180)
        return say(figure, "No other source says anything of it.")
    far = frame.filter(pl.col("bps").abs() > limit_bps)
    widest = frame.sort(pl.col("bps").abs(), "source", descending=True).row(0, named=True)
    most = f"the furthest {number(round(widest['bps'], 1))} at {widest['at']} ({short(widest['source'], 24)})"
    alt = (
        f"Differences of {short(field)} of {short(symbol)} over {frame['at'].n_unique():,} rows, in basis points; {len(far):,} "
        f"lie beyond {limit_bps:g}, {most}."
    )
    figure = blank(title, alt=alt, height=440)
    for place, ((source,), rows) in enumerate(frame.partition_by("source", as_dict=True, maintain_order=True).items()):
        line = {"color": COLOURS[place % len(COLOURS)], "width": 1.5, "dash": DASHES[place % len(DASHES)]}
        shown = _thinned(rows)
        figure.add_scatter(
            x=shown["at"].cast(pl.String).to_list(), y=shown["bps"].round(4).to_numpy(), mode="lines", name=plain(source, 24),
            line=line, legendgroup=str(source), hovertemplate="%{x}<br>%{y:.2f} bps<extra>%{fullData.name}</extra>",
        )  # fmt: skip
        if rows["factor"].null_count() < len(rows):
            figure.add_scatter(
                x=shown["at"].cast(pl.String).to_list(), y=shown["factor"].to_numpy(), mode="lines", yaxis="y2", showlegend=False,
                line={**line, "shape": "hv"}, legendgroup=str(source), hovertemplate="%{x}<br>factor %{y:.6g}<extra></extra>",
            )  # fmt: skip
    for bound in (-limit_bps, limit_bps):
        figure.add_hline(y=bound, line={"color": VERMILION, "width": 1, "dash": "dot"})
    clock = "session (exchange date)" if isinstance(frame.schema["at"], pl.Date) else "time (UTC)"
    figure.update_layout(
        yaxis={"domain": [0.34, 1], "title": {"text": "off by (bps)"}},
        yaxis2={"domain": [0, 0.22], "anchor": "x", "title": {"text": "convention"}, "nticks": 4},
        xaxis={"type": "date", "anchor": "y2", "title": {"text": clock}, "showgrid": False},
    )
    return figure


def _thinned(rows: pl.DataFrame) -> pl.DataFrame:
    if len(rows) <= MAX_POINTS:
        return rows
    stretch = (pl.int_range(pl.len()) * MAX_POINTS // pl.len()).alias("stretch")
    furthest = pl.all().sort_by(pl.col("bps").abs()).last()
    return rows.sort("at").group_by(stretch, maintain_order=True).agg(furthest).drop("stretch")


def agreement(symbols: pl.DataFrame, *, min_correlation: float, max_rmse: float) -> go.Figure:
    """Show how alike sources are, symbol by symbol: correlation of returns, and RMSE.

    Parameters
    ----------
    symbols : DataFrame
        ``symbol``, ``correlation``, ``rmse`` (relative; both null where they are not known). The 30 least alike are shown.
    min_correlation, max_rmse : float
        What is demanded.
    """
    title = "How alike sources are"
    known = symbols.filter(pl.col("rmse").is_not_null()).sort(["correlation", "rmse"], descending=[False, True], nulls_last=True)
    if known.is_empty():
        return say(blank(title, alt="No symbol is shared with another source.", height=180), "No symbol is shared.")
    shown = known.head(MAX_SYMBOLS)
    low = known.filter((pl.col("correlation") < min_correlation) | (pl.col("rmse") > max_rmse)).height
    alt = f"Correlation and RMSE of {len(known):,} symbols; {low:,} are below {min_correlation:g} or above {max_rmse:.2%}."
    figure = blank(title, alt=alt, height=180 + 26 * len(shown))
    rows = list(range(len(shown)))
    for axis, column, limit, bad in (
        ("", "correlation", min_correlation, shown["correlation"] < min_correlation),
        ("2", "rmse", max_rmse * 100, shown["rmse"] > max_rmse),
    ):
        values = shown[column] * (100 if column == "rmse" else 1)
        figure.add_scatter(
            x=values.to_numpy(), y=rows, xaxis=f"x{axis}", mode="markers", showlegend=False, cliponaxis=False,
            marker={"size": 10, "color": [VERMILION if b else BLUE for b in bad],
                    "symbol": ["triangle-up" if b else "circle" for b in bad]},
            hovertemplate="%{x:.6~g}<extra></extra>",
        )  # fmt: skip
        figure.add_shape(
            type="line", xref=f"x{axis}", yref="paper", x0=limit, x1=limit, y0=0, y1=1,
            line={"color": MUTED, "width": 1, "dash": "dot"},
        )  # fmt: skip
    figure.update_yaxes(tickvals=rows, ticktext=[plain(s, 20) for s in shown[SYMBOL]], autorange="reversed", zeroline=False)
    figure.update_layout(
        xaxis={"domain": [0, 0.46], "title": {"text": f"correlation of returns (at least {min_correlation:g})"}},
        xaxis2={"domain": [0.54, 1], "title": {"text": f"RMSE (%, at most {max_rmse * 100:g})"}, "rangemode": "tozero"},
    )
    return figure
