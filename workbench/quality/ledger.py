"""Evidence and the ledger over it: what a check asks of states, answered by symbol, by session, and by cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.checks import Where
from workbench.model.errors import WorkbenchError
from workbench.model.names import SESSION, SYMBOL
from workbench.quality.attendance import Attendance, attendance, days_of_masks, seen_days
from workbench.quality.chain import STEP
from workbench.quality.outcome import FAILURES
from workbench.quality.rules import UNPRICED
from workbench.quality.shifted import shifted_sessions
from workbench.quality.standing import lone_prices, standing_prices

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from workbench.model.contract import Contract
    from workbench.quality.sources.opinion import Opinion
    from workbench.quality.sources.vintages import Restated
    from workbench.quality.state import State
    from workbench.quality.terms import Terms

CELL: Final = (SYMBOL, SESSION)
FAULTS: Final = {SYMBOL: pl.String, SESSION: pl.Date, "check": pl.String, "finding": pl.String, "failures": pl.Int64}
"""What detectors found, as far as it counts against a check of accuracy; ``finding`` is the id of what was found."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything a quality judgement looks at, as values.

    Attributes
    ----------
    state
        What arrived, measured and merged.
    contract, terms
        What was promised, and what it asked to be measured.
    now
        The moment timeliness is judged at, UTC; None: not asked for.
    received_at
        When the newest rows arrived, UTC; None where that is not known.
    opinion
        Compares with a second opinion when a check asks for it; None where there is none.
    vintages
        Compares with an earlier vintage; None where there is none.
    out_of_order
        Symbol -> rows that arrived behind a later one; None where only a part of what arrived is looked at.
    only
        The symbols that were asked for; None: all.
    """

    state: State
    contract: Contract
    terms: Terms
    now: datetime | None = None
    received_at: datetime | None = None
    opinion: Callable[[], Opinion | None] | None = None
    vintages: Callable[[], Restated] | None = None
    out_of_order: dict[str, int] | None = field(default_factory=dict)
    only: tuple[str, ...] | None = None


class Ledger:
    """What can be read off the evidence; each page is worked out when it is first asked for."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.state = evidence.state
        self.terms = evidence.terms
        self.faults = pl.DataFrame(schema=FAULTS)
        self.failure = ""
        self._cells: dict[object, pl.DataFrame] = {}

    @cached_property
    def attendance(self) -> Attendance | None:
        """Bars expected and missing; None where nothing says what to expect."""
        return attendance(self.state, self.terms)

    @cached_property
    def seen(self) -> pl.Series:
        """The sessions on which any symbol has a priced row, ascending."""
        return seen_days(self.state)

    @cached_property
    def lone(self) -> pl.DataFrame:
        """Lone prices that detectors must look at, with the symbol's own scale."""
        return lone_prices(self.state, self.terms)

    @cached_property
    def stepping(self) -> pl.Series:
        """Symbols whose prices step far, other than to a lone price and back: to be looked at as a whole."""
        far = self.state.spikes.filter(pl.col("field") == STEP)
        lone = self.lone.filter(pl.col("field") == (self.terms.main or "")).select(SYMBOL, "at", "value")
        there = far.join(lone, on=[SYMBOL, "at"], how="anti")
        lasting = there.join(lone, left_on=[SYMBOL, "level"], right_on=[SYMBOL, "value"], how="anti")
        return lasting[SYMBOL].unique().sort()

    @cached_property
    def standing(self) -> pl.DataFrame:
        """Stretches of equal prices within a day that are called stale; slower data is judged row by row."""
        return standing_prices(self.state, self.terms) if self.terms.is_intraday else self.state.runs.clear()

    def found(self, check: str) -> pl.DataFrame:
        """Return ``symbol, session, failures`` of what detectors found that counts against a check.

        Raises
        ------
        WorkbenchError
            A detector failed: nobody knows what it would have found.
        """
        if self.failure:
            raise WorkbenchError(f"a detector failed: {self.failure}")
        mine = self.faults.filter(pl.col("check") == check)
        return mine.group_by(*CELL).agg(pl.col("failures").sum()).sort(*CELL)

    @cached_property
    def shifted(self) -> pl.DataFrame:
        """``symbol, session, failures`` of sessions whose bars lie beside their hours."""
        return shifted_sessions(self)

    @cached_property
    def blank(self) -> pl.DataFrame:
        """``symbol, session`` of which there are rows, and no price."""
        cells = self.cells([UNPRICED]).drop_nulls([SYMBOL, SESSION]).select(SYMBOL, SESSION)
        days = self.state.days.filter(pl.col(SYMBOL).is_in(cells[SYMBOL].unique().implode()))
        return cells.join(days_of_masks(days.select(SYMBOL, "month", "mask")), on=[SYMBOL, SESSION], how="anti")

    @cached_property
    def opinion(self) -> Opinion | None:
        """How a second opinion compares; what keeps it from being compared is raised."""
        return self.evidence.opinion() if self.evidence.opinion else None

    @cached_property
    def restated(self) -> Restated | None:
        """What a newer vintage says otherwise; what keeps it from being compared is raised."""
        return self.evidence.vintages() if self.evidence.vintages else None

    @cached_property
    def rows(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """``rows, priced, links`` of each symbol, and of each session."""
        kept = ["rows", "priced", "links"]
        return self.state.series.select(SYMBOL, *kept), self.state.sessions.select(SESSION, *kept)

    @cached_property
    def _by_what(self) -> dict[str, pl.DataFrame]:
        """The counts of each kind."""
        parts = self.state.counts.partition_by("what", as_dict=True)
        return {str(what): counts for (what,), counts in parts.items()}

    def cells(self, whats: Sequence[str], fields: Sequence[str] | None = None) -> pl.DataFrame:
        """Return ``symbol, session, failures`` of some counts; ``fields`` None: of all fields."""
        asked = (tuple(whats), None if fields is None else tuple(fields))
        if asked not in self._cells:
            self._cells[asked] = self._summed(*asked)
        return self._cells[asked]

    def _summed(self, whats: tuple[str, ...], fields: tuple[str, ...] | None) -> pl.DataFrame:
        there = [self._by_what[what] for what in whats if what in self._by_what]
        if not there:
            return pl.DataFrame(schema=FAILURES)
        counts = pl.concat(there)
        if fields is not None:
            counts = counts.filter(pl.col("field").is_in(list(fields)))
        return counts.group_by(*CELL).agg(pl.col("count").sum().alias("failures")).sort(*CELL)

    def where(self, failures: pl.DataFrame, *, each: int = 1, of: str = "rows", exempt: pl.DataFrame | None = None) -> Where:
        """Put failures beside the totals they are out of.

        Parameters
        ----------
        failures : DataFrame
            ``symbol, session, failures``.
        each : int
            Units in a row (cells, for example).
        of : {"rows", "priced", "links"}
            Which rows count.
        exempt : DataFrame, optional
            ``symbol, session, failures``: units that could not be evaluated.
        """
        total = (pl.col(of) * each).alias("total")
        by_symbol, by_session = (_totals(frame, key, total, failures, exempt) for key, frame in zip(CELL, self.rows, strict=True))
        return Where(failures.filter(pl.col("failures") > 0), by_symbol, by_session)


def _totals(frame: pl.DataFrame, key: str, total: pl.Expr, failures: pl.DataFrame, exempt: pl.DataFrame | None) -> pl.DataFrame:
    """Return ``key, failures, total``, sorted by key as the frame is."""
    counted = {"failures": failures, "spared": exempt}
    there = {name: cells for name, cells in counted.items() if cells is not None and len(cells)}
    zeros = [pl.lit(0, dtype=pl.Int64).alias(name) for name in counted if name not in there]
    joined = frame.select(key, total, *zeros)
    if not there:
        return joined.select(key, "failures", "total")
    for name, cells in there.items():
        sums = cells.group_by(key).agg(pl.col("failures").sum().alias(name))
        joined = joined.join(sums, on=key, how="left", nulls_equal=True, maintain_order="left")
    return joined.select(key, pl.col("failures").fill_null(0), pl.col("total") - pl.col("spared").fill_null(0))
