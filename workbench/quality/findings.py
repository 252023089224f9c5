"""All findings of a dataset: flagged rows, what is absent, what should not be there, and their common causes.

States say where to look; only those rows are looked at again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.findings import Explained, Finding, Hypothesis, Incident, Moment, Severity
from workbench.model.names import SESSION, SYMBOL
from workbench.quality.absences import missing_bars, missing_sessions, short_cells
from workbench.quality.accuracy import has_relative_scale
from workbench.quality.flags import REPORTED, cells_of, fields_of, suspicious
from workbench.quality.measure import PLACEHOLDER, STRAY
from workbench.quality.rescaled import SIMPLE, UNITS
from workbench.quality.rows import in_order, rows_of
from workbench.quality.rules import LOST, NEGATIVE, failing
from workbench.quality.spans import Told, consecutive, findings_of, flags, hypotheses, in_stretches, numbered_sessions, spans_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workbench.quality.ledger import Ledger

LEAST_SYMBOLS: Final = 3
MOST_ROWS: Final = 4_000_000
"""Rows that are looked at again, at most."""
BAD_TICK: Final = Told("bad_tick", Severity.HIGH, 0.9)
STALE: Final = Told("stale", Severity.MEDIUM, 0.8)
SHARED_KINDS: Final = ("missing_session", "missing_bar", "phantom_session", "stale", "clock_shift")


def worth_looking_at(ledger: Ledger) -> tuple[pl.DataFrame, int]:
    """Say which rows findings must look at again.

    Returns
    -------
    DataFrame
        ``symbol, session``; usually few, often none.
    int
        How many more there are than can be looked at one by one: beyond some millions of rows every so
        many are taken, and the others are counted in the score but not described.
    """
    below = ledger.cells([NEGATIVE], ledger.terms.prices).select(SYMBOL, SESSION)
    cells = suspicious(ledger, [short_cells(ledger).select(SYMBOL, SESSION), below.drop_nulls()])
    seen = int(ledger.state.days["mask"].bitwise_count_ones().sum())
    most = MOST_ROWS * max(seen, 1) // max(ledger.state.rows, 1)
    every = -(-len(cells) // max(most, 1))
    chosen = cells.gather_every(every) if every > 1 else cells
    return chosen, len(cells) - len(chosen)


def find(ledger: Ledger, frame: pl.DataFrame) -> tuple[tuple[Finding, ...], tuple[Incident, ...], tuple[Explained, ...]]:
    """Return findings (worst first), the incidents that gather them, and what only looked odd.

    Parameters
    ----------
    ledger : Ledger
    frame : DataFrame
        All rows, in any order, of the symbols and sessions that :func:`worth_looking_at` names; more do no harm.
    """
    rows = in_stretches(in_order(frame, ledger.terms), ledger)
    found = [
        *_row_findings(ledger, rows),
        *_stale(ledger),
        *missing_sessions(ledger),
        *missing_bars(ledger, rows),
        *_shifted(ledger),
        *_rescaled(ledger),
        *_phantom_sessions(ledger),
        *_disorder(ledger),
        *_unreadable_times(ledger),
    ]
    found, incidents = _gather(found, ledger)
    ordered = sorted(
        found, key=lambda f: (-f.severity.rank, -f.confidence, -f.rows, f.symbol, f.start.isoformat(), f.kind, f.fields)
    )
    return tuple(ordered), incidents, tuple(_explained(ledger, rows))


def _row_findings(ledger: Ledger, rows: pl.DataFrame) -> Iterator[Finding]:
    """Yield what single rows show: the rules asked again, and lone prices."""
    if rows.is_empty():
        return
    failed = list(failing(rows_of(rows, ledger.terms), ledger.terms))
    for reported in REPORTED:
        about = fields_of(reported, ledger)
        hits = [flags(at, field) for what, field, at in failed if what in reported.whats and (about is None or field in about)]
        if hits:
            cells = rows.join(cells_of(reported, ledger), on=[SYMBOL, SESSION], how="semi", maintain_order="left")
            told = Told(reported.kind, reported.severity, reported.confidence)
            yield from findings_of(spans_of(pl.concat(hits), cells), told, ledger)
    if has_relative_scale(ledger) and len(ledger.lone):
        yield from findings_of(spans_of(_lone_cells(ledger, rows), rows), BAD_TICK, ledger)


def _lone_cells(ledger: Ledger, rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``at, field, level`` of lone prices; other prices of a bar share the verdict of a close if they lie as far off."""
    lone = ledger.lone.rename({"at": "event_at"})
    main = ledger.terms.main
    placed = lone.join(rows.drop(SESSION), on=[SYMBOL, "event_at"], how="inner", nulls_equal=False)
    parts = [placed.select("at", "field", "level")]
    for name in ledger.terms.prices:
        off = pl.max_horizontal(pl.col(name) / pl.col("level"), pl.col("level") / pl.col(name)) - 1
        shares = placed.filter((pl.col("field") == main) & (pl.lit(name) != main) & (off >= pl.col("move") / 2))
        parts.append(shares.select("at", pl.lit(name).alias("field"), "level"))
    return pl.concat(parts)


