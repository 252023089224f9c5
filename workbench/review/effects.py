"""What decisions do to the score: the second number, beside the score of what arrived. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from workbench.model.decisions import CONFIRMING, REFUTING, Action
from workbench.review.policies import STRUCTURAL
from workbench.review.proposals import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workbench.model.decisions import Moment
    from workbench.quality.costs import Costs
    from workbench.review.queue import Item

UNEXPECTED: Final = ABSENT | STRUCTURAL | {"phantom_session"}
"""Kinds whose rows are not missed when they are gone."""
Span = tuple[str, str, str]
"""Symbol, and from when to when, as text that sorts."""


@dataclass(slots=True)
class Tally:
    """What is settled, kept as decisions come and go.

    Attributes
    ----------
    gone
        Check -> failures that do not count any more.
    aside
        Rows in quarantine: where, to how many there are, and how many decisions say so.

    Notes
    -----
    What was decided is believed: failures that somebody found to be none, or corrected, do not count; a row that went to
    quarantine counts as missing instead. What waits counts as before, and so do rows that share a key: they stay where they are.
    """

    costs: Costs
    gone: Counter[str] = field(default_factory=Counter)
    aside: dict[Span, tuple[int, int]] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """The score after decisions, in [0, 100]."""
        return self.costs.without(self.gone, missing=_once(self.aside))

    def add(self, item: Item, *, times: int = 1) -> None:
        """Count what stands of a finding; ``times=-1``: no longer."""
        line = item.entry
        if line is not None and not item.state.is_open:
            start, end = line.start or item.finding.start, line.end or item.finding.end
            self._count(item, line.action, (start, end), item.finding.rows if line.rows is None else line.rows, times)

    def if_decided(self, items: Iterable[tuple[Item, tuple[Moment, Moment], int]], action: Action) -> float:
        """Return the score after decisions if some findings were decided so.

        Parameters
        ----------
        items : iterable of (Item, (start, end), int)
            With the span of the rows that are meant, and how many they are.
        action : Action
        """
        other = Tally(self.costs, Counter(self.gone), dict(self.aside))
        for item, span, rows in items:
            other.add(item, times=-1)
            other._count(item, action, span, rows, 1)
        return other.score

    def _count(self, item: Item, action: Action, span: tuple[Moment, Moment], rows: int, times: int) -> None:
        if item.finding.kind not in STRUCTURAL and (action in CONFIRMING or action in REFUTING):
            for check, failures in self.costs.claims[item.id].items():
                self.gone[check] += times * failures  # type: ignore[assignment]
        if action is Action.QUARANTINE and item.finding.kind not in UNEXPECTED:
            where = (item.finding.symbol, span[0].isoformat(), span[1].isoformat())
            said = self.aside.get(where, (rows, 0))[1] + times
            if said:
                self.aside[where] = (rows, said)
            else:
                self.aside.pop(where, None)


def _once(aside: Mapping[Span, tuple[int, int]]) -> int:
    """Return how many rows are aside: those in a span within another are counted once."""
    total, last = 0, ("", "", "")
    for where in sorted(aside, key=lambda span: (span[0], span[1], _reversed(span[2]))):
        if where[0] != last[0] or where[2] > last[2]:
            total += aside[where][0]
            last = where
    return total


def _reversed(text: str) -> tuple[int, ...]:
    """Return what sorts the other way round: of spans that begin at one moment the longest comes first."""
    return tuple(-ord(letter) for letter in text)
