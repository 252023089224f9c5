"""A review: findings as a queue, decisions taken one by one or many at once, taken back, and put into the tables."""

from __future__ import annotations

import getpass
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.lab.choosing import action_of
from workbench.lab.contexts import opinion_of
from workbench.lab.found_rows import FoundRows, span_of
from workbench.lab.remedies import Remedies
from workbench.lake import receipts, version_of
from workbench.lake.decisions import append_entries, ledger_table, read_entries
from workbench.model.decisions import DATA, NOBODY, Action, LedgerEntry
from workbench.model.errors import BadInput
from workbench.model.names import RECEIPT
from workbench.quality.costs import costs_of
from workbench.review.corrections import standing
from workbench.review.effects import Tally
from workbench.review.policies import decide
from workbench.review.proposals import WHEN
from workbench.review.queue import Entry, Item, Progress, Standing, Which, progress, queue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from workbench.lab.dataset import Dataset
    from workbench.lab.settling import Settlement
    from workbench.model.findings import Finding

EVERYTHING: Final = Which()


@dataclass(frozen=True, slots=True)
class Taken:
    """What was written into the ledger.

    Attributes
    ----------
    overruled
        Decisions of others about the same findings, which these stand over now.
    """

    lines: tuple[LedgerEntry, ...]
    overruled: tuple[LedgerEntry, ...] = ()


@dataclass(slots=True)
class _Lines:
    """The ledger as far as it was read."""

    version: int | None = None
    lines: list[LedgerEntry] = field(default_factory=list)


