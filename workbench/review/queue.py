"""What a person is asked to look at first: one entry for each cause, the dearest first, with what was decided of it. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from workbench.model.decisions import Action, date_of
from workbench.model.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from workbench.model.decisions import Decision, LedgerEntry
    from workbench.model.findings import Finding, Incident


class State(StrEnum):
    """How far a finding has come."""

    WAITING = "waiting"
    CHANGED = "changed"
    """It was decided, and what was observed is not what it was: it waits again."""
    LATER = "later"
    DECIDED = "decided"
    """By a person."""
    POLICY = "policy"
    """By the contract, or by the rule that rows which no reader can use stay in quarantine."""

    @property
    def is_open(self) -> bool:
        """Whether a person is still asked."""
        return self in (State.WAITING, State.CHANGED, State.LATER)


@dataclass(frozen=True, slots=True)
class Item:
    """One finding, what it costs, and what is decided of it.

    Attributes
    ----------
    id
        The finding's.
    points
        Of the score, in [0, 100].
    entry
        The line of the ledger that stands, or, of a finding that has changed, the one that stood before.
    source
        Whose rows they are; empty where that is not known.
    """

    id: str
    finding: Finding
    points: float
    state: State
    entry: LedgerEntry | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to decide on: a finding, or an incident with all of its findings."""

    items: tuple[Item, ...]
    incident: Incident | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Its findings, the dearest first."""
        return tuple(item.finding for item in self.items)

    @property
    def worst(self) -> Finding:
        """The finding that stands for the entry."""
        return self.items[0].finding

    @property
    def points(self) -> float:
        """What all of it costs."""
        return sum(item.points for item in self.items)

    @property
    def state(self) -> State:
        """The state of the first that is open; of the first, where none is."""
        return next((item.state for item in self.items if item.state.is_open), self.items[0].state)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Whom it concerns."""
        return tuple(dict.fromkeys(finding.symbol for finding in self.findings))


@dataclass(frozen=True, slots=True)
class Which:
    """Which findings are wanted; an empty choice wants all.

    Attributes
    ----------
    start, end
        Days, both included; a finding that reaches into them is wanted.
    severity
        The mildest that is wanted.
    states
        Empty: all.
    """

    kinds: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    start: date | None = None
    end: date | None = None
    sources: tuple[str, ...] = ()
    severity: Severity = Severity.LOW
    states: tuple[State, ...] = ()

    def wants(self, item: Item) -> bool:
        """Return whether an item is among them."""
        f = item.finding
        return (
            (not self.kinds or f.kind in self.kinds)
            and (not self.symbols or f.symbol in self.symbols)
            and (self.start is None or date_of(f.end) >= self.start)
            and (self.end is None or date_of(f.start) <= self.end)
            and (not self.sources or item.source in self.sources)
            and f.severity.rank >= self.severity.rank
            and (not self.states or item.state in self.states)
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a review has come.

    Attributes
    ----------
    points_left
        What the findings cost that are still open.
    """

    decided: int
    total: int
    points_left: float

    def __str__(self) -> str:
        return f"{self.decided:,} of {self.total:,} decided, {self.points_left:.2f} points left"


@dataclass(slots=True)
class Standing:
    """What is decided, found by a finding's id, or by where it lies.

    Attributes
    ----------
    decided
        Finding's id -> the line that stands.
    before
        Finding's id -> a line that stood once, and was taken back because the data has changed.
    """

    decided: Mapping[str, LedgerEntry]
    before: Mapping[str, LedgerEntry] = field(default_factory=dict)
    _near: dict[tuple[str, str], list[LedgerEntry]] = field(init=False)

    def __post_init__(self) -> None:
        near = defaultdict(list)
        for entry in (*self.decided.values(), *self.before.values()):
            if entry.is_by_person and entry.symbol is not None and entry.start is not None:
                near[entry.kind, entry.symbol].append(entry)
        self._near = {key: sorted(lines, key=lambda line: str(line.start)) for key, lines in near.items()}

    def of(self, subject: str, finding: Finding, rule: Decision) -> tuple[State, LedgerEntry | None]:
        """Return how far a finding has come; ``subject`` is its id, ``rule`` what the contract says of it."""
        line = self.decided.get(subject)
        if line is not None and line.action is Action.LATER:
            return State.LATER, line
        if line is not None and line.is_by_person:
            return State.DECIDED, line
        if line is not None or rule.action is not Action.REVIEW:
            return State.POLICY, line
        once = self.before.get(subject) or self._overlapping(finding)
        return (State.WAITING, None) if once is None else (State.CHANGED, once)

    def _overlapping(self, finding: Finding) -> LedgerEntry | None:
        """Return what was decided of a finding of the same kind, symbol and fields that this one overlaps: it grew, or shrank."""
        start, end = str(finding.start), str(finding.end)
        for line in self._near.get((finding.kind, finding.symbol), []):
            is_same = not finding.fields or {*finding.fields} & {*line.fields}
            if is_same and str(line.start) <= end and str(line.end) >= start:
                return line
        return None


def queue(items: Iterable[Item], incidents: Sequence[Incident]) -> tuple[Entry, ...]:
    """Fold findings of one incident into one entry, and put the dearest first.

    Parameters
    ----------
    items : iterable of Item
    incidents : sequence of Incident

    Returns
    -------
    tuple of Entry
        By what they cost, then confidence, then severity.
    """
    known = {incident.id: incident for incident in incidents}
    groups: dict[str, list[Item]] = {}
    for item in sorted(items, key=lambda item: _rank(item.points, item.finding)):
        groups.setdefault(item.finding.incident or item.id, []).append(item)
    entries = [Entry(tuple(group), known.get(key)) for key, group in groups.items()]
    return tuple(sorted(entries, key=lambda entry: _rank(entry.points, entry.worst)))


def progress(items: Iterable[Item]) -> Progress:
    """Count what is decided, and what is left of the points."""
    every = list(items)
    waiting = [item for item in every if item.state.is_open]
    return Progress(len(every) - len(waiting), len(every), sum(item.points for item in waiting))


def _rank(points: float, finding: Finding) -> tuple[object, ...]:
    where = (finding.symbol, finding.start.isoformat(), finding.kind, finding.fields)
    return (-round(points, 9), -finding.confidence, -finding.severity.rank, *where)
