"""Many sessions, month by month: what is done is left alone, what is not is loaded, judged, and remembered at once.

A session's features and its score look at the sessions before it. So sessions are loaded in their order, and each is judged,
by whoever has time, once it is loaded. Workers compute and write their session's run; one writer at a time commits to a table,
and this process alone writes the history.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Final

from workbench.audit.store import shelf
from workbench.calendars import calendar
from workbench.lab.history import keep_runs
from workbench.lab.lab import open_lab
from workbench.lab.processing import tidy_up
from workbench.lab.sealing import seal_runs, sealed_runs
from workbench.lake import Zone
from workbench.lake.locks import alone
from workbench.lake.run_history import read_runs
from workbench.model.errors import BadInput, SystemFailure
from workbench.model.failures import Category
from workbench.model.runs import Outcome, RunManifest
from workbench.pipeline.daily import Begun, advance, close, kept_stages, settle_decisions, versions_of
from workbench.pipeline.notebook import refuse_wrong_parameters
from workbench.pipeline.planning import is_done, plan_again, plan_run
from workbench.pipeline.stages import LOADING, STAGES, in_notebooks, in_process
from workbench.pipeline.workers import in_turn, workers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from workbench.lab.dataset import Dataset
    from workbench.lab.lab import Lab
    from workbench.pipeline.planning import Execute

NIGHT: Final = timedelta(days=1)
"""A session is judged at the midnight (UTC) behind it, as it would have been that night."""


class Notebooks(StrEnum):
    """Of which sessions the executed notebooks are kept; scores and states are the same."""

    EACH = "each"
    MONTHLY = "monthly"
    NONE = "none"

    @classmethod
    def named(cls, word: str) -> Notebooks:
        """Return the member that a word names.

        Raises
        ------
        BadInput
            It names none.
        """
        if word not in list(cls):
            raise BadInput(f"--notebooks {word!r}: expected one of {', '.join(cls)}")
        return cls(word)


@dataclass(frozen=True, slots=True)
class Failure:
    """A session that failed for good."""

    session: date
    run: str
    error: str
    category: str | None


@dataclass(slots=True)
class Filled:
    """What a backfill came to."""

    dataset: str
    sessions: int
    done: int = 0
    skipped: int = 0
    failed: list[Failure] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def left(self) -> int:
        """Sessions that were not come to."""
        return self.sessions - self.done - self.skipped - len(self.failed)


@dataclass(frozen=True, slots=True)
class Task:
    """A session to be worked on, as a worker is told of it."""

    root: Path
    dataset: str
    begun: Begun
    keeps_notebooks: bool
    is_cold: bool


Progress = Callable[[Filled], None]


def backfill(  # noqa: PLR0913 (what a backfill may be asked for)
    lab: Lab,
    dataset: Dataset,
    start: date,
    end: date,
    *,
    notebooks: Notebooks = Notebooks.EACH,
    force: bool = False,
    fail_fast: bool = False,
    cold: bool = False,
    workers: int = 1,
    cluster: str | None = None,
    progress: Progress | None = None,
) -> Filled:
    """Run every session of a range that is not done.

    Parameters
    ----------
    lab : Lab
    dataset : Dataset
    start, end : date
        Both included.
    notebooks : Notebooks
    force : bool
        Run sessions that are done, too.
    fail_fast : bool
        Stop at the first session that fails.
    cold : bool
        Start an ordinary kernel for each notebook.
    workers : int
        Processes of this machine.
    cluster : str, optional
        Address of a Dask scheduler whose workers share the lake; instead of processes of our own.
    progress : callable, optional
        Called when a session is done, skipped or has failed.

    Raises
    ------
    BadInput
        There is no session in the range, or a stage notebook cannot take the parameters.
    SystemFailure
        Memory, disk or permissions: the rest was not tried.
    Transient
        Another backfill of the dataset goes on and on.

    Notes
    -----
    Interrupted, it gives the session up that it is at; the next call takes it up behind the last stage that is done.
    """
    began = time.perf_counter()
    sessions = sessions_of(dataset, start, end)
    filled = Filled(dataset.name, len(sessions))
    with alone(lab.lake, f"backfill {dataset.name}"), workers_of(workers, cluster) as pool:
        runs = shelf(lab.lake.zone(Zone.METADATA), dataset.name, unfinished=True).runs
        _remember_all(lab, dataset, runs)
        last = {m.session: m for m in runs}
        for month in _months(sessions):
            tasks = _tasks(lab, dataset, month, last, filled, notebooks=notebooks, force=force, cold=cold)
            _fill(lab, dataset, tasks, pool, filled, fail_fast=fail_fast, progress=progress)
            if progress:
                progress(filled)
            if fail_fast and filled.failed:
                break
    filled.seconds = round(time.perf_counter() - began, 3)
    return filled


def sessions_of(dataset: Dataset, start: date, end: date) -> list[date]:
    """Return the sessions of a range: the calendar's, or the days that arrived where the contract names none.

    Raises
    ------
    BadInput
        There is none.
    """
    name = dataset.contract.calendar
    if start > end:
        raise BadInput(f"the range begins on {start} and ends on {end}; --start comes first")
    if name in (None, "learned"):
        if not dataset.is_processed:
            dataset.update()
        days = dataset.read(start=start, end=end, columns=()).frame["session"].unique().sort().to_list()
    else:
        days = calendar(name).sessions(start, end).to_list()
    if not days:
        raise BadInput(f"dataset {dataset.name}: no session from {start} to {end} in calendar {name or '(of what arrived)'}")
    return days


def _months(sessions: Sequence[date]) -> Iterator[list[date]]:
    """Yield the sessions month by month."""
    for _, month in groupby(sessions, key=lambda day: (day.year, day.month)):
        yield list(month)


def _tasks(  # noqa: PLR0913 (what a session may be asked for)
    lab: Lab, dataset: Dataset, month: Sequence[date], last: Mapping[date, RunManifest], filled: Filled, *,
    notebooks: Notebooks, force: bool, cold: bool,
) -> Iterator[Task]:  # fmt: skip
    """Yield the sessions of a month that are to be worked on, each planned once those before it are loaded."""
    for session in month:
        keeps = notebooks is Notebooks.EACH or (notebooks is Notebooks.MONTHLY and session == month[-1])
        begun = _begun(lab, dataset, session, last.get(session), keeps=keeps, force=force)
        if begun is None:
            filled.skipped += 1
        else:
            yield Task(lab.root, dataset.name, begun, keeps, cold)


def _begun(lab: Lab, dataset: Dataset, session: date, last: RunManifest | None, *, keeps: bool, force: bool) -> Begun | None:
    """Plan a session, or take up the run of it that was stopped; None where it is done."""
    now = datetime.combine(session, datetime.min.time(), UTC) + NIGHT
    if last is not None and last.outcome is Outcome.UNFINISHED and last.now == now:
        plan = plan_again(lab, dataset, last)
        done = kept_stages(plan, last, in_notebooks=keeps) if plan.inputs == last.inputs else ()
        return Begun(plan, last.versions["in"], done)
    plan = plan_run(lab, dataset, session, now=now)
    if not force and is_done(plan, last, in_notebooks=keeps):
        return None
    if keeps:
        for name in STAGES:
            refuse_wrong_parameters(lab.stages / f"{name}.ipynb", plan.parameters)
    return Begun(plan, versions_of(dataset))


def _remember_all(lab: Lab, dataset: Dataset, runs: Sequence[RunManifest]) -> None:
    """Remember and seal runs that ended, and decide about what they found, where a backfill was stopped before it did."""
    known = set(read_runs(lab.lake, dataset.name, metrics=False)["run"]) & sealed_runs(lab.lake, dataset.name)
    forgotten = [run for run in runs if run.outcome is not Outcome.UNFINISHED and run.id not in known]
    if forgotten:
        _remember(lab, dataset, forgotten)
        settle_decisions(dataset, max(forgotten, key=lambda manifest: manifest.session))


def _remember(lab: Lab, dataset: Dataset, manifests: Sequence[RunManifest]) -> None:
    keep_runs(lab.lake, dataset.name, manifests)
    seal_runs(lab, dataset, manifests)


def _fill(
    lab: Lab, dataset: Dataset, tasks: Iterable[Task], pool: Executor | None, filled: Filled, *, fail_fast: bool,
    progress: Progress | None,
) -> None:  # fmt: skip
    """Load and judge the sessions of a month, and remember them."""
    ended: list[RunManifest] = []
    try:
        for manifest in in_turn(pool, load, judge, tasks):
            ended.append(manifest)
            _count(filled, manifest)
            if progress:
                progress(filled)
            if fail_fast and filled.failed:
                break
    finally:
        if ended:
            _remember(lab, dataset, sorted(ended, key=lambda manifest: manifest.session))
    if ended:
        settle_decisions(dataset, max(ended, key=lambda manifest: manifest.session))
        tidy_up(lab.lake, dataset.contract)


def load(task: Task) -> Task:
    """Bring a session's rows to the tables."""
    return _advanced(task, LOADING)


def judge(task: Task) -> RunManifest:
    """Do what is left of a session that is loaded, as are all before it, and end its run."""
    done = _advanced(task, STAGES)
    return close(open_lab(task.root)[task.dataset], done.begun)


def _advanced(task: Task, stages: tuple[str, ...]) -> Task:
    lab = open_lab(task.root)
    dataset = lab[task.dataset]
    execute: Execute = in_notebooks(lab, cold=task.is_cold) if task.keeps_notebooks else in_process(dataset)
    begun = advance(lab, dataset, task.begun, stages, execute)
    return Task(task.root, task.dataset, begun, task.keeps_notebooks, task.is_cold)


def _count(filled: Filled, manifest: RunManifest) -> None:
    """Count a session; stop everything where the system failed."""
    stage = next((stage for stage in manifest.stages if stage.outcome is Outcome.FAILED), None)
    if stage is None:
        filled.done += 1
        return
    told = f"stage {stage.name}: {stage.error}"
    filled.failed.append(Failure(manifest.session, manifest.id, told, stage.category))
    if stage.category == Category.SYSTEM:
        raise SystemFailure(
            f"{manifest.dataset} {manifest.session}: {told}; {filled.done} sessions are done, the rest was not tried: "
            "mend it, then run the same command again"
        )
