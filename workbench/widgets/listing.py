"""The queue as a list one clicks on, and the keys of the desk around it: the only JavaScript there is (``listing.js``)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def listing(keys: list[str]) -> Any:
    """Return lines to choose from.

    Parameters
    ----------
    keys : list of str
        Those the desk around it listens to, while it has the focus and nobody types.

    Returns
    -------
    AnyWidget
        ``rows`` (as :func:`workbench.widgets.review_html.entry_row` makes them), ``selected`` (the id of the one in front),
        ``picked`` and ``pressed``: ``{"value": id or key, "count": n}``, where ``count`` tells two alike apart.
    """
    return _kind()(listens=keys)


@cache
def _kind() -> type[Any]:
    import anywidget
    import traitlets

    class Listing(anywidget.AnyWidget):
        _esm = HERE / "listing.js"
        _css = HERE / "review.css"
        rows = traitlets.List().tag(sync=True)
        selected = traitlets.Unicode("").tag(sync=True)
        listens = traitlets.List(traitlets.Unicode()).tag(sync=True)
        picked = traitlets.Dict({"value": "", "count": 0}).tag(sync=True)
        pressed = traitlets.Dict({"value": "", "count": 0}).tag(sync=True)

    return Listing
