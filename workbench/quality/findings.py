"""All findings of a dataset: flagged rows, what is absent, what should not be there, and their common causes.

States say where to look; only those rows are looked at again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.findings import Explained, Finding, Hypothesis, Incident, Moment, Severity
from workbench.model.names import SESSION, SYMBOL
from workbench.quality.absences import REOPENED, missing_bars, missing_sessions, reopenings
from workbench.quality.by_leaf import found_by_leaf
from workbench.quality.examination import crowd_over, examined, to_the_end
from workbench.quality.flags import REPORTED, cells_of, fields_of
from workbench.quality.ledger import FAULTS
from workbench.quality.lives import begins_late, ends_early, still_forming
from workbench.quality.looking import worth_looking_at
from workbench.quality.measure import PLACEHOLDER
from workbench.quality.rows import in_order, rows_of
from workbench.quality.rules import LOST, failing
from workbench.quality.spans import Told, consecutive, findings_of, flags, hypotheses, in_stretches, numbered_sessions, spans_of
from workbench.quality.strays import stray_sessions
from workbench.quality.validity import columns
from workbench.quality.witness import heard_again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from workbench.quality.by_leaf import LeafMemory
    from workbench.quality.detectors.crowd import Crowd
    from workbench.quality.examination import Examined
    from workbench.quality.ledger import Ledger

LEAST_SYMBOLS: Final = 3
SHARED: Final = 0.2
"""From this share of the symbols that were there on, what they have in common at one moment has one cause."""
STALE: Final = Told("stale", Severity.MEDIUM, 0.8)


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found.

    Attributes
    ----------
    findings
        Worst first.
    faults
        As ``FAULTS``: what of it counts against checks of accuracy.
    undescribed
        Sessions of symbols with failures that there was no room to look at.
    failure
        Why detectors could not be heard to the end.
    """

    findings: tuple[Finding, ...]
    incidents: tuple[Incident, ...]
    explained: tuple[Explained, ...]
    faults: pl.DataFrame
    undescribed: int
    failure: str = ""


def find(ledger: Ledger, look: Callable[[pl.DataFrame], pl.DataFrame], memory: LeafMemory | None = None) -> Found:
    """Look at rows again, and return findings, the incidents that gather them, and what only looked odd.

    Parameters
    ----------
    ledger : Ledger
    look : callable
        ``symbol``, or ``symbol, session``, or ``leaf``, to all rows that arrived of them, in any order; more do no harm.
    memory : LeafMemory, optional
        Knows what was found in the leaves of daily data before; without it, whole symbols are looked at.
    """
    local = None if memory is None else found_by_leaf(ledger, look, memory)
    batches, undescribed = worth_looking_at(ledger, None if local is None else local.open_symbols)
    found: list[Finding] = []
    explained: list[Explained] = []
    told: list[Finding | Explained] = []
    reopened = [pl.DataFrame(schema=REOPENED)]
    faults, failure = [pl.DataFrame(schema=FAULTS)], ""
    if local is not None:
        found += local.findings
        explained += local.explained
        faults.append(local.faults)
        failure = local.failure

    def placed(cells: pl.DataFrame) -> pl.DataFrame:
        return in_stretches(in_order(look(cells), ledger.terms), ledger)

    def heard_by(rows: pl.DataFrame) -> Examined:
        if local is None:
            return examined(ledger, rows, crowd)
        return examined(ledger, rows.filter(pl.col(SYMBOL).is_in(list(local.open_symbols))), local.crowd)

    crowds: list[Crowd] = []
    if local is None and len(batches) > 1:
        failure = to_the_end(lambda: crowds.append(crowd_over(ledger, map(placed, batches))))
    crowd = crowds[0] if crowds else None
    for cells in batches:
        rows = placed(cells)
        heard = heard_by(rows)
        told += missing_bars(ledger, rows)
        reopened.append(reopenings(rows, ledger))
        found += [*_row_findings(ledger, rows), *stray_sessions(ledger, rows), *heard.findings]
        explained += [*_explained(ledger, rows), *heard.explained]
        faults.append(heard.faults)
        failure = failure or heard.failure
    told += missing_sessions(ledger, pl.concat(reopened))
    found += [*_stale(ledger), *_shifted(ledger), *(one for one in told if isinstance(one, Finding))]
    explained += [one for one in told if isinstance(one, Explained)]
    found += [*_disorder(ledger), *_unreadable_times(ledger), *_columns_gone(ledger), *ends_early(ledger), *still_forming(ledger)]
    marked, incidents = _gather(_told_once(_by_cause(found)), ledger)
    return Found(
        worst_first(marked),
        incidents,
        (*_holidays(ledger), *begins_late(ledger), *explained),
        pl.concat(faults),
        undescribed,
        failure,
    )


