"""Everything a quality judgement looks at, as values: rows, promises, expectations, a clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.model.names import PRICES, SIZES, fields_of

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl

    from workbench.model.contract import Contract


@dataclass(frozen=True, slots=True)
class Evidence:
    """What arrived, what was promised, what was expected.

    Attributes
    ----------
    frame
        Every row that arrived, quarantined ones included: standard columns, ``session`` and
        ``quarantine_reason``; sorted by symbol, time, arrival.
    expected
        ``symbol, session, bars`` (Int64, null where bars cannot be counted), ``open_at,
        close_at`` (UTC, null for data slower than a day); None where no calendar fits.
    now
        The moment timeliness is judged at, UTC; None: not asked for.
    received_at
        When the newest rows arrived, UTC; None where that is not known.
    reference
        Standard columns of a second opinion; None where there is none.
    out_of_order
        Symbol -> rows that arrived behind a later one.
    """

    frame: pl.DataFrame
    contract: Contract
    expected: pl.DataFrame | None = None
    now: datetime | None = None
    received_at: datetime | None = None
    reference: pl.DataFrame | None = None
    out_of_order: dict[str, int] = field(default_factory=dict)

    @property
    def prices(self) -> tuple[str, ...]:
        """The price columns that came."""
        return tuple(name for name in PRICES[self.contract.kind] if name in self.frame.columns)

    @property
    def sizes(self) -> tuple[str, ...]:
        """The size columns that came."""
        return tuple(name for name in SIZES[self.contract.kind] if name in self.frame.columns)

    @property
    def fields(self) -> tuple[str, ...]:
        """The numeric standard columns that came."""
        return tuple(name for name in fields_of(self.contract.kind) if name in self.frame.columns)