def _stale(ledger: Ledger) -> Iterator[Finding]:
    if ledger.terms.frequency == "irregular":
        return
    main = ledger.terms.main or ""
    first, last = ("start_at", "end_at") if ledger.terms.is_intraday else ("first_session", "last_session")
    for row in ledger.standing.iter_rows(named=True):
        yield Finding(
            kind="stale", symbol=row[SYMBOL], start=row[first], end=row[last], rows=row["repeats"], severity=STALE.severity,
            confidence=STALE.confidence, fields=(main,), observed={main: row["value"]}, hypotheses=hypotheses(STALE),
        )  # fmt: skip


def _shifted(ledger: Ledger) -> Iterator[Finding]:
    """Yield stretches of sessions whose clock was off."""
    numbered = numbered_sessions(ledger, ledger.shifted[SYMBOL]).rename({"ordinal": "position"})
    placed = ledger.shifted.join(numbered, on=[SYMBOL, SESSION], how="inner").sort(SYMBOL, SESSION)
    for row in consecutive(placed, SESSION).iter_rows(named=True):
        text = f"in {row['rows']} session(s) bars are missing at one end of the hours, and as many lie beyond the other"
        yield Finding(
            kind="clock_shift", symbol=row[SYMBOL], start=row["start"], end=row["end"], rows=row["rows"],
            severity=Severity.HIGH, confidence=0.85,
            hypotheses=(Hypothesis("clock_shift", 0.85, text), Hypothesis("late_open", 0.15, "sessions may open and close late")),
        )  # fmt: skip


def _rescaled(ledger: Ledger) -> Iterator[Finding]:
    """Yield stretches on another scale, with the factor that puts them back."""
    if not has_relative_scale(ledger):
        return
    for row in ledger.rescaled.iter_rows(named=True):
        factor = min(SIMPLE, key=lambda k: abs(k - max(row["ratio"], 1 / row["ratio"])))
        kind = "unit_switch" if factor >= UNITS else "partial_split"
        back = 1 / factor if row["ratio"] > 1 else factor
        told = f"prices step by a ratio of {factor:.6g}, stay there for {row['sessions']} session(s), and step back"
        last = ledger.seen.filter(ledger.seen < row["next_session"])[-1]
        yield Finding(
            kind=kind, symbol=row[SYMBOL], start=row["first_session"], end=last, rows=row["sessions"],
            severity=Severity.HIGH, confidence=0.85, fields=ledger.terms.prices,
            observed={ledger.terms.main or "": row["value"]}, proposed={"factor": back},
            hypotheses=(Hypothesis(kind, 0.85, told), Hypothesis("real_move", 0.15, "a fall and a rise by one simple ratio")),
        )  # fmt: skip


