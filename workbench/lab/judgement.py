"""States to a judgement: checks, score, findings. The one path that ``check`` and the pipeline share."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import polars as pl

from workbench.model.checks import Verdict
from workbench.model.names import SESSION
from workbench.quality.catalogue import run_checks
from workbench.quality.drift import drift
from workbench.quality.findings import find, with_sources, worst_first
from workbench.quality.ledger import Ledger
from workbench.quality.score import score

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from workbench.model.findings import Explained, Finding, Incident
    from workbench.model.score import Score
    from workbench.quality.by_leaf import LeafMemory
    from workbench.quality.findings import Found
    from workbench.quality.ledger import Evidence

    Look = Callable[[pl.DataFrame], pl.DataFrame]
    """``symbol, session`` to all rows that arrived of them."""


_log = logging.getLogger("workbench")


class Memory(Protocol):
    """Where what was found is kept: in a lake, for a dataset; nowhere, for a file."""

    @property
    def leaves(self) -> LeafMemory | None:
        """Where what was found in single leaves is kept; None where they are not told apart."""
        ...

    def found(self, find: Callable[[], Found]) -> Found:
        """Return what was found before, or find it."""
        ...


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was concluded from one body of evidence.

    Attributes
    ----------
    look
        Fetches rows again, for those who want to see them.
    gathered
        How much of it was read off stored states, in words; empty where nothing is stored.
    undescribed
        Sessions of symbols with failures for which there was no room among the findings.
    """

    ledger: Ledger
    look: Look
    score: Score
    findings: tuple[Finding, ...]
    incidents: tuple[Incident, ...]
    explained: tuple[Explained, ...]
    gathered: str = ""
    undescribed: int = 0

    @property
    def evidence(self) -> Evidence:
        """What was judged."""
        return self.ledger.evidence


def judge(evidence: Evidence, look: Look, memory: Memory | None = None) -> Judgement:
    """Check, score and find.

    Parameters
    ----------
    evidence : Evidence
    look : callable
        ``symbol, session`` to all rows that arrived of them. Only suspicious ones are asked for.
    memory : Memory, optional
        Knows what was found in the same rows before.
    """
    ledger = Ledger(evidence)
    found = find(ledger, look) if memory is None else memory.found(lambda: find(ledger, look, memory.leaves))
    if found.undescribed:
        _log.warning("%d sessions of symbols with failures are counted, but not described one by one", found.undescribed)
    ledger.faults, ledger.failure = found.faults, found.failure
    results = run_checks(ledger)
    found = with_sources(found, ledger, {result.name for result in results if result.verdict is not Verdict.ERROR})
    if found.faults is not ledger.faults:  # another source refuted some of them
        ledger.faults = found.faults
        results = run_checks(ledger)
    made = score(results, ledger.rows, evidence.contract.score)
    return Judgement(ledger, look, made, found.findings, found.incidents, found.explained, undescribed=found.undescribed)


def judged_by_states(evidence: Evidence, look: Look) -> Judgement:
    """Check and score what states tell alone: no row is looked at again, and no detector heard."""
    ledger = Ledger(evidence)
    made = score(run_checks(ledger), ledger.rows, evidence.contract.score)
    return Judgement(ledger, look, made, (), (), ())


def against_its_past(judgement: Judgement, session: date) -> Judgement:
    """Hold a session's own score against those of the sessions before it; a fall out of them is a finding more.

    Notes
    -----
    The scores of all sessions come from this one judgement: the same rows, contract and code give
    the same finding, in whatever order sessions are run. Done twice it is done once.
    """
    scores = judgement.score.by_session
    own = scores.filter(pl.col(SESSION) == session)
    fallen = None if own.is_empty() else drift(scores, session, own["score"][0], rows=own["rows"][0])
    if fallen is None or any(finding.id == fallen.id for finding in judgement.findings):
        return judgement
    return replace(judgement, findings=worst_first((*judgement.findings, fallen)))
