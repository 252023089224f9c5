"""One dataset of a lab: what arrived, what it looks like, whether it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.calendars import Calendar, calendar
from workbench.ingest.files import read_paths
from workbench.lab.arrivals import Offer, moment_of_arrival, offers, receive
from workbench.lab.beside import rows_beside
from workbench.lab.decisions import Decisions
from workbench.lab.displays import frame_html
from workbench.lab.history import History, rebuild
from workbench.lab.judgement import Judgement, against_its_past, judge, judged_by_states
from workbench.lab.memory import memory_of
from workbench.lab.processing import transform
from workbench.lab.quarantine import quarantined
from workbench.lab.report import sampled
from workbench.lab.results import Arrivals, Findings, Profile, Rows, RunReport, Scored, Transformation
from workbench.lab.run_report import write_run_report
from workbench.lab.snapshots import Snapshot, snapshot
from workbench.lab.states import Gathered, gather
from workbench.lab.understanding import calendars_of
from workbench.lab.vintage import earlier_vintage
from workbench.lake import TableRef, receipts, scan, version_of
from workbench.lake.run_history import read_runs
from workbench.model.contract import Reference
from workbench.model.errors import BadInput
from workbench.model.names import EVENT_AT, PRICES, SESSION, SYMBOL
from workbench.model.settings import Retries
from workbench.quality.ledger import Evidence
from workbench.quality.profile import column_profile, log_returns, missing_by_month, symbol_profile
from workbench.quality.sources.opinion import Opinion, compared
from workbench.quality.timetables import terms_of
from workbench.transform.corporate_actions import adjusted_by_events, with_events
from workbench.transform.event_tables import read_events

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workbench.lake import Lake
    from workbench.model.contract import Contract
    from workbench.quality.terms import Terms

Day = str | date | None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset: its contract, and its part of the lake."""

    root: Path
    lake: Lake
    contract: Contract
    retries: Retries = field(default_factory=Retries)

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.contract.dataset

    @property
    def last_session(self) -> date:
        """The newest session that arrived.

        Raises
        ------
        BadInput
            Nothing has arrived yet.
        """
        days = [receipt.last for receipt in receipts(self.lake, self.name) if receipt.last]
        if not days:
            raise BadInput(f"dataset {self.name}: nothing has arrived yet; run: workbench ingest {self.name}")
        return max(days)

    @property
    def is_processed(self) -> bool:
        """Whether there are standard rows to read."""
        return version_of(self.lake, TableRef.processed(self.name)) is not None

    def ingest(self, paths: Sequence[str | Path] = (), *, session: Day = None, received_at: datetime | None = None) -> Arrivals:
        """Bring source files into the raw zone; files whose bytes are there already are left alone.

        Parameters
        ----------
        paths : sequence of path
            Files to bring; none: those the contract's sources name.
        session : date or ISO text, optional
            Fills ``{session}`` in the sources' paths.
        received_at : datetime, optional
            UTC; where it is not given now, or just behind the last arrival.

        Raises
        ------
        BadInput
            No file is found, or one is not what the contract says.
        Transient
            A vendor was busy or away, as often as it was asked.
        """
        day = _day(session)
        source = self.contract.sources[0].name if self.contract.sources else "manual"
        if not paths and not self.contract.sources and receipts(self.lake, self.name):
            return Arrivals(())  # a dataset that follows a feed
        offered = [Offer.file(source, Path(path)) for path in paths] or offers(self.root, self.contract, day, self.retries)
        moment = received_at or moment_of_arrival(self.lake, self.name)
        return Arrivals(receive(self.lake, self.contract, offered, received_at=moment))

    def transform(self, session: Day = None, *, run: str | None = None) -> Transformation:
        """Write standard rows and features of one session, or of everything; see :func:`transform`."""
        return Transformation(transform(self.lake, self.contract, session=_day(session), run=run))

    def update(self, paths: Sequence[str | Path] = ()) -> tuple[Arrivals, Transformation | None]:
        """Bring source files, and make standard rows of everything where anything new came.

        Parameters
        ----------
        paths : sequence of path
            As for :meth:`ingest`.

        Returns
        -------
        tuple of Arrivals, Transformation or None
            None where there was nothing to do.
        """
        arrivals = self.ingest(paths)
        is_due = bool(arrivals.new) or not self.is_processed
        return arrivals, self.transform() if is_due else None

    def read(
        self,
        *,
        symbols: Sequence[str] | None = None,
        start: Day = None,
        end: Day = None,
        as_of: datetime | None = None,
        columns: Sequence[str] | None = None,
    ) -> Rows:
        """Read processed rows.

        Parameters
        ----------
        symbols : sequence of str, optional
        start, end : date or ISO text, optional
            Sessions, both included.
        as_of : datetime, optional
            With a zone: the table as it was recorded then.
        columns : sequence of str, optional
            Beside ``symbol``, ``event_at`` and ``session``.

        Returns
        -------
        Rows
            Sorted by symbol, then time.

        Raises
        ------
        BadInput
            Nothing is there yet, or a column is unknown.
        """
        wanted = None if columns is None else list(dict.fromkeys([SYMBOL, EVENT_AT, SESSION, *columns]))
        table = TableRef.processed(self.name)
        rows = scan(self.lake, table, symbols=symbols, start=_day(start), end=_day(end), columns=wanted, as_of=as_of)
        return Rows(rows.collect().sort(SYMBOL, EVENT_AT), self.contract)

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
        last_seen = _day(end)
        snap = snapshot(self.lake, self.contract, as_of).until(last_seen)
        first, last = snap.span
        until = max(last, moment.date()) if moment else last
        calendars, symbols_there = self._calendars(snap)
        terms = terms_of(self.contract, snap.fields, calendars, (first, until), symbols_there)
        gathered = gather(snap, terms, start=_day(start), end=last_seen, symbols=symbols, fresh=fresh)
        arrived = [
            r for r in receipts(self.lake, self.name)
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
        events = self._events()
        look = snap.rows if events is None else lambda cells: with_events(snap.rows(cells), events)
        memory = None if which.get("fresh") else memory_of(snap, evidence, events, which)
        made = judge(evidence, look, memory) if findings else judged_by_states(evidence, look)
        last = _day(which.get("end")) if findings else None
        return snap, replace(made if last is None else against_its_past(made, last), gathered=str(gathered))

    def _events(self) -> pl.DataFrame | None:
        return None if self.contract.events is None else read_events(read_paths([self.root / self.contract.events])[0])

    def adjusted(
        self, *, symbols: Sequence[str] | None = None, start: Day = None, end: Day = None, dividends: bool = True
    ) -> pl.DataFrame:
        """Derive adjusted prices from processed rows and events: a view, made anew each time, never stored.

        Parameters
        ----------
        symbols : sequence of str, optional
        start, end : date or ISO text, optional
            The sessions to return; events behind them count too.
        dividends : bool
            False: only splits are taken out.

        Returns
        -------
        DataFrame
            As :func:`workbench.transform.corporate_actions.adjusted_by_events`.

        Raises
        ------
        BadInput
            No events are known, or the contract does not say what prices are adjusted for.
        """
        adjustment = self.contract.adjustment
        if adjustment not in ("none", "splits"):
            raise BadInput(
                f"dataset {self.name}: adjusted prices are derived from unadjusted ones, and its contract says '{adjustment}'; "
                'set adjustment = "none" or "splits"'
            )
        rows = self.read(symbols=symbols).frame
        events = self._events()
        rows = rows if events is None else with_events(rows, events)
        if not {"split", "dividend"} <= set(rows.columns):
            raise BadInput(f"dataset {self.name}: no events are known; name a table of them under 'events' in its contract")
        view = adjusted_by_events(rows, splits=adjustment == "none", dividends=dividends)
        first, last = _day(start), _day(end)
        view = view if first is None else view.filter(pl.col(SESSION) >= first)
        return view if last is None else view.filter(pl.col(SESSION) <= last)

    def score(self, **which: Any) -> Scored:
        """Score what arrived; ``which`` is as for :meth:`gather`."""
        return Scored(self.judge(**which), self.contract.title or self.name)

    def findings(self, **which: Any) -> Findings:
        """Return what is wrong, worst first; ``which`` is as for :meth:`gather`."""
        return Findings(self.judge(**which).findings)

    def profile(self, **which: Any) -> Profile:
        """Describe columns and symbols; ``which`` is as for :meth:`gather`."""
        made = self.judge(findings=False, **which)
        some, ledger = sampled(made), made.ledger
        return Profile(
            columns=column_profile(some, ledger.terms.fields),
            symbols=symbol_profile(ledger),
            missing=missing_by_month(ledger),
            returns=log_returns(some, self.contract.kind),
            title=self.contract.title or self.name,
        )

    def report(self, session: str | date, *, run: str, now: datetime | None = None) -> RunReport:
        """Write the report of a run into its folder, comparing it with the run before."""
        day = session if isinstance(session, date) else date.fromisoformat(session)
        return write_run_report(self.lake, self.contract, self.judge(now=now, end=day), session=day, run=run)

    def history(self, *, fresh: bool = False) -> History:
        """Return every run with its score and what it measured.

        Parameters
        ----------
        fresh : bool
            Make the stored table again from the manifests of the runs.
        """
        if fresh:
            rebuild(self.lake, self.name)
        return History(read_runs(self.lake, self.name), self.contract.title or self.name, self.contract.score.thresholds())

    def quarantined(self) -> pl.DataFrame:
        """Return the rows in quarantine, each with its reason and the vendor's own cells."""
        return quarantined(self.lake, self.name)

    @property
    def decisions(self) -> Decisions:
        """What was decided about this dataset, and what may be done about it."""
        return Decisions(self)

    def reference_rows(self) -> list[pl.DataFrame]:
        """Return the trusted rows of the contract's other sources, most trusted first."""
        return [self._reference_rows(source.path) for source in self.contract.sources if source.role == "reference"]

    def feature(self, name: str, *, symbols: Sequence[str] | None = None, start: Day = None, end: Day = None) -> pl.DataFrame:
        """Read one feature, sorted by symbol, then time."""
        table = TableRef.derived(name, self.name)
        return scan(self.lake, table, symbols=symbols, start=_day(start), end=_day(end)).collect().sort(SYMBOL, EVENT_AT)

    def _repr_html_(self) -> str:
        c = self.contract
        facts = {"kind": c.kind.value, "frequency": c.frequency, "calendar": c.calendar or "named from the data",
                 "partitioned by": c.storage.partition_by.value, "symbols": ", ".join(c.symbols) or "whatever comes",
                 "processed version": str(version_of(self.lake, TableRef.processed(self.name)))}  # fmt: skip
        return frame_html(c.title or c.dataset, pl.DataFrame({"what": list(facts), "value": list(facts.values())}))

    def __repr__(self) -> str:
        return f"Dataset {self.name}: {self.contract.kind} {self.contract.frequency}, calendar {self.contract.calendar}"


def _day(value: Day) -> date | None:
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise BadInput(f"expected a date such as 2024-03-01, found '{value}'") from error
