"""Accuracy: values against a second opinion and against the symbol's own behaviour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.model.checks import Where
from workbench.model.names import SESSION, SYMBOL
from workbench.quality.consistency import low_prices
from workbench.quality.outcome import Outcome, by_symbol, counted, not_applicable
from workbench.quality.rescaled import rescaled_cells
from workbench.quality.rules import EMPTY, IMPOSSIBLE, NEGATIVE, SILENT, SILENT_MOVE, UNREADABLE, ZERO
from workbench.quality.spread import over_sessions
from workbench.transform.frequency import DAILY_OR_SLOWER

if TYPE_CHECKING:
    from workbench.quality.ledger import Ledger

NO_REFERENCE = "no reference to compare with; give one with --reference or in a contract"
NO_PRICE = "no row holds the price that stands for it"
NO_SCALE = "prices go through zero: there is no relative scale to judge a jump by"
USUALLY_SILENT = 20
"""A symbol that lacks volume in one of so many rows, or more, is not judged by its volume."""


def statistical_bounds(ledger: Ledger) -> Outcome:
    """Rows with a price that leaves its neighbours and comes back, on another scale for a while, or that can be none at all."""
    if not has_relative_scale(ledger):
        return not_applicable(NO_SCALE)
    lone = ledger.lone.unique([SYMBOL, "at"]).group_by(SYMBOL, SESSION).agg(pl.len().cast(pl.Int64).alias("failures"))
    impossible = low_prices(ledger) if ledger.terms.allow_non_positive else ledger.cells([IMPOSSIBLE])
    three = pl.concat([lone, impossible, rescaled_cells(ledger)])
    failures = three.group_by(SYMBOL, SESSION).agg(pl.col("failures").sum()).sort(SYMBOL, SESSION)
    return counted(_of_judged(ledger, failures), nothing=NO_PRICE)


def _of_judged(ledger: Ledger, failures: pl.DataFrame) -> Where:
    """Put failures beside the rows that can be judged: those whose main price is there."""
    main = (ledger.terms.main or "",)
    return ledger.where(failures, exempt=ledger.cells([EMPTY, UNREADABLE], main))


def has_relative_scale(ledger: Ledger) -> bool:
    """Whether a jump can be told in relative terms: prices are positive by promise, or nearly always in fact."""
    if not ledger.terms.allow_non_positive or not ledger.terms.main:
        return True
    low = int(ledger.cells([ZERO, NEGATIVE], [ledger.terms.main])["failures"].sum())
    return low * 100 <= int(ledger.state.series["priced"].sum())


def historical_pattern(ledger: Ledger) -> Outcome:
    """Rows that do not behave as the symbol does: prices that stopped, moves without volume, bars beside their hours."""
    contract = ledger.evidence.contract
    if contract.frequency == "irregular":
        return not_applicable(f"rows of {contract.frequency} have no pattern to compare with")
    stopped = over_sessions(ledger.standing, ledger.state)
    both = pl.concat([stopped, silent_moves(ledger), ledger.shifted])
    failures = both.group_by(SYMBOL, SESSION).agg(pl.col("failures").sum()).sort(SYMBOL, SESSION)
    return counted(_of_judged(ledger, failures), nothing=NO_PRICE)


def silent_moves(ledger: Ledger) -> pl.DataFrame:
    """Return ``symbol, session, failures``: bars with a range and no volume, in symbols that hardly ever lack it."""
    moved = ledger.cells([SILENT_MOVE])
    if ledger.evidence.contract.frequency not in DAILY_OR_SLOWER:
        return moved.clear()
    silent = ledger.cells([SILENT]).group_by(SYMBOL).agg(pl.col("failures").sum().alias("silent"))
    usual = silent.join(ledger.rows[0], on=SYMBOL).filter(pl.col("silent") * USUALLY_SILENT >= pl.col("rows"))
    return moved.join(usual, on=SYMBOL, how="anti")


def reference_agreement(ledger: Ledger) -> Outcome:
    """Price cells that differ from the reference by more than the allowed basis points.

    Notes
    -----
    ``|p / r - 1| * 10 000 > max_deviation_bps``, over cells both sides have.
    """
    opinion = ledger.opinion
    if opinion is None:
        return not_applicable(NO_REFERENCE)
    cells = opinion.cells.filter(pl.col("failures") > 0).select(SYMBOL, SESSION, "failures")
    sums = [opinion.cells.group_by(key).agg(pl.col("failures", "total").sum()).sort(key) for key in (SYMBOL, SESSION)]
    return counted(Where(cells, *sums), nothing="the reference shares no symbol and time with the data")


def reference_correlation(ledger: Ledger) -> Outcome:
    """Symbols whose returns correlate with the reference's less than promised (Pearson)."""
    return _by_symbol(ledger, "correlation")


def reference_rmse(ledger: Ledger) -> Outcome:
    """Symbols whose relative root mean square difference from the reference is larger than promised.

    Notes
    -----
    ``sqrt(mean((p / r - 1)**2))`` of the main price.
    """
    return _by_symbol(ledger, "rmse")


def _by_symbol(ledger: Ledger, statistic: str) -> Outcome:
    opinion = ledger.opinion
    if opinion is None:
        return not_applicable(NO_REFERENCE)
    table = opinion.symbols.drop_nulls(statistic).filter(pl.col(statistic).is_not_nan())
    failing = table.filter(~pl.col(f"{statistic}_holds"))[SYMBOL].to_list()
    where = by_symbol(dict.fromkeys(failing, 1), dict.fromkeys(table[SYMBOL].to_list(), 1))
    values = dict(table.select(SYMBOL, statistic).iter_rows())
    return counted(where, nothing="the reference shares too few rows with the data", **{statistic: values})
