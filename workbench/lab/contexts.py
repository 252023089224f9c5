"""A finding where it was found: its prices around it, what else it might be, what other sources say."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.calendars import calendar
from workbench.figures.context import around, finding_in_context
from workbench.figures.prices import Axes
from workbench.model.errors import BadInput
from workbench.model.findings import Finding
from workbench.model.names import EVENT_AT, SESSION, SYMBOL

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.lab.judgement import Judgement
    from workbench.model.contract import Contract
    from workbench.model.findings import Moment
    from workbench.quality.sources.opinion import Opinion


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class FindingInContext(Finding):
    """A finding that can show the rows it was found in."""

    judgement: Judgement | None = None

    def figure(self) -> go.Figure:
        """Draw the prices around it with the place marked, and beside them the hypotheses that compete.

        Raises
        ------
        BadInput
            There are no rows to show: it is about no symbol, or about rows that never came.
        """
        zone = axes_of(self.judgement.evidence.contract).timezone if self.judgement else "UTC"
        drawn = in_context(self.judgement, self, zone) if self.judgement else None
        if drawn is None:
            raise BadInput(f"{self!r}: there are no rows around it to draw")
        return drawn

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Finding) and all(getattr(self, f.name) == getattr(other, f.name) for f in fields(Finding))

    __hash__ = Finding.__hash__


def with_context(finding: Finding, judgement: Judgement | None) -> FindingInContext:
    """Return a finding that knows where it was found."""
    values: dict[str, Any] = {f.name: getattr(finding, f.name) for f in fields(Finding)}
    return FindingInContext(**values, judgement=judgement)


def axes_of(contract: Contract) -> Axes:
    """Return the clock and the unit of a dataset."""
    named = contract.calendar if contract.calendar not in (None, "learned") else None
    return Axes(contract.timezone or (calendar(named).timezone if named else "UTC"), contract.currency)


def in_context(judgement: Judgement, finding: Finding, timezone: str) -> go.Figure | None:
    """Draw one finding; None where there are no rows to show."""
    contract = judgement.evidence.contract
    rows = around(judgement.look(pl.DataFrame({SYMBOL: [finding.symbol]}, schema={SYMBOL: pl.String})), finding)
    if rows.is_empty():
        return None
    return finding_in_context(
        rows,
        finding,
        kind=contract.kind,
        frequency=contract.frequency,
        axes=Axes(timezone=timezone, currency=contract.currency),
        other=_said_elsewhere(judgement, rows, finding),
    )


def opinion_of(judgement: Judgement) -> Opinion | None:
    """Return how other sources compare, where they could be compared with: what failed to be was told as an ERROR."""
    compared = any(c.result.name == "reference_agreement" and c.result.total for c in judgement.score.checks)
    return judgement.ledger.opinion if compared else None


def _said_elsewhere(judgement: Judgement, rows: pl.DataFrame, finding: Finding) -> tuple[list[Moment], list[float | None]] | None:
    """Return what other sources say of the price a finding is about, as far as it is drawn."""
    opinion, terms = opinion_of(judgement), judgement.ledger.terms
    about = next((name for name in finding.fields if name in terms.prices), terms.main)
    if opinion is None or about is None:
        return None
    times = rows[EVENT_AT if terms.is_intraday else SESSION].drop_nulls()
    return opinion.said(finding.symbol, about, times.min(), times.max())  # type: ignore[arg-type]
