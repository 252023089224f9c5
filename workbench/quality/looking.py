"""Which rows are looked at again: of daily and slower data whole symbols, within a day the rows that a screen points to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.names import SESSION, SYMBOL
from workbench.quality.absences import short_cells
from workbench.quality.flags import REPORTED, cells_of
from workbench.quality.measure import STRAY
from workbench.quality.rules import NEGATIVE
from workbench.quality.spans import ORDINAL, numbered_sessions

if TYPE_CHECKING:
    from collections.abc import Collection

    from workbench.quality.ledger import Ledger

ROWS_AT_ONCE: Final = 1_000_000
CELL: Final = {SYMBOL: pl.String, SESSION: pl.Date}
MOST_ROWS: Final = 4_000_000
"""Rows within days that are looked at again, at most."""


def worth_looking_at(ledger: Ledger, asked_about: Collection[str] | None = None) -> tuple[list[pl.DataFrame], int]:
    """Say which rows findings must look at again.

    Parameters
    ----------
    ledger : Ledger
    asked_about : collection of str, optional
        Daily symbols whose whole past detectors want to see; None: all. Those that states point to come with them.

    Returns
    -------
    list of DataFrame
        ``symbol``, or ``symbol, session``: some at a time, whole symbols each.
    int
        How many sessions of symbols more there are than can be looked at: beyond some millions of rows every so
        many are taken, and the others are counted in the score but not described.
    """
    if not ledger.terms.is_intraday:
        pointed = None if asked_about is None else {*asked_about, *_pointed_to(ledger)}
        return groups_of_symbols(ledger, pointed), 0
    cells = _suspicious(ledger)
    seen = int(ledger.state.days["mask"].bitwise_count_ones().sum())
    most = MOST_ROWS * max(seen, 1) // max(ledger.state.rows, 1)
    every = -(-len(cells) // max(most, 1))
    chosen = cells.gather_every(every) if every > 1 else cells
    return [chosen], len(cells) - len(chosen)


def groups_of_symbols(ledger: Ledger, which: Collection[str] | None = None, at_once: float = ROWS_AT_ONCE) -> list[pl.DataFrame]:
    """Divide symbols (None: all) into groups, as ``symbol``, of about as many rows as are held at once."""
    series = ledger.state.series.drop_nulls(SYMBOL).select(SYMBOL, "rows").sort(SYMBOL)
    series = series if which is None else series.filter(pl.col(SYMBOL).is_in(list(which)))
    group = (pl.col("rows").cum_sum() // at_once).alias("group")
    return [some.select(SYMBOL) for some in series.with_columns(group).partition_by("group", maintain_order=True)]


def _pointed_to(ledger: Ledger) -> set[str]:
    """Return the symbols of daily data with a row, or an absence, that a rule or a screen points to."""
    cells = [*(cells_of(reported, ledger) for reported in REPORTED), ledger.cells([STRAY]), _below_zero(ledger)]
    absent = [] if ledger.attendance is None else [ledger.attendance.absent]
    return {symbol for some in (*cells, *absent) for symbol in some[SYMBOL].drop_nulls().unique()}


def _below_zero(ledger: Ledger) -> pl.DataFrame:
    return ledger.cells([NEGATIVE], ledger.terms.prices).select(SYMBOL, SESSION).drop_nulls()


def _suspicious(ledger: Ledger) -> pl.DataFrame:
    """Return ``symbol, session`` of all rows that a rule or a screen points to: distinct, sorted."""
    if "bid" in ledger.terms.fields:  # no screen tells which spreads are wide for their day
        return numbered_sessions(ledger, ledger.state.series[SYMBOL].drop_nulls()).select(SYMBOL, SESSION)
    cells = [cells_of(reported, ledger) for reported in REPORTED]
    cells += [_with_neighbours(ledger.lone.select(SYMBOL, SESSION), ledger), _rescaled(ledger), _below_zero(ledger)]
    stray = ledger.cells([STRAY]).select(SYMBOL, SESSION).drop_nulls()
    cells += [short_cells(ledger).select(SYMBOL, SESSION), _with_neighbours(stray, ledger)]
    return pl.concat(cells).unique().sort(SYMBOL, SESSION)


def _with_neighbours(cells: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Add the session before and the one behind: what is usual around a row at a session's edge is there."""
    if cells.is_empty():
        return cells
    numbered = numbered_sessions(ledger, cells[SYMBOL])
    at = numbered.join(cells.unique(), on=[SYMBOL, SESSION], how="semi").select(SYMBOL, ORDINAL)
    near = pl.concat([at.with_columns(pl.col(ORDINAL) + shift) for shift in (-1, 0, 1)]).unique()
    return numbered.join(near, on=[SYMBOL, ORDINAL], how="semi").select(SYMBOL, SESSION)


def _rescaled(ledger: Ledger) -> pl.DataFrame:
    """Return all sessions of symbols whose prices step far: whether they step back may show many sessions later."""
    far = ledger.stepping
    return numbered_sessions(ledger, far).select(SYMBOL, SESSION) if len(far) else pl.DataFrame(schema=CELL)
