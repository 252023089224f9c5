"""Accuracy: values against a second opinion and against the symbol's own behaviour."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.checks import Where
from workbench.model.names import SESSION, SYMBOL
from workbench.quality.consistency import low_prices
from workbench.quality.outcome import Outcome, by_symbol, counted, judged_in_part, not_applicable
from workbench.quality.rules import EMPTY, IMPOSSIBLE, NEGATIVE, SILENT, SILENT_MOVE, UNREADABLE, ZERO
from workbench.quality.spread import over_sessions
from workbench.transform.frequency import DAILY_OR_SLOWER

if TYPE_CHECKING:
    from workbench.quality.ledger import Ledger

NO_PRICE_SHARED = "no other source has any of the data's price columns: nothing could be compared"
NO_REFERENCE = "no reference to compare with; give one with --reference or in a contract"
NOTHING_SHARED = "the reference shares no symbol and time with the data"
MOST_TOLD = 40
NO_EVENTS = "the data names no split and shows no dividend: no events, no adjusted close beside the close"
NO_PRICE = "no row holds the price that stands for it"
NO_HISTORY = "no symbol has rows enough to be judged by its own moves"
BOUNDS: Final = "statistical_bounds"
PATTERN: Final = "historical_pattern"
EVENTS: Final = "corporate_actions"
ALL_EVENTS: Final = "events"
"""Splits and dividends, right or wrong."""
UNJUDGED: Final = "unjudged"
"""Rows around which too little is known of their symbol's moves."""
CHECK_OF: Final = {
    "bad_tick": BOUNDS, "unit_switch": BOUNDS, "partial_split": BOUNDS, "unadjusted_split": BOUNDS, "double_split": BOUNDS,
    "stale": PATTERN, "volume_unit": PATTERN, "precision": PATTERN, "partial_bar": PATTERN,
    "dividend_adjustment": EVENTS, "event_error": EVENTS,
}  # fmt: skip
"""Which check a kind of finding counts against."""
NO_SCALE = "prices go through zero: there is no relative scale to judge a jump by"
USUALLY_SILENT = 20
"""A symbol that lacks volume once in so many rows, or more often, is not judged by its volume."""
MOSTLY_SILENT = 10
WEEKEND = 4
"""Days from one row to the next, at most, within a stretch."""


def statistical_bounds(ledger: Ledger) -> Outcome:
    """Rows with a price that leaves its neighbours and comes back, on another scale for a while, or that can be none at all."""
    if not has_relative_scale(ledger):
        return not_applicable(NO_SCALE)
    impossible = low_prices(ledger) if ledger.terms.allow_non_positive else ledger.cells([IMPOSSIBLE])
    failures = _together(ledger.found(BOUNDS), impossible)
    unjudged = ledger.found(UNJUDGED)
    where = _of_judged(ledger, failures, unjudged)
    outcome = counted(where, nothing=NO_HISTORY if len(unjudged) else NO_PRICE)
    lacking = int(unjudged["failures"].sum())
    told = f"{lacking:,} rows: too few moves around them to say what is usual for their symbol"
    return judged_in_part(outcome, Fraction(outcome.total, outcome.total + lacking) if lacking else Fraction(1), told)


def _together(*parts: pl.DataFrame) -> pl.DataFrame:
    """Add failures of one cell up."""
    return pl.concat(parts).group_by(SYMBOL, SESSION).agg(pl.col("failures").sum()).sort(SYMBOL, SESSION)


def _of_judged(ledger: Ledger, failures: pl.DataFrame, unjudged: pl.DataFrame | None = None) -> Where:
    """Put failures beside the rows that can be judged: those whose main price is there, and whose symbol is known."""
    lacking = ledger.cells([EMPTY, UNREADABLE], (ledger.terms.main or "",))
    return ledger.where(failures, exempt=lacking if unjudged is None else _together(lacking, unjudged))


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
    failures = _together(stopped, silent_moves(ledger), ledger.shifted, ledger.found(PATTERN))
    return counted(_of_judged(ledger, failures), nothing=NO_PRICE)


