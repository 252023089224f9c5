"""Validity: columns, types, ranges, formats and references as they were promised."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import polars as pl

from workbench.model.checks import Where
from workbench.model.names import EVENT_AT, PRICES, SESSION, SYMBOL
from workbench.quality.measure import STRAY
from workbench.quality.outcome import Outcome, counted, not_applicable
from workbench.quality.rules import EMPTY, LOST, OUT_OF_RANGE, UNREADABLE

if TYPE_CHECKING:
    from workbench.quality.ledger import Ledger


def columns(ledger: Ledger) -> Outcome:
    """Columns the contract or the kind promises, and that did not come."""
    contract = ledger.evidence.contract
    promised = dict.fromkeys([*PRICES[contract.kind], *contract.columns])
    fields = [name for name in promised if name not in (SYMBOL, EVENT_AT, "time")]
    missing = [name for name in fields if name not in ledger.terms.fields]
    prices = ledger.terms.prices
    if set(PRICES[contract.kind]) & set(missing) and not contract.columns and len(prices) == 1:
        return not_applicable(f"a series of {prices[0]} alone")
    return Outcome(Fraction(len(missing)), Fraction(len(fields)), metrics={"missing": missing})


def types(ledger: Ledger) -> Outcome:
    """Cells whose text is no number."""
    return counted(ledger.where(ledger.cells([UNREADABLE]), each=len(ledger.terms.fields)))


def ranges(ledger: Ledger) -> Outcome:
    """Infinite or absurdly large values, and those outside the contract's ranges, out of all that are there."""
    fields = ledger.terms.fields
    return counted(ledger.where(ledger.cells([OUT_OF_RANGE]), each=len(fields), exempt=ledger.cells([EMPTY, UNREADABLE], fields)))


def formats(ledger: Ledger) -> Outcome:
    """Rows whose time cannot be read, or that name no symbol."""
    return counted(ledger.where(ledger.cells([LOST])), kind=ledger.evidence.contract.kind.value)


def references(ledger: Ledger) -> Outcome:
    """Rows that refer to a day that is no session, or to a symbol outside the promised universe."""
    universe = ledger.evidence.contract.symbols
    if ledger.attendance is None and not universe:
        return not_applicable("neither a calendar nor a universe to refer to")
    stray = ledger.cells([STRAY])
    where = ledger.where(stray)
    if not universe:
        return counted(where)
    is_foreign = ~pl.col(SYMBOL).is_in(list(universe)) & pl.col(SYMBOL).is_not_null()
    foreign = ledger.rows[0].filter(is_foreign & (pl.col("rows") > 0))
    everywhere = foreign.select(SYMBOL, pl.lit(None, dtype=pl.Date).alias(SESSION), pl.col("rows").alias("failures"))
    cells = pl.concat([stray.filter(~pl.col(SYMBOL).is_in(foreign[SYMBOL].implode())), everywhere])
    return counted(Where(cells, ledger.where(cells).by_symbol, where.by_session), foreign=foreign[SYMBOL].to_list())
