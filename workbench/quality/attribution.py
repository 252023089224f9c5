"""Every lost point's address, and what moved a score: exact sums by check, symbol or session."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from workbench.model.checks import CheckResult, Verdict
from workbench.model.names import SESSION, SYMBOL
from workbench.quality.outcome import FAILURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from workbench.model.score import Score, ScoredCheck

By = Literal["check", "symbol", "session"]
BYS: Final[tuple[By, ...]] = ("check", "symbol", "session")


def attribution(score: Score, by: By) -> dict[str | date | None, Fraction]:
    """Return the lost points by check, symbol or session; they add up to what all checks cost, exactly.

    Parameters
    ----------
    score : Score
    by : {"check", "symbol", "session"}

    Returns
    -------
    dict
        Dearest first; None holds what has no such address.

    Notes
    -----
    A check's points are shared in proportion to failures, also where its loss is saturated.
    """
    parts = ((check.result.name, check.points_lost, _cells(check.result)) for check in score.checks if check.points_lost)
    return _shared(parts, by)


@dataclass(frozen=True, slots=True)
class Moved:
    """How one check moved a score, in points; gains are positive.

    Attributes
    ----------
    errors
        What more or fewer failures did, all else being as it is now.
    rest
        What changed weights, tolerances, coverage and the number of rows did.
    cells
        ``symbol, session, failures``: failures now less failures then, where they differ.
    """

    dimension: str
    check: str
    errors: Fraction
    rest: Fraction
    cells: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Comparison:
    """What moved a score from one value to another.

    Attributes
    ----------
    unexplained
        Points that no check lost or won: one of the two has a reason instead of checks (no rows).
    """

    before: Score
    after: Score
    moved: tuple[Moved, ...]
    unexplained: Fraction

    @property
    def change(self) -> Fraction:
        """The score now less the score then; the sum of all parts, exactly."""
        return self.after.value - self.before.value

    def by(self, key: By) -> dict[str | date | None, Fraction]:
        """Return what more or fewer failures did, by check, symbol or session; most harmful first."""
        return _shared(((m.check, m.errors, m.cells) for m in self.moved if m.errors), key)


def compare(before: Score, after: Score) -> Comparison:
    """Explain how a score came to differ from another.

    Parameters
    ----------
    before, after : Score

    Notes
    -----
    For each check, ``errors = worth * (L(failures then) - L(failures now))`` with today's worth, total
    and tolerance, ``L`` being the share lost; ``rest`` is what remains of the difference in points. The
    sum over checks, with ``unexplained``, is the change of the score, exactly.
    """
    then = {check.result.name: (d.dimension.value, check) for d in before.dimensions for check in d.checks}
    now = {check.result.name: (d.dimension.value, check) for d in after.dimensions for check in d.checks}
    moved = []
    for name in dict.fromkeys([*then, *now]):
        dimension = (now.get(name) or then[name])[0]
        moved.append(_moved(dimension, name, then[name][1] if name in then else None, now[name][1] if name in now else None))
    explained = sum((m.errors + m.rest for m in moved), Fraction(0))
    return Comparison(before, after, tuple(moved), after.value - before.value - explained)


def _moved(dimension: str, name: str, then: ScoredCheck | None, now: ScoredCheck | None) -> Moved:
    change = (then.points_lost if then else Fraction(0)) - (now.points_lost if now else Fraction(0))
    errors = Fraction(0)
    if then is not None and now is not None and _can_be_compared(then.result, now.result):
        errors = now.worth * (_share_with(then.result, now.result) - now.result.share_lost)
    cells = _difference(then.result if then else None, now.result if now else None)
    return Moved(dimension, name, errors, change - errors, cells)


def _can_be_compared(then: CheckResult, now: CheckResult) -> bool:
    return Verdict.NOT_APPLICABLE not in (then.verdict, now.verdict)


def _share_with(then: CheckResult, now: CheckResult) -> Fraction:
    """Return the share that failures of then would lose today."""
    if then.verdict is Verdict.ERROR or not now.total:
        return then.share_lost
    return min(Fraction(1), then.failures / now.total / now.tolerance)


def _cells(result: CheckResult | None) -> pl.DataFrame:
    if result is None or result.where is None:
        return pl.DataFrame(schema=FAILURES)
    return result.where.cells.select(list(FAILURES)).cast(FAILURES)  # type: ignore[arg-type]


def _difference(then: CheckResult | None, now: CheckResult | None) -> pl.DataFrame:
    """Return failures now less failures then, for each cell in which they differ."""
    both = pl.concat([_cells(now), _cells(then).with_columns(-pl.col("failures"))])
    return both.group_by(SYMBOL, SESSION).agg(pl.col("failures").sum()).filter(pl.col("failures") != 0).sort(SYMBOL, SESSION)


def _shared(parts: Iterable[tuple[str, Fraction, pl.DataFrame]], by: By) -> dict[str | date | None, Fraction]:
    """Share points over keys in proportion to failures; what has no failures to share by stays at None."""
    sums: dict[str | date | None, Fraction] = {}
    for name, points, cells in parts:
        for key, share in _shares(name, cells, by).items():
            sums[key] = sums.get(key, Fraction(0)) + points * share
    return dict(sorted(sums.items(), key=lambda item: (-abs(item[1]), str(item[0]))))


def _shares(name: str, cells: pl.DataFrame, by: By) -> Mapping[str | date | None, Fraction]:
    total = int(cells["failures"].sum())
    if by == "check":
        return {name: Fraction(1)}
    if not total:
        return {None: Fraction(1)}
    grouped = cells.group_by(by).agg(pl.col("failures").sum()).filter(pl.col("failures") != 0)
    return {key: Fraction(count, total) for key, count in grouped.iter_rows()}
