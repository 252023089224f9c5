"""One look for every figure: the ``workbench`` template, its colours, and text that is safe to show."""

from __future__ import annotations

import unicodedata
from datetime import date, timedelta
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import plotly.graph_objects as go

from workbench.model.checks import Dimension
from workbench.model.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

Theme = Literal["light", "dark", "notebook"]
"""``notebook``: on any page, light or dark; without paper, in tones that both bear."""

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"

# Okabe and Ito, "Color Universal Design", 2008: told apart with any common colour vision.
BLUE, SKY, GREEN, ORANGE, VERMILION, PURPLE = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"
INK, MUTED, GRID, PAPER = "#1f2933", "#5b6775", "#e4e8ed", "#ffffff"
CRIMSON, SLATE = "#9B1B30", "#7B8794"
# White to dark in one hue: order survives any colour vision and a grey printer.
_RAMP = ("#f6f7f9", "#fdd8b5", "#f58d3d", "#b84300", "#5c1a00")

# Ink, muted ink, grid, paper, and the ramp. The tones of ``notebook`` have a contrast of 4.3 with white and with JupyterLab's
# #111 alike, and its ramp goes from hardly there to full; where its style sheet is at hand, letters are in JupyterLab's own ink.
PALETTES: dict[Theme, tuple[str, ...]] = {
    "light": (INK, MUTED, GRID, PAPER, *_RAMP),
    "dark": ("#e6eaef", "#a9b4c0", "#343c46", "#15191e", "#20262d", "#5c3a14", "#9a5a1c", "#e07b28", "#ffb875"),
    "notebook": (
        "#6f7b88", "#707c89", "rgba(128,138,148,0.22)", "rgba(0,0,0,0)",
        "rgba(128,138,148,0.11)", "rgba(213,94,0,0.3)", "rgba(213,94,0,0.55)", "rgba(213,94,0,0.8)", "rgba(213,94,0,1)",
    ),
}  # fmt: skip
_LETTERS = (
    "[class*=title]",
    ".legendtext",
    ".annotation-text",
    "[class*=tick] text",
    ".textpoint text",
    ".bartext",
    ".cbaxis text",
)
FEW_DAYS = 8
FEW_MONTHS = 14
NOTEBOOK_STYLE = (
    "<style>"
    + ",".join(f".js-plotly-plot {name}" for name in _LETTERS)
    + "{fill:var(--jp-ui-font-color1,#6f7b88)!important}"
    + ".wb-alt{color:var(--jp-ui-font-color2,#6f7b88);font:12px/1.4 var(--jp-ui-font-family,system-ui,sans-serif);"
    + "margin:0 12px 8px;max-width:130ch;overflow-wrap:anywhere}</style>"
)

DIMENSION_COLOURS: dict[Dimension, str] = {
    Dimension.COMPLETENESS: BLUE,
    Dimension.ACCURACY: VERMILION,
    Dimension.CONSISTENCY: GREEN,
    Dimension.TIMELINESS: ORANGE,
    Dimension.VALIDITY: PURPLE,
}
SEVERITY_COLOURS: dict[Severity, str] = {
    Severity.LOW: SLATE,
    Severity.MEDIUM: ORANGE,
    Severity.HIGH: VERMILION,
    Severity.CRITICAL: CRIMSON,
}
SEVERITY_SHAPES: dict[Severity, str] = {
    Severity.LOW: "circle",
    Severity.MEDIUM: "diamond",
    Severity.HIGH: "triangle-up",
    Severity.CRITICAL: "x",
}
LOSS_SCALE = [[at, colour] for at, colour in zip((0.0, 0.08, 0.35, 0.7, 1.0), _RAMP, strict=True)]


@cache
def template(theme: Theme = "light") -> go.layout.Template:
    """Return the ``workbench`` template: little ink, title left, legible type, for a page of that theme."""
    ink, muted, grid, paper = PALETTES[theme][:4]
    label, letters = (INK, PAPER) if theme == "notebook" else (paper, ink)
    axis = {
        "gridcolor": grid, "linecolor": grid, "zerolinecolor": grid, "zerolinewidth": 1, "ticks": "", "automargin": True,
        "title": {"standoff": 10, "font": {"size": 12, "color": muted}}, "tickfont": {"size": 12, "color": muted},
    }  # fmt: skip
    layout: dict[str, Any] = {
        "font": {"family": FONT, "size": 13, "color": ink},
        "title": {"x": 0, "xref": "container", "xanchor": "left", "pad": {"l": 12}, "font": {"size": 16, "color": ink}},
        "paper_bgcolor": paper,
        "plot_bgcolor": paper,
        "colorway": [BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, SLATE],
        "margin": {"l": 12, "r": 16, "t": 56, "b": 12},
        "xaxis": axis,
        "yaxis": axis | {"ticklabelstandoff": 5},
        "legend": {
            "orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom", "font": {"size": 12, "color": muted},
            "title": {"text": ""}, "bgcolor": "rgba(0,0,0,0)",
        },
        "hoverlabel": {
            "bgcolor": label, "bordercolor": grid, "align": "left", "font": {"family": FONT, "size": 12, "color": letters},
        },
        "hovermode": "closest",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": muted, "activecolor": BLUE},
        "coloraxis": {"colorbar": {"outlinewidth": 0, "thickness": 10, "tickfont": {"size": 11, "color": muted}}},
    }  # fmt: skip
    return go.layout.Template(layout=layout)


