"""One look for every figure: the ``workbench`` template, its colours, and text that is safe to show."""

from __future__ import annotations

import unicodedata
from functools import cache
from html import escape
from typing import Any, Literal

import plotly.graph_objects as go

from workbench.model.checks import Dimension
from workbench.model.findings import Severity

Theme = Literal["light", "dark"]

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"

# Okabe and Ito, "Color Universal Design", 2008: told apart with any common colour vision.
BLUE, SKY, GREEN, ORANGE, VERMILION, PURPLE = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"
INK, MUTED, GRID, PAPER = "#1f2933", "#5b6775", "#e4e8ed", "#ffffff"
CRIMSON, SLATE = "#9B1B30", "#7B8794"

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
# White to dark in one hue: order survives any colour vision and a grey printer.
LOSS_SCALE = [[0.0, "#f6f7f9"], [0.08, "#fdd8b5"], [0.35, "#f58d3d"], [0.7, "#b84300"], [1.0, "#5c1a00"]]


@cache
def template(theme: Theme = "light") -> go.layout.Template:
    """Return the ``workbench`` template: little ink, title left, legible type, for a light or a dark page."""
    dark = theme == "dark"
    ink, muted, grid, paper = ("#e6eaef", "#a9b4c0", "#343c46", "#15191e") if dark else (INK, MUTED, GRID, PAPER)
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
            "bgcolor": paper, "bordercolor": grid, "align": "left", "font": {"family": FONT, "size": 12, "color": ink},
        },
        "hovermode": "closest",
        "coloraxis": {"colorbar": {"outlinewidth": 0, "thickness": 10, "tickfont": {"size": 11, "color": muted}}},
    }  # fmt: skip
    return go.layout.Template(layout=layout)


def blank(title: str, *, alt: str, height: int = 360) -> go.Figure:
    """Return an empty figure in our look, with its text alternative in ``layout.meta["alt"]``.

    Parameters
    ----------
    title : str
        Shown at the top left; escaped by the caller (:func:`plain`) where it holds text from data.
    alt : str
        One sentence that says what a reader sees; plain text.
    """
    return go.Figure(layout={"template": template(), "title": {"text": title}, "height": height, "meta": {"alt": alt}})


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
    """Return a copy of a figure for a light or a dark page."""
    return go.Figure(figure).update_layout(template=template(theme))


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
