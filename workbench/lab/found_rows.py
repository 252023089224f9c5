"""The rows that findings are about, symbol by symbol, as they arrived."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.calendars import calendar
from workbench.model.decisions import date_of
from workbench.model.names import EVENT_AT, REASON, SESSION, SYMBOL
from workbench.review.proposals import ABSENT, WHEN
from workbench.review.seen import seen
from workbench.transform.frequency import step_minutes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.lab.snapshots import Snapshot
    from workbench.model.contract import Contract
    from workbench.model.decisions import LedgerEntry, Moment
    from workbench.model.findings import Finding

LEAST_CONFIDENCE: Final = 0.5
"""A row that a finding of so much confidence calls wrong is no last good one."""
KEPT: Final = 8
"""How many symbols' rows are held at a time."""


@dataclass(slots=True)
class FoundRows:
    """Rows of one symbol after another, sorted by ``when``: the session, or within a day the time."""

    snap: Snapshot
    findings: Sequence[Finding]
    _held: dict[str, pl.DataFrame] = field(default_factory=dict)
    _last: tuple[Finding, pl.DataFrame] | None = None

    def of(self, symbol: str) -> pl.DataFrame:
        """Return a symbol's rows, those in quarantine too, with ``when`` and ``quarantine_reason``."""
        if symbol not in self._held:
            while len(self._held) >= KEPT:
                del self._held[next(iter(self._held))]
            rows = self.snap.rows(pl.DataFrame({SYMBOL: [symbol]}, schema={SYMBOL: pl.String}))
            self._held[symbol] = with_when(rows, self.snap.contract)
        return self._held[symbol]

    def good(self, finding: Finding) -> pl.DataFrame:
        """Return a symbol's rows without those in quarantine, and those that other findings call wrong."""
        if self._last is None or self._last[0] is not finding:
            self._last = finding, self._without_wrong(finding)
        return self._last[1]

    def _without_wrong(self, finding: Finding) -> pl.DataFrame:
        rows = self.of(finding.symbol).filter(pl.col(REASON).is_null())
        wrong = (
            f for f in self.findings
            if f.symbol == finding.symbol and f.id != finding.id and f.confidence >= LEAST_CONFIDENCE and f.fields
            and f.rows < len(rows) / 2
        )  # fmt: skip
        spans = [_within(self.placed(one)) for one in wrong]
        mine = _within(self.placed(finding))
        return rows.filter(mine | ~pl.any_horizontal(spans)) if spans else rows

    def placed(self, finding: Finding) -> Finding:
        """Return a finding whose span is on the axis of the rows: within a day, of sessions the moments they lie between."""
        if not self.snap.contract.is_intraday or isinstance(finding.start, datetime):
            return finding
        start, end = self._moments(finding.symbol, finding.start, finding.end)
        return replace(finding, start=start, end=end)

    def _moments(self, symbol: str, first: date, last: date) -> tuple[datetime, datetime]:
        """Return the first and the last moment of some sessions: of rows that are there, else of the days in UTC."""
        there = self.of(symbol).filter(pl.col(SESSION).is_between(first, last))[WHEN].drop_nulls()
        low, high = there.min(), there.max()
        if isinstance(low, datetime) and isinstance(high, datetime):
            return low, high
        return datetime.combine(first, time(), UTC), datetime.combine(last, time.max, UTC)

    def seen(self, spans: Mapping[str, tuple[str, Moment, Moment]]) -> dict[str, str]:
        """Fingerprint what lies in some spans.

        Parameters
        ----------
        spans : mapping
            Name -> symbol, start, end.

        Returns
        -------
        dict
            Name -> fingerprint.
        """
        by_symbol: dict[str, list[str]] = {}
        for name, (symbol, _, _) in spans.items():
            by_symbol.setdefault(symbol, []).append(name)
        told: dict[str, str] = {}
        for symbol, names in by_symbol.items():
            rows = self.of(symbol).drop_nulls(WHEN)
            told |= zip(names, seen(rows, [self._span(*spans[name]) for name in names], self.snap.fields), strict=True)
        return told

    def _span(self, symbol: str, start: Moment, end: Moment) -> tuple[Moment, Moment]:
        if not self.snap.contract.is_intraday or isinstance(start, datetime):
            return start, end
        return self._moments(symbol, start, date_of(end))


def _within(finding: Finding) -> pl.Expr:
    return pl.col(WHEN).is_between(pl.lit(finding.start), pl.lit(finding.end))


def span_of(thing: Finding | LedgerEntry) -> tuple[str, Moment, Moment] | None:
    """Return where a finding, or what was decided of one, lies; None where that is not said."""
    if thing.symbol is None or thing.start is None or thing.end is None:
        return None
    return thing.symbol, thing.start, thing.end


def with_when(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Add ``when``, and sort by it."""
    return rows.with_columns(pl.col(EVENT_AT if contract.is_intraday else SESSION).alias(WHEN)).sort(WHEN, nulls_last=True)


def expected_rows(finding: Finding, contract: Contract) -> list[Moment]:
    """Return when there should have been rows that are missing: sessions of daily data, steps within a day."""
    if finding.kind not in ABSENT:
        return []
    start, end, kept = finding.start, finding.end, contract.calendar
    named = kept if kept not in (None, "learned") else None
    if isinstance(start, datetime) and isinstance(end, datetime):
        return _steps(start, end, contract)
    if contract.is_intraday:
        hours = [] if named is None else calendar(named).schedule(date_of(start), date_of(end)).rows(named=True)
        return [moment for session in hours for moment in _steps_of(session, contract)]
    if contract.frequency != "1d" or named is None:
        return [date_of(start)] if start == end else []
    return list(calendar(named).sessions(date_of(start), date_of(end)))


def _steps(first: datetime, last: datetime, contract: Contract) -> list[Moment]:
    """Return the stamps from one bar's to another's, both included; nothing where rows come as they come."""
    step = timedelta(minutes=step_minutes(contract.frequency) or 0)
    return [first + number * step for number in range((last - first) // step + 1)] if step else []


def _steps_of(session: dict[str, datetime | None], contract: Contract) -> list[Moment]:
    """Return the stamps of a session's bars, those of its pause left out."""
    step = timedelta(minutes=step_minutes(contract.frequency) or 0)
    opens, closes = session["open_at"], session["close_at"]
    if opens is None or closes is None or not step:
        return []
    pause, again = session["break_start_at"], session["break_end_at"]
    begins = (at for at in _steps(opens, closes - step, contract) if isinstance(at, datetime))
    late = step if contract.stamp == "end" else timedelta(0)
    return [at + late for at in begins if pause is None or again is None or not pause <= at < again]
