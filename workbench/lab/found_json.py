"""What was found, as text and back: exactly, so that a stored judgement is the judgement."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from workbench.model.findings import Explained, Finding, Hypothesis, Incident, Severity
from workbench.quality.by_leaf import LeafFound
from workbench.quality.detectors.crowd import COLUMNS, Crowd
from workbench.quality.findings import Found
from workbench.quality.ledger import FAULTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.model.findings import Moment


def to_text(found: Found) -> str:
    """Write what was found in a version as JSON."""
    return json.dumps(
        {
            **_told(found.findings, found.explained),
            "faults": [_written(row) for row in found.faults.to_dicts()],
            "incidents": [_written(asdict(incident)) for incident in found.incidents],
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
    findings, explained = _read(held)
    rows = [{**row, "session": date.fromisoformat(row["session"])} for row in held["faults"]]
    return Found(
        findings=findings,
        incidents=tuple(Incident(**{**_spanned(item), "symbols": tuple(item["symbols"])}) for item in held["incidents"]),
        explained=explained,
        faults=pl.DataFrame(rows, schema=FAULTS),
        undescribed=held["undescribed"],
    )


def leaf_to_text(found: LeafFound) -> str:
    """Write what was found in a leaf as JSON."""
    crowd = {name: getattr(found.crowd, name).tolist() for name in COLUMNS}
    more = {"faults": found.faults, "open_symbols": found.open_symbols, "crowd": crowd}
    return json.dumps({**_told(found.findings, found.explained), **more})


def leaf_from_text(text: str) -> LeafFound:
    """Read it back.

    Raises
    ------
    ValueError, KeyError, TypeError
        It is not what :func:`leaf_to_text` writes.
    """
    held = json.loads(text)
    keys, *medians = (held["crowd"][name] for name in COLUMNS)
    crowd = Crowd(np.array(keys, dtype=np.int64), *(np.array(each, dtype=np.float64) for each in medians))
    return LeafFound(*_read(held), tuple(tuple(fault) for fault in held["faults"]), tuple(held["open_symbols"]), crowd)


def _told(findings: Sequence[Finding], explained: Sequence[Explained]) -> dict[str, Any]:
    return {
        "findings": [_written(asdict(finding)) for finding in findings],
        "explained": [_written(asdict(odd)) for odd in explained],
    }


def _read(held: dict[str, Any]) -> tuple[tuple[Finding, ...], tuple[Explained, ...]]:
    return tuple(_finding(item) for item in held["findings"]), tuple(Explained(**_spanned(item)) for item in held["explained"])


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
