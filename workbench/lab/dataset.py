"""One dataset of a lab: what arrived, what it looks like, whether it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.lab.arrivals import Offer, moment_of_arrival, offers, receive
from workbench.lab.contexts import axes_of
from workbench.lab.decisions import Decisions
from workbench.lab.displays import frame_html
from workbench.lab.exploring import CORRECTED, STORED, Exploration, Version, Wanted, explore
from workbench.lab.found_context import Surroundings
from workbench.lab.gathering import Day, Gathering, as_day
from workbench.lab.history import History, rebuild
from workbench.lab.processing import transform
from workbench.lab.profiled import Profile, profiled
from workbench.lab.quarantine import quarantined
from workbench.lab.replays import replayed_arrivals
from workbench.lab.results import Arrivals, Findings, Rows, RunReport, Scored, Transformation
from workbench.lab.reviewing import Review
from workbench.lab.run_report import write_run_report
from workbench.lab.scratch import scratch
from workbench.lab.sources import Sources, sources_of
from workbench.lake import TableRef, receipts, scan, version_of
from workbench.lake import history as versions
from workbench.lake.run_history import read_runs
from workbench.model.errors import BadInput
from workbench.model.names import EVENT_AT, SESSION, SYMBOL
from workbench.transform.corporate_actions import adjusted_by_events, with_events
from workbench.widgets.desk import Desk
from workbench.widgets.review import ReviewView

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ipywidgets
    import plotly.graph_objects as go

    from workbench.model.contract import Contract


@dataclass(frozen=True, slots=True)
class Dataset(Gathering):
    """A dataset: its contract, and its part of the lake."""

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
        day = as_day(session)
        if not paths and (replayed := replayed_arrivals(self.lake, self.name)) is not None:
            return Arrivals(replayed)
        source = self.contract.sources[0].name if self.contract.sources else "manual"
        if not paths and not self.contract.sources and receipts(self.lake, self.name):
            return Arrivals(())  # a dataset that follows a feed
        offered = [Offer.file(source, Path(path)) for path in paths] or offers(self.root, self.contract, day, self.retries)
        moment = received_at or moment_of_arrival(self.lake, self.name)
        return Arrivals(receive(self.lake, self.contract, offered, received_at=moment))

    def transform(self, session: Day = None, *, run: str | None = None) -> Transformation:
        """Write standard rows and features of one session, or of everything; see :func:`transform`."""
        return Transformation(transform(self.lake, self.contract, session=as_day(session), run=run))

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
        rows = scan(self.lake, table, symbols=symbols, start=as_day(start), end=as_day(end), columns=wanted, as_of=as_of)
        return Rows(rows.collect().sort(SYMBOL, EVENT_AT), self.contract)

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
        events = self.events()
        rows = rows if events is None else with_events(rows, events)
        if not {"split", "dividend"} <= set(rows.columns):
            raise BadInput(f"dataset {self.name}: no events are known; name a table of them under 'events' in its contract")
        view = adjusted_by_events(rows, splits=adjustment == "none", dividends=dividends)
        first, last = as_day(start), as_day(end)
        view = view if first is None else view.filter(pl.col(SESSION) >= first)
        return view if last is None else view.filter(pl.col(SESSION) <= last)

    def score(self, **which: Any) -> Scored:
        """Score what arrived; ``which`` is as for :meth:`gather`."""
        return Scored(self.judge(**which), self.contract.title or self.name)

    def findings(self, **which: Any) -> Findings:
        """Return what is wrong, worst first; ``which`` is as for :meth:`gather`."""
        made = self.judge(**which)
        return Findings(made.findings, made)

    def profile(self, **which: Any) -> Profile:
        """Describe columns and symbols, what is missing when, tails and correlations; ``which`` is as for :meth:`gather`."""
        return profiled(self.judge(findings=False, **which), self.contract.title or self.name, axes_of(self.contract).timezone)

    def sources(self, **which: Any) -> Sources:
        """Compare with the contract's other sources: conventions, agreement, trust; ``which`` is as for :meth:`gather`."""
        return sources_of(self.judge(findings=False, **which), self.contract.title or self.name)

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

    def explore(self) -> ipywidgets.VBox:
        """Look around in JupyterLab: symbols, time, frequency, as it arrived or after decisions, version against version."""
        return explore(self)

    def chart(
        self,
        *symbols: str,
        start: Day = None,
        end: Day = None,
        frequency: str = STORED,
        view: str = CORRECTED,
        **versions: Version,
    ) -> go.Figure:
        """Draw what :meth:`explore` shows, for scripts and for notebooks that are kept.

        Parameters
        ----------
        symbols : str
            One: candles with findings, sessions and corporate actions. Several: indices. None: the one with the lowest score.
        start, end : date or ISO text, optional
            Sessions, both included.
        frequency : str
            ``as stored``, ``5m``, ``15m``, ``1h``, ``1d``, ``1w``, ``1mo``, …: the shortest time a candle stands for.
        view : str
            ``raw`` (as it arrived), ``corrected`` (after decisions), ``adjusted``.
        versions
            ``version`` and ``versus``: numbers of :meth:`versions`, or moments; what changed between them is marked.

        Raises
        ------
        BadInput
            There is no such thing, or no adjusted prices; the message says why.
        """
        exploration = Exploration(self)
        return exploration.figure(Wanted(symbols or exploration.symbols[:1], start, end, frequency, view, **versions))

    @property
    def views(self) -> Mapping[str, str]:
        """The views :meth:`chart` knows, each with the reason why it cannot be had; empty where it can."""
        return Exploration(self).views

    def changes(self, *symbols: str, versus: Version, version: Version = None) -> pl.DataFrame:
        """Return what differs between two versions: ``symbol, event_at, session, what, field, before, after``.

        Parameters
        ----------
        symbols : str
            None: all.
        versus, version : int or datetime
            The earlier and the later one (the latest by default), as numbers of :meth:`versions` or moments with a zone.
        """
        exploration = Exploration(self)
        return exploration.changes(Wanted(symbols or exploration.symbols, version=version, versus=versus))

    def versions(self) -> pl.DataFrame:
        """Return every version of the processed rows, oldest first: when it was recorded, what it replaced, which run made it."""
        return versions(self.lake, TableRef.processed(self.name))

    def scratch(self, *arrivals: Any, references: Mapping[str, Any] | None = None, contract: Contract | None = None) -> Dataset:
        """Make a dataset like this one of some frames, in a temporary place: to see what a change would do, and harm nothing.

        Parameters
        ----------
        arrivals : Rows, or frames of Polars or pandas
            With standard columns, as :meth:`read` returns them; they arrive one after another, and each makes a version.
        references : mapping of name to frame, optional
            Other sources of the same data, to be compared with.
        contract : Contract, optional
            What is promised of it; this dataset's by default. Which symbols must be there is not: frames are excerpts.

        Returns
        -------
        Dataset
            Its files are gone when Python ends.
        """
        like = self if contract is None else replace(self, contract=contract)
        return scratch(like, *arrivals, references=references)

    def quarantined(self) -> pl.DataFrame:
        """Return the rows in quarantine, each with its reason and the vendor's own cells."""
        return quarantined(self.lake, self.name)

    def review(self, *, by: str | None = None, now: datetime | None = None) -> ReviewView:
        """Show what was found to somebody who decides about it; arguments as for :meth:`open_review`.

        Returns
        -------
        ReviewView
            A widget for JupyterLab; ``.desk.review`` is the review itself.
        """
        made = self.open_review(by=by, now=now)
        return ReviewView(Desk(made, Surroundings(made)))

    def open_review(self, *, by: str | None = None, now: datetime | None = None) -> Review:
        """Open a review of what was found, for scripts; arguments as for :class:`workbench.lab.reviewing.Review`."""
        return Review(self, by=by, now=now)

    @property
    def decisions(self) -> Decisions:
        """What was decided about this dataset, and what may be done about it."""
        return Decisions(self)

    def feature(self, name: str, *, symbols: Sequence[str] | None = None, start: Day = None, end: Day = None) -> pl.DataFrame:
        """Read one feature, sorted by symbol, then time."""
        table = TableRef.derived(name, self.name)
        return scan(self.lake, table, symbols=symbols, start=as_day(start), end=as_day(end)).collect().sort(SYMBOL, EVENT_AT)

    def _repr_html_(self) -> str:
        c = self.contract
        facts = {"kind": c.kind.value, "frequency": c.frequency, "calendar": c.calendar or "named from the data",
                 "partitioned by": c.storage.partition_by.value, "symbols": ", ".join(c.symbols) or "whatever comes",
                 "processed version": str(version_of(self.lake, TableRef.processed(self.name)))}  # fmt: skip
        return frame_html(c.title or c.dataset, pl.DataFrame({"what": list(facts), "value": list(facts.values())}))

    def __repr__(self) -> str:
        return f"Dataset {self.name}: {self.contract.kind} {self.contract.frequency}, calendar {self.contract.calendar}"
