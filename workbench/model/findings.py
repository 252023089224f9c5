"""What was found: one kind, one symbol, one contiguous span; and what only looked odd."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from hashlib import blake2b

Moment = date | datetime


class Severity(StrEnum):
    """How much a finding matters to somebody who uses the data."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Position from the mildest (0) to the worst (3)."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One explanation that was considered, with its evidence; probabilities of rivals add up to 1."""

    kind: str
    probability: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: what, where, what was observed, what it might be.

    Attributes
    ----------
    start, end
        Both included. A ``date`` is a session (daily and slower data), a ``datetime`` is UTC.
    fields
        Standard column names; empty where the row itself, or its absence, is meant.
    rows
        Rows that are wrong, or that are missing.
    observed, proposed
        Field -> value at the worst row of the span; None where there is none.
    provisional
        Whether rows that are still to come decide: the last bar is judged for good once the next is there.
    """

    kind: str
    symbol: str
    start: Moment
    end: Moment
    rows: int
    severity: Severity
    confidence: float
    fields: tuple[str, ...] = ()
    observed: dict[str, object] | None = None
    proposed: dict[str, object] | None = None
    hypotheses: tuple[Hypothesis, ...] = ()
    incident: str | None = None
    provisional: bool = False

    @property
    def id(self) -> str:
        """The same for the same finding in the same data, whatever order things came in."""
        return _identity(self.kind, self.symbol, self.start, self.end, *self.fields)


@dataclass(frozen=True, slots=True)
class Incident:
    """Findings of many symbols that have one cause."""

    kind: str
    start: Moment
    end: Moment
    symbols: tuple[str, ...]
    summary: str

    @property
    def id(self) -> str:
        """The same for the same incident in the same data."""
        return _identity("incident", self.kind, self.start, self.end)


@dataclass(frozen=True, slots=True)
class Explained:
    """A legitimate thing that looks odd, with the reason it is not an error."""

    kind: str
    symbol: str
    start: Moment
    end: Moment
    reason: str


def _identity(*parts: object) -> str:
    text = "\x1f".join(p.isoformat() if isinstance(p, date) else str(p) for p in parts)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
