"""What a check's function returns: counts and addresses, or the reason there are none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.checks import Verdict, Where
from workbench.model.names import SESSION, SYMBOL

if TYPE_CHECKING:
    from collections.abc import Mapping


FAILURES: Final = {SYMBOL: pl.String, SESSION: pl.Date, "failures": pl.Int64}
"""Cells in which something failed, as a frame."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Failures out of a total, where they lie, and plain metrics; a reason where nothing was counted."""

    failures: Fraction = Fraction(0)
    total: Fraction = Fraction(0)
    where: Where | None = None
    reason: str = ""
    metrics: dict[str, object] = field(default_factory=dict)
    covered: Fraction = Fraction(1)
    unjudged: str = ""

    @property
    def verdict(self) -> Verdict:
        """PASS only where something was counted and nothing failed."""
        if not self.total:
            return Verdict.NOT_APPLICABLE
        return Verdict.FAIL if self.failures else Verdict.PASS


def not_applicable(reason: str) -> Outcome:
    """Say that nothing asks for the check, or that there is nothing to look at."""
    return Outcome(reason=reason)


def counted(where: Where, *, nothing: str = "nothing to count", **metrics: object) -> Outcome:
    """Sum what was counted into an outcome.

    Parameters
    ----------
    where : Where
        With totals by symbol or by session, or both.
    nothing : str
        The reason given where the total is zero.
    """
    totals = where.by_symbol if where.by_symbol is not None else where.by_session
    failures, total = (0, 0) if totals is None else (int(totals[name].sum()) for name in ("failures", "total"))
    if not total:
        return not_applicable(nothing)
    return Outcome(Fraction(failures), Fraction(total), where, metrics=metrics)


def judged_in_part(outcome: Outcome, covered: Fraction, unjudged: str) -> Outcome:
    """Say that an outcome is of a part only: ``unjudged`` says of which part it is not, and why."""
    return replace(outcome, covered=covered, unjudged=unjudged) if outcome.total and covered < 1 else outcome


def by_symbol(failures: Mapping[str, int], totals: Mapping[str, int]) -> Where:
    """Return counts that have a symbol and no session."""
    table = pl.DataFrame(
        {SYMBOL: list(totals), "failures": [failures.get(s, 0) for s in totals], "total": list(totals.values())},
        schema={SYMBOL: pl.String, "failures": pl.Int64, "total": pl.Int64},
    )
    cells = table.filter(pl.col("failures") > 0).select(SYMBOL, pl.lit(None, dtype=pl.Date).alias(SESSION), "failures")
    return Where(cells, by_symbol=table)


def by_session(sessions: pl.Series, failing: pl.Series) -> Where:
    """Return counts of whole sessions, each of which fails or does not.

    Parameters
    ----------
    sessions : Series of Date
    failing : Series of Boolean, of the same length
    """
    table = pl.DataFrame({SESSION: sessions, "failures": failing.cast(pl.Int64)}).with_columns(
        pl.lit(1, dtype=pl.Int64).alias("total")
    )
    cells = table.filter(pl.col("failures") > 0).select(pl.lit(None, dtype=pl.String).alias(SYMBOL), SESSION, "failures")
    return Where(cells, by_session=table)
