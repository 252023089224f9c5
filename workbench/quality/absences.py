"""What is not there: sessions of which nothing came, and gaps inside sessions of which something did."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.findings import Finding, Hypothesis, Severity
from workbench.model.names import EVENT_AT, SESSION, SYMBOL
from workbench.quality.detectors.suspicion import competing
from workbench.quality.spans import consecutive
from workbench.quality.timetables import with_hours
from workbench.transform.frequency import step_minutes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.quality.ledger import Ledger

MOST_CELLS: Final = 10_000
"""Sessions short of bars that are looked at closely, those that miss most first."""
LONG_GAP_MINUTES: Final = 30
LEAST_SYMBOLS: Final = 3
THIN: Final = 20
"""A symbol that lacks one session in so many, or more, is thin."""
CERTAIN_OF_LEARNED: Final = 0.6
"""How sure an absence is where the calendar was learned from the series itself: publishers close on days of no rule."""


def missing_sessions(ledger: Ledger) -> Iterator[Finding]:
    """Yield whole sessions that are not there, neighbours together; a session of empty rows is there."""
    if ledger.attendance is None:
        return
    absent = ledger.attendance.absent.join(ledger.blank, on=[SYMBOL, SESSION], how="anti", maintain_order="left")
    placed = _positions(absent, ledger).sort(SYMBOL, SESSION)
    everyone = ledger.state.series[SYMBOL].drop_nulls().n_unique()
    together = dict(absent.group_by(SESSION).agg(pl.len()).iter_rows())
    often = set(_often_absent(ledger)[SYMBOL])
    is_learned = any(table.name == "learned" for table in ledger.terms.timetables)
    for row in consecutive(placed, SESSION).iter_rows(named=True):
        shared = together.get(row["start"], 1) / everyone if everyone >= LEAST_SYMBOLS else 0.0
        claims = _why_absent(row["rows"], shared, is_thin=row[SYMBOL] in often, is_learned=is_learned)
        yield Finding(
            kind="missing_session", symbol=row[SYMBOL], start=row["start"], end=row["end"], rows=row["rows"],
            severity=Severity.HIGH if row["rows"] >= 3 else Severity.MEDIUM,
            confidence=CERTAIN_OF_LEARNED if is_learned else 0.9, hypotheses=claims,
        )  # fmt: skip


def _why_absent(count: int, shared: float, *, is_thin: bool, is_learned: bool) -> tuple[Hypothesis, ...]:
    """Label an absence: whose it is, and what it may be.

    Parameters
    ----------
    count : int
        Sessions.
    shared : float
        The share of the symbols that are absent too; 0 where there are too few symbols to tell.
    is_thin : bool
        Whether the symbol is absent now and then anyway.
    """
    text = f"the calendar expects {count} session(s) between rows that are there"
    many = f"{shared:.0%} of the symbols are absent at once"
    alone = "the other symbols are there" if shared else "there are no other symbols to compare with"
    return competing(
        ("vendor_gap", 1.5 if shared > 0.5 else 1.0, f"{text}; {many if shared > 0.5 else alone}"),
        (
            "calendar_error",
            0.5 if shared > 0.9 and count == 1 else -2.0,
            "the market may have been closed, which the calendar does not know",
        ),
        (
            "no_trade",
            1.5 if is_thin else -1.5,
            "without a trade there is no bar" + ("; the symbol lacks bars now and then" if is_thin else ""),
        ),
        ("halt", 0.3 if 0 < shared <= 0.5 else -0.5, "a halt of one symbol looks the same"),
        (
            "holiday",
            0.5 if is_learned else -4.0,
            "the publisher's calendar was learned from the data, and has closed days of its own",
        ),
    )


def _often_absent(ledger: Ledger) -> pl.DataFrame:
    """Return the symbols that lack more than one session in ``THIN``."""
    due = ledger.attendance
    if due is None:
        return pl.DataFrame(schema={SYMBOL: pl.String})
    absent = due.absent.group_by(SYMBOL).agg(pl.len().alias("absent"))
    seen = ledger.state.days.group_by(SYMBOL).agg(pl.col("mask").bitwise_count_ones().sum().alias("seen"))
    return absent.join(seen, on=SYMBOL).filter(pl.col("absent") * THIN > pl.col("seen")).select(SYMBOL)


def _positions(absent: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Say which of its calendar's sessions, or of all periods, each absent one is."""
    if ledger.terms.timetables or ledger.attendance is None:
        return with_hours(absent.drop("bars"), ledger.terms)
    periods = ledger.attendance.sessions.to_frame(SESSION).with_row_index("position")
    return absent.join(periods, on=SESSION, how="left")


