"""A run: which stages were executed, from what, into what, and what came out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a stage or a run ended."""

    DONE = "done"
    FAILED = "failed"
    NOT_RUN = "not_run"
    UNFINISHED = "unfinished"
    """Begun and not ended: going on, or stopped from outside."""


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One executed notebook.

    Attributes
    ----------
    notebook
        File name within the run's folder; its hash is ``sha256``.
    error
        Cell and cause in one line, where the stage failed.
    category
        What kind of failure it was (``workbench.model.failures.Category``).
    retries
        How often it was tried before.
    resources
        ``cpu_seconds`` and ``peak_bytes`` of its process.
    kernel
        ``warm`` (forked from a process that had the imports done) or ``cold``.
    measured
        What the notebook recorded of itself, name -> JSON value.
    """

    name: str
    outcome: Outcome
    seconds: float = 0.0
    notebook: str | None = None
    sha256: str | None = None
    error: str | None = None
    category: str | None = None
    retries: int = 0
    resources: dict[str, float] = field(default_factory=dict)
    kernel: str | None = None
    measured: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunManifest:
    """Everything needed to say later what a run saw and what it made.

    Attributes
    ----------
    now
        The moment timeliness was judged at; UTC.
    inputs
        What decides whether the run would be the same again: receipts, contract, code.
    versions
        Table -> Delta version, before (``in``) and after (``out``) the run.
    environment
        Interpreter and library versions.
    """

    id: str
    dataset: str
    session: date
    outcome: Outcome
    started_at: datetime
    finished_at: datetime
    now: datetime
    parameters: dict[str, Any]
    inputs: dict[str, Any]
    versions: dict[str, dict[str, int | None]]
    environment: dict[str, str]
    stages: tuple[StageRecord, ...]
    score: dict[str, Any] | None = None
