"""What is not there: sessions of which nothing came, and gaps inside sessions of which something did."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from workbench.model.findings import Explained, Finding, Hypothesis, Severity
from workbench.model.names import EVENT_AT, SESSION, SYMBOL
from workbench.quality.detectors.suspicion import competing
from workbench.quality.rules import SILENT
from workbench.quality.spans import consecutive
from workbench.quality.timetables import with_hours
from workbench.transform.frequency import step_minutes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.quality.ledger import Ledger
    from workbench.quality.terms import Terms

MOST_CELLS: Final = 10_000
"""Sessions short of bars that are looked at closely, those that miss most first."""
LONG_GAP_MINUTES: Final = 30
STILL: Final = 0.005
"""A symbol is thinly traded if a larger share of its bars repeats, or has no volume."""
OFTEN: Final = 0.1
"""A symbol that lacks this share of its bars is thin beyond doubt."""
MANY: Final = 0.5
EVERYBODY: Final = 0.9
WILD: Final = 5.0
BURST: Final = 2.0
CALM: Final = 2.0
"""Usual moves, and usual volumes, that tell a halt's reopening from a gap in the data."""
NORMAL: Final = 1.4826
"""The standard deviation of normal moves over the median of their size."""
LEGITIMATE: Final = ("no_trade", "halt", "holiday", "calendar_error")
EXPLAINED: Final = 0.7
SOME_GAPS: Final = 10
BUSY: Final = 0.7
"""Thin symbols do not trade when they are quiet: with more than this share of the usual volume around its gaps none is quiet."""
LEAST_SYMBOLS: Final = 3
SHORTEST_HALT: Final = 5
"""Minutes (the plan of US exchanges to limit up and down)."""
REOPENED: Final = {SYMBOL: pl.String, SESSION: pl.Date, "wild": pl.Float64, "burst": pl.Float64}


def missing_sessions(ledger: Ledger, reopened: pl.DataFrame) -> Iterator[Finding | Explained]:
    """Yield whole sessions that are not there, neighbours together, with what they may be; a session of empty rows is there.

    Parameters
    ----------
    ledger : Ledger
    reopened : DataFrame
        As :func:`reopenings` gives it.
    """
    if ledger.attendance is None:
        return
    absent = ledger.attendance.absent.join(ledger.blank, on=[SYMBOL, SESSION], how="anti", maintain_order="left")
    spans = consecutive(_positions(absent, ledger).sort(SYMBOL, SESSION), SESSION)
    after = spans.sort("end").join_asof(
        reopened.sort(SESSION), left_on="end", right_on=SESSION, by=SYMBOL, strategy="forward", check_sortedness=False
    )
    seen = dict(ledger.state.days.group_by(SYMBOL).agg(pl.col("mask").bitwise_count_ones().sum()).iter_rows())
    thin = _thin(ledger)
    often = dict(spans.group_by(SYMBOL).agg(pl.len()).iter_rows())
    together = {row[SESSION]: row["share"] for row in _together(absent, ledger).iter_rows(named=True)}
    of_itself = learned(ledger, spans[SYMBOL])
    for row in after.sort(SYMBOL, "start").iter_rows(named=True):
        others = often[row[SYMBOL]] - 1
        lacks = others / (seen.get(row[SYMBOL], 0) + others) if row[SYMBOL] in thin else 0.0
        absence = Absence(
            row["rows"],
            together.get(row["start"]),
            lacks,
            is_learned=row[SYMBOL] in of_itself,
            wild=row["wild"],
            burst=row["burst"],
        )
        yield _labelled(row, _why_absent(absence))


@dataclass(frozen=True, slots=True)
class Absence:
    """Sessions of a symbol that are not there, and what is known around them.

    Attributes
    ----------
    count
        Sessions.
    shared
        The share of the other symbols due that day that are absent too; None where there are none.
    lacks
        How often a thinly traded symbol lacks a session otherwise, of all it might have; 0 for one that always trades.
    is_learned
        Whether its calendar was learned from the data.
    wild, burst
        The move over the gap in the symbol's usual moves, and the volume of the first row behind over the usual; None where
        it is not known.
    """

    count: int
    shared: float | None
    lacks: float
    is_learned: bool
    wild: float | None
    burst: float | None