def corporate_actions(ledger: Ledger) -> Outcome:
    """Splits and dividends that are adjusted for wrongly, out of all that the data shows."""
    totals, wrong = (ledger.found(which).group_by(SYMBOL).agg(pl.col("failures").sum()) for which in (ALL_EVENTS, EVENTS))
    if totals.is_empty():
        return not_applicable(NO_EVENTS)
    return counted(by_symbol(dict(wrong.iter_rows()), dict(totals.sort(SYMBOL).iter_rows())))


def silent_moves(ledger: Ledger) -> pl.DataFrame:
    """Return ``symbol, session, failures``: bars with a range and no volume, in symbols that hardly ever lack it.

    Notes
    -----
    Of daily bars stretches count, not rows: a volume that fails for a month fails once. What lacks volume in more than a
    tenth of its rows has none, rather than lost it.
    """
    moved = ledger.cells([SILENT_MOVE])
    if moved.is_empty():
        return moved
    silent = ledger.cells([SILENT]).drop_nulls([SYMBOL, SESSION])
    apart = (pl.col(SESSION) - pl.col(SESSION).shift().over(SYMBOL)).fill_null(pl.duration(days=99)) > pl.duration(days=WEEKEND)
    times = apart.sum() if ledger.evidence.contract.frequency in DAILY_OR_SLOWER else pl.col("failures").sum()
    usual = silent.group_by(SYMBOL).agg(times.alias("times"), pl.col("failures").sum()).join(ledger.rows[0], on=SYMBOL)
    often = (pl.col("times") * USUALLY_SILENT >= pl.col("rows")) | (pl.col("failures") * MOSTLY_SILENT >= pl.col("rows"))
    return moved.join(usual.filter(often), on=SYMBOL, how="anti")


def reference_agreement(ledger: Ledger) -> Outcome:
    """Price cells that differ from the reference by more than the allowed basis points.

    Notes
    -----
    ``|p / r - 1| * 10 000 > max_deviation_bps``, over cells both sides have.
    """
    opinion = ledger.opinion
    if opinion is None:
        return _nothing_to_compare(ledger)
    told = {"covered": opinion.covered, "conventions": [str(convention) for convention in opinion.conventions[:MOST_TOLD]]}
    outcome = counted(_of_cells(opinion.cells), nothing=NOTHING_SHARED, **told)
    covered = Fraction(min(1.0, max(opinion.covered.values()))).limit_denominator(10_000)
    return judged_in_part(outcome, covered, f"{1 - float(covered):.0%} of the rows: no other source has them")


def _nothing_to_compare(ledger: Ledger) -> Outcome:
    return not_applicable(NO_REFERENCE if ledger.evidence.opinion is None else NO_PRICE_SHARED)


def _of_cells(cells: pl.DataFrame) -> Where:
    """Return the address of ``symbol, session, failures, total``."""
    by_symbol, by_session = (cells.group_by(key).agg(pl.col("failures", "total").sum()).sort(key) for key in (SYMBOL, SESSION))
    return Where(cells.filter(pl.col("failures") > 0).select(SYMBOL, SESSION, "failures"), by_symbol, by_session)


def vintage_stability(ledger: Ledger) -> Outcome:
    """Rows of history that a newer vintage lost, or changed with no adjustment to explain it, out of all the older one has."""
    restated = ledger.restated
    if restated is None:
        return not_applicable("no earlier vintage to compare with; give one with --previous")
    if not restated.shared:
        return not_applicable("the earlier vintage shares no symbol and time with the data")
    return counted(_of_cells(restated.cells), shared=restated.shared)


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
        return _nothing_to_compare(ledger)
    table = opinion.symbols.drop_nulls(statistic).filter(pl.col(statistic).is_not_nan())
    failing = table.filter(~pl.col(f"{statistic}_holds"))[SYMBOL].to_list()
    where = by_symbol(dict.fromkeys(failing, 1), dict.fromkeys(table[SYMBOL].to_list(), 1))
    values = dict(table.select(SYMBOL, statistic).iter_rows())
    return counted(where, nothing="the reference shares too few rows with the data", **{statistic: values})
