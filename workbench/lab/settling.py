"""Findings to decisions: what a contract decides without a person goes into the ledger, and from there into the tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING

from workbench.lab.contexts import opinion_of
from workbench.lab.decided import apply_decisions
from workbench.lab.found_rows import FoundRows, span_of
from workbench.lab.processing import LOOK_BACK, write_features
from workbench.lab.remedies import Remedies
from workbench.lake.decisions import append_entries, read_entries
from workbench.model.decisions import DATA, POLICY, Action, LedgerEntry, date_of
from workbench.review.corrections import standing
from workbench.review.policies import decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import polars as pl

    from workbench.lab.judgement import Judgement
    from workbench.lab.snapshots import Snapshot
    from workbench.lake import Lake
    from workbench.model.contract import Contract
    from workbench.model.decisions import Decision
    from workbench.model.findings import Finding


@dataclass(frozen=True, slots=True)
class Settlement:
    """What was decided without a person, and done.

    Attributes
    ----------
    entries
        Lines that were added to the ledger.
    written
        The stretches of sessions that were written again.
    """

    entries: tuple[LedgerEntry, ...]
    written: tuple[tuple[date, date], ...]


def settle(
    judgement: Judgement, snap: Snapshot, others: Callable[[], Sequence[pl.DataFrame]], *, run: str | None = None
) -> Settlement:
    """Decide what the contract decides, and bring the tables in line with it.

    Parameters
    ----------
    judgement : Judgement
    snap : Snapshot
        What was judged.
    others : callable
        The trusted rows of other sources, most trusted first; called if a policy takes values from them.
    run : str, optional
        Written into the lineage.

    Notes
    -----
    A person's decision stands over a policy's. What a policy had decided about a finding that is no longer made, or is no longer
    what the contract says, is taken back; what a person had decided about rows that are others by now is, too, and asked again.
    """
    lake, contract = snap.lake, snap.contract
    found = standing(read_entries(lake, contract.dataset))
    wanted = {entry.subject: entry for entry in _decided(judgement, snap, others)}
    entries = [
        entry for subject, entry in wanted.items()
        if subject not in found or (found[subject].by == POLICY and _differs(found[subject], entry))
    ]  # fmt: skip
    if not judgement.undescribed:
        last = snap.span[1]
        gone = (entry for subject, entry in found.items() if entry.by == POLICY and subject not in wanted)
        entries += [_taken_back(entry) for entry in gone if entry.end is None or date_of(entry.end) <= last]
    entries += _asked_again(found.values(), FoundRows(snap, judgement.findings))
    append_entries(lake, contract.dataset, entries)
    return Settlement(tuple(entries), bring_in_line(lake, contract, run=run))


def bring_in_line(lake: Lake, contract: Contract, *, run: str | None = None) -> tuple[tuple[date, date], ...]:
    """Apply the ledger, and make the features of what it changed again."""
    written = apply_decisions(lake, contract, run=run)
    for first, last in written:
        write_features(lake, contract, (first, last + LOOK_BACK), run=run)
    return written


def _decided(judgement: Judgement, snap: Snapshot, others: Callable[[], Sequence[pl.DataFrame]]) -> Iterator[LedgerEntry]:
    """Yield what the contract decides about what was found, as far as it can be done."""
    decisions = [(finding, decide(finding, snap.contract)) for finding in judgement.findings]
    chosen = [(finding, decision) for finding, decision in decisions if decision.by == POLICY]
    remedies = Remedies(FoundRows(snap, judgement.findings), opinion_of(judgement), cache(others))
    for finding, decision in chosen:
        if decision.action is not Action.REVIEW and remedies.can(finding, decision.action):
            yield _entry(finding, decision, remedies)


def _entry(finding: Finding, decision: Decision, remedies: Remedies) -> LedgerEntry:
    start, end = remedies.span(finding, decision.action)
    return LedgerEntry(
        datetime.now(UTC), POLICY, decision.action, decision.reason, finding.id, finding.kind, finding.symbol, start, end,
        remedies.cells(finding, decision.action), fields=finding.fields, confidence=finding.confidence,
        rows=remedies.count(finding, decision.action),
    )  # fmt: skip


def _differs(one: LedgerEntry, other: LedgerEntry) -> bool:
    return (one.action, one.reason, one.cells) != (other.action, other.reason, other.cells)


def _asked_again(entries: Iterable[LedgerEntry], rows: FoundRows) -> list[LedgerEntry]:
    """Take back what persons decided about rows that are not what they had seen."""
    last = rows.snap.span[1]
    mine = [entry for entry in entries if entry.is_by_person and entry.seen]
    spans = {entry.subject: span for entry in mine if (span := span_of(entry)) is not None and date_of(span[2]) <= last}
    now = rows.seen(spans)
    reason = "what was observed has changed since it was decided: it is asked again"
    return [_withdrawn(entry, DATA, reason) for entry in mine if now.get(entry.subject, entry.seen) != entry.seen]


def _taken_back(entry: LedgerEntry) -> LedgerEntry:
    return _withdrawn(entry, POLICY, "what was found is no longer found, or no longer decided by the contract")


def _withdrawn(entry: LedgerEntry, by: str, reason: str) -> LedgerEntry:
    where = (entry.subject, entry.kind, entry.symbol, entry.start, entry.end)
    return LedgerEntry(datetime.now(UTC), by, Action.WITHDRAW, reason, *where, fields=entry.fields)
