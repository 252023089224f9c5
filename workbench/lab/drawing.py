"""A result's figures by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.model.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import plotly.graph_objects as go


def figure_named(which: str, ways: Mapping[str, Callable[[Any], go.Figure]], data: object) -> go.Figure:
    """Draw what is asked for.

    Parameters
    ----------
    which : str
    ways : mapping
        Name -> how it is drawn.
    data : object
        What is drawn.

    Raises
    ------
    BadInput
        There is no figure of that name.
    """
    if which not in ways:
        raise BadInput(f"no figure '{which}'; expected one of {', '.join(ways)}{did_you_mean(which, ways)}")
    return ways[which](data)
