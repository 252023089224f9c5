"""What was found: one kind, one symbol, one contiguous span; and what only looked odd."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Final

from workbench.model.html import cell, severity, table, titled

Moment = date | datetime

FINDING_KINDS: Final = (
    "bad_tick", "unit_switch", "unadjusted_split", "partial_split", "double_split", "dividend_adjustment", "event_error",
    "stale", "non_positive", "missing_value", "out_of_range", "ohlc_order", "zero_volume_move", "volume_unit", "precision",
    "duplicate_key", "conflicting_duplicate", "out_of_order", "missing_session", "missing_bar", "phantom_session",
    "calendar_error", "clock_shift", "ticker_reuse", "delisting_hole", "truncated", "partial_bar", "revision",
    "vendor_disagreement", "crossed_quote", "wide_spread", "off_quote_trade", "schema_drift", "score_drift",
)  # fmt: skip
"""What may be wrong; contracts and scripts go by these words."""


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


@dataclass(frozen=True, slots=True, repr=False)
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
    by_reference
        Whether it is another source that says what is proposed.
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
    by_reference: bool = False
    provisional: bool = False

    @property
    def id(self) -> str:
        """The same for the same finding in the same data, whatever order things came in."""
        return _identity(self.kind, self.symbol, self.start, self.end, *self.fields)

    @property
    def span(self) -> str:
        """When, in words."""
        return f"{self.start}" if self.start == self.end else f"{self.start} to {self.end}"

    def _repr_html_(self) -> str:
        claims = [(h.kind, _share(h.probability), h.evidence) for h in self.hypotheses]
        facts = [("rows", self.rows), ("observed", in_words(self.observed)), ("proposed", in_words(self.proposed)),
                 ("confidence", _share(self.confidence) + (", provisional" if self.provisional else ""))]  # fmt: skip
        head = f"<div>{severity(self.severity)} <span class='q'>{cell(self.span)}</span></div>"
        told = table(("what it may be", "probability", "evidence"), claims) if claims else ""
        return titled(f"{self.kind} of {self.symbol}", head, table(("", ""), [f for f in facts if f[1]]), told)

    def __repr__(self) -> str:
        seen = ", ".join(f"{what} {in_words(v)}" for what, v in (("observed", self.observed), ("proposed", self.proposed)) if v)
        return f"{self.severity} {self.kind} of {self.symbol}, {self.span}" + (f": {seen}" if seen else "")


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


def in_words(values: dict[str, object] | None) -> str:
    """Put field -> value in words, the same wherever they are read.

    Examples
    --------
    >>> in_words({"low": 24.860000000000003, "volume": 65290000.0, "close": None})
    'low 24.86, volume 65,290,000, close none'
    """
    return ", ".join(f"{name} {_number(value)}" for name, value in (values or {}).items())


def _share(probability: float) -> str:
    return f"{int(100 * probability)} %"  # cut, not rounded: 100 % means certain


def _number(value: object) -> str:
    if value is None:
        return "none"
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.8g}"


def _identity(*parts: object) -> str:
    text = "\x1f".join(p.isoformat() if isinstance(p, date) else str(p) for p in parts)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
