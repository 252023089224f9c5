"""What a check says: a verdict, failures out of a total, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


class Verdict(StrEnum):
    """The four outcomes of a check. What could not be evaluated never passes."""

    PASS = "PASS"
    FAIL = "FAIL"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    ERROR = "ERROR"


class Dimension(StrEnum):
    """The five dimensions of quality, in the order they are shown."""

    COMPLETENESS = "completeness"
    ACCURACY = "accuracy"
    CONSISTENCY = "consistency"
    TIMELINESS = "timeliness"
    VALIDITY = "validity"


@dataclass(frozen=True, slots=True)
class Where:
    """Where failures lie, and what they are out of.

    Attributes
    ----------
    cells
        ``symbol, session, failures`` (Int64): only where some failed; null where a check has no
        symbol, or no session.
    by_symbol, by_session
        ``symbol | session, failures, total`` (Int64), of all that was counted; None where the check
        has no such address.
    """

    cells: pl.DataFrame
    by_symbol: pl.DataFrame | None = None
    by_session: pl.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check's outcome on one dataset.

    Attributes
    ----------
    failures, total
        In ``unit``; exact. ``total`` is zero exactly when nothing could be counted.
    tolerance
        The share of failures at which the check is worth nothing; above zero.
    weight
        The check's weight within its dimension.
    reason
        Why, for NOT_APPLICABLE and ERROR; empty otherwise.
    where
        Where failures lie; None where a check has no address at all.
    metrics
        The plain definitions beside the score (missing rate, age in hours, correlation, …).
    covered
        The share of what the check should have looked at that it could judge, in [0, 1].
    unjudged
        What it could not judge, and why; empty where it judged everything.
    """

    name: str
    dimension: Dimension
    verdict: Verdict
    unit: str
    tolerance: Fraction
    weight: Fraction = Fraction(1)
    failures: Fraction = Fraction(0)
    total: Fraction = Fraction(0)
    reason: str = ""
    where: Where | None = None
    metrics: dict[str, object] = field(default_factory=dict)
    covered: Fraction = Fraction(1)
    unjudged: str = ""

    @property
    def is_evaluated(self) -> bool:
        """Whether the check was able to look at the data."""
        return self.verdict in (Verdict.PASS, Verdict.FAIL)

    @property
    def share_lost(self) -> Fraction:
        """The share of the check's worth that is lost, in [0, 1].

        Notes
        -----
        ``min(1, (failures / total) / tolerance)``; an ERROR has lost all of it.
        """
        if self.verdict is Verdict.ERROR:
            return Fraction(1)
        if not self.total:
            return Fraction(0)
        return min(Fraction(1), self.failures / self.total / self.tolerance)
