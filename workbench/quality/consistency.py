"""Consistency: rows that contradict themselves or each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.model.names import SESSION, SYMBOL
from workbench.quality.outcome import Outcome, not_applicable
from workbench.quality.outcome import counted as sum_up
from workbench.quality.tally import ROWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.quality.evidence import Evidence
    from workbench.quality.tally import Tally


def counted(check: str) -> Callable[[Evidence, Tally], Outcome]:
    """Return the function of a check whose row rules have counted everything already."""

    def evaluate(evidence: Evidence, tally: Tally) -> Outcome:
        if not tally.has(check):
            return not_applicable(f"the contract or the columns of {evidence.contract.kind} do not ask for it")
        return sum_up(tally.of(check))

    return evaluate


def time_order(evidence: Evidence, tally: Tally) -> Outcome:
    """Rows that arrived behind a later one of their symbol, out of all rows."""
    rows = tally.facts.group_by(SYMBOL).agg(pl.col(ROWS).sum().alias("total")).sort(SYMBOL)
    late = [evidence.out_of_order.get(symbol, 0) for symbol in rows[SYMBOL]]
    where = rows.select(
        SYMBOL,
        pl.lit(None, dtype=pl.Date).alias(SESSION),
        pl.Series("failures", late, dtype=pl.Int64),
        pl.col("total").cast(pl.Int64),
    )
    return sum_up(where)
