"""Running datasets when their markets have closed: a library keeps the time, the calendar says which sessions are due.

What is due follows from what has been done, and from nothing else: so sessions that were missed while nobody was running are
caught up, a restart changes nothing, and a clock that jumps does no harm.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.audit.store import runs_of_session
from workbench.calendars import calendar
from workbench.lake import Zone
from workbench.model.errors import BadInput, WorkbenchError
from workbench.model.runs import Outcome
from workbench.pipeline.daily import run_daily

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from workbench.lab.dataset import Dataset
    from workbench.lab.lab import Lab
    from workbench.pipeline.daily import Ran

AHEAD: Final = timedelta(days=15)
"""No market is closed for longer."""
TICK_SECONDS: Final = 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Closing:
    """A session, and the moment (UTC) from which it is due."""

    session: date
    due_at: datetime


def scheduled(lab: Lab, names: Sequence[str]) -> tuple[str, ...]:
    """Return the datasets that are to be scheduled: those named, else all whose market's hours are known.

    Raises
    ------
    BadInput
        A name is unknown, or there is no such dataset at all.
    """
    chosen = tuple(names) or tuple(n for n in lab.datasets if lab[n].contract.calendar not in (None, "learned"))
    if not chosen:
        raise BadInput("no dataset here names its calendar; a schedule needs to know when markets close")
    for name in chosen:
        closings(lab[name], date(2020, 1, 1), date(2020, 1, 1))
    return chosen


def closings(dataset: Dataset, start: date, end: date) -> list[Closing]:
    """Return the sessions of a range with the moments they are due, as the calendar closes them, half-days early.

    Raises
    ------
    BadInput
        The contract names no exchange's calendar: nobody could say when its market closes.
    """
    name = dataset.contract.calendar
    if name in (None, "learned"):
        raise BadInput(f"dataset {dataset.name}: a schedule needs to know when the market closes; set calendar in its contract")
    delay = timedelta(minutes=dataset.contract.schedule.minutes_after_close)
    hours = calendar(name).schedule(start, end).select("session", pl.col("close_at") + delay)
    return [Closing(session, due_at) for session, due_at in hours.iter_rows()]


def due(lab: Lab, dataset: Dataset, now: datetime) -> list[Closing]:
    """Return the sessions that are to be run now, oldest first.

    Notes
    -----
    Of the sessions that have closed lately (``catch_up_sessions``) all behind the first that was done and are not done
    themselves; where none was, the newest. One that has just failed is left alone for ``retry_minutes``.
    """
    terms = dataset.contract.schedule
    start = now.date() - timedelta(days=2 * terms.catch_up_sessions) - AHEAD
    closed = [c for c in closings(dataset, start, now.date() + timedelta(days=1)) if c.due_at <= now][-terms.catch_up_sessions :]
    last = {c.session: runs_of_session(lab.lake.zone(Zone.METADATA), dataset.name, c.session)[-1:] for c in closed}
    done = [c.session for c in closed if any(run.outcome is Outcome.DONE for run in last[c.session])]
    since = min(done, default=closed[-1].session if closed else now.date())
    again = now - timedelta(minutes=terms.retry_minutes)
    open_ = [c for c in closed if c.session >= since and c.session not in done]
    return [c for c in open_ if not any(run.outcome is Outcome.FAILED and run.finished_at > again for run in last[c.session])]


def next_due(dataset: Dataset, now: datetime) -> Closing | None:
    """Return the next session to come, and when it will be due."""
    ahead = closings(dataset, now.date() - timedelta(days=1), now.date() + AHEAD)
    return next((closing for closing in ahead if closing.due_at > now), None)


def run_due(
    lab: Lab, names: Sequence[str], *, now: datetime | None = None, cold: bool = False
) -> Iterator[tuple[str, Closing, Ran | WorkbenchError]]:
    """Run every session that is due, of one dataset after the other; yield what came of each.

    Notes
    -----
    A session is judged at the moment it was due, whenever it is run: that we were down is no fault of the data.
    """
    moment = now or datetime.now(UTC)
    for name in names:
        dataset = lab[name]
        for closing in due(lab, dataset, moment):
            try:
                yield name, closing, run_daily(lab, dataset, closing.session, now=closing.due_at, cold=cold)
            except WorkbenchError as error:
                yield name, closing, error


def outcome_of(came: Ran | WorkbenchError) -> tuple[str, bool]:
    """Return what came of a session in words, and whether it went well."""
    if isinstance(came, WorkbenchError):
        return " ".join(str(came).split()), False
    failed = next((stage for stage in came.manifest.stages if stage.outcome is Outcome.FAILED), None)
    if failed:
        return f"stage {failed.name} failed: {failed.error}", False
    return f"score {(came.manifest.score or {}).get('score', 0):.1f}", True


def keep_running(tick: Callable[[], None]) -> None:
    """Call again and again until interrupted; never twice at once, and once after a pause however long."""
    from apscheduler.schedulers.blocking import BlockingScheduler

    scheduler = BlockingScheduler(timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None})
    scheduler.add_job(tick, "interval", seconds=TICK_SECONDS, next_run_time=datetime.now(UTC))
    try:
        scheduler.start()
    finally:
        if scheduler.running:
            scheduler.shutdown(wait=True)


def cron_lines(lab: Lab, names: Sequence[str], year: int) -> list[str]:
    """Return lines for cron: each dataset at every time of day, in its market's zone, at which it closes in a year.

    Notes
    -----
    cron knows no holidays and no half-days. A line that comes when nothing is due does nothing.
    """
    lines = []
    for name in names:
        zone, times = _closing_times(lab[name], year)
        lines += [f"CRON_TZ={zone}", *(f"{t.minute} {t.hour} * * * {_command(lab, name)}" for t in times)]
    return lines


def systemd_units(lab: Lab, names: Sequence[str], year: int) -> list[str]:
    """Return, for each dataset, a service and its timer for systemd, as the files they are to be."""
    units = []
    for name in names:
        zone, times = _closing_times(lab[name], year)
        at = "\n".join(f"OnCalendar=*-*-* {t:%H:%M}:00 {zone}" for t in times)
        service = f"[Unit]\nDescription=workbench {name}\n\n[Service]\nType=oneshot\nExecStart={_command(lab, name)}\n"
        timer = f"[Unit]\nDescription=workbench {name}, after its market has closed\n\n[Timer]\n{at}\nPersistent=true\n"
        units += [
            f"# workbench-{name}.service\n{service}",
            f"# workbench-{name}.timer\n{timer}\n[Install]\nWantedBy=timers.target\n",
        ]
    return units


def _closing_times(dataset: Dataset, year: int) -> tuple[str, list[time]]:
    """Return a market's zone, and the local times of day at which its sessions of a year are due."""
    zone = calendar(dataset.contract.calendar or "").timezone
    due_at = pl.Series(
        [c.due_at for c in closings(dataset, date(year, 1, 1), date(year, 12, 31))], dtype=pl.Datetime("us", "UTC")
    )
    local = due_at.dt.convert_time_zone(zone)
    return zone, pl.Series(local.dt.time().unique().sort()).to_list()


def _command(lab: Lab, name: str) -> str:
    return f"workbench schedule {name} --once --lab {lab.root}"
