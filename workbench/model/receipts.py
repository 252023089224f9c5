"""What is known about bytes that arrived: a receipt, written once, beside them, for good."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Receipt:
    """One arrival in the raw zone.

    Attributes
    ----------
    id
        As :func:`receipt_id`: rows carry it, so that each finds its way back.
    path
        Where the bytes lie, relative to the lake's root.
    received_at
        UTC.
    rows, symbols, first, last
        What the bytes hold, as the first reading saw it; sessions for ``first`` and ``last``.
    out_of_order
        Symbol -> rows whose time lies before the row that arrived ahead of them. A file that
        runs backwards throughout is a convention, not a disorder, and counts nothing.
    unreadable_cells
        Cells whose text is no number.
    position
        Of what came through a feed: where it ends there; None: it was brought by itself.
    is_events
        Whether it is a piece of a feed, one event a line, each an arrival of its own, and not a file.
    """

    id: str
    dataset: str
    source: str
    name: str
    path: str
    received_at: datetime
    sha256: str
    size_bytes: int
    rows: int
    symbols: int
    first: date | None
    last: date | None
    out_of_order: dict[str, int] = field(default_factory=dict)
    unreadable_cells: int = 0
    position: int | None = None
    is_events: bool = False


def receipt_id(digest: str, source: str, position: int | None = None) -> str:
    """Return the id of an arrival (16 hex digits).

    Parameters
    ----------
    digest : str
        SHA-256 of its bytes, 64 hex digits: a file is told by them alone, from whichever source and day.
    source : str
    position : int, optional
        Of a piece of a feed, which may say the same again later, and mean it.
    """
    return digest[:16] if position is None else sha256(f"{digest} {source} {position}".encode()).hexdigest()[:16]
