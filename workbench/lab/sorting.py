"""Arrivals sorted out: rows on their place in time that can be trusted, and rows that cannot, with the reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.calendars import calendar
from workbench.lab.understanding import understand
from workbench.model.names import EVENT, REASON
from workbench.transform.standardise import STAMP
from workbench.transform.structure import KEYED_KINDS, with_raw_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.calendars import Calendar
    from workbench.model.contract import Contract
    from workbench.transform.standardise import Arrived
AROUND_THE_CLOCK: Final = "24/7"
EARLIEST, LATEST = date(1900, 1, 1), date(2200, 1, 1)
AROUND: Final = timedelta(days=10)
"""What is asked of a calendar on either side of a row."""


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
    if EVENT in arrived.frame.columns:
        kept = calendar_of_events(contract)
        contract = contract.model_copy(update={"calendar": kept.name})
        arrived = replace(arrived, frame=arrived.frame.with_columns(_known_stamp(kept)))
    frame = understand(arrived, contract, receipts=receipts).frame
    good = frame.filter(pl.col(REASON).is_null()).drop(REASON)
    bad = with_raw_text(frame.filter(pl.col(REASON).is_not_null()), arrived.origins)
    return SortedOut(good.drop(EVENT, strict=False) if contract.kind in KEYED_KINDS else good, bad)


def calendar_of_events(contract: Contract) -> Calendar:
    """Return the calendar by which events are placed, alike in whatever pieces they come: a few of them name and teach none.

    Raises
    ------
    BadInput
        The contract names one that is not known.
    """
    return calendar(AROUND_THE_CLOCK if contract.calendar in (None, "learned") else contract.calendar)


def _known_stamp(kept: Calendar) -> pl.Expr:
    """Return the stamps of events as far as they may be true: no market knows what it does in the year 9999."""
    first, last = max(kept.first or EARLIEST, EARLIEST), min(kept.last or LATEST, LATEST)
    known = pl.col(STAMP).dt.date().is_between(first + AROUND, last - AROUND)
    return pl.when(known | pl.col(EVENT).is_null()).then(STAMP).alias(STAMP)
