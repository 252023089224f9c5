"""A result's figures are asked for by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.model.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection


def require_figure(which: str, known: Collection[str]) -> None:
    """Refuse a figure that there is not.

    Raises
    ------
    BadInput
        There is none of that name.
    """
    if which not in known:
        raise BadInput(f"no figure '{which}'; expected one of {', '.join(known)}{did_you_mean(which, list(known))}")
