"""The score: 0 to 100, five dimensions, and an address for every lost point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from workbench.model.checks import CheckResult, Dimension, Verdict

if TYPE_CHECKING:
    import polars as pl

MISSION_WEIGHTS: dict[Dimension, Fraction] = {
    Dimension.COMPLETENESS: Fraction(30, 100),
    Dimension.ACCURACY: Fraction(30, 100),
    Dimension.CONSISTENCY: Fraction(20, 100),
    Dimension.TIMELINESS: Fraction(10, 100),
    Dimension.VALIDITY: Fraction(10, 100),
}


class Band(StrEnum):
    """How alarming a score is."""

    OK = "ok"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


def score_text(points: float | Fraction) -> str:
    """Return points with one decimal, cut and not rounded: below a threshold they must look so.

    Examples
    --------
    >>> score_text(Fraction(8496, 100)), score_text(100 * 0.57)  # the latter is a hair below 57
    ('84.9', '57.0')
    """
    return f"{math.floor(round(float(points) * 10, 6)) / 10:.1f}"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores below which somebody is told: ``critical`` at once, ``high`` within the hour."""

    critical: Fraction = Fraction(70)
    high: Fraction = Fraction(85)


@dataclass(frozen=True, slots=True)
class ScoredCheck:
    """A check together with the points it is worth and those it costs; what all cost adds up to 100 - score."""

    result: CheckResult
    worth: Fraction

    @property
    def points_lost(self) -> Fraction:
        """The points it costs."""
        return self.worth * self.result.share_lost

    @property
    def score(self) -> Fraction | None:
        """What is left of the check's worth, in [0, 1]; None where it was not applicable."""
        return None if self.result.verdict is Verdict.NOT_APPLICABLE else 1 - self.result.share_lost


@dataclass(frozen=True, slots=True)
class DimensionScore:
    """One dimension: its weighted mean, its effective weight, its checks.

    ``score`` is None, and ``weight`` zero, where no check of the dimension was applicable.
    """

    dimension: Dimension
    score: Fraction | None
    weight: Fraction
    verdict: Verdict
    checks: tuple[ScoredCheck, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """A dataset's quality, with its explanation.

    Attributes
    ----------
    value
        In [0, 100], exact; ``float(score)`` for people.
    coverage
        The share of the asked-for checks, by weight, that could be evaluated.
    by_symbol, by_session
        Frames ``symbol | session, score (Float64), rows (Int64)``, worst first.
    losses
        ``dimension, check, symbol, session, points`` (Float64): every lost point's address.
    reason
        Why the score is what it is, where a number alone would mislead (an empty table).
    """

    value: Fraction
    coverage: Fraction
    dimensions: tuple[DimensionScore, ...]
    by_symbol: pl.DataFrame
    by_session: pl.DataFrame
    losses: pl.DataFrame
    thresholds: Thresholds = Thresholds()
    reason: str = ""

    def __float__(self) -> float:
        return float(self.value)

    @property
    def checks(self) -> tuple[ScoredCheck, ...]:
        """Every check of every dimension, in order."""
        return tuple(check for dimension in self.dimensions for check in dimension.checks)
