"""Arrivals sorted out: rows on their place in time that can be trusted, and rows that cannot, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from workbench.lab.understanding import understand
from workbench.model.names import EVENT, REASON
from workbench.transform.structure import KEYED_KINDS, with_raw_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.model.contract import Contract
    from workbench.transform.standardise import Arrived


@dataclass(frozen=True, slots=True)
class SortedOut:
    """What arrivals hold.

    Attributes
    ----------
    good
        Standard rows, one for each symbol and time of bars and values; of trades and quotes that came through a feed
        with ``event``, by which each is told from the others.
    bad
        The same columns, ``quarantine_reason``, and ``raw_text``, the vendor's own cells.
    """

    good: pl.DataFrame
    bad: pl.DataFrame


def sorted_out(arrived: Arrived, contract: Contract, *, receipts: Sequence[str]) -> SortedOut:
    """Put what arrived on its place in time, and say which of it can be trusted.

    Parameters
    ----------
    arrived : Arrived
    contract : Contract
    receipts : sequence of str
        Arrivals, oldest first: where several hold the same row, the newest is meant.
    """
    frame = understand(arrived, contract, receipts=receipts).frame
    good = frame.filter(pl.col(REASON).is_null()).drop(REASON)
    bad = with_raw_text(frame.filter(pl.col(REASON).is_not_null()), arrived.origins)
    return SortedOut(good.drop(EVENT, strict=False) if contract.kind in KEYED_KINDS else good, bad)
