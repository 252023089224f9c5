"""Timeliness: did it come when it should? Everything is relative to a ``now`` that is passed in."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

import polars as pl

from workbench.model.contract import exact
from workbench.model.names import EVENT_AT, SESSION, SYMBOL
from workbench.quality.outcome import Outcome, counted, not_applicable
from workbench.quality.tally import SEEN

if TYPE_CHECKING:
    from workbench.quality.evidence import Evidence
    from workbench.quality.tally import Tally

NO_NOW = "no moment to judge at; give one with --as-of"
DEFAULT_AGE_HOURS = 24.0
DEFAULT_UPDATE_SESSIONS = 5


def freshness(evidence: Evidence, tally: Tally) -> Outcome:
    """How long the newest expected data is overdue.

    Notes
    -----
    The age is the time from the close of the oldest expected session that is still missing after
    the last one seen, or zero when nothing is missing, to ``now``. The failures are the hours by which the
    age exceeds the allowed ones, out of the allowed ones: twice the allowed age is worth nothing.
    """
    allowed = evidence.contract.freshness.max_age_hours or (DEFAULT_AGE_HOURS if _is_bare(evidence) else None)
    if evidence.now is None or allowed is None:
        return not_applicable(NO_NOW if evidence.now is None else "the contract promises no greatest age")
    latest = tally.rows.filter(pl.col(EVENT_AT).is_not_null())[EVENT_AT].max()
    if not isinstance(latest, datetime):
        return not_applicable("no row has a readable time")
    due = _first_overdue_close(evidence, tally)
    age_hours = max(Fraction(0), _hours(evidence.now - (due or evidence.now)))
    overdue = max(Fraction(0), age_hours - exact(allowed))
    metrics: dict[str, object] = {
        "latest": latest.isoformat(),
        "age_hours": float(_hours(evidence.now - latest)),
        "is_fresh": not overdue,
    }
    return Outcome(min(overdue, exact(allowed)), exact(allowed), metrics=metrics)


def update_frequency(evidence: Evidence, tally: Tally) -> Outcome:
    """Sessions without any update among the latest ones that closed before ``now``."""
    wanted = evidence.contract.freshness.update_sessions or (DEFAULT_UPDATE_SESSIONS if _is_bare(evidence) else None)
    if evidence.now is None or wanted is None:
        return not_applicable(NO_NOW if evidence.now is None else "the contract promises no steady updates")
    closed = _closed(evidence)
    if closed is None or closed.is_empty():
        return not_applicable("no expected session has closed by then")
    seen = _seen_sessions(tally)
    latest = closed.tail(wanted)
    where = latest.select(
        pl.lit(None, dtype=pl.String).alias(SYMBOL),
        SESSION,
        (~pl.col(SESSION).is_in(seen.implode())).cast(pl.Int64).alias("failures"),
        pl.lit(1).cast(pl.Int64).alias("total"),
    )
    return counted(where)


def arrival_lag(evidence: Evidence, tally: Tally) -> Outcome:
    """How long after its session's close the newest data arrived, beyond what is promised.

    Notes
    -----
    Failures are the hours beyond ``max_lag_hours``, at most as many again, out of ``max_lag_hours``.
    """
    allowed = evidence.contract.freshness.max_lag_hours
    if allowed is None:
        return not_applicable("the contract promises no greatest lag")
    if evidence.now is None or evidence.received_at is None:
        return not_applicable("the time of arrival is not known")
    if evidence.received_at > evidence.now:
        return not_applicable("the data was received after the moment that is judged")
    closed = _closed(evidence)
    seen = _seen_sessions(tally)
    if closed is None or seen.is_empty():
        return not_applicable("no expected session has closed by then")
    last = closed.filter(pl.col(SESSION) <= seen.max())["close_at"].max()
    if not isinstance(last, datetime):
        return not_applicable("no expected session has closed by then")
    lag = max(Fraction(0), _hours(evidence.received_at - last))
    late = max(Fraction(0), lag - exact(allowed))
    return Outcome(min(late, exact(allowed)), exact(allowed), metrics={"lag_hours": float(lag)})


def _is_bare(evidence: Evidence) -> bool:
    """Whether nobody promised anything: then ``--as-of`` alone asks for the usual daily habits."""
    return not evidence.contract.sources and evidence.contract.freshness.model_dump(exclude_none=True) == {}


def _seen_sessions(tally: Tally) -> pl.Series:
    return tally.facts.filter((pl.col(SEEN) > 0) & pl.col(SESSION).is_not_null())[SESSION].unique().sort()


def _closed(evidence: Evidence) -> pl.DataFrame | None:
    """Return ``session, close_at`` of the expected sessions that closed by now, oldest first."""
    if evidence.expected is None or evidence.now is None:
        return None
    day_end = (pl.col(SESSION) + timedelta(days=1)).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    closes = evidence.expected.select(SESSION, pl.coalesce("close_at", day_end).alias("close_at"))
    days = closes.group_by(SESSION).agg(pl.col("close_at").max())
    return days.filter(pl.col("close_at") <= evidence.now).sort(SESSION)


def _first_overdue_close(evidence: Evidence, tally: Tally) -> datetime | None:
    seen = _seen_sessions(tally)
    closed = _closed(evidence)
    if closed is None or seen.is_empty():
        latest = tally.rows[EVENT_AT].max()
        return latest if isinstance(latest, datetime) else None
    due = closed.filter(pl.col(SESSION) > seen.max())["close_at"].min()
    return due if isinstance(due, datetime) else None


def _hours(span: timedelta) -> Fraction:
    return Fraction(span // timedelta(seconds=1), 3600)