def _why_absent(absence: Absence) -> tuple[Hypothesis, ...]:
    """Weigh what an absence may be, the likeliest first."""
    expects = f"the calendar expects {absence.count} session(s) between rows that are there"
    shared, alone = absence.shared, "there are no other symbols to compare with"
    if shared is not None:
        alone = f"{shared:.0%} of the other symbols are absent too"
    many = (shared or 0.0) > MANY
    reopening, told = _reopening(absence)
    everybody = shared is not None and shared > EVERYBODY and absence.count == 1
    return competing(
        ("vendor_gap", 1.5 if many else 1.0, f"{expects}; {alone}"),
        ("calendar_error", 0.0 if everybody else -2.0, "the market may have been closed, which the calendar does not know"),
        ("no_trade", -4.0 if many else _by_chance(absence.lacks, absence.count), _thinly(absence.lacks)),
        ("halt", -4.0 if many else reopening - (1.5 if shared is None else 0.5), told),
        (
            "holiday",
            0.5 if absence.is_learned else -4.0,
            "the publisher's calendar was learned from the data; it has days of its own",
        ),
        ("unknown", -1.0, "nothing speaks for one of these"),
    )


def _by_chance(lacks: float, count: int, gaps: int = 1) -> float:
    """Weigh whether nobody traded ``count`` times in a row, where that happens to a share of all bars.

    Of many ``gaps`` some are long.
    """
    if not lacks:
        return -2.5
    return max(2.5 + 2 * math.log10(lacks / OFTEN) + (count - 1) * math.log10(lacks) + math.log10(gaps), -3.0)


def _thinly(lacks: float) -> str:
    if not lacks:
        return "without a trade there is no bar, but the symbol always trades"
    return f"without a trade there is no bar; the symbol lacks {lacks:.1%} of its others"


def _thin(ledger: Ledger) -> set[str]:
    """Return the symbols that are thinly traded: whose bars now and then repeat, or come without volume."""
    silent = ledger.cells([SILENT]).group_by(SYMBOL).agg(pl.col("failures").sum().alias("silent"))
    series = ledger.state.series.drop_nulls(SYMBOL).join(silent, on=SYMBOL, how="left")
    still = pl.col("repeats") + pl.col("silent").fill_null(0)
    return set(series.filter(still > STILL * pl.col("links"))[SYMBOL])


def _reopening(absence: Absence) -> tuple[float, str]:
    """Weigh how trade went on: news that halts a symbol moves it."""
    if absence.wild is None:
        return 0.0, "a halt of one symbol looks the same"
    told = f"the first price behind is {absence.wild:.1f} usual moves off, on {absence.burst or 1:.1f} times the usual volume"
    if absence.wild >= WILD and absence.burst is not None and absence.burst >= BURST:
        return 3.5, told
    return (-1.0 if absence.wild < CALM else 0.0), told


def _labelled(row: dict[str, Any], claims: tuple[Hypothesis, ...]) -> Finding | Explained:
    """Make a finding of an absence, or an explanation where it is a legitimate one for nearly certain."""
    likeliest = claims[0]
    if likeliest.kind in LEGITIMATE and likeliest.probability >= EXPLAINED:
        return Explained(likeliest.kind, row[SYMBOL], row["start"], row["end"], likeliest.evidence)
    legitimate = sum(h.probability for h in claims if h.kind in LEGITIMATE)
    return Finding(
        kind="missing_session", symbol=row[SYMBOL], start=row["start"], end=row["end"], rows=row["rows"],
        severity=Severity.HIGH if row["rows"] >= 3 else Severity.MEDIUM, confidence=round(1 - legitimate, 4), hypotheses=claims,
    )  # fmt: skip


