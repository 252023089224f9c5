"""Controls for what to look at of a dataset, beside a live figure: a view, everything else is decided by the exploration."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from workbench.figures.live import LiveFigure, stretcher
from workbench.figures.theme import caption_html
from workbench.model.errors import WorkbenchError

if TYPE_CHECKING:
    import ipywidgets
    import plotly.graph_objects as go

    from workbench.figures.buckets import Window
    from workbench.lab.exploring import Exploration, Wanted

MOST_VERSIONS = 50
LATEST = -1  # a Dropdown shows nothing where its value is None


class Controls:
    """The controls, and what they ask for."""

    def __init__(self, exploration: Exploration) -> None:
        import ipywidgets as w

        symbols = exploration.symbols
        narrow, wide = w.Layout(width="140px"), w.Layout(width="205px")
        own: dict[str, Any] = {"style": {"description_width": "initial"}}
        self.symbols = w.SelectMultiple(
            options=symbols, value=symbols[:1], rows=22, layout=w.Layout(width="150px"), tooltip="Symbols, lowest score first"
        )
        self.frequency = w.Dropdown(options=exploration.frequencies, description="by", layout=narrow, **own)
        views = [(label, name) for name, label in exploration.labels.items() if not exploration.views[name]]
        self.view = w.Dropdown(options=views, value="corrected", description="rows", layout=wide, **own)
        newest = exploration.versions.select("version", "recorded_at").reverse().head(MOST_VERSIONS).rows()
        named = [(f"{number}, {recorded:%Y-%m-%d %H:%M} UTC", number) for number, recorded in newest]
        self.version = w.Dropdown(options=[("latest", LATEST), *named], description="version", layout=wide, **own)
        self.versus = w.Dropdown(options=[("nothing", LATEST), *named], description="against", layout=wide, **own)
        self.start = w.Text(placeholder=exploration.span[0], description="from", continuous_update=False, layout=narrow, **own)
        self.end = w.Text(placeholder=exploration.span[1], description="to", continuous_update=False, layout=narrow, **own)

    @property
    def all(self) -> tuple[Any, ...]:
        """Every control, in the order of the page."""
        return (self.symbols, self.start, self.end, self.frequency, self.view, self.version, self.versus)

    def values(self) -> dict[str, Any]:
        """Return what is asked for, by the names of :class:`workbench.lab.exploring.Wanted`."""
        versions = {"version": self.version, "versus": self.versus}
        return {
            "symbols": self.symbols.value, "start": self.start.value.strip() or None, "end": self.end.value.strip() or None,
            "frequency": self.frequency.value, "view": self.view.value,
            **{name: None if chosen.value == LATEST else chosen.value for name, chosen in versions.items()},
        }  # fmt: skip


def explorer(exploration: Exploration) -> ipywidgets.VBox:
    """Show a dataset with controls.

    Parameters
    ----------
    exploration : Exploration

    Returns
    -------
    VBox
        Controls above; below them the symbols, a live figure, and what it shows in words.
    """
    import ipywidgets as w

    controls = Controls(exploration)
    caption = w.HTML()
    shown: list[Wanted] = [exploration.wanted(**controls.values())]

    def draw(window: Window | None) -> go.Figure:
        figure = exploration.figure(shown[0], window)
        caption.value = f"<div aria-live='polite'>{caption_html(figure)}</div>"
        return figure

    live = LiveFigure(draw)

    def change(_event: object) -> None:
        before = shown[0]
        try:
            shown[0] = exploration.wanted(**controls.values())
            live.redraw()
        except WorkbenchError as refused:
            shown[0] = before
            caption.value = f"<div class='wb-alt' role='alert'>{escape(str(refused))}</div>"

    for control in controls.all:
        control.observe(change, names="value")
    notes = "".join(
        f"<div class='wb-alt'>no {view} prices: {escape(why)}</div>" for view, why in exploration.views.items() if why
    )
    rows = [w.HBox(controls.all[1:], layout=w.Layout(flex_flow="row wrap"))]
    figure = w.VBox(
        [live.widget, caption, w.HTML(notes), stretcher()], layout=w.Layout(width="calc(100% - 160px)", overflow="hidden")
    )
    return w.VBox([*rows, w.HBox([controls.symbols, figure], layout=w.Layout(width="100%"))])
