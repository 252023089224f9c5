"""The ledger of what was decided about a dataset: one table in the metadata zone, to which lines are only added."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from workbench.lake.commits import Write, committed
from workbench.lake.reading import visible
from workbench.lake.versions import CHANGE, find_table
from workbench.lake.zones import TableRef, Zone
from workbench.model.decisions import Action, Cell, LedgerEntry
from workbench.model.errors import LakeBroken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deltalake import DeltaTable

    from workbench.lake.zones import Lake
    from workbench.model.decisions import Moment

LEDGER: Final = pl.Schema(
    {
        "at": pl.Datetime("us", "UTC"),
        "line": pl.Int64(),
        "by": pl.String(),
        "action": pl.String(),
        "reason": pl.String(),
        "subject": pl.String(),
        "kind": pl.String(),
        "symbol": pl.String(),
        "start": pl.String(),
        "end": pl.String(),
        "cells": pl.String(),
        "fields": pl.String(),
        "note": pl.String(),
        "version": pl.Int64(),
        "observed": pl.String(),
        "confidence": pl.Float64(),
        "seen": pl.String(),
        "rows": pl.Int64(),
    }
)
"""The columns of the table: those of a ``LedgerEntry``, moments in ISO form, what has parts as JSON; ``line`` counts from 0."""
_PLAIN: Final = ("at", "by", "reason", "subject", "kind", "symbol")
_LATER: Final = ("note", "version", "confidence", "seen", "rows")
"""Columns that lines of an older ledger lack."""


def ledger_table(dataset: str) -> TableRef:
    """Return the name of the table: ``metadata/decisions/<dataset>``."""
    return TableRef(Zone.METADATA, dataset, feature="decisions")


def append_entries(lake: Lake, dataset: str, entries: Sequence[LedgerEntry]) -> int | None:
    """Add lines to a ledger, in one atomic commit.

    Returns
    -------
    int or None
        The table's new version; None where there was nothing to add.

    Raises
    ------
    WorkbenchError
        The write failed, or other writers kept committing to the same table.
    """

    def plan(current: DeltaTable | None) -> Write | None:
        if not entries:
            return None
        count = 0 if current is None else visible(current).select(pl.len()).collect().item()
        rows = pl.DataFrame([_row(entry, count + number) for number, entry in enumerate(entries)], schema=LEDGER)
        change = json.dumps({"operation": "decide", "rows": len(rows)}, sort_keys=True)
        return Write(rows, {CHANGE: change}, "error" if current is None else "append", None if current is None else "merge")

    return committed(lake, ledger_table(dataset), plan)


def read_entries(lake: Lake, dataset: str) -> tuple[LedgerEntry, ...]:
    """Return the lines of a ledger in the order in which they were written; none where nothing was decided.

    Raises
    ------
    LakeBroken
        The table's log, or one of its files, cannot be read.
    """
    found = find_table(lake, ledger_table(dataset))
    if found is None:
        return ()
    try:
        rows = visible(found).collect().sort("line")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        told = str(error).splitlines()[0]
        raise LakeBroken(
            f"{ledger_table(dataset)}: the ledger cannot be read ({told}); restore its files from a backup"
        ) from error
    return tuple(_entry(row) for row in rows.iter_rows(named=True))


def _row(entry: LedgerEntry, line: int) -> dict[str, Any]:
    cells = [{"at": cell.at.isoformat(), "values": cell.values, "was": cell.was} for cell in entry.cells]
    plain = {name: getattr(entry, name) for name in (*_PLAIN, *_LATER)}
    span = {name: None if moment is None else moment.isoformat() for name, moment in (("start", entry.start), ("end", entry.end))}
    parts = {"cells": json.dumps(cells), "fields": json.dumps(entry.fields), "observed": json.dumps(entry.observed, default=str)}
    return {**plain, **span, **parts, "line": line, "action": entry.action.value}


def _entry(row: dict[str, Any]) -> LedgerEntry:
    cells = tuple(Cell(_moment(c["at"]), c["values"], c["was"]) for c in json.loads(row["cells"]))
    start, end = (None if row[name] is None else _moment(row[name]) for name in ("start", "end"))
    plain = {name: row[name] for name in _PLAIN}
    later = {name: row[name] for name in _LATER if row.get(name) is not None}
    fields, observed = tuple(json.loads(row.get("fields") or "[]")), json.loads(row.get("observed") or "null")
    return LedgerEntry(
        **plain, **later, start=start, end=end, action=Action(row["action"]), cells=cells, fields=fields, observed=observed
    )


def _moment(text: str) -> Moment:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