def reopenings(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Say how trade went on behind gaps: ``symbol, session, wild, burst`` of the first row after each; of daily bars.

    Parameters
    ----------
    rows : DataFrame
        Whole symbols, sorted by symbol, then time.
    ledger : Ledger
    """
    due, main = ledger.attendance, ledger.terms.main
    if due is None or main is None or ledger.terms.is_intraday or due.absent.is_empty():
        return pl.DataFrame(schema=REOPENED)
    mine = rows.filter(pl.col(SYMBOL).is_in(due.absent[SYMBOL].unique().implode()) & (pl.col(main) > 0))
    move = (pl.col(main) / pl.col(main).shift()).log().abs().over(SYMBOL)
    size = pl.col(ledger.terms.sizes[0]) if ledger.terms.sizes else pl.lit(None, dtype=pl.Float64)
    usual = pl.when(move > 0).then(move).median().over(SYMBOL) * NORMAL
    told = mine.with_columns((move / usual).alias("wild"), (size / size.median().over(SYMBOL)).alias("burst"))
    return told.filter((pl.col(SESSION) - pl.col(SESSION).shift().over(SYMBOL)) > pl.duration(days=1)).select(*REOPENED)


def _together(absent: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Return ``session, share``: of the symbols that were due besides one absent, how many are absent too."""
    lives = ledger.state.series.drop_nulls([SYMBOL, "first_session"]).select("first_session", "last_session")
    counts = absent.group_by(SESSION).agg(pl.len().alias("absent")).sort(SESSION)
    begun, ended = (lives[name].sort().to_physical().to_numpy() for name in ("first_session", "last_session"))
    day = counts[SESSION].to_physical().to_numpy()
    alive = np.searchsorted(begun, day, side="right") - np.searchsorted(ended, day, side="left")
    shared = counts.with_columns(pl.Series("alive", alive, dtype=pl.Int64))
    return shared.filter(pl.col("alive") > 1).select(SESSION, ((pl.col("absent") - 1) / (pl.col("alive") - 1)).alias("share"))


def learned(ledger: Ledger, symbols: pl.Series) -> set[str]:
    """Return the symbols whose calendar was learned from what they themselves did."""
    names = symbols.unique().to_list()
    tables = ledger.terms.timetable_of(names)
    return {
        name for name, table in zip(names, tables, strict=True) if table >= 0 and ledger.terms.timetables[table].name == "learned"
    }


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


def missing_bars(ledger: Ledger, rows: pl.DataFrame) -> Iterator[Finding | Explained]:
    """Yield gaps within sessions that are otherwise there; of thin symbols only those that chance does not explain."""
    step = step_minutes(ledger.terms.frequency)
    short = short_cells(ledger)
    if step is None or short.is_empty() or ledger.attendance is None:
        return
    due = ledger.attendance.by_symbol
    lacks = dict(due.select(SYMBOL, pl.col("missing") / pl.col("expected").clip(1)).iter_rows())
    gaps = _gaps(short, rows, step, ledger)
    thin: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in gaps.with_columns(pl.len().over("start", "end").alias("symbols")).iter_rows(named=True):
        claims = _why_short(row, step, lacks.get(row[SYMBOL], 0.0))
        likely = next(h.probability for h in claims if h.kind == "no_trade")
        if likely >= EXPLAINED:
            thin[row[SYMBOL]].append(row)
            continue
        yield Finding(
            kind="missing_bar", symbol=row[SYMBOL], start=row["start"], end=row["end"], rows=row["rows"],
            severity=Severity.MEDIUM if row["rows"] * step >= LONG_GAP_MINUTES else Severity.LOW,
            confidence=round(1 - likely, 4), hypotheses=claims,
        )  # fmt: skip
    for symbol, some in thin.items():
        told = f"{len(some)} gap(s): the symbol lacks {lacks[symbol]:.1%} of its bars, and without a trade there is none"
        yield Explained("no_trade", symbol, some[0]["start"], some[-1]["end"], told)


def _why_short(row: Mapping[str, Any], step: int, lacks: float) -> tuple[Hypothesis, ...]:
    """Weigh what a gap within a session is, in a symbol that lacks a share of its bars."""
    count, many = row["rows"], row["symbols"] >= LEAST_SYMBOLS
    gap = f"no bar for {count * step} minutes within regular hours" + (", in several symbols at once" if many else "")
    halted = not many and count * step >= SHORTEST_HALT
    is_busy = row["gaps"] >= SOME_GAPS and (row["busy"] or 0.0) > BUSY
    quiet = _thinly(lacks) + ("; around its gaps it trades as much as ever" if is_busy else "")
    return competing(
        ("vendor_gap", 0.4 + (1.5 if many else 0.0), gap),
        ("no_trade", _by_chance(lacks, count, row["gaps"]) - (2.0 if many else 0.0) - (4.0 if is_busy else 0.0), quiet),
        ("halt", -1.0 if halted else -4.0, "volatility halts last five minutes and more"),
        ("unknown", -1.5, "nothing speaks for one of these"),
    )


def _activity(terms: Terms) -> pl.Expr:
    """Return how busy a bar was: its volume, or where nobody knows that, its range."""
    if terms.sizes:
        return pl.col(terms.sizes[0]).cast(pl.Float64)
    return pl.col("high") - pl.col("low") if {"high", "low"} <= set(terms.prices) else pl.lit(None, dtype=pl.Float64)


def _gaps(short: pl.DataFrame, rows: pl.DataFrame, step: int, ledger: Ledger) -> pl.DataFrame:
    """Return the holes between neighbouring bars of one session, its edges included.

    ``symbol, start, end, rows``, how many ``gaps`` the symbol has, and how ``busy`` it is around them, over its usual.
    """
    width = timedelta(minutes=step)
    first, last = (width, timedelta(0)) if ledger.terms.stamp == "end" else (timedelta(0), -width)
    bounds_of = [(pl.col("open_at") + first).alias("from"), (pl.col("close_at") + last).alias("to")]
    edges = with_hours(short, ledger.terms).select(SYMBOL, SESSION, *bounds_of)
    priced = pl.any_horizontal(pl.col(name).is_not_null() for name in ledger.terms.prices)
    inside = rows.filter(priced).join(edges, on=[SYMBOL, SESSION], how="inner").filter(pl.col(EVENT_AT).is_between("from", "to"))
    bounds = [
        edges.select(SYMBOL, SESSION, (pl.col(name) + shift).alias(EVENT_AT)) for name, shift in (("from", -width), ("to", width))
    ]
    times = pl.concat([inside.select(SYMBOL, SESSION, EVENT_AT, _activity(ledger.terms).alias("size")), *bounds], how="diagonal")
    times = times.sort(SYMBOL, SESSION, EVENT_AT, "size", nulls_last=True).unique(
        [SYMBOL, SESSION, EVENT_AT], keep="first", maintain_order=True
    )
    spans = ledger.state.series.select(SYMBOL, "first_at", "last_at")
    holes = (
        times.with_columns(
            pl.col(EVENT_AT).shift().over(SYMBOL, SESSION).alias("before"),
            pl.mean_horizontal("size", pl.col("size").shift().over(SYMBOL, SESSION)).alias("around"),
            pl.col("size").median().over(SYMBOL).alias("usual"),
        )
        .drop_nulls("before")
        .join(spans, on=SYMBOL)
    )
    holes = holes.with_columns(
        pl.max_horizontal("before", pl.col("first_at") - width).alias("before"),
        pl.min_horizontal(EVENT_AT, pl.col("last_at") + width).alias("after"),
    )
    count = ((pl.col("after") - pl.col("before")).dt.total_minutes() // step) - 1
    return holes.filter(count > 0).select(
        SYMBOL, (pl.col("before") + width).alias("start"), (pl.col("after") - width).alias("end"), count.alias("rows"),
        (pl.col("around").median().over(SYMBOL) / pl.col("usual")).alias("busy"), pl.len().over(SYMBOL).alias("gaps"),
    )  # fmt: skip