def _phantom_sessions(ledger: Ledger) -> Iterator[Finding]:
    if ledger.attendance is None or ledger.terms.is_intraday:
        return
    stray = ledger.cells([STRAY]).filter(pl.col(SYMBOL).is_not_null())
    numbered = numbered_sessions(ledger, stray[SYMBOL]).rename({"ordinal": "position"})
    placed = stray.join(numbered, on=[SYMBOL, SESSION], how="inner").sort(SYMBOL, SESSION)
    for row in consecutive(placed, SESSION).iter_rows(named=True):
        yield Finding(
            kind="phantom_session", symbol=row[SYMBOL], start=row["start"], end=row["end"], rows=row["rows"],
            severity=Severity.MEDIUM, confidence=0.85,
            hypotheses=(Hypothesis("phantom_session", 0.85, "the calendar has no session on this day"),
                        Hypothesis("calendar_error", 0.15, "calendars err too")),
        )  # fmt: skip


def _disorder(ledger: Ledger) -> Iterator[Finding]:
    spans = ledger.state.series.drop_nulls([SYMBOL, "first_session"]).select(SYMBOL, "first_session", "last_session")
    for symbol, first, last in spans.sort(SYMBOL).iter_rows():
        late = (ledger.evidence.out_of_order or {}).get(symbol, 0)
        if late:
            yield Finding("out_of_order", symbol, first, last, late, Severity.LOW, 0.99, hypotheses=(
                Hypothesis("out_of_order", 0.99, "time runs backwards between rows as they arrived"),))  # fmt: skip


def _unreadable_times(ledger: Ledger) -> Iterator[Finding]:
    lost = ledger.cells([LOST])
    if lost.is_empty() or ledger.seen.is_empty():
        return
    counts = lost.with_columns(pl.col(SYMBOL).fill_null("")).group_by(SYMBOL).agg(pl.col("failures").sum()).sort(SYMBOL)
    for symbol, count in counts.iter_rows():
        yield Finding("schema_drift", symbol, ledger.seen[0], ledger.seen[-1], count, Severity.HIGH, 0.99, hypotheses=(
            Hypothesis("schema_drift", 0.99, "the time cannot be read, or no symbol is named"),))  # fmt: skip


def _gather(found: Sequence[Finding], ledger: Ledger) -> tuple[list[Finding], tuple[Incident, ...]]:
    """Make one incident of findings of one kind and span that at least half of the symbols share."""
    everyone = ledger.state.series[SYMBOL].n_unique()
    groups: dict[tuple[str, Moment, Moment], set[str]] = defaultdict(set)
    for finding in found:
        if finding.kind in SHARED_KINDS:
            groups[finding.kind, finding.start, finding.end].add(finding.symbol)
    incidents = {
        key: Incident(key[0], key[1], key[2], tuple(sorted(symbols)), f"{key[0]} in {len(symbols)} of {everyone} symbols at once")
        for key, symbols in groups.items()
        if len(symbols) >= max(LEAST_SYMBOLS, (everyone + 1) // 2)
    }
    marked = [
        replace(f, incident=incidents[f.kind, f.start, f.end].id)
        if (f.kind, f.start, f.end) in incidents else f
        for f in found
    ]  # fmt: skip
    return marked, tuple(incidents.values())


def _explained(ledger: Ledger, rows: pl.DataFrame) -> Iterator[Explained]:
    """Yield the empty rows a publisher writes on days without a session, and prices below zero where they may be."""
    holidays = ledger.cells([PLACEHOLDER]).drop_nulls([SYMBOL, SESSION])
    for symbol, session in holidays.select(SYMBOL, SESSION).iter_rows():
        yield Explained("holiday", symbol, session, session, "an empty row on a day without a session")
    if ledger.terms.allow_non_positive and ledger.terms.prices:
        below = rows.filter(pl.any_horizontal(pl.col(name) < 0 for name in ledger.terms.prices))
        spans = spans_of(below.select("at", pl.lit("").alias("field")), rows)
        told = "values below zero occur: oil in April 2020, rates, spreads"
        first, last = ("start_at", "end_at") if ledger.terms.is_intraday else ("first_session", "last_session")
        for row in spans.iter_rows(named=True):
            yield Explained("negative_price", row[SYMBOL], row[first], row[last], told)
