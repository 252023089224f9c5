"""What somebody is told about a feed while it is followed: that much of it is bad, that it is silent, that it stopped."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from workbench.calendars import calendar
from workbench.lake import Zone
from workbench.monitor.alerts import Level
from workbench.monitor.telling import Alert, tell

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from workbench.lab.dataset import Dataset

WINDOW_EVENTS: Final = 10_000
"""Of so many events the last are looked at together."""


@dataclass(slots=True)
class Watch:
    """A feed's conditions; each is told of when it begins, and again once it was over in between."""

    dataset: Dataset
    run: str
    alerts: list[Alert] = field(default_factory=list)
    _window: deque[tuple[int, int]] = field(default_factory=deque)
    _reasons: Counter[str] = field(default_factory=Counter)
    _is_bad: bool = False
    _is_silent: bool = False
    _heard_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def events(self, count: int, rejected: Mapping[str, int]) -> None:
        """Note events that came, and how many of them were rejected."""
        self._heard_at, self._is_silent = datetime.now(UTC), False
        self._window.append((count, sum(rejected.values())))
        self._reasons.update(rejected)
        while len(self._window) > 1 and sum(n for n, _ in self._window) - self._window[0][0] >= WINDOW_EVENTS:
            self._window.popleft()
        events, bad = (sum(part) for part in zip(*self._window, strict=True))
        is_bad = bad > self.dataset.contract.alerts.max_rejected_share * events
        if is_bad and not self._is_bad:
            worst = self._reasons.most_common(1)[0][0]
            self._tell(Level.HIGH, f"{bad} of the last {events} events were rejected, most of them as {worst}")
        self._is_bad = is_bad

    def silence(self) -> None:
        """Tell of a feed that says nothing while its market is open."""
        limit, now = self.dataset.contract.alerts.max_silence_minutes, datetime.now(UTC)
        if limit is None or self._is_silent or now - self._heard_at < timedelta(minutes=limit):
            return
        opened_at = opening(self.dataset, now)
        if opened_at is not None and now - opened_at >= timedelta(minutes=limit):
            self._is_silent = True
            self._tell(Level.CRITICAL, f"no event for {limit:g} minutes, and the market is open")

    def stopped(self, error: Exception) -> None:
        """Tell that following ended with an error."""
        self._tell(Level.CRITICAL, f"the feed is no longer followed: {type(error).__name__}: {' '.join(str(error).split())}")

    def _tell(self, level: Level, reason: str) -> None:
        now = datetime.now(UTC)
        alert = Alert(level, self.dataset.name, now.date(), self.run, now, (reason,))
        self.alerts.append(alert)
        tell(alert, self.dataset.lake.zone(Zone.METADATA) / "alerts", self.dataset.contract.alerts.command)


def opening(dataset: Dataset, now: datetime) -> datetime | None:
    """Return when the session that is on began; None where the market is closed; long ago where nobody names its hours."""
    if dataset.contract.calendar in (None, "learned"):
        return now - timedelta(days=1)
    day = now.date()
    hours = calendar(dataset.contract.calendar).schedule(day - timedelta(days=3), day + timedelta(days=3))
    on = [opened for opened, closed in hours.select("open_at", "close_at").iter_rows() if opened <= now < closed]
    return on[0] if on else None


def over_by(dataset: Dataset, session: date) -> datetime:
    """Return when a session is due to be judged: after its market's close; after the day, where nobody names its hours."""
    delay = timedelta(minutes=dataset.contract.schedule.minutes_after_close)
    if dataset.contract.calendar not in (None, "learned"):
        closes = calendar(dataset.contract.calendar).schedule(session, session)["close_at"]
        if len(closes):
            closing: datetime = closes[0]
            return closing + delay
    return datetime.combine(session + timedelta(days=1), datetime.min.time(), UTC) + delay