class Review:
    """One person's review of a dataset.

    Parameters
    ----------
    dataset : Dataset
    by : str, optional
        Who decides; the user's name by default.
    now : datetime, optional
        UTC; the moment timeliness is judged at.

    Raises
    ------
    BadInput
        Nobody may be called that.
    """

    def __init__(self, dataset: Dataset, *, by: str | None = None, now: datetime | None = None) -> None:
        self.dataset = dataset
        self.by = (by or getpass.getuser()).strip()
        if self.by in NOBODY:
            raise BadInput(f"{dataset.name}: '{self.by}' is nobody's name; say who decides")
        self.snap, self.judgement = dataset.judged(now=now)
        self.rows = FoundRows(self.snap, self.judgement.findings)
        self.opinion = opinion_of(self.judgement)
        self.remedies = Remedies(self.rows, self.opinion, cache(dataset.reference_rows))
        self._findings = {finding.id: finding for finding in self.judgement.findings}
        self._rules = {one: decide(finding, dataset.contract) for one, finding in self._findings.items()}
        self._sources = _sources_of(dataset, self.rows, self._findings)
        self._costs = costs_of(self._findings, self.judgement.score, self.judgement.ledger.faults)
        self._tally = Tally(self._costs)
        self._ledger = _Lines()
        self._items: dict[str, Item] = {}
        self._chosen: dict[Which, list[str]] = {}
        self._done: list[tuple[tuple[LedgerEntry, ...], dict[str, LedgerEntry | None]]] = []
        self.refresh()
        entries = queue(self._items.values(), self.judgement.incidents)
        self._order = [(tuple(item.id for item in entry.items), entry.incident) for entry in entries]

    @property
    def items(self) -> tuple[Item, ...]:
        """Every finding with what stands of it."""
        return tuple(self._items.values())

    def item(self, finding: str) -> Item:
        """Return one finding by its id, or by the beginning of it.

        Raises
        ------
        BadInput
            There is none, or several begin so.
        """
        found = [self._items[finding]] if finding in self._items else [i for k, i in self._items.items() if k.startswith(finding)]
        if len(found) != 1 or not finding:
            many = "several findings begin" if found else "there is no finding that begins"
            raise BadInput(f"{self.dataset.name}: {many} with {finding[:40]!r}; workbench review list shows them")
        return found[0]

    def entries(self, which: Which = EVERYTHING) -> tuple[Entry, ...]:
        """Return what there is to decide, the dearest first; of an incident only the members that are wanted."""
        made = []
        for ids, incident in self._order:
            items = tuple(item for item in (self._items[one] for one in ids) if which.wants(item))
            if items:
                made.append(Entry(items, incident))
        return tuple(made)

    def progress(self, which: Which = EVERYTHING) -> Progress:
        """Say how many are decided, and what those that are not cost."""
        if which.states:
            return progress(item for item in self._items.values() if which.wants(item))
        if which not in self._chosen:  # what does not go by state stays as it is
            self._chosen[which] = [one for one, item in self._items.items() if which.wants(item)]
        return progress(self._items[one] for one in self._chosen[which])

    @property
    def score(self) -> float:
        """The score of what arrived."""
        return float(self.judgement.score)

    @property
    def score_after(self) -> float:
        """The score after all decisions that stand; see :class:`workbench.review.effects.Tally`."""
        return self._tally.score

    def becomes(self, findings: Iterable[str], action: Action | str) -> float:
        """Return the score after decisions if these were decided so; errors as of :meth:`decide`."""
        does, items = action_of(action), [self.item(one) for one in findings]
        spans = ((i, self.remedies.span(i.finding, does), self.remedies.count(i.finding, does)) for i in items)
        return self._tally.if_decided(spans, does)

    def refresh(self) -> None:
        """Read what others have decided in the meantime."""
        lake, name = self.dataset.lake, self.dataset.name
        version = version_of(lake, ledger_table(name))
        if version != self._ledger.version or not self._items:
            self._ledger = _Lines(version, list(read_entries(lake, name)))
            self._place(self._findings)

    def decide(
        self,
        findings: Sequence[str],
        action: Action | str,
        reason: str,
        *,
        note: str = "",
        given: Mapping[str, float] | None = None,
    ) -> Taken:
        """Decide about some findings, in one atomic line each.

        Parameters
        ----------
        findings : sequence of str
            Their ids.
        action : Action or str
            One of ``keep``, ``dismiss``, ``quarantine``, ``take_proposed``, ``take_reference``, ``take_last``,
            ``take_given`` or ``later``.
        reason : str
            In a few words.
        note : str
            Whatever else there is to say.
        given : mapping, optional
            For ``take_given``: field -> value of a finding of one row, or ``factor`` for all of its rows.

        Raises
        ------
        BadInput
            No reason is given, it is no action of a review, or it cannot be done about one of them; then nothing is written.
        """
        if not reason or not reason.strip():
            raise BadInput(f"{self.dataset.name}: say why; the reason is kept with the decision")
        does = action_of(action)
        self.refresh()
        items = {item.id: item for item in (self.item(one) for one in findings)}
        for item in items.values():
            self.remedies.require(item.finding, does, given)
        said = LedgerEntry(datetime.now(UTC), self.by, does, reason.strip(), "", note=note.strip(), version=self.snap.processed)
        lines = [self._line(said, item, given) for item in items.values()]
        seen = self.rows.seen({line.subject: span for line in lines if (span := span_of(line)) is not None})
        stood = {one: item.entry for one, item in items.items()}
        taken = self._write([replace(line, seen=seen.get(line.subject, "")) for line in lines])
        self._done.append((taken, stood))
        return Taken(taken, tuple(e for e in stood.values() if e is not None and e.is_by_person and e.by != self.by))

    def undo(self) -> Taken | None:
        """Take back what this review decided last, by a further line; None where there is nothing left to take back."""
        if not self._done:
            return None
        lines, stood = self._done.pop()
        now = datetime.now(UTC)
        mine = {one: entry for one, entry in stood.items() if entry is not None and entry.by == self.by}
        return Taken(self._write([_as_before(line, mine.get(line.subject), now) for line in lines]))

    def withdraw(self, findings: Sequence[str]) -> Taken:
        """Take back what this person decided about some findings.

        Raises
        ------
        BadInput
            They had decided nothing about one of them.
        """
        self.refresh()
        mine = {line.subject: line for line in self._ledger.lines if line.by == self.by}
        for one in findings:
            if one not in mine or mine[one].action is Action.WITHDRAW:
                raise BadInput(f"{self.dataset.name}: {self.by} has decided nothing about finding {one}")
        now = datetime.now(UTC)
        return Taken(self._write([_as_before(mine[one], None, now) for one in dict.fromkeys(findings)]))

    @property
    def latest(self) -> tuple[str, ...]:
        """The findings this person decided about last, in one go, as far as they have not taken it back."""
        mine = {line.subject: line for line in self._ledger.lines if line.by == self.by and line.subject in self._items}
        standing_lines = [line for line in mine.values() if line.action is not Action.WITHDRAW]
        last = max((line.at for line in standing_lines), default=None)
        return tuple(line.subject for line in standing_lines if line.at == last)

    def settle(self, *, run: str | None = None) -> Settlement:
        """Put all decisions into the tables; see :meth:`workbench.lab.decisions.Decisions.settle`."""
        made = self.dataset.decisions.settle(run=run)
        self.refresh()
        return made

    def _write(self, lines: Sequence[LedgerEntry]) -> tuple[LedgerEntry, ...]:
        version = append_entries(self.dataset.lake, self.dataset.name, lines)
        if version == (0 if self._ledger.version is None else self._ledger.version + 1):  # nobody else wrote in between
            self._ledger.lines += lines
            self._ledger.version = version
            self._place(line.subject for line in lines)
        else:
            self.refresh()
        return tuple(lines)

    def _line(self, said: LedgerEntry, item: Item, given: Mapping[str, float] | None) -> LedgerEntry:
        """Say of one finding what is said of all of them."""
        about = item.finding
        start, end = self.remedies.span(about, said.action)
        return replace(
            said, subject=item.id, kind=about.kind, symbol=about.symbol, start=start, end=end, fields=about.fields,
            cells=self.remedies.cells(about, said.action, given), observed=about.observed, confidence=about.confidence,
            rows=self.remedies.count(about, said.action),
        )  # fmt: skip

    def _place(self, findings: Iterable[str]) -> None:
        """Say of findings how far they have come."""
        stand = Standing(standing(self._ledger.lines), _stood_before(self._ledger.lines))
        for one in findings:
            finding = self._findings[one]
            state, entry = stand.of(one, finding, self._rules[one])
            if one in self._items:
                self._tally.add(self._items[one], times=-1)
            self._items[one] = Item(one, finding, self._costs.points[one], state, entry, self._sources.get(one, ""))
            self._tally.add(self._items[one])