class Drawing(go.Figure):  # type: ignore[misc] # plotly is untyped
    """A figure that shows itself in a notebook with its text alternative below, on a light page and on a dark one."""

    def _ipython_display_(self) -> None:
        from IPython.display import HTML, display

        restyle(self, "notebook").shown_bare()
        display(HTML(caption_html(self)))

    def shown_bare(self) -> None:
        """Show the figure as plotly does."""
        super()._ipython_display_()

    def __repr__(self) -> str:
        return alt_of(self) or super().__repr__()


def alt_of(figure: go.Figure) -> str:
    """Return what a figure says it shows; empty where it does not."""
    meta = figure.layout.meta
    return str(meta["alt"]) if meta and "alt" in meta else ""


def caption_html(figure: go.Figure) -> str:
    """Return a figure's text alternative as HTML, for below it, with what makes its letters those of the page."""
    return f"{NOTEBOOK_STYLE}<div class='wb-alt' role='note'>{escape(short(alt_of(figure), 600))}</div>"


def blank(title: str, *, alt: str, height: int = 360) -> go.Figure:
    """Return an empty figure in our look, with its text alternative in ``layout.meta["alt"]``.

    Parameters
    ----------
    title : str
        Shown at the top left; escaped by the caller (:func:`plain`) where it holds text from data.
    alt : str
        One sentence that says what a reader sees; plain text.
    """
    return Drawing(layout={"template": template(), "title": {"text": title}, "height": height, "meta": {"alt": alt}})


def over_days(figure: go.Figure, days: Sequence[date], title: str) -> None:
    """Give a figure an axis of days: of few, each has its tick, and none an hour.

    Parameters
    ----------
    days : sequence of date
        Those that are drawn, in any order; not empty.
    """
    first, last = min(days), max(days)
    figure.update_xaxes(type="date", title_text=title)
    if (last - first).days < FEW_DAYS:
        around = [f"{first - timedelta(days=1)}T10:00", f"{last}T14:00"]
        figure.update_xaxes(range=around, dtick=86_400_000, tickformat="%b %-d\n%Y")


def over_months(figure: go.Figure, months: Sequence[date]) -> None:
    """Give a figure of bars an axis of months: each bar is as wide as its month, and named in its middle.

    Parameters
    ----------
    months : sequence of date
        The first days of those that are drawn, in any order; not empty.
    """
    first, last = min(months), max(months)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    figure.update_xaxes(type="date", title_text="month", ticklabelmode="period")
    figure.update_traces(xperiod="M1", xperiodalignment="middle", selector={"type": "bar"})
    if count <= FEW_MONTHS:
        figure.update_xaxes(dtick="M1", tickformat="%b\n%Y")


def say(figure: go.Figure, words: str) -> go.Figure:
    """Put a sentence in the place of a picture, for when there is nothing to draw."""
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.update_layout(height=180)
    figure.add_annotation(
        text=words, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font={"size": 14, "color": MUTED}
    )
    return figure


def restyle(figure: go.Figure, theme: Theme) -> go.Figure:
    """Return a copy of a figure for a page of that theme: the template's, and every colour that belongs to the page."""
    swaps = dict(zip(PALETTES["light"], PALETTES[theme], strict=True))
    told = {"data": [trace.to_plotly_json() for trace in figure.data], "layout": figure.layout.to_plotly_json()}
    told["layout"].pop("template", None)
    return Drawing(_recoloured(told, swaps)).update_layout(template=template(theme))


def _recoloured(part: Any, swaps: dict[str, str]) -> Any:
    """Return plotly's description of a figure with other colours, in styles within its texts too."""
    if isinstance(part, dict):
        return {name: _recoloured(value, swaps) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return [_recoloured(value, swaps) for value in part]
    if isinstance(part, str):
        return swaps.get(part) or part.replace(f"color:{MUTED}", f"color:{swaps[MUTED]}")
    return part


def short(text: object, limit: int = 40) -> str:
    """Return text on one line, without control characters, cut to ``limit`` characters.

    Examples
    --------
    >>> short("a" * 50, 10)
    'aaaaaaaaa…'
    """
    head = str(text)[: limit * 4]
    clean = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in head)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def plain(text: object, limit: int = 40) -> str:
    """Return :func:`short` text that plotly shows as it is: its labels read a subset of HTML.

    Examples
    --------
    >>> plain("<b>BRK/B</b>")
    '&lt;b&gt;BRK/B&lt;/b&gt;'
    """
    return escape(short(text, limit), quote=False)


def words(name: str) -> str:
    """Return a name such as ``missing_rate`` as a person reads it."""
    return plain(name.replace("_", " "), 48)


def number(value: object) -> str:
    """Return a value from data for display: four to six significant digits, or short plain text.

    Examples
    --------
    >>> number(1234567.0), number(0.1 + 0.2), number(None), number("abc")
    ('1,234,567', '0.3', '–', 'abc')
    """
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return plain(value, 60)
    if isinstance(value, int) or (abs(value) >= 100_000 and value == int(value)):
        return f"{value:,.0f}" if abs(value) < 10**15 else f"{value:.6g}"
    return f"{value:,.6g}"
