"""Where on a price chart a finding belongs: its true time, its true value, what to read there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from workbench.figures.theme import number, plain, words
from workbench.model.names import SESSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from workbench.model.findings import Finding, Moment, Severity

MAX_MARKS = 500


@dataclass(frozen=True, slots=True)
class Mark:
    """A finding placed on a chart; ``proposed`` is None where no price is proposed."""

    at: Moment
    value: float | None
    proposed: float | None
    start: Moment
    end: Moment
    severity: Severity
    text: str


def marks(
    findings: Sequence[Finding], rows: pl.DataFrame, *, symbol: str, prices: Sequence[str], timezone: str | None
) -> list[Mark]:
    """Place one symbol's findings, worst first.

    Parameters
    ----------
    findings : sequence of Finding
        Those of other symbols are passed over; at most 500 are placed.
    rows : DataFrame
        One symbol's rows as :func:`workbench.figures.buckets.rows_of` gives them.
    prices : sequence of str
        Price columns, in order of preference.
    timezone : str or None
        The displayed clock of an intraday chart; None for a chart of sessions.
    """
    mine = sorted((f for f in findings if f.symbol == symbol), key=lambda f: (-f.severity.rank, -f.confidence))
    place = _Place(rows, tuple(prices), timezone)
    return [place.mark(finding) for finding in mine[:MAX_MARKS]]


class _Place:
    """One symbol's rows, ready to be looked up by time."""

    def __init__(self, rows: pl.DataFrame, prices: tuple[str, ...], timezone: str | None) -> None:
        self.rows, self.prices, self.timezone = rows, tuple(p for p in prices if p in rows.columns), timezone
        self.at = rows["at"].to_numpy().astype("datetime64[us]")
        # Every time is in order; sessions are nearly so (a clock that is off), hence the cumulative maximum.
        self.sessions = rows[SESSION].cum_max().to_numpy().astype("datetime64[us]")

    def mark(self, finding: Finding) -> Mark:
        first, last = self._slice(finding)
        field = self._field(finding)
        row = self._worst_row(finding, field, first, last)
        at = self._clock(finding.start) if row is None else self.rows["at"][row]
        value = _real(finding.observed, field)
        if value is None and field and self.rows.height:
            near = min(max(first, 0), self.rows.height - 1) if row is None else row
            value = self.rows[field][near]
        proposed = _real(finding.proposed, field)
        text = _words(finding)
        return Mark(at, value, proposed, self._clock(finding.start), self._clock(finding.end), finding.severity, text)

    def _slice(self, finding: Finding) -> tuple[int, int]:
        """Return the rows of a finding's span as a half-open range."""
        by_session = not isinstance(finding.start, datetime)
        axis = self.sessions if by_session else self.at
        start, end = (np.datetime64(m if by_session else self._clock(m), "us") for m in (finding.start, finding.end))
        return int(np.searchsorted(axis, start, "left")), int(np.searchsorted(axis, end, "right"))

    def _field(self, finding: Finding) -> str | None:
        """Return the price column the finding is about; the last one stands for the row."""
        named = [f for f in (*finding.fields, *(finding.observed or {})) if f in self.prices]
        return named[0] if named else (self.prices[-1] if self.prices else None)

    def _worst_row(self, finding: Finding, field: str | None, first: int, last: int) -> int | None:
        """Return the row the observed value came from; the first of the span where it cannot be told; None where none is."""
        if first >= last:
            return None
        observed = _real(finding.observed, field)
        if observed is None or field is None:
            return first
        distance = (self.rows[field][first:last] - observed).abs().arg_min()
        return first if distance is None else first + distance

    def _clock(self, moment: Moment) -> Moment:
        """Return a moment on the axis of this chart."""
        if not isinstance(moment, datetime):
            return moment if self.timezone is None else self._opening(moment)
        if self.timezone is None:
            return moment.date()
        return local(moment, self.timezone)

    def _opening(self, session: date) -> datetime:
        """Return the first time seen in a session, or its midnight where nothing was."""
        first = int(np.searchsorted(self.sessions, np.datetime64(session, "us"), "left"))
        if first < self.rows.height and self.rows[SESSION][first] == session:
            seen: datetime = self.rows["at"][first]
            return seen
        return datetime.combine(session, datetime.min.time())


def local(moment: datetime, timezone: str) -> datetime:
    """Return what a wall clock shows at a moment (UTC where it has no zone)."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)


def _real(values: dict[str, object] | None, field: str | None) -> float | None:
    value = (values or {}).get(field or "")
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)
    return float(value) if is_number else None  # type: ignore[arg-type]


def _words(finding: Finding) -> str:
    span = f"{finding.start}" if finding.start == finding.end else f"{finding.start} to {finding.end}"
    lines = [
        f"<b>{words(finding.kind)}</b> · {finding.severity}, confidence {finding.confidence:.0%}",
        span,
        f"{finding.rows:,} rows",
    ]
    for label, values in (("observed", finding.observed), ("proposed", finding.proposed)):
        if values:
            lines.append(f"{label}: " + ", ".join(f"{plain(k, 24)} {number(v)}" for k, v in list(values.items())[:6]))
    return "<br>".join(lines)
