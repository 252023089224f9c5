"""Following a feed: micro-batches into the same tables as a daily run, and the same quality notebooks once a session is over.

A piece is read, taken in, and only then acknowledged; nothing is read ahead, so memory is bounded, and a feed that is
faster than we are waits where it is.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from workbench.ingest.retrying import patiently
from workbench.lab.intake import Intake
from workbench.lab.sorting import calendar_of_events
from workbench.lake.locks import alone
from workbench.pipeline.closing import Sessions
from workbench.pipeline.planning import new_run_id
from workbench.pipeline.watching import Watch

if TYPE_CHECKING:
    from datetime import date

    from workbench.ingest.feeds.feed import Feed, Piece
    from workbench.lab.dataset import Dataset
    from workbench.lab.intake import Taken
    from workbench.lab.lab import Lab

MOST_EVENTS: Final = 25_000
"""Of a piece."""
PACE_SECONDS: Final = 0.5
"""Pieces that are not full come no faster: fewer and larger files, and still a second or two from sender to reader."""
SETTLED_SECONDS: Final = 10.0
"""Sessions that are over are judged once the feed has been quiet for so long."""
BIN_SECONDS: Final = 0.01
OTHER_SECONDS: Final = 5.0


@dataclass(slots=True)
class Followed:
    """What came of following a feed, so far.

    Attributes
    ----------
    latency
        Hundredths of a second from being sent to being readable -> events.
    judged
        Session -> its run's id, and the score; None where a stage failed.
    busy_seconds
        Spent on pieces, reading full ones too; the rest was waiting for them.
    """

    dataset: str
    feed: str
    run: str
    pieces: int = 0
    events: int = 0
    new: int = 0
    repeated: int = 0
    superseded: int = 0
    late: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    latency: Counter[int] = field(default_factory=Counter)
    judged: dict[date, tuple[str, float | None]] = field(default_factory=dict)
    alerts: int = 0
    busy_seconds: float = 0.0
    seconds: float = 0.0

    def count(self, taken: Taken) -> None:
        """Add what came of a piece."""
        self.pieces += 1
        self.events += taken.events
        self.new += taken.new
        self.repeated += taken.repeated
        self.superseded += taken.superseded
        self.late += taken.late
        self.rejected.update(taken.rejected)

    def latency_at(self, share: float) -> float | None:
        """Return the seconds within which this share of events could be read; None where nothing is known."""
        total, below = sum(self.latency.values()), 0
        for hundredths in sorted(self.latency):
            below += self.latency[hundredths]
            if below >= share * total:
                return round(hundredths * BIN_SECONDS, 2)
        return None


Progress = Callable[[Followed], None]


@dataclass(frozen=True, slots=True)
class Ending:
    """When to stop.

    Attributes
    ----------
    wanted
        Asked between pieces: whether to stop.
    idle_seconds
        Stop once nothing came for so long, and judge the sessions that are over; None: go on.
    """

    wanted: Callable[[], bool]
    idle_seconds: float | None = None


def follow(
    lab: Lab, dataset: Dataset, feed: Feed, ending: Ending, *, judges: bool = True, progress: Progress | None = None
) -> Followed:
    """Take a feed in until told to stop.

    Parameters
    ----------
    lab : Lab
    dataset : Dataset
    feed : Feed
    ending : Ending
    judges : bool
        Whether sessions that are over are judged, as a daily run would.
    progress : callable, optional
        Called after each piece, and where none came.

    Raises
    ------
    BadInput
        The contract names a calendar that is not known; the feed is not there, or is not what was followed.
    Transient
        The feed is away, as often as it was asked; or another process follows it.
    WorkbenchError
        The lake cannot be written to. What was taken in stays, and the next call goes on behind it.
    """
    calendar_of_events(dataset.contract)  # what is wrong with the contract is no fault of the events
    began = time.monotonic()
    done = Followed(dataset.name, feed.address, new_run_id())
    watch = Watch(dataset, done.run)
    sessions = Sessions(lab, dataset, feed.name) if judges else None
    with alone(lab.lake, f"stream {dataset.name} {feed.name}", seconds=OTHER_SECONDS):
        try:
            _Following(feed, Intake(lab.lake, dataset.contract, feed.name, done.run), watch, sessions, done).go(ending, progress)
        except Exception as error:
            watch.stopped(error)
            raise
        finally:
            feed.close()
            done.seconds = round(time.monotonic() - began, 3)
    return done


@dataclass(slots=True)
class _Following:
    """A feed on its way into a lake."""

    feed: Feed
    intake: Intake
    watch: Watch
    sessions: Sessions | None
    done: Followed

    def go(self, ending: Ending, progress: Progress | None) -> None:
        """Go on until the end."""
        retries = self.watch.dataset.retries
        position, last, left = self.intake.catch_up()
        for taken in left:
            self._note(taken)
        patiently(partial(self.feed.open, position, last), retries)
        if self.sessions is not None:
            self.sessions.look_back()
        heard = time.monotonic()
        while not ending.wanted():
            began = time.monotonic()
            piece = patiently(partial(self.feed.read, MOST_EVENTS, PACE_SECONDS), retries)
            if piece is not None:
                self._take(piece, began)
                heard = time.monotonic()
            quiet = time.monotonic() - heard
            is_end = piece is None and ending.idle_seconds is not None and quiet >= ending.idle_seconds
            if piece is None:
                self._rest(is_quiet=is_end or quiet >= SETTLED_SECONDS, is_end=is_end)
            if progress:
                progress(self.done)
            if is_end:
                return

    def _take(self, piece: Piece, asked: float) -> None:
        came = time.monotonic()
        taken = self.intake.take(piece)
        now = time.time()
        for sent_at, events in piece.sent_at:
            self.done.latency[max(1, round((now - sent_at) / BIN_SECONDS))] += events
        self._note(taken)
        patiently(partial(self.feed.acknowledge, piece), self.watch.dataset.retries)
        took = time.monotonic() - came
        is_full = taken.events >= MOST_EVENTS
        self.done.busy_seconds += took + (came - asked if is_full else 0.0)
        if not is_full:
            time.sleep(max(0.0, PACE_SECONDS - took))

    def _note(self, taken: Taken) -> None:
        self.done.count(taken)
        self.watch.events(taken.events, taken.rejected)
        self.done.alerts = len(self.watch.alerts)
        if self.sessions is not None:
            self.sessions.touched.update(taken.sessions)

    def _rest(self, *, is_quiet: bool, is_end: bool) -> None:
        """Do what there is time for while nothing comes."""
        self.watch.silence()
        self.done.alerts = len(self.watch.alerts)
        if not is_quiet:
            return
        self.intake.lay_out(few=is_end)
        if self.sessions is not None:
            self.sessions.judge_those_over()
            runs = self.sessions.judged.items()
            self.done.judged = {day: (run.id, run.score["score"] if run.score else None) for day, run in runs}
