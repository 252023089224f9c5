"""A run told: to a script as JSON, to a person as the one line that says what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.lab.documents import EXACT, STATE, iso
from workbench.lab.run_report import REPORT
from workbench.model.errors import BadInput, StageFailed
from workbench.model.runs import Outcome
from workbench.monitor.alerts import Level

if TYPE_CHECKING:
    from datetime import date

    from workbench.lab.settling import Settlement
    from workbench.pipeline.backfill import Filled
    from workbench.pipeline.daily import Ran
    from workbench.pipeline.streaming import Followed


def require_done(ran: Ran) -> None:
    """Raise where a stage failed.

    Raises
    ------
    StageFailed
        Names stage, cell and cause, and the partial notebook.
    BadInput
        The same, where the stage itself refused its input.
    """
    for stage in ran.manifest.stages:
        if stage.outcome is Outcome.FAILED:
            where = f"; see {ran.folder / stage.notebook}" if stage.notebook else ""
            message = f"{ran.manifest.dataset} {ran.manifest.session}: stage {stage.name} failed in {stage.error}{where}"
            raise (BadInput if stage.error and "BadInput" in stage.error else StageFailed)(message)


def run_document(ran: Ran) -> dict[str, Any]:
    """Return what ``workbench run --json`` prints."""
    manifest = ran.manifest
    score = {name: value for name, value in (manifest.score or {}).items() if name not in (EXACT, STATE)}
    return {
        "schema": "workbench.run/1",
        "run": manifest.id,
        "dataset": manifest.dataset,
        "session": manifest.session.isoformat(),
        "is_new": ran.is_new,
        **score,
        "alert": _alert(score),
        "folder": str(ran.folder),
        "report": str(ran.folder / REPORT),
        "seconds": {stage.name: stage.seconds for stage in manifest.stages},
    }


def _alert(score: dict[str, Any]) -> str | None:
    """Return the most urgent of what the dataset's band and its symbols' and session's own scores ask for."""
    asked = {score.get("band"), *(alarm["level"] for alarm in score.get("alarms", ()))}
    return next((level.value for level in Level if level.value in asked), None)


def backfill_document(filled: Filled, start: date, end: date) -> dict[str, Any]:
    """Return what ``workbench backfill --json`` prints."""
    return {
        "schema": "workbench.backfill/1",
        "dataset": filled.dataset,
        "start": start.isoformat(),
        "end": end.isoformat(),
        "sessions": filled.sessions,
        "done": filled.done,
        "skipped": filled.skipped,
        "left": filled.left,
        "failed": [
            {"session": f.session.isoformat(), "run": f.run, "category": f.category, "error": f.error} for f in filled.failed
        ],
        "seconds": filled.seconds,
    }


def require_filled(filled: Filled) -> None:
    """Raise where a session failed for good.

    Raises
    ------
    StageFailed
        Says how many, and how to go on.
    """
    if filled.failed:
        first = filled.failed[0]
        raise StageFailed(
            f"{filled.dataset}: {len(filled.failed)} of {filled.sessions} sessions failed, the first {first.session} in "
            f"{first.error}; mend the cause, then run the same command again: what is done stays done"
        )


def stream_document(done: Followed) -> dict[str, Any]:
    """Return what came of following a feed, as JSON values."""
    return {
        "schema": "workbench.stream/1",
        "dataset": done.dataset,
        "feed": done.feed,
        "run": done.run,
        **{name: getattr(done, name) for name in ("pieces", "events", "new", "repeated", "superseded", "late")},
        "rejected": dict(sorted(done.rejected.items())),
        "events_per_second": round(done.events / done.busy_seconds, 1) if done.busy_seconds else None,
        "latency_seconds": {"p50": done.latency_at(0.5), "p95": done.latency_at(0.95)},
        "judged": {day.isoformat(): {"run": run, "score": score} for day, (run, score) in sorted(done.judged.items())},
        "alerts": done.alerts,
        "seconds": done.seconds,
    }


def settlement_document(dataset: str, made: Settlement) -> dict[str, Any]:
    """Return what was decided without a person, as JSON values."""
    decided = [
        {"action": e.action.value, "by": e.by, "reason": e.reason, "finding": e.subject, "kind": e.kind, "symbol": e.symbol,
         "start": iso(e.start), "end": iso(e.end), "cells": len(e.cells)}
        for e in made.entries
    ]  # fmt: skip
    written = [[first.isoformat(), last.isoformat()] for first, last in made.written]
    return {"schema": "workbench.decisions/1", "dataset": dataset, "decided": decided, "written": written}
