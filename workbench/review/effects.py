"""What decisions do to the score: the second number, beside the score of what arrived. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.model.decisions import CONFIRMING, REFUTING, Action
from workbench.review.proposals import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.quality.costs import Costs
    from workbench.review.queue import Item


def score_after(costs: Costs, items: Iterable[Item], *, also: Iterable[Item] = (), action: Action | None = None) -> float:
    """Return the score after decisions, in [0, 100].

    Parameters
    ----------
    costs : Costs
    items : iterable of Item
        Every finding, with what stands of it.
    also : iterable of Item
        Those that would be decided otherwise.
    action : Action, optional
        How.

    Notes
    -----
    What was decided is believed: failures that somebody found to be none, or corrected, do not count; a row that went to
    quarantine counts as missing instead. What waits counts as before, and so does what only the default rule set aside.
    """
    changed = {item.finding.id for item in also}
    settled, missing = [], 0
    for item in items:
        does = action if item.finding.id in changed else (None if item.entry is None or item.state.is_open else item.entry.action)
        if does in CONFIRMING or does in REFUTING:
            settled.append(item.finding.id)
        if does is Action.QUARANTINE and item.finding.kind not in ABSENT:
            missing += item.finding.rows
    return costs.without(settled, missing=missing)
