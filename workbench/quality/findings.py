"""All findings of a dataset: flagged rows, what is absent, what should not be there, and their common causes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from workbench.model.findings import Explained, Finding, Hypothesis, Incident, Moment, Severity
from workbench.model.names import EVENT_AT, SESSION, SYMBOL
from workbench.quality.spans import row_findings, severity_of_absence
from workbench.quality.tally import IN_HOURS, PLACEHOLDER, SEEN
from workbench.transform.frequency import step_minutes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workbench.quality.evidence import Evidence
    from workbench.quality.tally import Tally

LEAST_SYMBOLS = 3
MOST_INTRADAY_GAPS = 10_000


def find(evidence: Evidence, tally: Tally) -> tuple[tuple[Finding, ...], tuple[Incident, ...], tuple[Explained, ...]]:
    """Return findings (worst first), the incidents that gather them, and what only looked odd."""
    found = [
        *row_findings(evidence, tally),
        *_missing_sessions(evidence, tally),
        *_missing_bars(evidence, tally),
        *_phantom_sessions(evidence, tally),
        *_disorder(evidence, tally),
        *_unreadable_times(tally),
    ]
    found, incidents = _gather(found, tally)
    ordered = sorted(
        found, key=lambda f: (-f.severity.rank, -f.confidence, -f.rows, f.symbol, _sortable(f.start), f.kind, f.fields)
    )
    return tuple(ordered), incidents, tuple(_explained(evidence, tally))


def _sortable(moment: Moment) -> str:
    return moment.isoformat()


def _spans(missing: pl.DataFrame, key: str) -> pl.DataFrame:
    """Group rows of ``symbol, key, position`` whose positions follow each other."""
    apart = (pl.col("position").diff() != 1) | (pl.col(SYMBOL) != pl.col(SYMBOL).shift())
    spans = missing.with_columns(apart.fill_null(value=True).cum_sum().alias("span"))
    return spans.group_by("span", maintain_order=True).agg(
        pl.col(SYMBOL).first(), pl.col(key).first().alias("start"), pl.col(key).last().alias("end"), pl.len().alias("rows")
    )


def _missing_sessions(evidence: Evidence, tally: Tally) -> Iterator[Finding]:
    if evidence.expected is None:
        return
    due = evidence.expected.filter(
        (pl.col("bars") > 0) | (pl.col("bars").is_null() & pl.lit(evidence.contract.frequency == "irregular"))
    )
    numbered = due.sort(SYMBOL, SESSION).with_row_index("position")
    seen = tally.facts.filter(pl.col(SEEN) > 0).select(SYMBOL, SESSION)
    missing = numbered.join(seen, on=[SYMBOL, SESSION], how="anti", maintain_order="left")
    has_null_row = tally.facts.filter(pl.col(SEEN) == 0).select(SYMBOL, SESSION)
    absent = missing.join(has_null_row, on=[SYMBOL, SESSION], how="anti", maintain_order="left")
    for row in _spans(absent, SESSION).iter_rows(named=True):
        evidence_text = f"the calendar expects {row['rows']} session(s) between rows that are there"
        yield Finding(
            kind="missing_session", symbol=row[SYMBOL], start=row["start"], end=row["end"], rows=row["rows"],
            severity=severity_of_absence(row["rows"]), confidence=0.9,
            hypotheses=(Hypothesis("vendor_gap", 0.7, evidence_text), Hypothesis("halt", 0.3, "a halt would look the same")),
        )  # fmt: skip


def _missing_bars(evidence: Evidence, tally: Tally) -> Iterator[Finding]:
    """Yield gaps within sessions that are otherwise there."""
    step = step_minutes(evidence.contract.frequency)
    if evidence.expected is None or step is None:
        return
    seen = tally.facts.select(SYMBOL, SESSION, SEEN, IN_HOURS)
    short = evidence.expected.join(seen, on=[SYMBOL, SESSION], how="inner").filter(
        (pl.col(IN_HOURS) < pl.col("bars")) & (pl.col(SEEN) > 0)
    )
    for row in _gaps(short, tally.rows, step, evidence.contract.stamp).head(MOST_INTRADAY_GAPS).iter_rows(named=True):
        gap = f"no bar for {row['rows'] * step} minutes within regular hours"
        yield Finding(
            kind="missing_bar", symbol=row[SYMBOL], start=row["start"], end=row["end"], rows=row["rows"],
            severity=Severity.MEDIUM if row["rows"] * step >= 30 else Severity.LOW, confidence=0.7,
            hypotheses=(Hypothesis("vendor_gap", 0.6, gap), Hypothesis("no_trade", 0.4, "without a trade there is no bar")),
        )  # fmt: skip


def _gaps(short: pl.DataFrame, rows: pl.DataFrame, step: int, stamp: str) -> pl.DataFrame:
    """Return ``symbol, start, end, rows`` of the holes between neighbouring bars of one session."""
    inside = rows.filter(pl.col(IN_HOURS)).join(
        short.select(SYMBOL, SESSION), on=[SYMBOL, SESSION], how="semi", maintain_order="left"
    )
    width = timedelta(minutes=step)
    first, last = (width, timedelta(0)) if stamp == "end" else (timedelta(0), -width)
    edges = short.select(
        SYMBOL,
        SESSION,
        "bars",
        (pl.col("open_at") + first - width).alias("from"),
        (pl.col("close_at") + last + width).alias("to"),
    )
    bounds = pl.concat([edges.select(SYMBOL, SESSION, pl.col(edge).alias(EVENT_AT)) for edge in ("from", "to")])
    times = pl.concat([inside.select(SYMBOL, SESSION, EVENT_AT), bounds]).unique().sort(SYMBOL, SESSION, EVENT_AT)
    spans = rows.group_by(SYMBOL).agg(pl.col(EVENT_AT).min().alias("first_at"), pl.col(EVENT_AT).max().alias("last_at"))
    before = pl.col(EVENT_AT).shift().over(SYMBOL, SESSION)
    holes = (
        times.with_columns(before.alias("before"))
        .filter(pl.col("before").is_not_null())
        .join(spans, on=SYMBOL, how="left")
        .with_columns(
            pl.max_horizontal("before", pl.col("first_at") - width).alias("before"),
            pl.min_horizontal(EVENT_AT, pl.col("last_at") + width).alias("after"),
        )
    )
    count = ((pl.col("after") - pl.col("before")).dt.total_minutes() // step) - 1
    return holes.filter(count > 0).select(
        SYMBOL, (pl.col("before") + width).alias("start"), (pl.col("after") - width).alias("end"), count.alias("rows")
    )


def _phantom_sessions(evidence: Evidence, tally: Tally) -> Iterator[Finding]:
    if evidence.expected is None or evidence.contract.is_intraday:
        return
    stray = tally.rows.filter(
        ~pl.col("is_session") & ~pl.col(PLACEHOLDER) & pl.col(SYMBOL).is_not_null() & pl.col(SESSION).is_not_null()
    )
    known = evidence.expected[SYMBOL].unique()
    for row in _spans(stray.filter(pl.col(SYMBOL).is_in(known.implode())), SESSION).iter_rows(named=True):
        yield Finding(
            kind="phantom_session", symbol=row[SYMBOL], start=row["start"], end=row["end"], rows=row["rows"],
            severity=Severity.MEDIUM, confidence=0.85,
            hypotheses=(Hypothesis("phantom_session", 0.85, "the calendar has no session on this day"),
                        Hypothesis("calendar_error", 0.15, "calendars err too")),
        )  # fmt: skip


def _disorder(evidence: Evidence, tally: Tally) -> Iterator[Finding]:
    spans = tally.facts.filter(pl.col(SESSION).is_not_null()).group_by(SYMBOL).agg(
        pl.col(SESSION).min().alias("start"), pl.col(SESSION).max().alias("end")
    )  # fmt: skip
    for row in spans.sort(SYMBOL).iter_rows(named=True):
        late = evidence.out_of_order.get(row[SYMBOL], 0)
        if late:
            yield Finding("out_of_order", row[SYMBOL], row["start"], row["end"], late, Severity.LOW, 0.99, hypotheses=(
                Hypothesis("out_of_order", 0.99, "time runs backwards between rows as they arrived"),))  # fmt: skip


def _unreadable_times(tally: Tally) -> Iterator[Finding]:
    lost = tally.rows.filter(pl.col(EVENT_AT).is_null() | pl.col(SYMBOL).is_null())
    days = tally.rows[SESSION].drop_nulls()
    if lost.is_empty() or days.is_empty():
        return
    first, last = days.min(), days.max()
    if isinstance(first, date) and isinstance(last, date):
        counts = lost.with_columns(pl.col(SYMBOL).fill_null("")).group_by(SYMBOL).len().sort(SYMBOL)
        for symbol, count in counts.iter_rows():
            yield Finding("schema_drift", symbol, first, last, count, Severity.HIGH, 0.99, hypotheses=(
                Hypothesis("schema_drift", 0.99, "the time cannot be read, or no symbol is named"),))  # fmt: skip


def _gather(found: Sequence[Finding], tally: Tally) -> tuple[list[Finding], tuple[Incident, ...]]:
    """Make one incident of findings of one kind and span that at least half of the symbols share."""
    everyone = tally.facts[SYMBOL].n_unique()
    groups: dict[tuple[str, Moment, Moment], set[str]] = defaultdict(set)
    for finding in found:
        if finding.kind in ("missing_session", "missing_bar", "phantom_session", "stale"):
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


def _explained(evidence: Evidence, tally: Tally) -> Iterator[Explained]:
    """Yield the empty rows a publisher writes on days without a session, and prices below zero where they may be."""
    holidays = tally.rows.filter(pl.col(PLACEHOLDER) & pl.col(SYMBOL).is_not_null() & pl.col(SESSION).is_not_null())
    for symbol, session in holidays.select(SYMBOL, SESSION).unique(maintain_order=True).iter_rows():
        yield Explained("holiday", symbol, session, session, "an empty row on a day without a session")
    if evidence.contract.allow_non_positive and evidence.prices:
        below = pl.any_horizontal(pl.col(name) < 0 for name in evidence.prices)
        moment = EVENT_AT if evidence.contract.is_intraday else SESSION
        negative = tally.rows.filter(below & pl.col(SYMBOL).is_not_null() & pl.col(moment).is_not_null())
        for row in _spans(negative, moment).iter_rows(named=True):
            reason = "values below zero occur: oil in April 2020, rates, spreads"
            yield Explained("negative_price", row[SYMBOL], row["start"], row["end"], reason)
