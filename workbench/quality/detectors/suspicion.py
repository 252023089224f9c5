"""What a detector says: rows of one symbol, the explanations that compete for them, and a value to put there instead."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from workbench.model.findings import Hypothesis, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

FAULTS: Final = frozenset(
    ["bad_tick", "unit_switch", "unadjusted_split", "partial_split", "double_split", "dividend_adjustment", "stale",
     "volume_unit", "precision", "ticker_reuse", "wide_spread", "off_quote_trade", "partial_bar", "event_error"]
)  # fmt: skip
"""What detectors find; every other explanation makes nothing wrong."""
WORTH_TELLING: Final = frozenset({"split", "dividend", "real_move", "halt"})
"""Explanations that are told where they win: what looks odd, and is not."""
NOWHERE: Final = np.zeros(0, dtype=np.int64)
"""No rows."""
REPORTED: Final = 0.3
"""Findings less probable than this are not told."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Something odd in one track.

    Attributes
    ----------
    start, end
        Positions of its first and its last row in the track, both included.
    fields
        Standard columns; empty where the rows themselves are meant.
    hypotheses
        The likeliest first; the probabilities add up to 1.
    worst
        The row whose values are shown.
    proposed
        Field -> value at that row, or ``factor`` for all rows of the span; None where there is none.
    reaches_to_event
        Whether the last row is the day of an event before which all rows are wrong, and right itself.
    provisional
        Whether rows that are still to come decide.
    """

    start: int
    end: int
    fields: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...]
    severity: Severity = Severity.HIGH
    worst: int | None = None
    proposed: dict[str, object] | None = None
    reaches_to_event: bool = False
    provisional: bool = False

    @property
    def kind(self) -> str:
        """What it is taken for."""
        return self.hypotheses[0].kind

    @property
    def confidence(self) -> float:
        """How probable that is."""
        return self.hypotheses[0].probability

    @property
    def count(self) -> int:
        """How many rows are wrong."""
        return self.end - self.start + (0 if self.reaches_to_event else 1)

    @property
    def is_legitimate(self) -> bool:
        """Whether nothing is wrong after all."""
        return self.kind not in FAULTS


def competing(*claims: tuple[str, float, str]) -> tuple[Hypothesis, ...]:
    """Turn claims (kind, log-odds against all others, evidence) into hypotheses whose probabilities add up to 1.

    Examples
    --------
    >>> [round(h.probability, 2) for h in competing(("bad_tick", 2.0, "far off"), ("real_move", 0.0, ""))]
    [0.88, 0.12]
    """
    top = max(weight for _, weight, _ in claims)
    weights = [math.exp(weight - top) for _, weight, _ in claims]
    total = sum(weights)
    made = [Hypothesis(kind, round(w / total, 4), text) for (kind, _, text), w in zip(claims, weights, strict=True)]
    return tuple(sorted(made, key=lambda h: -h.probability))


def runs_of(positions: Sequence[int]) -> list[tuple[int, int]]:
    """Gather ascending positions that follow each other into (first, last).

    Examples
    --------
    >>> runs_of([3, 4, 5, 9])
    [(3, 5), (9, 9)]
    """
    runs: list[tuple[int, int]] = []
    for at in positions:
        if runs and at == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], at)
        else:
            runs.append((at, at))
    return runs
