"""What decisions do to the score: the second number, beside the score of what arrived. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from workbench.model.decisions import CONFIRMING, REFUTING, Action
from workbench.review.proposals import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.quality.costs import Costs
    from workbench.review.queue import Item

UNEXPECTED: Final = ABSENT | {"phantom_session", "duplicate_key"}
"""Kinds whose rows are not missed when they are gone."""


@dataclass(slots=True)
class Tally:
    """What is settled, kept as decisions come and go.

    Attributes
    ----------
    gone
        Check -> failures that do not count any more.
    missing
        Rows that went to quarantine.

    Notes
    -----
    What was decided is believed: failures that somebody found to be none, or corrected, do not count; a row that went to
    quarantine counts as missing instead. What waits counts as before, and so does what only the default rule set aside.
    """

    costs: Costs
    gone: Counter[str] = field(default_factory=Counter)
    missing: int = 0

    @property
    def score(self) -> float:
        """The score after decisions, in [0, 100]."""
        return self.costs.without(self.gone, missing=self.missing)

    def add(self, item: Item, *, times: int = 1) -> None:
        """Count what stands of a finding; ``times=-1``: no longer."""
        if item.entry is not None and not item.state.is_open:
            self._count(item, item.entry.action, times)

    def if_decided(self, items: Iterable[Item], action: Action) -> float:
        """Return the score after decisions if some findings were decided so."""
        other = Tally(self.costs, Counter(self.gone), self.missing)
        for item in items:
            other.add(item, times=-1)
            other._count(item, action, 1)
        return other.score

    def _count(self, item: Item, action: Action, times: int) -> None:
        if action in CONFIRMING or action in REFUTING:
            for check, failures in self.costs.claims[item.id].items():
                self.gone[check] += times * failures  # type: ignore[assignment]
        if action is Action.QUARANTINE and item.finding.kind not in UNEXPECTED:
            self.missing += times * item.finding.rows
