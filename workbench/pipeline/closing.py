"""The end of a session that came through a feed: what a daily run does once its rows are loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.audit.store import runs_of_session
from workbench.lab.history import keep_run
from workbench.lab.processing import write_features
from workbench.lab.sealing import seal_runs
from workbench.lake import TableRef, Zone, receipts, scan, version_of
from workbench.lake.locks import alone
from workbench.model.names import RECEIPT, SESSION
from workbench.pipeline.daily import Begun, advance, close, settle_decisions, versions_of
from workbench.pipeline.notify import notify
from workbench.pipeline.planning import is_done, plan_run
from workbench.pipeline.stages import LOADING, STAGES, in_notebooks
from workbench.pipeline.watching import over_by

if TYPE_CHECKING:
    from workbench.lab.dataset import Dataset
    from workbench.lab.lab import Lab
    from workbench.model.runs import RunManifest

JUDGING: Final = tuple(stage for stage in STAGES if stage not in LOADING)
LOOK_BACK_SESSIONS: Final = 30


@dataclass(slots=True)
class Sessions:
    """The sessions of a feed that have new rows, and those of them that were judged."""

    lab: Lab
    dataset: Dataset
    feed: str
    touched: set[date] = field(default_factory=set)
    judged: dict[date, RunManifest] = field(default_factory=dict)

    def look_back(self) -> None:
        """Take up the latest sessions of the feed that have rows and were not judged with them."""
        table = TableRef.processed(self.dataset.name)
        if version_of(self.lab.lake, table) is None:
            return
        mine = [r.id for r in receipts(self.lab.lake, self.dataset.name) if r.source == self.feed]
        held = scan(self.lab.lake, table).filter(pl.col(RECEIPT).is_in(mine)).select(SESSION).unique().collect()[SESSION]
        self.touched.update(day for day in held.sort().tail(LOOK_BACK_SESSIONS) if not self._is_judged(day))

    def judge_those_over(self) -> None:
        """Judge every session with new rows whose market has closed, oldest first."""
        now = datetime.now(UTC)
        due = sorted(day for day in self.touched if over_by(self.dataset, day) <= now)
        for day in due:
            self.judged[day] = self._judge(day)
            self.touched.discard(day)

    def _is_judged(self, day: date) -> bool:
        plan = plan_run(self.lab, self.dataset, day, now=over_by(self.dataset, day))
        last = runs_of_session(self.lab.lake.zone(Zone.METADATA), self.dataset.name, day)[-1:]
        return bool(last) and is_done(plan, last[0], in_notebooks=False)

    def _judge(self, day: date) -> RunManifest:
        with alone(self.lab.lake, f"run {self.dataset.name} {day}"):
            plan = plan_run(self.lab, self.dataset, day, now=over_by(self.dataset, day))
            begun = Begun(plan, versions_of(self.dataset))
            write_features(self.lab.lake, self.dataset.contract, (day, day), run=plan.id)
            manifest = close(self.dataset, advance(self.lab, self.dataset, begun, JUDGING, in_notebooks(self.lab)))
            keep_run(self.dataset.lake, manifest)
            seal_runs(self.lab, self.dataset, [manifest])
            settle_decisions(self.dataset, manifest)
            notify(self.dataset, plan.folder)
        return manifest
