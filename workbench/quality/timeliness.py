"""Timeliness: did it come when it should? Everything is relative to a ``now`` that is passed in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from workbench.model.contract import exact
from workbench.model.names import SESSION
from workbench.quality.outcome import Outcome, by_session, counted, not_applicable
from workbench.quality.terms import NEVER

if TYPE_CHECKING:
    from workbench.quality.ledger import Ledger

NO_NOW = "no moment to judge at; give one with --as-of"
NONE_CLOSED = "no expected session has closed by then"
DEFAULT_AGE_HOURS = 24.0
DEFAULT_UPDATE_SESSIONS = 5
_DAY = 86_400_000_000


def freshness(ledger: Ledger) -> Outcome:
    """How long the newest expected data is overdue.

    Notes
    -----
    The age is the time from the close of the oldest expected session that is still missing after
    the last one seen, or zero when nothing is missing, to ``now``. The failures are the hours by which the
    age exceeds the allowed ones, out of the allowed ones: twice the allowed age is worth nothing.
    """
    evidence = ledger.evidence
    allowed = evidence.contract.freshness.max_age_hours or (DEFAULT_AGE_HOURS if _is_bare(ledger) else None)
    if evidence.now is None or allowed is None:
        return not_applicable(NO_NOW if evidence.now is None else "the contract promises no greatest age")
    latest = ledger.state.series["to_at"].max()
    if not isinstance(latest, datetime):
        return not_applicable("no row has a readable time")
    due = _first_overdue_close(ledger, latest)
    age_hours = max(Fraction(0), _hours(evidence.now - (due or evidence.now)))
    overdue = max(Fraction(0), age_hours - exact(allowed))
    metrics: dict[str, object] = {
        "latest": latest.isoformat(),
        "age_hours": float(_hours(evidence.now - latest)),
        "is_fresh": not overdue,
    }
    return Outcome(min(overdue, exact(allowed)), exact(allowed), metrics=metrics)


def update_frequency(ledger: Ledger) -> Outcome:
    """Sessions without any update among the latest ones that closed before ``now``."""
    evidence = ledger.evidence
    wanted = evidence.contract.freshness.update_sessions or (DEFAULT_UPDATE_SESSIONS if _is_bare(ledger) else None)
    if evidence.now is None or wanted is None:
        return not_applicable(NO_NOW if evidence.now is None else "the contract promises no steady updates")
    closed = _closed(ledger)
    if closed is None or closed.is_empty():
        return not_applicable(NONE_CLOSED)
    latest = closed[SESSION].tail(wanted)
    return counted(by_session(latest, ~latest.is_in(ledger.seen.implode())))


def arrival_lag(ledger: Ledger) -> Outcome:
    """How long after its session's close the newest data arrived, beyond what is promised.

    Notes
    -----
    Failures are the hours beyond ``max_lag_hours``, at most as many again, out of ``max_lag_hours``.
    """
    evidence = ledger.evidence
    allowed = evidence.contract.freshness.max_lag_hours
    if allowed is None:
        return not_applicable("the contract promises no greatest lag")
    if evidence.now is None or evidence.received_at is None:
        return not_applicable("the time of arrival is not known")
    if evidence.received_at > evidence.now:
        return not_applicable("the data was received after the moment that is judged")
    closed = _closed(ledger)
    if closed is None or ledger.seen.is_empty():
        return not_applicable(NONE_CLOSED)
    last = closed.filter(pl.col(SESSION) <= ledger.seen[-1])["close_at"].max()
    if not isinstance(last, datetime):
        return not_applicable(NONE_CLOSED)
    lag = max(Fraction(0), _hours(evidence.received_at - last))
    late = max(Fraction(0), lag - exact(allowed))
    return Outcome(min(late, exact(allowed)), exact(allowed), metrics={"lag_hours": float(lag)})


def _is_bare(ledger: Ledger) -> bool:
    """Whether nobody promised anything: then ``--as-of`` alone asks for the usual daily habits."""
    contract = ledger.evidence.contract
    return not contract.sources and contract.freshness.model_dump(exclude_none=True) == {}


def _closed(ledger: Ledger) -> pl.DataFrame | None:
    """Return ``session, close_at`` of the expected sessions that closed by now, oldest first; None: nobody expects any."""
    now = ledger.evidence.now
    if now is None or ledger.seen.is_empty():
        return None
    kept = np.unique(ledger.terms.timetable_of(ledger.state.series["symbol"].to_list()))
    tables = [ledger.terms.timetables[number] for number in kept if number >= 0]
    if not tables:
        return _closed_periods(ledger, now)
    days = np.concatenate([table.days for table in tables])
    closes = np.concatenate([np.where(t.closes == NEVER, (t.days.astype(np.int64) + 1) * _DAY, t.closes) for t in tables])
    frame = pl.DataFrame({SESSION: pl.Series(days).cast(pl.Date), "close_at": pl.Series(closes).cast(pl.Datetime("us", "UTC"))})
    from_first = frame.filter(pl.col(SESSION) >= ledger.seen[0]).group_by(SESSION).agg(pl.col("close_at").max())
    return from_first.filter(pl.col("close_at") <= now).sort(SESSION)


def _closed_periods(ledger: Ledger, now: datetime) -> pl.DataFrame | None:
    """Return the weeks or months that are expected, each closed at the end of the day it is stamped with."""
    due = ledger.attendance
    if due is None:
        return None
    close = (pl.col(SESSION) + timedelta(days=1)).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return due.sessions.to_frame(SESSION).with_columns(close.alias("close_at")).filter(pl.col("close_at") <= now).sort(SESSION)


def _first_overdue_close(ledger: Ledger, latest: datetime) -> datetime | None:
    """Return when the first session closed that is expected and not there; the latest row's time where nothing is expected."""
    closed = _closed(ledger)
    if closed is None:
        return latest.astimezone(UTC)
    due = closed.filter(pl.col(SESSION) > ledger.seen[-1])["close_at"].min()
    return due if isinstance(due, datetime) else None


def _hours(span: timedelta) -> Fraction:
    return Fraction(span // timedelta(seconds=1), 3600)
