"""The one idea of this room: a rule is an expression that becomes a boolean column, and what is counted is summed.

Each rule says where a field (or, under the key ``ROW_ITSELF``, a row) fails. All rules of a contract
go into one lazy plan; checks read the sums, findings read the columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING

import polars as pl

from workbench.model.findings import Severity
from workbench.model.names import REASON, SYMBOL, UNREADABLE, Kind
from workbench.transform.structure import CONFLICTING_DUPLICATE, EXACT_DUPLICATE, INFINITE_VALUE

if TYPE_CHECKING:
    from workbench.quality.evidence import Evidence

ROW_ITSELF = ""
HUGE = 1e12
RARE_SHARE = 0.01
HALF_TICK = 0.005
"""Rounding of sources that print cents: a high may lie this much below the close."""


@dataclass(frozen=True, slots=True)
class RowRule:
    """Where rows fail.

    Attributes
    ----------
    check
        The check whose failures it counts.
    kind
        The name its findings carry.
    fails
        Field -> expression, true where that field fails; never null.
    counted
        How many units of the check a row holds.
    per_cell
        Whether each failing field counts, or the row once.
    is_reported
        Whether it makes findings; false where another rule already reports the same cells.
    """

    check: str
    kind: str
    severity: Severity
    confidence: float
    fails: dict[str, pl.Expr]
    counted: pl.Expr
    per_cell: bool = False
    is_reported: bool = True

    def flags(self) -> list[pl.Expr]:
        """Return the expressions under the names their columns have."""
        return [expr.alias(self.flag_name(name)) for name, expr in self.fails.items()]

    def flag_name(self, field: str) -> str:
        """Return the name of the boolean column of one field."""
        return f"{self.check}/{self.kind}/{field}"


def rules_for(evidence: Evidence) -> list[RowRule]:
    """Return the row rules that a dataset's kind and columns allow, in the order of the catalogue."""
    kind = evidence.contract.kind
    rules = [missing_values(evidence), unreadable_cells(evidence), value_ranges(evidence)]
    rules.append(price_positive(evidence))
    if evidence.sizes:
        rules.append(size_non_negative(evidence))
    if kind is Kind.BARS and len(evidence.prices) > 1:
        rules.append(ohlc_order(evidence))
    if kind is Kind.QUOTES:
        rules.append(crossed_quotes())
    if kind in (Kind.BARS, Kind.VALUES):
        rules += [conflicting_duplicates(), exact_duplicates()]
    return rules


def _no(expr: pl.Expr) -> pl.Expr:
    return expr.fill_null(value=False)


def _is_unreadable(field: str) -> pl.Expr:
    return _no(("," + pl.col(UNREADABLE) + ",").str.contains(f",{field},", literal=True))


def _cells(fields: tuple[str, ...]) -> pl.Expr:
    return reduce(lambda a, b: a + b, [pl.col(name).is_not_null().cast(pl.Int64) for name in fields], pl.lit(0, dtype=pl.Int64))


def missing_values(evidence: Evidence) -> RowRule:
    """Price and size cells that hold nothing."""
    fields = (*evidence.prices, *evidence.sizes)
    fails = {name: pl.col(name).is_null() & ~_is_unreadable(name) for name in fields}
    return RowRule("missing_values", "missing_value", Severity.MEDIUM, 0.99, fails, pl.lit(len(fields)), per_cell=True)


def unreadable_cells(evidence: Evidence) -> RowRule:
    """Cells whose text is no number."""
    fields = evidence.fields
    fails = {name: _is_unreadable(name) for name in fields}
    return RowRule("types", "missing_value", Severity.MEDIUM, 0.99, fails, pl.lit(len(fields)), per_cell=True)


