"""What a dataset said before its newest arrival said something of the same days again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.lab.snapshots import snapshot
from workbench.model.errors import BadInput
from workbench.model.names import REASON, SESSION, SYMBOL
from workbench.quality.sources.vintages import restated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from workbench.lab.snapshots import Snapshot
    from workbench.model.receipts import Receipt
    from workbench.quality.sources.vintages import Restated
    from workbench.quality.terms import Terms

AROUND: Final = timedelta(days=90)
AROUND_WITHIN_DAYS: Final = timedelta(days=3)
"""What is read on either side of the days that were said again: what fits a day is judged by its neighbours."""


@dataclass(frozen=True, slots=True)
class EarlierVintage:
    """The rows of some days as they were before an arrival, to be compared with what they are."""

    snap: Snapshot
    before: Snapshot
    terms: Terms
    start: date
    end: date
    symbols: tuple[str, ...] | None

    def __call__(self) -> Restated:
        """Compare."""
        days = pl.col(SESSION).is_between(self.start, self.end)
        wanted = pl.DataFrame({SESSION: pl.date_range(self.start, self.end, eager=True)})
        before = self.before.rows(wanted).filter(pl.col(REASON).is_null())
        now = self.snap.rows(before.select(SYMBOL).unique()).filter(days & pl.col(REASON).is_null())
        if self.symbols is not None:
            now, before = (rows.filter(pl.col(SYMBOL).is_in(self.symbols)) for rows in (now, before))
        return restated(now, before, self.terms)


def earlier_vintage(
    snap: Snapshot, terms: Terms, arrived: Sequence[Receipt], symbols: Sequence[str] | None = None
) -> EarlierVintage | None:
    """Return what there was before the newest arrival that says again what an earlier one had said; None where none does.

    Parameters
    ----------
    snap : Snapshot
    terms : Terms
    arrived : sequence of Receipt
        In order of arrival.
    symbols : sequence of str, optional
        Only these.
    """
    newest = _newest_again(arrived)
    if newest is None or newest.first is None or newest.last is None:
        return None
    try:
        before = snapshot(snap.lake, snap.contract, newest.received_at)
    except BadInput:  # nothing had been made of the earlier one by then
        return None
    if before.processed >= snap.processed:
        return None
    around = AROUND_WITHIN_DAYS if terms.is_intraday else AROUND
    end = newest.last + around if snap.end is None else min(newest.last + around, snap.end)
    only = None if symbols is None else tuple(symbols)
    return EarlierVintage(snap, before, terms, newest.first - around, end, only)


def _newest_again(arrived: Sequence[Receipt]) -> Receipt | None:
    """Return the last file whose days overlap those of one before it; the pieces of a feed go on, and say nothing again."""
    dated = [receipt for receipt in arrived if receipt.first and receipt.last and not receipt.is_events]
    for place in range(len(dated) - 1, 0, -1):
        mine = dated[place]
        if any(r.first <= mine.last and r.last >= mine.first for r in dated[:place]):  # type: ignore[operator]
            return mine
    return None
