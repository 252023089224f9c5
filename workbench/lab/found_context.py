"""What is shown beside a finding: its symbol's rows, what other sources say of them, and the vendor's own cells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.figures.prices import Axes
from workbench.figures.review import review_figure, view
from workbench.lab.arrivals import read_arrived
from workbench.lab.contracts import clock_of
from workbench.lake import read_raw, receipts
from workbench.model.names import EVENT_AT, RAW_TEXT, RECEIPT, ROW, SESSION
from workbench.review.proposals import WHEN
from workbench.transform.structure import with_raw_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

    from workbench.figures.buckets import Window
    from workbench.lab.reviewing import Review
    from workbench.model.decisions import Cell, Moment
    from workbench.model.findings import Finding
    from workbench.model.receipts import Receipt
    from workbench.transform.standardise import Origin

MOST_RAW: Final = 3
"""How many of a finding's rows are shown as the vendor sent them."""
KEPT: Final = 4
"""How many files are held, read."""


@dataclass(slots=True)
class Surroundings:
    """What surrounds the findings of a review."""

    review: Review
    _files: dict[str, tuple[Origin, ...]] = field(default_factory=dict)
    _receipts: dict[str, Receipt] = field(default_factory=dict)

    @property
    def zone(self) -> str:
        """The zone of the dataset's wall clock."""
        return clock_of(self.review.dataset.contract)

    def figure(self, finding: Finding, width: str, cells: Sequence[Cell] = (), window: Window | None = None) -> go.Figure:
        """Draw a finding; see :func:`workbench.figures.review.review_figure`."""
        contract = self.review.dataset.contract
        rows = view(self.review.rows.of(finding.symbol), finding, width, intraday=contract.is_intraday)
        return review_figure(
            rows, finding, kind=contract.kind, frequency=contract.frequency, other=self._said_elsewhere(finding, rows),
            axes=Axes(timezone=self.zone, currency=contract.currency, window=window), cells=cells,
        )  # fmt: skip

    def values(self, finding: Finding) -> list[dict[str, object]]:
        """Return the finding's first rows as they were read, with ``when``; nothing where none are there."""
        rows = self._within(finding)[:MOST_RAW]
        names = [name for name in (WHEN, *self.review.snap.fields) if name in rows.columns]
        return rows.select(names).to_dicts()

    def elsewhere(self, finding: Finding) -> dict[str, object]:
        """Return what other sources say of the finding's first row: field -> value, on the data's scale."""
        opinion = self.review.opinion
        start = self.review.rows.placed(finding).start
        return (opinion.agreed(finding.symbol, start, self.review.snap.fields) or {}) if opinion is not None else {}

    def sent(self, finding: Finding) -> list[tuple[str, str]]:
        """Return the finding's first rows as the vendor sent them: the file and the line, and its cells as JSON text."""
        rows = self._within(finding)[:MOST_RAW].drop_nulls([RECEIPT, ROW])
        told = []
        for receipt, row in rows.select(RECEIPT, ROW).unique(maintain_order=True).iter_rows():
            asked = pl.DataFrame({RECEIPT: [receipt], ROW: [row]})
            text = with_raw_text(asked, self._file(receipt))[RAW_TEXT][0] if receipt in self._known() else None
            if text is not None:
                told.append((f"{self._known()[receipt].name}, row {row:,}", text))
        return told

    def _within(self, finding: Finding) -> pl.DataFrame:
        placed = self.review.rows.placed(finding)
        rows = self.review.rows.of(finding.symbol)
        return rows.filter(pl.col(WHEN).is_between(pl.lit(placed.start), pl.lit(placed.end)))

    def _known(self) -> dict[str, Receipt]:
        if not self._receipts:
            dataset = self.review.dataset
            self._receipts = {receipt.id: receipt for receipt in receipts(dataset.lake, dataset.name)}
        return self._receipts

    def _file(self, receipt: str) -> tuple[Origin, ...]:
        """Read an arrival again, as it was read when it came."""
        if receipt not in self._files:
            while len(self._files) >= KEPT:
                del self._files[next(iter(self._files))]
            dataset, known = self.review.dataset, self._known()[receipt]
            self._files[receipt] = read_arrived(read_raw(dataset.lake, known), known, dataset.contract)
        return self._files[receipt]

    def _said_elsewhere(self, finding: Finding, rows: pl.DataFrame) -> tuple[list[Moment], list[float | None]] | None:
        ledger = self.review.judgement.ledger
        about = next((name for name in finding.fields if name in ledger.terms.prices), ledger.terms.main)
        times = rows[EVENT_AT if ledger.terms.is_intraday else SESSION].drop_nulls()
        if self.review.opinion is None or about is None or times.is_empty():
            return None
        return self.review.opinion.said(finding.symbol, about, times.min(), times.max())  # type: ignore[arg-type]
