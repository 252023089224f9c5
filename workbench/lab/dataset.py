"""One dataset of a lab: what arrived, what it looks like, whether it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from workbench.ingest.files import read_paths
from workbench.lab.arrivals import receive, source_files
from workbench.lab.displays import frame_html
from workbench.lab.judgement import Judgement, judge
from workbench.lab.processing import transform
from workbench.lab.results import Arrivals, Findings, Profile, Rows, RunReport, Scored, Transformation
from workbench.lab.run_report import write_run_report
from workbench.lab.understanding import calendars_of, expectation, understand
from workbench.lake import TableRef, history, receipts, scan, version_of
from workbench.model.errors import BadInput
from workbench.model.names import EVENT_AT, RAW_TEXT, REASON, SESSION, SYMBOL
from workbench.quality.evidence import Evidence
from workbench.quality.profile import column_profile, log_returns, missing_by_month, symbol_profile
from workbench.quality.tally import tally
from workbench.transform.standardise import Origin, standardise
from workbench.transform.structure import sort_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.lake import Lake
    from workbench.model.contract import Contract

Day = str | date | None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset: its contract, and its part of the lake."""

    root: Path
    lake: Lake
    contract: Contract

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
            UTC; now, where it is not given.

        Raises
        ------
        BadInput
            No file is found, or one is not what the contract says.
        """
        day = _day(session)
        source = self.contract.sources[0].name if self.contract.sources else "manual"
        files = [(source, Path(path)) for path in paths] or source_files(self.root, self.contract, day)
        return Arrivals(receive(self.lake, self.contract, files, received_at=received_at or datetime.now(UTC)))

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

    def evidence(self, *, now: datetime | None = None, as_of: datetime | None = None, end: Day = None) -> Evidence:
        """Gather what a judgement of this dataset looks at.

        Parameters
        ----------
        now : datetime, optional
            UTC; the moment timeliness is judged at.
        as_of : datetime, optional
            Only what was recorded by then; also the default of ``now``.
        end : date or ISO text, optional
            The last session to look at.
        """
        moment = now or as_of
        last = _day(end)
        frame = self._arrived(as_of, last)
        calendars = calendars_of(frame, self.contract)
        arrived = [r for r in receipts(self.lake, self.name) if as_of is None or r.received_at <= as_of]
        disorder: dict[str, int] = {}
        for receipt in arrived:
            for symbol, count in receipt.out_of_order.items():
                disorder[symbol] = disorder.get(symbol, 0) + count
        return Evidence(
            frame=frame,
            contract=self.contract,
            expected=expectation(frame, self.contract, calendars, moment),
            now=moment,
            received_at=max((r.received_at for r in arrived), default=None),
            reference=self._reference(),
            out_of_order=disorder,
        )

    def _arrived(self, as_of: datetime | None, end: date | None) -> pl.DataFrame:
        """Return processed and quarantined rows together: the score is of what arrived."""
        good = scan(self.lake, TableRef.processed(self.name), as_of=as_of, end=end).with_columns(
            pl.lit(None, dtype=pl.String).alias(REASON)
        )
        parts = [good.collect()]
        quarantine = TableRef.quarantine(self.name)
        if self._existed(quarantine, as_of):
            bad = scan(self.lake, quarantine, as_of=as_of).drop(RAW_TEXT, strict=False).collect()
            outside = pl.col(SESSION) > end if end else pl.lit(value=False)
            parts.append(bad.filter(~outside.fill_null(value=False)))
        return sort_rows(pl.concat(parts, how="diagonal_relaxed"))

    def _existed(self, table: TableRef, as_of: datetime | None) -> bool:
        """Whether anything had been recorded in a table by then; by now, where no moment is given."""
        if version_of(self.lake, table) is None:
            return False
        return as_of is None or bool((history(self.lake, table)["recorded_at"] <= as_of).any())

    def _reference(self) -> pl.DataFrame | None:
        terms = self.contract.reference
        if terms is None:
            return None
        origins = [Origin(table) for table in read_paths([self.root / terms.path])]
        arrived = standardise(origins, kind=self.contract.kind, frequency=self.contract.frequency)
        return understand(arrived, None, self.contract.calendar).frame.filter(pl.col(REASON).is_null())

    def judge(self, *, now: datetime | None = None, as_of: datetime | None = None, end: Day = None) -> Judgement:
        """Check, score and find; see :meth:`evidence`."""
        return judge(self.evidence(now=now, as_of=as_of, end=end))

    def score(self, *, now: datetime | None = None, as_of: datetime | None = None, end: Day = None) -> Scored:
        """Score what arrived; see :meth:`evidence`."""
        return Scored(self.judge(now=now, as_of=as_of, end=end), self.contract.title or self.name)

    def findings(self, *, now: datetime | None = None, as_of: datetime | None = None, end: Day = None) -> Findings:
        """Return what is wrong, worst first; see :meth:`evidence`."""
        return Findings(self.judge(now=now, as_of=as_of, end=end).findings)

    def profile(self, *, as_of: datetime | None = None, end: Day = None) -> Profile:
        """Describe columns and symbols; see :meth:`evidence`."""
        evidence = self.evidence(as_of=as_of, end=end)
        counted = tally(evidence)
        return Profile(
            columns=column_profile(evidence),
            symbols=symbol_profile(evidence, counted),
            missing=missing_by_month(evidence, counted),
            returns=log_returns(evidence),
            title=self.contract.title or self.name,
        )

    def report(self, session: str | date, *, run: str, now: datetime | None = None) -> RunReport:
        """Write the report of a run into its folder, comparing it with the run before."""
        day = session if isinstance(session, date) else date.fromisoformat(session)
        return write_run_report(self.lake, self.contract, self.judge(now=now, end=day), session=day, run=run)

    def quarantined(self) -> pl.DataFrame:
        """Return the rows in quarantine, each with its reason and the vendor's own cells."""
        table = TableRef.quarantine(self.name)
        return pl.DataFrame() if version_of(self.lake, table) is None else scan(self.lake, table).collect().sort(SYMBOL, EVENT_AT)

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