def _as_before(line: LedgerEntry, own: LedgerEntry | None, now: datetime) -> LedgerEntry:
    """Return the line that takes another back: one's own that stood before it once more, or that one says nothing any more."""
    if own is not None:
        return replace(own, at=now)
    return replace(line, at=now, action=Action.WITHDRAW, reason="taken back", note="", cells=(), rows=None)


def _stood_before(lines: Iterable[LedgerEntry]) -> dict[str, LedgerEntry]:
    """Return what persons had decided about data that has changed since."""
    said: dict[str, LedgerEntry] = {}
    gone: dict[str, LedgerEntry] = {}
    for line in lines:
        if line.is_by_person:
            said[line.subject] = line
            gone.pop(line.subject, None)
        elif line.by == DATA and line.subject in said:
            gone[line.subject] = said[line.subject]
    return {subject: line for subject, line in gone.items() if line.action is not Action.WITHDRAW}


def _sources_of(dataset: Dataset, rows: FoundRows, findings: Mapping[str, Finding]) -> dict[str, str]:
    """Return finding's id -> whose rows it is about."""
    came = {receipt.id: receipt.source for receipt in receipts(dataset.lake, dataset.name)}
    if len(set(came.values())) < 2:
        return dict.fromkeys(findings, next(iter(came.values()), ""))
    told: dict[str, str] = {}
    for symbol in dict.fromkeys(finding.symbol for finding in findings.values()):
        mine = {one: finding.end for one, finding in findings.items() if finding.symbol == symbol}
        there = rows.of(symbol).drop_nulls(WHEN)
        ends = pl.DataFrame({WHEN: list(mine.values())}).cast({WHEN: there.schema[WHEN]})
        last = ends.with_row_index("place").sort(WHEN).join_asof(there.select(WHEN, RECEIPT), on=WHEN).sort("place")
        told |= {one: came.get(receipt or "", "") for one, receipt in zip(mine, last[RECEIPT], strict=True)}
    return told
