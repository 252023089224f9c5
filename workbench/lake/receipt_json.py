"""Receipts as JSON: explicit keys, ISO times."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Final

from workbench.model.errors import BadInput, LakeBroken
from workbench.model.receipts import Receipt

SCHEMA: Final = "workbench.receipt/1"


def receipt_json(receipt: Receipt) -> str:
    """Return a receipt as JSON text.

    Raises
    ------
    BadInput
        ``received_at`` has no time zone.
    """
    if receipt.received_at.tzinfo is None:
        raise BadInput(f"{receipt.name}: expected received_at with a time zone, found {receipt.received_at.isoformat()}")
    return json.dumps(
        {
            "schema": SCHEMA,
            "id": receipt.id,
            "dataset": receipt.dataset,
            "source": receipt.source,
            "name": receipt.name,
            "path": receipt.path,
            "received_at": receipt.received_at.astimezone(UTC).isoformat(),
            "sha256": receipt.sha256,
            "size_bytes": receipt.size_bytes,
            "rows": receipt.rows,
            "symbols": receipt.symbols,
            "first": receipt.first.isoformat() if receipt.first else None,
            "last": receipt.last.isoformat() if receipt.last else None,
            "out_of_order": receipt.out_of_order,
            "unreadable_cells": receipt.unreadable_cells,
            "position": receipt.position,
            "is_events": receipt.is_events,
        },
        indent=1,
    )


def parse_receipt(text: str, *, origin: str) -> Receipt:
    """Read a receipt from JSON.

    Raises
    ------
    LakeBroken
        The text is not what :func:`receipt_json` writes; the message begins with ``origin``.
    """
    try:
        table = json.loads(text)
        if table.pop("schema") != SCHEMA:
            raise ValueError("another schema")
        table["received_at"] = datetime.fromisoformat(table["received_at"])
        for end in ("first", "last"):
            table[end] = date.fromisoformat(table[end]) if table[end] else None
        return Receipt(**table)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LakeBroken(f"{origin}: expected a receipt ({SCHEMA}), found {text[:80]!r}; restore it from a backup") from error
