"""The standard names: columns of a standard frame, kinds of dataset, kinds of finding.

Everything after ``transform`` speaks only these names.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

SYMBOL: Final = "symbol"
EVENT_AT: Final = "event_at"
SESSION: Final = "session"
ROW: Final = "row"
RECEIPT: Final = "receipt"
UNREADABLE: Final = "unreadable"
REASON: Final = "quarantine_reason"
RAW_TEXT: Final = "raw_text"
EVENT: Final = "event"

CORRECTION: Final = "correction"
"""Of a processed row that is not as it arrived: what was decided about it, as JSON; null in all others."""

DECIDED: Final = "decided"
"""How the reason of a row begins that arrived well and was taken out, or corrected, by a decision."""

REJECTED: Final = "rejected_event"
"""How the reason of an event begins that was not accepted: it is kept, told of, and no row of the data."""

PRICE_FIELDS: Final = ("open", "high", "low", "close")


class Kind(StrEnum):
    """What one row of a dataset is."""

    BARS = "bars"
    TICKS = "ticks"
    QUOTES = "quotes"
    VALUES = "values"


PRICES: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.BARS: PRICE_FIELDS,
    Kind.TICKS: ("price",),
    Kind.QUOTES: ("bid", "ask"),
    Kind.VALUES: ("value",),
}
"""The price columns of each kind, in the order a person reads them."""

SIZES: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.BARS: ("volume",),
    Kind.TICKS: ("size",),
    Kind.QUOTES: ("bid_size", "ask_size"),
    Kind.VALUES: (),
}
"""The columns that count shares, contracts or coins."""

ALL_SIZES: Final = frozenset(name for names in SIZES.values() for name in names)

EXTRAS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.BARS: ("adj_close", "dividend", "split", "capital_gain", "vwap", "trades"),
    Kind.TICKS: ("trades", "bid", "ask"),
    Kind.QUOTES: (),
    Kind.VALUES: (),
}
"""Numeric columns that are kept when they come, and that nothing requires."""


def fields_of(kind: Kind) -> tuple[str, ...]:
    """Return every numeric standard column a kind may have, prices first."""
    return PRICES[kind] + SIZES[kind] + EXTRAS[kind]
