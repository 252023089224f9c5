"""Completeness: what should be there, and is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.model.checks import Where
from workbench.model.names import SYMBOL
from workbench.quality.outcome import Outcome, by_session, by_symbol, counted, not_applicable
from workbench.quality.rules import EMPTY, UNREADABLE

if TYPE_CHECKING:
    from workbench.quality.ledger import Ledger

NO_CALENDAR = "no calendar says which sessions to expect; give one with --calendar or in a contract"


def missing_values(ledger: Ledger) -> Outcome:
    """Empty price and size cells out of all of them.

    Notes
    -----
    ``metrics["missing_rate"]``: column -> share of its cells that hold no number.
    """
    fields = (*ledger.terms.prices, *ledger.terms.sizes)
    if not ledger.terms.prices:
        return not_applicable("no price columns")
    where = ledger.where(ledger.cells([EMPTY], fields), each=len(fields))
    rows = ledger.state.rows
    lacking = {name: int(ledger.cells([EMPTY, UNREADABLE], [name])["failures"].sum()) for name in fields}
    return counted(where, missing_rate={name: count / rows if rows else None for name, count in lacking.items()})


def bar_count(ledger: Ledger) -> Outcome:
    """Bars that are missing out of those expected, for each symbol and session."""
    due = ledger.attendance
    if due is None:
        return not_applicable(NO_CALENDAR)
    named = {"missing": "failures", "expected": "total"}
    where = Where(due.cells.rename({"missing": "failures"}), due.by_symbol.rename(named), due.by_session.rename(named))
    complete = 1 - due.missing / due.expected if due.expected else None
    return counted(where, nothing=NO_CALENDAR, expected=due.expected, actual=due.expected - due.missing, completeness=complete)


def session_coverage(ledger: Ledger) -> Outcome:
    """Count expected sessions on which no symbol has a row."""
    due = ledger.attendance
    if due is None:
        return not_applicable(NO_CALENDAR)
    return counted(by_session(due.sessions, ~due.sessions.is_in(ledger.seen.implode())), nothing=NO_CALENDAR)


def symbol_coverage(ledger: Ledger) -> Outcome:
    """Symbols of the contract's universe without a single row."""
    only = ledger.evidence.only
    universe = [symbol for symbol in ledger.evidence.contract.symbols if only is None or symbol in only]
    if not universe:
        return not_applicable("no universe of symbols is promised; list them under 'symbols' in a contract")
    series = ledger.state.series
    seen = set(series.filter(series["priced"] > 0)[SYMBOL].to_list())
    absent = [symbol for symbol in universe if symbol not in seen]
    return counted(by_symbol(dict.fromkeys(absent, 1), dict.fromkeys(universe, 1)), missing=absent)
