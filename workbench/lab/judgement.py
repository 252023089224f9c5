"""Placed rows to a judgement: checks, score, findings. The one path that ``check`` and the pipeline share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.quality.catalogue import run_checks
from workbench.quality.findings import find
from workbench.quality.score import score
from workbench.quality.tally import Tally, tally

if TYPE_CHECKING:
    from workbench.model.findings import Explained, Finding, Incident
    from workbench.model.score import Score
    from workbench.quality.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was concluded from one body of evidence."""

    evidence: Evidence
    tally: Tally
    score: Score
    findings: tuple[Finding, ...]
    incidents: tuple[Incident, ...]
    explained: tuple[Explained, ...]


def judge(evidence: Evidence) -> Judgement:
    """Count, check, score and find."""
    counted = tally(evidence)
    results = run_checks(evidence, counted)
    findings, incidents, explained = find(evidence, counted)
    scored = score(results, counted.facts, evidence.contract.score)
    return Judgement(evidence, counted, scored, findings, incidents, explained)
