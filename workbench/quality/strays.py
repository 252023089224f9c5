"""Kinds ``phantom_session``, ``calendar_error`` and ``clock_shift`` of daily bars: rows on days that are no session.

A bar that repeats the session before is a phantom, however many symbols have it. Bars with prices and volumes of their
own on a day on which most symbols have one are no error of theirs: the finding is about the calendar. A stray day next
to a session that is missing is a date that slipped, as stamps at midnight do when a zone is read wrongly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.findings import Finding, Hypothesis, Severity
from workbench.model.names import SESSION, SYMBOL
from workbench.quality.absences import learned
from workbench.quality.measure import STRAY
from workbench.quality.spans import ORDINAL, consecutive, numbered_sessions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.quality.ledger import Ledger

MOST: Final = 0.5
"""From this share of the symbols on, it is the market that was open."""
LEAST_SYMBOLS: Final = 3
SLIPS: Final = (-3, -2, -1, 1, 2, 3)
"""Days from a stray day to the session it belongs to, a weekend between them included."""
QUIET: Final = 0.1
"""Less than this share of the symbol's usual volume is no trading day."""


def stray_sessions(ledger: Ledger, rows: pl.DataFrame) -> Iterator[Finding]:
    """Yield what rows on days without a session are.

    Parameters
    ----------
    ledger : Ledger
    rows : DataFrame
        Whole symbols, sorted by symbol, then time.
    """
    if ledger.attendance is None or rows.is_empty():
        return
    stray = ledger.cells([STRAY]).filter(pl.col(SYMBOL).is_in(rows[SYMBOL].unique().implode()))
    if stray.is_empty():
        return
    theirs = rows.filter(pl.col(SYMBOL).is_in(stray[SYMBOL].unique().implode()))
    told = _told(stray.select(SYMBOL, SESSION), ledger, theirs)
    numbered = numbered_sessions(ledger, stray[SYMBOL]).rename({ORDINAL: "position"})
    for kind in ("phantom_session", "calendar_error", "clock_shift"):
        placed = told.filter(pl.col("kind") == kind).join(numbered, on=[SYMBOL, SESSION], how="inner").sort(SYMBOL, SESSION)
        for row in consecutive(placed, SESSION).iter_rows(named=True):
            claims = _HYPOTHESES[kind]
            severity = Severity.LOW if kind == "calendar_error" else Severity.MEDIUM
            yield Finding(
                kind=kind, symbol=row[SYMBOL], start=row["start"], end=row["end"], rows=row["rows"], severity=severity,
                confidence=claims[0].probability, hypotheses=claims,
            )  # fmt: skip


_HYPOTHESES: Final = {
    "phantom_session": (
        Hypothesis("phantom_session", 0.9, "the calendar has no session on this day, and the bar is a copy, or nobody traded"),
        Hypothesis("calendar_error", 0.1, "calendars err too"),
    ),
    "calendar_error": (
        Hypothesis("calendar_error", 0.8, "most symbols traded at new prices on a day that the calendar leaves out"),
        Hypothesis("phantom_session", 0.2, "a vendor may have made up a whole day"),
    ),
    "clock_shift": (
        Hypothesis("clock_shift", 0.85, "the session beside it is missing: the date slipped by a day"),
        Hypothesis("phantom_session", 0.15, "a made-up day beside a missing one"),
    ),
}


def _told(stray: pl.DataFrame, ledger: Ledger, rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``symbol, session, kind`` of every stray day."""
    marked = stray.join(_copies(ledger, rows), on=[SYMBOL, SESSION], how="left")
    everyone = ledger.state.series[SYMBOL].drop_nulls().n_unique()
    many = ledger.cells([STRAY]).group_by(SESSION).agg(pl.col(SYMBOL).n_unique().alias("symbols"))
    absent = (
        ledger.attendance.absent if ledger.attendance is not None else pl.DataFrame(schema={SYMBOL: pl.String, SESSION: pl.Date})
    )
    beside = pl.concat(
        [absent.select(SYMBOL, pl.col(SESSION).dt.offset_by(f"{days}d"), pl.lit(value=True).alias("slipped")) for days in SLIPS]
    ).unique([SYMBOL, SESSION])
    known = marked.join(many, on=SESSION, how="left").join(beside, on=[SYMBOL, SESSION], how="left")
    is_learned = pl.col(SYMBOL).is_in(list(learned(ledger, stray[SYMBOL])))
    is_real = ~pl.col("copied").fill_null(value=True) & ~pl.col("quiet").fill_null(value=False)
    is_market = is_real & (pl.col("symbols") >= max(LEAST_SYMBOLS, MOST * everyone))
    kind = (
        pl.when(pl.col("slipped").fill_null(value=False) & is_real).then(pl.lit("clock_shift"))
        .when(is_market).then(pl.lit("calendar_error")).when(is_real & is_learned).then(None).otherwise(pl.lit("phantom_session"))
    )  # fmt: skip
    return known.select(SYMBOL, SESSION, kind.alias("kind"))


def _copies(ledger: Ledger, rows: pl.DataFrame) -> pl.DataFrame:
    """Say of each session whether it repeats the prices of the one before, and whether hardly anything was traded."""
    volume = ledger.terms.sizes[0] if ledger.terms.sizes else None
    size = pl.lit(1.0) if volume is None else pl.col(volume).fill_null(0).sum()
    told = rows.group_by(SYMBOL, SESSION).agg(*(pl.col(name) for name in ledger.terms.prices), size.alias("size"))
    day = told.sort(SYMBOL, SESSION)
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift().over(SYMBOL)) for name in ledger.terms.prices)
    quiet = pl.col("size") < QUIET * pl.col("size").median().over(SYMBOL)
    return day.select(SYMBOL, SESSION, same.alias("copied"), quiet.alias("quiet"))
