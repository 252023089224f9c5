"""What was known of a dataset at a moment: its data, what a run said of it, what is said of it today, and what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.audit.pages import known_page
from workbench.lab.documents import alarm_documents, finding_document, iso, score_document
from workbench.lake import TableRef, history, receipts, version_at, version_of
from workbench.lake.decisions import read_entries
from workbench.model.decisions import Action
from workbench.model.errors import BadInput
from workbench.model.html import table, titled
from workbench.review.corrections import standing

if TYPE_CHECKING:
    from datetime import datetime

    from workbench.lab.judgement import Judgement
    from workbench.lab.lab import Lab
    from workbench.model.decisions import LedgerEntry


@dataclass(frozen=True, slots=True)
class Known:
    """What was known of a dataset at a moment.

    Attributes
    ----------
    versions
        Table -> its version then; those that were not there yet are left out.
    arrivals
        How many files had come.
    run
        The last run that had ended by then, as the index has it; None where none had.
    judgement
        What today's code says of what was recorded then.
    decisions
        Those that stood then.
    """

    dataset: str
    at: datetime
    versions: dict[str, int]
    arrivals: int
    run: dict[str, Any] | None
    judgement: Judgement
    decisions: tuple[LedgerEntry, ...]

    @property
    def open_findings(self) -> list[dict[str, Any]]:
        """Findings about which nothing had been decided by then."""
        settled = {entry.subject for entry in self.decisions if entry.action is not Action.LATER}
        return [finding_document(f, self.judgement.evidence.contract) for f in self.judgement.findings if f.id not in settled]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "schema": "workbench.asof/1",
            "dataset": self.dataset,
            "at": iso(self.at),
            "versions": self.versions,
            "arrivals": self.arrivals,
            "run": self.run,
            **score_document(self.judgement.score),
            "alarms": alarm_documents(self.judgement.score),
            "findings": self.open_findings,
            "decisions": [_decision(entry) for entry in self.decisions],
        }

    def html(self) -> str:
        """Return it as one page that opens offline."""
        return known_page(self.to_json())

    def _repr_html_(self) -> str:
        facts = [(name, version) for name, version in self.versions.items()]
        facts += [("arrivals", self.arrivals), ("open findings", len(self.open_findings)), ("decisions", len(self.decisions))]
        return titled(repr(self), table(("what", "then"), facts))

    def __repr__(self) -> str:
        said = "no run had ended" if self.run is None else f"run {self.run['run']} had said {self.run['score']}"
        return f"{self.dataset} at {iso(self.at)}: score {float(self.judgement.score):.1f}; {said}"


def known_at(lab: Lab, dataset: str, at: datetime) -> Known:
    """Return what was known of a dataset at a moment (with its zone).

    Raises
    ------
    BadInput
        There is no such dataset, or nothing had been recorded by then.
    """
    data = lab[dataset]
    runs = lab.runs(dataset).to_polars()
    ended = runs.filter(runs["recorded_at"] <= at)
    return Known(
        dataset=dataset,
        at=at,
        versions=_versions(lab, dataset, at),
        arrivals=sum(r.received_at <= at for r in receipts(lab.lake, dataset)),
        run={k: iso(v) or v for k, v in ended.row(-1, named=True).items()} if len(ended) else None,
        judgement=data.judge(as_of=at),
        decisions=tuple(standing(e for e in read_entries(lab.lake, dataset) if e.at <= at).values()),
    )


def _versions(lab: Lab, dataset: str, at: datetime) -> dict[str, int]:
    contract = lab[dataset].contract
    tables = [TableRef.processed(dataset), TableRef.quarantine(dataset)]
    tables += [TableRef.derived(name, dataset) for name in contract.features]
    there = [table for table in tables if version_of(lab.lake, table) is not None]
    known = {str(t): version_at(lab.lake, t, at) for t in there if history(lab.lake, t)["recorded_at"][0] <= at}
    if not known:
        raise BadInput(f"dataset {dataset}: nothing had been recorded by {iso(at)}")
    return known


def _decision(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "at": iso(entry.at), "by": entry.by, "action": entry.action.value, "reason": entry.reason, "subject": entry.subject,
        "kind": entry.kind, "symbol": entry.symbol, "start": iso(entry.start), "end": iso(entry.end), "cells": len(entry.cells),
    }  # fmt: skip