def short_cells(ledger: Ledger) -> pl.DataFrame:
    """Return ``symbol, session, missing`` of intraday sessions that lack some of their bars, the worst if there are very many."""
    due = ledger.attendance
    if due is None or not ledger.terms.counts_bars:
        return pl.DataFrame(schema={SYMBOL: pl.String, SESSION: pl.Date, "missing": pl.Int64})
    short = due.cells.join(due.absent, on=[SYMBOL, SESSION], how="anti")
    return short.sort("missing", SYMBOL, SESSION, descending=[True, False, False]).head(MOST_CELLS)


def missing_bars(ledger: Ledger, rows: pl.DataFrame) -> Iterator[Finding]:
    """Yield gaps within sessions that are otherwise there."""
    step = step_minutes(ledger.terms.frequency)
    short = short_cells(ledger)
    if step is None or short.is_empty():
        return
    for row in _gaps(short, rows, step, ledger).iter_rows(named=True):
        gap = f"no bar for {row['rows'] * step} minutes within regular hours"
        yield Finding(
            kind="missing_bar", symbol=row[SYMBOL], start=row["start"], end=row["end"], rows=row["rows"],
            severity=Severity.MEDIUM if row["rows"] * step >= LONG_GAP_MINUTES else Severity.LOW, confidence=0.7,
            hypotheses=(Hypothesis("vendor_gap", 0.6, gap), Hypothesis("no_trade", 0.4, "without a trade there is no bar")),
        )  # fmt: skip


def _gaps(short: pl.DataFrame, rows: pl.DataFrame, step: int, ledger: Ledger) -> pl.DataFrame:
    """Return ``symbol, start, end, rows`` of the holes between neighbouring bars of one session, its edges included."""
    width = timedelta(minutes=step)
    first, last = (width, timedelta(0)) if ledger.terms.stamp == "end" else (timedelta(0), -width)
    bounds_of = [(pl.col("open_at") + first).alias("from"), (pl.col("close_at") + last).alias("to")]
    edges = with_hours(short, ledger.terms).select(SYMBOL, SESSION, *bounds_of)
    priced = pl.any_horizontal(pl.col(name).is_not_null() for name in ledger.terms.prices)
    inside = rows.filter(priced).join(edges, on=[SYMBOL, SESSION], how="inner").filter(pl.col(EVENT_AT).is_between("from", "to"))
    bounds = [
        edges.select(SYMBOL, SESSION, (pl.col(name) + shift).alias(EVENT_AT)) for name, shift in (("from", -width), ("to", width))
    ]
    times = pl.concat([inside.select(SYMBOL, SESSION, EVENT_AT), *bounds]).unique().sort(SYMBOL, SESSION, EVENT_AT)
    spans = ledger.state.series.select(SYMBOL, "first_at", "last_at")
    holes = (
        times.with_columns(pl.col(EVENT_AT).shift().over(SYMBOL, SESSION).alias("before"))
        .drop_nulls("before")
        .join(spans, on=SYMBOL)
    )
    holes = holes.with_columns(
        pl.max_horizontal("before", pl.col("first_at") - width).alias("before"),
        pl.min_horizontal(EVENT_AT, pl.col("last_at") + width).alias("after"),
    )
    count = ((pl.col("after") - pl.col("before")).dt.total_minutes() // step) - 1
    return holes.filter(count > 0).select(
        SYMBOL, (pl.col("before") + width).alias("start"), (pl.col("after") - width).alias("end"), count.alias("rows")
    )