def value_ranges(evidence: Evidence) -> RowRule:
    """Infinite and absurdly large numbers, and values outside the contract's ranges."""
    fails: dict[str, pl.Expr] = {}
    for name in evidence.fields:
        outside = pl.col(name).is_infinite() | (pl.col(name).abs() > HUGE)
        if name in evidence.contract.ranges:
            low, high = evidence.contract.ranges[name]
            outside = outside | ~pl.col(name).is_between(low, high)
        fails[name] = _no(outside)
    return RowRule("ranges", "out_of_range", Severity.HIGH, 0.99, fails, _cells(evidence.fields), per_cell=True)


def price_positive(evidence: Evidence) -> RowRule:
    """Prices of zero or less; where they may be negative, zeros in a symbol that hardly ever comes near.

    A missing value is often written as zero.
    """
    fails = {name: _no(pl.col(name) <= 0) for name in evidence.prices}
    if evidence.contract.allow_non_positive:
        rare = {name: (pl.col(name) <= 0).mean().over(SYMBOL) < RARE_SHARE for name in evidence.prices}
        fails = {name: _no((pl.col(name) == 0) & rare[name]) for name in evidence.prices}
    return RowRule("price_positive", "non_positive", Severity.HIGH, 0.97, fails, _cells(evidence.prices), per_cell=True)


def impossible_prices(evidence: Evidence) -> RowRule:
    """Rows with a price of zero or less: no price of theirs can be right, whatever the neighbours say."""
    fails = price_positive(evidence).fails
    return RowRule("statistical_bounds", "non_positive", Severity.HIGH, 0.97, fails, pl.lit(1), is_reported=False)


def size_non_negative(evidence: Evidence) -> RowRule:
    """Volumes and sizes below zero."""
    fails = {name: _no(pl.col(name) < 0) for name in evidence.sizes}
    return RowRule("volume_non_negative", "non_positive", Severity.HIGH, 0.99, fails, _cells(evidence.sizes), per_cell=True)


def ohlc_order(evidence: Evidence) -> RowRule:
    """Bars that break one of five inequalities: the high is highest, the low lowest, open and close between.

    Notes
    -----
    Half a cent, or half a basis point of small prices, is allowed to sources that round.
    """
    prices = evidence.prices
    slack = pl.min_horizontal(pl.lit(HALF_TICK), pl.max_horizontal(prices).abs() * 5e-5)
    others = [name for name in prices if name not in ("high", "low")]
    fails: dict[str, pl.Expr] = {}
    if "high" in prices:
        below = [pl.col("high") < pl.col(name) - slack for name in (*others, *(("low",) if "low" in prices else ()))]
        fails["high"] = _no(reduce(or_, [_no(expr) for expr in below]))
    if "low" in prices:
        above = [pl.col("low") > pl.col(name) + slack for name in others]
        fails["low"] = _no(reduce(or_, [_no(expr) for expr in above]))
    complete = reduce(and_, [pl.col(name).is_not_null() for name in prices])
    return RowRule("ohlc_order", "ohlc_order", Severity.MEDIUM, 0.99, fails, complete.cast(pl.Int64))


def crossed_quotes() -> RowRule:
    """Quotes whose bid lies above the ask."""
    fails = {"bid": _no(pl.col("bid") > pl.col("ask"))}
    return RowRule("crossed_quotes", "crossed_quote", Severity.MEDIUM, 0.95, fails, _cells(("bid",)))


def exact_duplicates() -> RowRule:
    """Rows that repeat symbol, time and values of another."""
    fails = {ROW_ITSELF: _no(pl.col(REASON) == EXACT_DUPLICATE)}
    return RowRule("unique_key", "duplicate_key", Severity.MEDIUM, 0.99, fails, pl.lit(1))


def conflicting_duplicates() -> RowRule:
    """Rows that repeat symbol and time with other values."""
    fails = {ROW_ITSELF: _no(pl.col(REASON) == CONFLICTING_DUPLICATE)}
    return RowRule("unique_key", "conflicting_duplicate", Severity.HIGH, 0.99, fails, pl.lit(1))


def is_trustworthy() -> pl.Expr:
    """Return where a row may serve as a neighbour: not quarantined, or quarantined for its value alone."""
    return pl.col(REASON).is_null() | (pl.col(REASON) == INFINITE_VALUE)
