"""Looking at a dataset: which rows, how fine, as they arrived or after decisions, one version against another."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from workbench.figures.buckets import INTRADAY_STEPS, SESSION_STEPS
from workbench.figures.charts import Beside, chart, together
from workbench.lab.contexts import axes_of
from workbench.lab.gathering import as_day
from workbench.lab.snapshots import snapshot
from workbench.lake import TableRef, history, scan, version_at
from workbench.model.errors import BadInput, did_you_mean
from workbench.model.names import EVENT_AT, PRICE_FIELDS, PRICES, SESSION, SIZES, SYMBOL, Kind
from workbench.quality.sources.changes import changed_cells
from workbench.transform.corporate_actions import with_events
from workbench.transform.frequency import step_minutes
from workbench.widgets.explorer import explorer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ipywidgets
    import plotly.graph_objects as go

    from workbench.figures.buckets import Window
    from workbench.lab.dataset import Dataset
    from workbench.lab.gathering import Day
    from workbench.lab.results import Scored
    from workbench.model.findings import Finding

RAW, CORRECTED, ADJUSTED = "raw", "corrected", "adjusted"
VIEWS: Final = {RAW: "as it arrived", CORRECTED: "after decisions", ADJUSTED: "adjusted for splits and dividends"}
STORED: Final = "as stored"
MOST_KEPT: Final = 8
Version = int | datetime | None
"""A number of a version of the processed table, or a moment with its zone; None: the latest."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked at.

    Attributes
    ----------
    frequency
        ``as stored``, or the least a candle stands for: ``5m``, ``1h``, ``1d``, ``1w``, ``1mo``, ….
    view
        ``raw``, ``corrected`` or ``adjusted``.
    version, versus
        What is drawn, and what it is held against; views other than ``corrected`` have no versions.
    """

    symbols: tuple[str, ...]
    start: Day = None
    end: Day = None
    frequency: str = STORED
    view: str = CORRECTED
    version: Version = None
    versus: Version = None


@dataclass
class Exploration:
    """Everything the explorer shows of a dataset, decided here and drawn elsewhere; rows are read once.

    Examples
    --------
    ``Exploration(lab["us_equities"]).figure(Wanted(("IBM",), frequency="1w"))``
    """

    dataset: Dataset
    _kept: dict[tuple[object, ...], pl.DataFrame] = field(default_factory=dict, repr=False)

    @property
    def labels(self) -> Mapping[str, str]:
        """View -> what it is called on the page."""
        return VIEWS

    def wanted(self, **values: Any) -> Wanted:
        """Return what controls ask for.

        Raises
        ------
        BadInput
            It cannot be had.
        """
        asked = Wanted(**values)
        self._check(asked)
        return asked

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The symbols there are, those with the lowest score first."""
        there = set(self.scored.judgement.evidence.state.series[SYMBOL].drop_nulls().to_list())
        return tuple(symbol for symbol in self.scored.score.by_symbol[SYMBOL].to_list() if symbol in there)

    @cached_property
    def span(self) -> tuple[str, str]:
        """The first session and the last, as ISO text."""
        rows = scan(self.dataset.lake, TableRef.processed(self.dataset.name))
        first, last = rows.select(pl.col(SESSION).min().alias("a"), pl.col(SESSION).max().alias("b")).collect().row(0)
        return str(first), str(last)

    @property
    def frequencies(self) -> tuple[str, ...]:
        """The frequencies rows can be shown in: as stored, and everything coarser."""
        stored = self.dataset.contract.frequency
        minutes = step_minutes(stored)
        within = [step for step in INTRADAY_STEPS if stored == "irregular" or (minutes and (step_minutes(step) or 0) > minutes)]
        longer = SESSION_STEPS[SESSION_STEPS.index(stored) + 1 :] if stored in SESSION_STEPS else SESSION_STEPS
        return (STORED, *within, *longer)

    @cached_property
    def views(self) -> Mapping[str, str]:
        """View -> why it cannot be had; empty where it can."""
        return dict.fromkeys((RAW, CORRECTED), "") | {ADJUSTED: self._why_not_adjusted()}

    @cached_property
    def versions(self) -> pl.DataFrame:
        """The versions of the processed table, oldest first; columns as :func:`workbench.lake.history`."""
        return history(self.dataset.lake, TableRef.processed(self.dataset.name))

    @cached_property
    def scored(self) -> Scored:
        """The score of what arrived, with its findings."""
        return self.dataset.score()

    def figure(self, wanted: Wanted, window: Window | None = None) -> go.Figure:
        """Draw what is wanted: candles of one symbol, or several symbols as indices.

        Parameters
        ----------
        wanted : Wanted
        window : tuple of datetime, optional
            The part that is looked at, on the displayed clock.

        Raises
        ------
        BadInput
            No such symbol, frequency, view or version, or the view cannot be had; the message says why.
        """
        self._check(wanted)
        contract = self.dataset.contract
        rows = self._rows(wanted, wanted.version)
        every = "" if wanted.frequency in (STORED, contract.frequency) else wanted.frequency
        axes = replace(axes_of(contract), every=every, window=window)
        findings = self.scored.findings.items
        if len(wanted.symbols) > 1:
            beside = Beside(findings, note=VIEWS[wanted.view])
            return together(rows, beside, kind=contract.kind, symbols=wanted.symbols, frequency=contract.frequency, axes=axes)
        beside = self._beside(wanted, rows, findings)
        return chart(rows, beside, kind=contract.kind, symbol=wanted.symbols[0], frequency=contract.frequency, axes=axes)

    def changes(self, wanted: Wanted) -> pl.DataFrame:
        """Return what differs between the version that is wanted and the one it is held against, cell by cell."""
        self._check(wanted)
        fields = (*PRICES[self.dataset.contract.kind], *SIZES[self.dataset.contract.kind])
        return changed_cells(self._rows(wanted, wanted.versus), self._rows(wanted, wanted.version), fields)

    def _beside(self, wanted: Wanted, rows: pl.DataFrame, findings: tuple[Finding, ...]) -> Beside:
        note, events = VIEWS[wanted.view], self._events_of(rows) if wanted.view != ADJUSTED else None
        if wanted.versus is None:
            return Beside(findings, events, note=note)
        before, after = self._named(wanted.versus), self._named(wanted.version)
        other = (before, self._rows(wanted, wanted.versus))
        return Beside(findings, events, other, self.changes(wanted), note=f"{after} against {before}")

    def _events_of(self, rows: pl.DataFrame) -> pl.DataFrame | None:
        events = self._known_events
        rows = rows if events is None else with_events(rows, events)
        if not {"split", "dividend"} & set(rows.columns):
            return None
        both = [pl.col(n).fill_null(0.0) if n in rows.columns else pl.lit(0.0).alias(n) for n in ("split", "dividend")]
        return rows.select(SYMBOL, SESSION, *both)

    @cached_property
    def _known_events(self) -> pl.DataFrame | None:
        return self.dataset.events()

    def _rows(self, wanted: Wanted, version: Version) -> pl.DataFrame:
        """Return the rows of some symbols in a view, from the first session that is wanted to the last; read once."""
        number = self._number(version)
        key = (wanted.symbols, wanted.view, number)
        if key not in self._kept:
            if len(self._kept) >= MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = self._read(wanted.symbols, wanted.view, number).sort(SYMBOL, EVENT_AT)
        rows, start, end = self._kept[key], as_day(wanted.start), as_day(wanted.end)
        rows = rows if start is None else rows.filter(pl.col(SESSION) >= start)
        return rows if end is None else rows.filter(pl.col(SESSION) <= end)

    def _read(self, symbols: tuple[str, ...], view: str, version: int) -> pl.DataFrame:
        dataset, kind = self.dataset, self.dataset.contract.kind
        wanted = (*PRICES[kind], *SIZES[kind], "split", "dividend")
        if view == RAW:
            snap = snapshot(dataset.lake, dataset.contract)
            return snap.rows(pl.DataFrame({SYMBOL: symbols}), columns=wanted)
        rows = scan(dataset.lake, TableRef.processed(dataset.name), symbols=symbols, version=version)
        there = set(rows.collect_schema().names())
        stored = rows.select(SYMBOL, EVENT_AT, SESSION, *(name for name in wanted if name in there)).collect()
        if view == CORRECTED:
            return stored
        view_rows = dataset.adjusted(symbols=symbols).rename({f"adjusted_{p}": p for p in PRICE_FIELDS}, strict=False)
        beside = [name for name in SIZES[kind] if name in there]
        return view_rows.join(stored.select(SYMBOL, EVENT_AT, *beside), on=[SYMBOL, EVENT_AT], how="left")

    def _number(self, version: Version) -> int:
        table = TableRef.processed(self.dataset.name)
        if isinstance(version, datetime):
            return version_at(self.dataset.lake, table, version)
        return int(self.versions["version"][-1]) if version is None else version

    def _named(self, version: Version) -> str:
        return "the latest version" if version is None else f"version {self._number(version)}"

    def _check(self, wanted: Wanted) -> None:
        for what, given, known in (
            ("symbol", wanted.symbols, self.symbols),
            ("frequency", (wanted.frequency,), (*self.frequencies, self.dataset.contract.frequency)),
            ("view", (wanted.view,), tuple(self.views)),
        ):
            for name in given:
                if name not in known:
                    raise BadInput(
                        f"dataset {self.dataset.name}: no {what} '{name}'; expected of {', '.join(known[:12])}"
                        f"{did_you_mean(name, known)}"
                    )
        if not wanted.symbols:
            raise BadInput(f"dataset {self.dataset.name}: pick at least one symbol")
        if self.views[wanted.view]:
            raise BadInput(self.views[wanted.view])
        if wanted.view != CORRECTED and (wanted.version, wanted.versus) != (None, None):
            raise BadInput(f"dataset {self.dataset.name}: versions are of the view '{CORRECTED}', found view '{wanted.view}'")

    def _why_not_adjusted(self) -> str:
        """Return why adjusted prices cannot be had; empty where they can."""
        dataset = self.dataset
        if dataset.contract.kind is not Kind.BARS:
            return f"dataset {dataset.name}: adjusted prices are of bars; this holds {dataset.contract.kind}"
        first = scan(dataset.lake, TableRef.processed(dataset.name)).select(SYMBOL).head(1).collect()
        try:
            dataset.adjusted(symbols=first[SYMBOL].to_list(), start=self.span[0], end=self.span[0])
        except BadInput as refused:
            return str(refused)
        return ""


def explore(dataset: Dataset) -> ipywidgets.VBox:
    """Show a dataset with controls for what to look at; see :meth:`workbench.lab.dataset.Dataset.explore`."""
    return explorer(Exploration(dataset))
