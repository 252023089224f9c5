"""A review as plain JSON values: what waits, what was decided."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.lab.documents import finding_document, iso, plain
from workbench.model.names import SYMBOL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workbench.lab.reviewing import Review, Taken
    from workbench.model.contract import Contract
    from workbench.model.decisions import LedgerEntry
    from workbench.review.queue import Entry, Item, Which


def item_document(item: Item, contract: Contract) -> dict[str, Any]:
    """Write a finding with what it costs, and what stands of it: the ledger's line, or what the contract says."""
    document = {**finding_document(item.finding, contract), "points": item.points, "state": item.state.value}
    if item.entry is not None:
        document["decision"] = line_document(item.entry)
    return {**document, "source": item.source}


def entry_document(entry: Entry, contract: Contract) -> dict[str, Any]:
    """Write one thing to decide on: its worst finding, and the ids of all."""
    return {
        **item_document(entry.items[0], contract),
        "points": entry.points,
        "state": entry.state.value,
        "summary": None if entry.incident is None else entry.incident.summary,
        "findings": [item.id for item in entry.items],
        "symbols": list(entry.symbols),
    }


def review_document(review: Review, which: Which) -> dict[str, Any]:
    """Write what a review looks like: both scores, how far it is, and what is wanted of the queue."""
    far = review.progress(replace(which, states=()))
    return {
        "schema": "workbench.review/1",
        "dataset": review.dataset.name,
        "score": review.score,
        "score_after_decisions": review.score_after,
        "decided": far.decided,
        "total": far.total,
        "points_left": far.points_left,
        "entries": [entry_document(entry, review.dataset.contract) for entry in review.entries(which)],
    }


def taken_document(review: Review, taken: Taken) -> dict[str, Any]:
    """Write what was put into the ledger, and whose decisions it stands over."""
    return {
        "schema": "workbench.decided/1",
        "dataset": review.dataset.name,
        "score_after_decisions": review.score_after,
        "lines": [line_document(line) for line in taken.lines],
        "overruled": [line_document(line) for line in taken.overruled],
    }


def line_document(line: LedgerEntry) -> dict[str, Any]:
    """Write one line of the ledger."""
    cells = [{"at": iso(cell.at), "values": plain(cell.values), "was": plain(cell.was)} for cell in line.cells]
    return {
        "at": iso(line.at),
        "by": line.by,
        "action": line.action.value,
        "reason": line.reason,
        "note": line.note,
        "subject": line.subject,
        "kind": line.kind,
        SYMBOL: line.symbol,
        "start": iso(line.start),
        "end": iso(line.end),
        "fields": list(line.fields),
        "observed": plain(line.observed),
        "confidence": line.confidence,
        "version": line.version,
        "cells": cells,
    }


def ledger_frame(lines: Iterable[LedgerEntry]) -> pl.DataFrame:
    """Return one row a line of the ledger; what has parts as JSON text."""
    documents = [line_document(line) for line in lines]
    texts = dict.fromkeys(_COLUMNS, pl.String) | {"confidence": pl.Float64, "version": pl.Int64}
    return pl.DataFrame([{name: _flat(d[name]) for name in _COLUMNS} for d in documents], schema=texts)


_COLUMNS: Sequence[str] = (
    "at", "by", "action", "reason", "note", "subject", "kind", SYMBOL, "start", "end", "fields", "observed", "confidence",
    "version", "cells",
)  # fmt: skip


def _flat(value: object) -> object:
    return json.dumps(value) if isinstance(value, (list, dict)) else value
