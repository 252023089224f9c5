"""Completeness: what should be there, and is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.model.names import SESSION, SYMBOL
from workbench.quality.outcome import Outcome, counted, not_applicable
from workbench.quality.tally import IN_HOURS, SEEN

if TYPE_CHECKING:
    from workbench.quality.evidence import Evidence
    from workbench.quality.tally import Tally

NO_CALENDAR = "no calendar says which sessions to expect; give one with --calendar or in a contract"


def missing_values(evidence: Evidence, tally: Tally) -> Outcome:
    """Empty price and size cells out of all of them.

    Notes
    -----
    ``metrics["missing_rate"]``: column -> share of its cells that are empty.
    """
    if not evidence.prices:
        return not_applicable("no price columns")
    rates = tally.rows.filter(~pl.col("is_placeholder")).select(
        pl.col(name).is_null().mean().alias(name) for name in (*evidence.prices, *evidence.sizes)
    )
    return counted(tally.of("missing_values"), missing_rate=rates.row(0, named=True))


def bar_count(evidence: Evidence, tally: Tally) -> Outcome:
    """Bars that are missing out of those expected, for each symbol and session."""
    if evidence.expected is None:
        return not_applicable(NO_CALENDAR)
    expected = evidence.expected.filter(pl.col("bars").is_not_null() & (pl.col("bars") > 0))
    seen = tally.facts.select(SYMBOL, SESSION, pl.min_horizontal(SEEN, IN_HOURS).alias("actual"))
    both = expected.join(seen, on=[SYMBOL, SESSION], how="left").with_columns(pl.col("actual").fill_null(0))
    missing = (pl.col("bars") - pl.col("actual")).clip(0)
    where = both.select(SYMBOL, SESSION, missing.alias("failures"), pl.col("bars").alias("total"))
    wanted, actual = int(where["total"].sum() or 0), int(both["actual"].sum() or 0)
    complete = 1 - int(where["failures"].sum() or 0) / wanted if wanted else None
    return counted(where, nothing=NO_CALENDAR, expected=wanted, actual=actual, completeness=complete)


def session_coverage(evidence: Evidence, tally: Tally) -> Outcome:
    """Count expected sessions on which no symbol has a row."""
    if evidence.expected is None:
        return not_applicable(NO_CALENDAR)
    seen = tally.facts.filter(pl.col(SEEN) > 0).select(SESSION).unique()
    days = evidence.expected.select(SESSION).unique().sort(SESSION)
    absent = (~pl.col(SESSION).is_in(seen[SESSION].implode())).cast(pl.Int64)
    where = days.select(
        pl.lit(None, dtype=pl.String).alias(SYMBOL), SESSION, absent.alias("failures"), pl.lit(1).cast(pl.Int64).alias("total")
    )
    return counted(where, nothing=NO_CALENDAR)


def symbol_coverage(evidence: Evidence, tally: Tally) -> Outcome:
    """Symbols of the contract's universe without a single row."""
    universe = evidence.contract.symbols
    if not universe:
        return not_applicable("no universe of symbols is promised; list them under 'symbols' in a contract")
    seen = set(tally.facts.filter(pl.col(SEEN) > 0)[SYMBOL].unique().to_list())
    where = pl.DataFrame(
        {SYMBOL: list(universe), SESSION: [None] * len(universe), "failures": [int(s not in seen) for s in universe], "total": 1},
        schema={SYMBOL: pl.String, SESSION: pl.Date, "failures": pl.Int64, "total": pl.Int64},
    )
    return counted(where, missing=[s for s in universe if s not in seen])
