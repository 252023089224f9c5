"""How urgently somebody is told about a run: thresholds in, a level out. Nothing is sent here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from workbench.model.findings import Severity
from workbench.model.score import Band

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from workbench.model.findings import Finding
    from workbench.model.score import Score


class Level(StrEnum):
    """How soon somebody is told: at once, within the hour, the next day."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"


def band(score: Score, findings: Iterable[Finding]) -> Band:
    """Return how alarming a score is, together with what was found.

    Notes
    -----
    Critical and high below the score's own thresholds, compared exactly and not as displayed;
    medium where something of severity medium or more was found; else ok.

    References
    ----------
    ``band`` in check.schema.json.
    """
    if score.value < score.thresholds.critical:
        return Band.CRITICAL
    if score.value < score.thresholds.high:
        return Band.HIGH
    if any(finding.severity.rank >= Severity.MEDIUM.rank for finding in findings):
        return Band.MEDIUM
    return Band.OK


def level_of(score: Score | None, findings: Iterable[Finding], *, failed: bool) -> Level | None:
    """Return how urgent a run is; None when nobody needs to be told.

    Parameters
    ----------
    score : Score or None
        None where the run ended before there was one.
    findings : iterable of Finding
    failed : bool
        Whether a stage failed; that is critical whatever the score.
    """
    if failed:
        return Level.CRITICAL
    if score is None:
        return None
    worst = band(score, findings)
    return None if worst is Band.OK else Level(worst.value)


@dataclass(frozen=True, slots=True)
class Alarm:
    """A symbol or a session whose own score is below a threshold."""

    level: Level
    what: str
    name: str
    score: float


def alarms(score: Score, session: date | None = None) -> tuple[Alarm, ...]:
    """Return what is below a threshold on its own, worst first: one ruined symbol must not hide in a mean.

    Parameters
    ----------
    score : Score
    session : date, optional
        The session somebody is told about; sessions before it were told of in their time. None: all.
    """
    day = score.by_session if session is None else score.by_session.filter(score.by_session["session"] == session)
    found = []
    for what, frame in (("symbol", score.by_symbol), ("session", day)):
        for name, value in frame.filter(frame["score"] < float(score.thresholds.high)).select(what, "score").iter_rows():
            level = Level.CRITICAL if value < float(score.thresholds.critical) else Level.HIGH
            found.append(Alarm(level, what, str(name), value))
    return tuple(sorted(found, key=lambda alarm: (alarm.score, alarm.what, alarm.name)))
