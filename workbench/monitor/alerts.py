"""How urgently somebody is told about a run: thresholds in, a level out. Nothing is sent here."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from workbench.model.findings import Severity
from workbench.model.score import Band

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def alarming_symbols(score: Score) -> tuple[tuple[str, Level], ...]:
    """Return the symbols below a threshold, worst first: one ruined symbol must not hide in a mean."""
    if score.by_symbol.is_empty():
        return ()
    below = score.by_symbol.filter(score.by_symbol["score"] < float(score.thresholds.high)).sort("score", "symbol")
    critical = float(score.thresholds.critical)
    return tuple(
        (symbol, Level.CRITICAL if value < critical else Level.HIGH) for symbol, value in below.select("symbol", "score").rows()
    )
