"""What was found, as text and back: exactly, so that a stored judgement is the judgement."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.model.findings import Explained, Finding, Hypothesis, Incident, Severity
from workbench.quality.findings import Found
from workbench.quality.ledger import FAULTS

if TYPE_CHECKING:
    from workbench.model.findings import Moment


def to_text(found: Found) -> str:
    """Write what was found as JSON."""
    return json.dumps(
        {
            "findings": [_written(asdict(finding)) for finding in found.findings],
            "incidents": [_written(asdict(incident)) for incident in found.incidents],
            "explained": [_written(asdict(odd)) for odd in found.explained],
            "faults": [_written(row) for row in found.faults.to_dicts()],
            "undescribed": found.undescribed,
        }
    )


def from_text(text: str) -> Found:
    """Read it back.

    Raises
    ------
    ValueError, KeyError, TypeError
        It is not what :func:`to_text` writes.
    """
    held = json.loads(text)
    rows = [{**row, "session": date.fromisoformat(row["session"])} for row in held["faults"]]
    return Found(
        findings=tuple(_finding(item) for item in held["findings"]),
        incidents=tuple(Incident(**{**_spanned(item), "symbols": tuple(item["symbols"])}) for item in held["incidents"]),
        explained=tuple(Explained(**_spanned(item)) for item in held["explained"]),
        faults=pl.DataFrame(rows, schema=FAULTS),
        undescribed=held["undescribed"],
    )


def _written(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


def _spanned(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "start": _moment(item["start"]), "end": _moment(item["end"])}


def _moment(text: str) -> Moment:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def _finding(item: dict[str, Any]) -> Finding:
    claims = tuple(Hypothesis(**claim) for claim in item["hypotheses"])
    told = {"severity": Severity(item["severity"]), "fields": tuple(item["fields"]), "hypotheses": claims}
    return Finding(**{**_spanned(item), **told})
