"""A figure that was kept as JSON, live again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from workbench.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping


def figure_from(document: Mapping[str, Any]) -> go.Figure:
    """Make a figure of what plotly wrote of one.

    Parameters
    ----------
    document : mapping
        ``data`` and ``layout``, as under plotly's MIME type in a notebook.

    Raises
    ------
    BadInput
        It is no figure; what this plotly does not know of one is left out.
    """
    try:
        return go.Figure({"data": document["data"], "layout": document.get("layout", {})}, skip_invalid=True)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"expected a figure as plotly writes it, found something else: {error}".split("\n", 1)[0]) from error
