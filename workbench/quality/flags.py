"""Flagged rows for findings: the rules of the measure, asked again of the few rows that failed one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.findings import Severity
from workbench.model.names import SESSION, SYMBOL
from workbench.quality import rules
from workbench.quality.accuracy import silent_moves
from workbench.quality.consistency import low_prices

if TYPE_CHECKING:
    from workbench.quality.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Reported:
    """What a rule's failures are called when somebody is told of them."""

    kind: str
    whats: tuple[str, ...]
    severity: Severity
    confidence: float
    fields: str = "all"
    """``all``, ``prices`` or ``sizes``: which columns the kind is about."""


REPORTED: Final = (
    Reported("missing_value", (rules.EMPTY,), Severity.MEDIUM, 0.99, "quoted"),
    Reported("missing_value", (rules.UNREADABLE,), Severity.MEDIUM, 0.99),
    Reported("out_of_range", (rules.OUT_OF_RANGE,), Severity.HIGH, 0.99),
    Reported("non_positive", (rules.ZERO, rules.NEGATIVE), Severity.HIGH, 0.97, "prices"),
    Reported("non_positive", (rules.NEGATIVE,), Severity.HIGH, 0.99, "sizes"),
    Reported("ohlc_order", (rules.HIGH_BELOW, rules.LOW_ABOVE), Severity.MEDIUM, 0.99),
    Reported("crossed_quote", (rules.CROSSED,), Severity.MEDIUM, 0.95),
    Reported("conflicting_duplicate", (rules.CONFLICT,), Severity.HIGH, 0.99, "row"),
    Reported("duplicate_key", (rules.DUPLICATE,), Severity.MEDIUM, 0.99, "row"),
    Reported("zero_volume_move", (rules.SILENT_MOVE,), Severity.MEDIUM, 0.8),
)
"""Which counts become findings, and how they are told."""


def fields_of(reported: Reported, ledger: Ledger) -> tuple[str, ...] | None:
    """Return the columns a kind is about; None: whatever the count says."""
    terms = ledger.terms
    named = {"prices": terms.prices, "sizes": terms.sizes, "quoted": (*terms.prices, *terms.sizes), "row": ("",)}
    return named.get(reported.fields)


def cells_of(reported: Reported, ledger: Ledger) -> pl.DataFrame:
    """Return ``symbol, session`` of the cells in which a kind is found."""
    if rules.SILENT_MOVE in reported.whats:
        cells = silent_moves(ledger)
    elif reported.fields == "prices" and ledger.terms.allow_non_positive:
        cells = low_prices(ledger)
    else:
        cells = ledger.cells(reported.whats, fields_of(reported, ledger))
    return cells.filter(pl.col(SYMBOL).is_not_null() & pl.col(SESSION).is_not_null()).select(SYMBOL, SESSION)
