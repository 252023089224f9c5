"""Figures that stay connected with Python: shown once, redrawn in place, asked again for what a zoom looks at."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from workbench.figures.charts import window_of
from workbench.figures.theme import restyle

if TYPE_CHECKING:
    from collections.abc import Callable

    import plotly.graph_objects as go

    from workbench.figures.buckets import Window

# plotly's widget measures its place once, before there is one (plotly.py issue 5208); it does listen to the window, so an
# empty widget beside it passes on whenever the place itself has changed: when it is there, when a side bar opens.
_STRETCH: Final = """export default { render({ el }) {
    const observer = new ResizeObserver(() => window.dispatchEvent(new Event("resize")));
    observer.observe(el);
    return () => observer.disconnect();
} };"""


def stretcher() -> Any:
    """Return an empty widget that, put beside a live figure, makes the figure as wide as its place."""
    import anywidget

    return type("Stretcher", (anywidget.AnyWidget,), {"_esm": _STRETCH})()


class LiveFigure:
    """A figure in JupyterLab whose content can be exchanged.

    Parameters
    ----------
    draw : callable
        Takes what is looked at, or None for everything, and returns the figure to show.

    Attributes
    ----------
    widget
        What JupyterLab shows.
    """

    def __init__(self, draw: Callable[[Window | None], go.Figure]) -> None:
        from plotly.graph_objects import FigureWidget

        self._draw = draw
        self._is_drawing = False
        self.widget: Any = FigureWidget(layout={"autosize": True})
        self.widget._config = {"responsive": True, "displaylogo": False}
        self.redraw()
        self.widget.layout.on_change(self._zoomed, "xaxis.range", "xaxis.autorange")

    def redraw(self) -> None:
        """Draw everything anew, from the first moment to the last."""
        self._show(self._draw(None), None)

    def _zoomed(self, _layout: Any, span: Any, is_whole: Any) -> None:
        if self._is_drawing:
            return
        window = None if is_whole or not span else window_of(*span)
        self._show(self._draw(window), window)

    def _show(self, figure: go.Figure, window: Window | None) -> None:
        """Put another figure in the place of the one that is shown; the axes stay where the reader has put them."""
        told = restyle(figure, "notebook")
        layout = {"shapes": [], "annotations": [], **told.to_plotly_json()["layout"], "autosize": True}  # what was drawn goes
        if window is not None:
            layout["xaxis"] |= {"range": [m.isoformat() for m in window], "autorange": False}
            for axis in ("yaxis", "yaxis2"):
                layout[axis] = {**layout.get(axis, {}), **_height(figure, window, axis)}
        self._is_drawing = True
        try:
            with self.widget.batch_update():
                if [trace.type for trace in told.data] == [trace.type for trace in self.widget.data]:
                    for old, new in zip(self.widget.data, told.data, strict=True):
                        old.update(new.to_plotly_json(), overwrite=True)
                else:
                    self.widget.data = ()
                    self.widget.add_traces(told.data)
                self.widget.layout.update(layout, overwrite=True)
        finally:
            self._is_drawing = False


def _height(figure: go.Figure, window: Window, axis: str) -> dict[str, Any]:
    """Return the range of an axis that shows what lies in a window, with a little room; bars stand on zero."""
    low, high = np.inf, -np.inf
    for trace in figure.data:
        if (trace.yaxis or "y") != axis.replace("axis", ""):
            continue
        at = np.array([datetime.fromisoformat(x) for x in trace.x], dtype="datetime64[us]")
        inside = (at >= np.datetime64(window[0])) & (at <= np.datetime64(window[1]))
        for values in (trace.open, trace.high, trace.low, trace.close) if trace.type == "candlestick" else (trace.y,):
            seen = np.asarray(values, dtype=np.float64)[inside]
            seen = seen[np.isfinite(seen)]
            if len(seen):
                low, high = min(low, float(seen.min())), max(high, float(seen.max()))
        low = min(low, 0.0) if trace.type == "bar" else low
    if low > high:
        return {"autorange": True}
    if figure.layout[axis].type == "log":
        low, high = (float(np.log10(edge)) if edge > 0 else np.nan for edge in (low, high))
        return {"range": [low - 0.05, high + 0.05], "autorange": False} if low <= high else {"autorange": True}
    room = (high - low) * 0.06 or abs(high) * 0.01 or 1.0
    return {"range": [low if low == 0 else low - room, high + room], "autorange": False}
