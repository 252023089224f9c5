"""What a feed is: pieces with growing positions, read from a position on, and acknowledged once they are safe."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Piece:
    """Some events of a feed, one a line; or one file of it.

    Attributes
    ----------
    position
        Where the feed is behind it; grows from piece to piece.
    sent_at
        When its events were sent, as far as that is known: seconds since 1970, and how many events.
    mark
        What the feed needs to acknowledge it.
    """

    name: str
    payload: bytes
    position: int
    is_events: bool = True
    sent_at: tuple[tuple[float, int], ...] = ()
    mark: Any = None


class Feed(Protocol):
    """A source that goes on."""

    @property
    def name(self) -> str:
        """What its source is called in receipts: the same for the same address."""
        ...

    @property
    def address(self) -> str:
        """Where it is, for people; without secrets."""
        ...

    def open(self, position: int | None, last: bytes | None = None) -> None:
        """Begin behind a position; None: at the beginning. ``last`` is the piece that ended there."""
        ...

    def read(self, most: int, seconds: float) -> Piece | None:
        """Return the next piece, of so many events at most, or None where none came for so long.

        Raises
        ------
        Transient
            The source is away; reading again may help.
        BadInput
            The source is not what was followed.
        """
        ...

    def acknowledge(self, piece: Piece) -> None:
        """Say that a piece is safe."""
        ...

    def close(self) -> None:
        """Let go of the source."""
        ...


def feed_name(kind: str, shown: str, address: str) -> str:
    """Return a name that could stand in a contract, and that no other address has.

    Examples
    --------
    >>> feed_name("jsonl", "Trades", "/data/Trades.jsonl")
    'jsonl_trades_2b81b1cb'
    """
    tame = re.sub(r"[^a-z0-9]+", "_", shown.lower()).strip("_")[:40]
    return "_".join(part for part in (kind, tame, blake2b(address.encode(), digest_size=4).hexdigest()) if part)
