"""What a judgement of a dataset looks at: rows, expected sessions, events and other sources, and the judgement itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.calendars import Calendar, calendar
from workbench.ingest.files import read_paths
from workbench.lab.beside import rows_beside
from workbench.lab.judgement import Judgement, against_its_past, judge, judged_by_states
from workbench.lab.memory import memory_of
from workbench.lab.snapshots import Snapshot, snapshot
from workbench.lab.states import Gathered, gather
from workbench.lab.understanding import calendars_of
from workbench.lab.vintage import earlier_vintage
from workbench.lake import receipts
from workbench.model.contract import Reference
from workbench.model.errors import BadInput
from workbench.model.names import PRICES, SYMBOL
from workbench.model.settings import Retries
from workbench.quality.ledger import Evidence
from workbench.quality.sources.opinion import Opinion, compared
from workbench.quality.timetables import terms_of
from workbench.transform.corporate_actions import with_events
from workbench.transform.event_tables import read_events

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workbench.lake import Lake
    from workbench.model.contract import Contract
    from workbench.quality.terms import Terms

Day = str | date | None


@dataclass(frozen=True, slots=True)
class Gathering:
    """A dataset's place, and the way from what lies there to a judgement."""

    root: Path
    lake: Lake
    contract: Contract
    retries: Retries = field(default_factory=Retries)

    def gather(
        self,
        *,
        now: datetime | None = None,
        as_of: datetime | None = None,
        start: Day = None,
        end: Day = None,
        symbols: Sequence[str] | None = None,
        fresh: bool = False,
        timely: bool = True,
    ) -> tuple[Snapshot, Evidence, Gathered]:
        """Gather what a judgement of this dataset looks at.

        Parameters
        ----------
        now : datetime, optional
            UTC; the moment timeliness is judged at.
        as_of : datetime, optional
            Only what was recorded by then; also the default of ``now``.
        start, end : date or ISO text, optional
            The first and the last session to look at.
        symbols : sequence of str, optional
            Only these.
        fresh : bool
            Measure every leaf anew, whatever is stored.
        timely : bool
            False: timeliness is not judged, whatever the moment.
        """
        moment = (now or as_of) if timely else None
        last_seen = as_day(end)
        snap = snapshot(self.lake, self.contract, as_of).until(last_seen)
        first, last = snap.span
        until = max(last, moment.date()) if moment else last
        calendars, symbols_there = self._calendars(snap)
        terms = terms_of(self.contract, snap.fields, calendars, (first, until), symbols_there)
        gathered = gather(snap, terms, start=as_day(start), end=last_seen, symbols=symbols, fresh=fresh)
        arrived = [
            r for r in receipts(self.lake, self.contract.dataset)
            if (as_of is None or r.received_at <= as_of) and (last_seen is None or r.first is None or r.first <= last_seen)
        ]  # fmt: skip
        disorder: dict[str, int] = {}
        for receipt in arrived:
            for symbol, count in receipt.out_of_order.items():
                disorder[symbol] = disorder.get(symbol, 0) + count
        evidence = Evidence(
            state=gathered.state,
            contract=self.contract,
            terms=terms,
            now=moment,
            received_at=max((r.received_at for r in arrived), default=None),
            opinion=self._opinion(snap, terms, gathered.within, symbols),
            vintages=earlier_vintage(snap, terms, arrived, symbols),
            out_of_order=disorder if gathered.within is None else None,
            only=None if symbols is None else tuple(symbols),
        )
        return snap, evidence, gathered

    def _calendars(self, snap: Snapshot) -> tuple[dict[str, Calendar], list[str]]:
        """Return the calendar all symbols keep; or, where none is named, symbol -> the one that fits, and all symbols."""
        if self.contract.frequency in ("1w", "1mo"):
            return {}, []
        if self.contract.calendar not in (None, "learned"):
            return {"": calendar(self.contract.calendar)}, []
        rows = snap.rows(columns=PRICES[self.contract.kind])
        return calendars_of(rows, self.contract), rows[SYMBOL].drop_nulls().unique().to_list()

    def _opinion(
        self, snap: Snapshot, terms: Terms, within: pl.Expr | None, symbols: Sequence[str] | None
    ) -> Callable[[], Opinion | None] | None:
        """Return what compares the rows with the contract's other sources, when a check asks for it."""
        limits = self.contract.reference or Reference()
        others = {source.name: source.path for source in self.contract.sources if source.role == "reference"}
        if limits.path:
            others = {Path(limits.path).stem: limits.path, **others}
        if not others:
            return None

        def compare() -> Opinion | None:
            wanted = None if symbols is None else pl.DataFrame({SYMBOL: list(symbols)})
            rows = snap.rows(wanted, columns=(*terms.prices, *terms.sizes))
            references = {name: self._reference_rows(path) for name, path in others.items()}
            return compared(rows if within is None else rows.filter(within), references, terms, limits)

        return compare

    def _reference_rows(self, path: str) -> pl.DataFrame:
        """Read another source of the same data: its trusted rows, on their place in time."""
        files = sorted(self.root.glob(path)) if any(c in path for c in "*?[") else [self.root / path]
        return rows_beside(read_paths(files), self.contract, self.contract.calendar)

    def judge(self, *, findings: bool = True, **which: Any) -> Judgement:
        """Check, score and (if asked for) find; ``which`` is as for :meth:`gather`.

        A session that is asked for as the last (``end``) is held against those before it.
        """
        return self.judged(findings=findings, **which)[1]

    def judged(self, *, findings: bool = True, **which: Any) -> tuple[Snapshot, Judgement]:
        """Return what was judged beside the judgement; arguments as for :meth:`judge`."""
        snap, evidence, gathered = self.gather(**which)
        events = self.events()
        look = snap.rows if events is None else lambda cells: with_events(snap.rows(cells), events)
        memory = None if which.get("fresh") else memory_of(snap, evidence, events, which)
        made = judge(evidence, look, memory) if findings else judged_by_states(evidence, look)
        last = as_day(which.get("end")) if findings else None
        return snap, replace(made if last is None else against_its_past(made, last), gathered=str(gathered))

    def events(self) -> pl.DataFrame | None:
        """Return the rows of the contract's table of events; None where it names none."""
        return None if self.contract.events is None else read_events(read_paths([self.root / self.contract.events])[0])

    def reference_rows(self) -> list[pl.DataFrame]:
        """Return the trusted rows of the contract's other sources, most trusted first."""
        return [self._reference_rows(source.path) for source in self.contract.sources if source.role == "reference"]


def as_day(value: Day) -> date | None:
    """Return a date from what a person gives.

    Raises
    ------
    BadInput
        It is text, and no date.
    """
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise BadInput(f"expected a date such as 2024-03-01, found '{value}'") from error
