"""Look at a dataset symbol by symbol, findings marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets

if TYPE_CHECKING:
    from workbench.lab.dataset import Dataset


def explore(dataset: Dataset) -> ipywidgets.VBox:
    """Show one symbol's prices with its findings, and a menu of the others, worst score first.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    VBox
        A menu above a live figure.
    """
    from IPython.display import display

    rows = dataset.read()
    scored = dataset.score()
    symbols = scored.score.by_symbol["symbol"].to_list()
    menu = ipywidgets.Dropdown(options=symbols, description="symbol")
    canvas = ipywidgets.Output()

    def draw(change: dict[str, object] | None = None) -> None:
        del change
        mine = tuple(finding for finding in scored.findings.items if finding.symbol == menu.value)
        with canvas:
            canvas.clear_output(wait=True)
            display(rows.with_findings(mine).figure(menu.value))

    menu.observe(draw, names="value")
    draw()
    return ipywidgets.VBox([menu, canvas])
