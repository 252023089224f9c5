"""Findings to decisions: what a contract decides without a person goes into the ledger, and from there into the tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from workbench.calendars import calendar
from workbench.lab.decided import apply_decisions
from workbench.lab.processing import LOOK_BACK, write_features
from workbench.lake.decisions import append_entries, read_entries
from workbench.model.decisions import Action, LedgerEntry
from workbench.model.names import EVENT_AT, REASON, SESSION, SYMBOL
from workbench.review.corrections import TAKING, standing
from workbench.review.policies import decide
from workbench.review.proposals import ABSENT, WHEN, cells_for
from workbench.transform.frequency import step_minutes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from workbench.lab.judgement import Judgement
    from workbench.lab.snapshots import Snapshot
    from workbench.lake import Lake
    from workbench.model.contract import Contract
    from workbench.model.decisions import Cell, Moment
    from workbench.model.findings import Finding

POLICY = "policy"
LEAST_CONFIDENCE = 0.5
"""A row that a finding of so much confidence calls wrong is no last good one."""


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
    what the contract says, is taken back.
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
        entries += [_taken_back(entry) for entry in gone if entry.end is None or _day(entry.end) <= last]
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
    rows = _RowsOf(snap, judgement.findings)
    elsewhere = cache(lambda: [_with_when(frame, snap.contract) for frame in others()])
    for finding, decision in chosen:
        cells: tuple[Cell, ...] = ()
        if decision.action in TAKING:
            needs = decision.action is Action.TAKE_REFERENCE and finding.kind in ABSENT
            there = [frame.filter(pl.col(SYMBOL) == finding.symbol) for frame in elsewhere()] if needs else []
            cells = cells_for(
                finding, decision.action, rows.of(finding), kind=snap.contract.kind, others=there,
                expected=list(_expected(finding, snap.contract)),
            )  # fmt: skip
        if cells or decision.action in (Action.QUARANTINE, Action.KEEP):
            yield _entry(finding, decision.action, decision.reason, cells)


def _entry(finding: Finding, action: Action, reason: str, cells: tuple[Cell, ...]) -> LedgerEntry:
    where = (finding.id, finding.kind, finding.symbol, finding.start, finding.end)
    return LedgerEntry(datetime.now(UTC), POLICY, action, reason, *where, cells)


@dataclass(slots=True)
class _RowsOf:
    """Rows of one symbol after another, with ``when``."""

    snap: Snapshot
    findings: Sequence[Finding]
    _symbol: str | None = None
    _rows: pl.DataFrame | None = None

    def of(self, finding: Finding) -> pl.DataFrame:
        """Return a symbol's rows without those that other findings call wrong."""
        if self._rows is None or self._symbol != finding.symbol:
            good = self.snap.rows(pl.DataFrame({SYMBOL: [finding.symbol]})).filter(pl.col(REASON).is_null())
            self._symbol, self._rows = finding.symbol, _with_when(good, self.snap.contract)
        wrong = (
            f for f in self.findings
            if f.symbol == finding.symbol and f.id != finding.id and f.confidence >= LEAST_CONFIDENCE and f.fields
            and f.rows < len(self._rows) / 2
        )  # fmt: skip
        spans = [pl.col(WHEN).is_between(pl.lit(f.start), pl.lit(f.end)) for f in wrong]
        mine = pl.col(WHEN).is_between(pl.lit(finding.start), pl.lit(finding.end))
        return self._rows.filter(mine | ~pl.any_horizontal(spans)) if spans else self._rows


def _with_when(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    return rows.with_columns(pl.col(EVENT_AT if contract.is_intraday else SESSION).alias(WHEN)).sort(WHEN, nulls_last=True)


def _expected(finding: Finding, contract: Contract) -> Iterable[Moment]:
    """Return when there should have been rows that are missing: sessions of daily data, steps within a day."""
    if finding.kind not in ABSENT:
        return []
    start, end = finding.start, finding.end
    if isinstance(start, datetime) and isinstance(end, datetime):
        step = step_minutes(contract.frequency)
        count = int((end - start) / timedelta(minutes=step)) + 1 if step else 0
        return [start + timedelta(minutes=number * (step or 0)) for number in range(count)]
    if contract.frequency != "1d" or contract.calendar in (None, "learned"):
        return [_day(start)] if start == end else []
    return calendar(contract.calendar).sessions(_day(start), _day(end)).to_list()


def _differs(one: LedgerEntry, other: LedgerEntry) -> bool:
    return (one.action, one.reason, one.cells) != (other.action, other.reason, other.cells)


def _taken_back(entry: LedgerEntry) -> LedgerEntry:
    reason = "what was found is no longer found, or no longer decided by the contract"
    return LedgerEntry(
        datetime.now(UTC), POLICY, Action.WITHDRAW, reason, entry.subject, entry.kind, entry.symbol, entry.start, entry.end
    )


def _day(moment: Moment) -> date:
    return moment.date() if isinstance(moment, datetime) else moment
