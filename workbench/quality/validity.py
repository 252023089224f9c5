"""Validity: columns, types, ranges, formats and references as they were promised."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import polars as pl

from workbench.model.names import EVENT_AT, PRICES, SESSION, SYMBOL
from workbench.quality.outcome import Outcome, counted, not_applicable
from workbench.quality.tally import PLACEHOLDER

if TYPE_CHECKING:
    from workbench.quality.evidence import Evidence
    from workbench.quality.tally import Tally


def columns(evidence: Evidence, tally: Tally) -> Outcome:  # noqa: ARG001 (one signature for all checks)
    """Columns the contract or the kind promises, and that did not come."""
    promised = dict.fromkeys([*PRICES[evidence.contract.kind], *evidence.contract.columns])
    fields = [name for name in promised if name not in (SYMBOL, EVENT_AT, "time")]
    missing = [name for name in fields if name not in evidence.frame.columns]
    if set(PRICES[evidence.contract.kind]) & set(missing) and not evidence.contract.columns and len(evidence.prices) == 1:
        return not_applicable(f"a series of {evidence.prices[0]} alone")
    return Outcome(Fraction(len(missing)), Fraction(len(fields)), metrics={"missing": missing})


def formats(evidence: Evidence, tally: Tally) -> Outcome:
    """Rows whose time cannot be read, or that name no symbol."""
    wrong = (pl.col(EVENT_AT).is_null() | pl.col(SYMBOL).is_null()).cast(pl.Int64)
    rows = tally.rows.select(SYMBOL, SESSION, wrong.alias("failures"))
    where = rows.group_by(SYMBOL, SESSION).agg(pl.col("failures").sum(), pl.len().cast(pl.Int64).alias("total"))
    return counted(where.sort(SYMBOL, SESSION), kind=evidence.contract.kind.value)


def references(evidence: Evidence, tally: Tally) -> Outcome:
    """Rows that refer to a day that is no session, or to a symbol outside the promised universe."""
    universe = evidence.contract.symbols
    if evidence.expected is None and not universe:
        return not_applicable("neither a calendar nor a universe to refer to")
    stray = ~pl.col("is_session") & pl.col(SESSION).is_not_null()
    foreign = ~pl.col(SYMBOL).is_in(list(universe)) if universe else pl.lit(value=False)
    rows = tally.rows.filter(~pl.col(PLACEHOLDER)).select(
        SYMBOL, SESSION, (stray | foreign).fill_null(value=False).alias("wrong")
    )
    where = rows.group_by(SYMBOL, SESSION).agg(
        pl.col("wrong").sum().cast(pl.Int64).alias("failures"), pl.len().cast(pl.Int64).alias("total")
    )
    return counted(where.sort(SYMBOL, SESSION))