def _by_cause(found: list[Finding]) -> list[Finding]:
    """Leave out what another finding causes: bars beside their hours are missing within."""
    shifted = [(f.symbol, f.start, f.end) for f in found if f.kind == "clock_shift"]

    def is_caused(f: Finding) -> bool:
        return f.kind == "missing_bar" and any(symbol == f.symbol and a <= _day(f.start) <= b for symbol, a, b in shifted)

    return [f for f in found if not is_caused(f)]


def _told_once(found: list[Finding]) -> list[Finding]:
    """Make one of findings that are the same, with the rows of all: of two live bars of one session, say."""
    same: dict[str, Finding] = {}
    for finding in found:
        other = same.get(finding.id)
        same[finding.id] = finding if other is None else replace(other, rows=other.rows + finding.rows)
    return list(same.values())


def with_sources(found: Found, ledger: Ledger, evaluated: set[str]) -> Found:
    """Add what other sources and earlier vintages say, as far as the checks that ask for them could be evaluated."""
    opinion = ledger.opinion if "reference_agreement" in evaluated else None
    restated = ledger.restated if "vintage_stability" in evaluated else None
    findings, explained, faults = [*found.findings], [*found.explained], found.faults
    if opinion is not None:
        findings, confirmed, faults = heard_again(findings, faults, opinion)
        findings += opinion.findings
        explained += confirmed
    if restated is not None:
        findings += restated.findings
        explained += restated.explained
    return replace(found, findings=worst_first(findings), explained=tuple(explained), faults=faults)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort findings by severity, then confidence, then size; the same findings always come in the same order."""
    return tuple(
        sorted(
            findings, key=lambda f: (-f.severity.rank, -f.confidence, -f.rows, f.symbol, f.start.isoformat(), f.kind, f.fields)
        )
    )


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


def _columns_gone(ledger: Ledger) -> Iterator[Finding]:
    """Yield columns that a contract promises and that did not come; without one nobody promised any."""
    contract = ledger.evidence.contract
    if not (contract.columns or contract.sources) or ledger.seen.is_empty():
        return
    missing = columns(ledger).metrics.get("missing", [])
    for name in missing if isinstance(missing, list) else []:
        text = f"the contract promises a column {name}, and it did not come"
        yield Finding(
            "schema_drift", "", ledger.seen[0], ledger.seen[-1], ledger.state.rows, Severity.HIGH, 0.95, (name,),
            hypotheses=(Hypothesis("schema_drift", 0.95, text), Hypothesis("contract_outdated", 0.05, "or the contract is old")),
        )  # fmt: skip


def _gather(found: Sequence[Finding], ledger: Ledger) -> tuple[list[Finding], tuple[Incident, ...]]:
    """Make one incident of findings of one kind and span that many of the symbols there at that time share."""
    lives = ledger.state.series.drop_nulls([SYMBOL, "first_session"]).select("first_session", "last_session")
    groups: dict[tuple[str, Moment, Moment], set[str]] = defaultdict(set)
    for finding in found:
        groups[finding.kind, finding.start, finding.end].add(finding.symbol)
    incidents: dict[tuple[str, Moment, Moment], Incident] = {}
    for (kind, start, end), symbols in groups.items():
        if len(symbols) >= LEAST_SYMBOLS:
            there = (pl.col("first_session") <= _day(end)) & (pl.col("last_session") >= _day(start))
            everyone = max(lives.filter(there).height, len(symbols))
            if len(symbols) >= SHARED * everyone:
                told = f"{kind} in {len(symbols)} of {everyone} symbols at once"
                incidents[kind, start, end] = Incident(kind, start, end, tuple(sorted(symbols)), told)
    marked = [
        replace(f, incident=incidents[f.kind, f.start, f.end].id)
        if (f.kind, f.start, f.end) in incidents else f
        for f in found
    ]  # fmt: skip
    return marked, tuple(incidents.values())


def _day(moment: Moment) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _explained(ledger: Ledger, rows: pl.DataFrame) -> Iterator[Explained]:
    """Yield prices below zero where they may be."""
    if ledger.terms.allow_non_positive and ledger.terms.prices:
        below = rows.filter(pl.any_horizontal(pl.col(name) < 0 for name in ledger.terms.prices))
        spans = spans_of(below.select("at", pl.lit("").alias("field")), rows)
        told = "values below zero occur: oil in April 2020, rates, spreads"
        first, last = ("start_at", "end_at") if ledger.terms.is_intraday else ("first_session", "last_session")
        for row in spans.iter_rows(named=True):
            yield Explained("negative_price", row[SYMBOL], row[first], row[last], told)


def _holidays(ledger: Ledger) -> Iterator[Explained]:
    """Yield the empty rows a publisher writes on days without a session."""
    holidays = ledger.cells([PLACEHOLDER]).drop_nulls([SYMBOL, SESSION])
    for symbol, session in holidays.select(SYMBOL, SESSION).iter_rows():
        yield Explained("holiday", symbol, session, session, "an empty row on a day without a session")
