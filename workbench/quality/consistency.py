"""Consistency: rows that contradict themselves or each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.model.names import SYMBOL
from workbench.quality.outcome import Outcome, by_symbol, counted, not_applicable
from workbench.quality.rules import CONFLICT, CROSSED, DISORDERED, DUPLICATE, EMPTY, INCOMPLETE, NEGATIVE, UNREADABLE, ZERO

if TYPE_CHECKING:
    from workbench.quality.ledger import Ledger

RARE: int = 100
"""Where values may go below zero, a zero still fails in a symbol that has one in so many cells, or fewer."""


def price_positive(ledger: Ledger) -> Outcome:
    """Prices of zero or less; where they may be negative, zeros in a symbol that hardly ever comes near.

    A missing value is often written as zero.
    """
    prices = ledger.terms.prices
    if not prices:
        return not_applicable("no price columns")
    return counted(ledger.where(low_prices(ledger), each=len(prices), exempt=ledger.cells([EMPTY, UNREADABLE], prices)))


def low_prices(ledger: Ledger) -> pl.DataFrame:
    """Return ``symbol, session, failures``: price cells that are too low to be one."""
    prices = ledger.terms.prices
    if not ledger.terms.allow_non_positive:
        return ledger.cells([ZERO, NEGATIVE], prices)
    low = ledger.cells([ZERO, NEGATIVE], prices).group_by(SYMBOL).agg(pl.col("failures").sum().alias("low"))
    share = low.join(ledger.rows[0], on=SYMBOL, how="left", nulls_equal=True)
    rare = share.filter(pl.col("low") * RARE < pl.col("rows") * len(prices))
    return ledger.cells([ZERO], prices).join(rare, on=SYMBOL, how="semi", nulls_equal=True)


def volume_non_negative(ledger: Ledger) -> Outcome:
    """Volumes and sizes below zero."""
    sizes = ledger.terms.sizes
    if not sizes:
        return not_applicable("no column of volumes or sizes")
    where = ledger.where(ledger.cells([NEGATIVE], sizes), each=len(sizes), exempt=ledger.cells([EMPTY, UNREADABLE], sizes))
    return counted(where)


def ohlc_order(ledger: Ledger) -> Outcome:
    """Bars that break one of five inequalities: the high is highest, the low lowest, open and close between.

    Notes
    -----
    Half a cent, or half a basis point of small prices, is allowed to sources that round.
    """
    if len(ledger.terms.prices) < 2:
        return not_applicable("a single price cannot be out of order")
    return counted(
        ledger.where(ledger.cells([DISORDERED]), exempt=ledger.cells([INCOMPLETE])), nothing="no bar has all of its prices"
    )


def crossed_quotes(ledger: Ledger) -> Outcome:
    """Quotes whose bid lies above the ask, alone or beside trades."""
    if not {"bid", "ask"} <= set(ledger.terms.fields):
        return not_applicable("there are no quotes beside the trades")
    return counted(ledger.where(ledger.cells([CROSSED]), exempt=ledger.cells([INCOMPLETE])))


def unique_key(ledger: Ledger) -> Outcome:
    """Rows that repeat symbol and time."""
    return counted(ledger.where(ledger.cells([DUPLICATE, CONFLICT])))


def time_order(ledger: Ledger) -> Outcome:
    """Rows that arrived behind a later one of their symbol, out of all rows."""
    known = ledger.evidence.out_of_order
    if known is None:
        return not_applicable("the order of arrival is known of whole arrivals, not of a range of sessions")
    rows = dict(ledger.rows[0].select(SYMBOL, "rows").drop_nulls().iter_rows())
    late = {symbol: count for symbol, count in known.items() if symbol in rows}
    return counted(by_symbol(late, rows))
