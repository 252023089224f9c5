"""A result's figures are asked for by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.audit.executed import NAME
from workbench.figures.theme import alt_of
from workbench.model.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection

    import plotly.graph_objects as go


def require_figure(which: str, known: Collection[str]) -> None:
    """Refuse a figure that there is not.

    Raises
    ------
    BadInput
        There is none of that name.
    """
    if which not in known:
        raise BadInput(f"no figure '{which}'; expected one of {', '.join(known)}{did_you_mean(which, list(known))}")


def named(figure: go.Figure, which: str) -> go.Figure:
    """Return a figure that says what it is called: by that it is read back from an executed notebook."""
    return figure.update_layout(meta={"alt": alt_of(figure), NAME: which})
