"""What a check's function returns: counts and addresses, or the reason there are none."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from workbench.model.checks import Verdict

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Outcome:
    """Failures out of a total, where they lie, and plain metrics; a reason where nothing was counted."""

    failures: Fraction = Fraction(0)
    total: Fraction = Fraction(0)
    where: pl.DataFrame | None = None
    reason: str = ""
    metrics: dict[str, object] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """PASS only where something was counted and nothing failed."""
        if not self.total:
            return Verdict.NOT_APPLICABLE
        return Verdict.FAIL if self.failures else Verdict.PASS


def not_applicable(reason: str) -> Outcome:
    """Say that nothing asks for the check, or that there is nothing to look at."""
    return Outcome(reason=reason)


def counted(where: pl.DataFrame, *, nothing: str = "nothing to count", **metrics: object) -> Outcome:
    """Sum a frame of ``symbol, session, failures, total`` into an outcome.

    Parameters
    ----------
    where : DataFrame
    nothing : str
        The reason given where the total is zero.
    """
    failures, total = (int(where[name].sum() or 0) for name in ("failures", "total"))
    if not total:
        return not_applicable(nothing)
    return Outcome(Fraction(failures), Fraction(total), where, metrics=metrics)
