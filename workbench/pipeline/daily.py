"""The daily run: five stages in order, once for the same inputs, with a manifest of what they saw and made.

The manifest is written after every stage, so that a run that is stopped can be taken up where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from workbench.audit.manifest import without_secrets, write_manifest
from workbench.audit.store import find_run, run_folder, runs_of_session
from workbench.ingest.http import is_url
from workbench.ingest.retrying import tried
from workbench.lab.fingerprint import environment
from workbench.lab.history import keep_run
from workbench.lab.sealing import seal_runs
from workbench.lake import TableRef, Zone, version_of
from workbench.lake.decisions import ledger_table
from workbench.lake.locks import alone
from workbench.model.errors import BadInput
from workbench.model.failures import Category
from workbench.model.runs import Outcome, RunManifest, StageRecord
from workbench.pipeline.lineage import note_lineage
from workbench.pipeline.notebook import refuse_wrong_parameters
from workbench.pipeline.notify import notify
from workbench.pipeline.planning import Execute, Plan, is_done, plan_again, plan_run
from workbench.pipeline.stages import LOADING, STAGES, in_notebooks

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from workbench.lab.dataset import Dataset
    from workbench.lab.lab import Lab

Progress = Callable[[int, int, str, StageRecord | None], None]
"""Called before a stage (without a record) and after it (with one): number, of how many, name."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A run on its way: what it is to do, what it has done, and the tables' versions before it."""

    plan: Plan
    before: dict[str, int | None]
    done: tuple[StageRecord, ...] = ()

    @property
    def failed(self) -> StageRecord | None:
        """The stage that failed, if one has."""
        return next((stage for stage in self.done if stage.outcome is Outcome.FAILED), None)


@dataclass(frozen=True, slots=True)
class Ran:
    """A run's manifest and folder; ``is_new`` is false where the same run had been done before."""

    manifest: RunManifest
    folder: Path
    is_new: bool


def run_daily(  # noqa: PLR0913 (what a run may be asked for)
    lab: Lab,
    dataset: Dataset,
    session: date,
    *,
    now: datetime | None = None,
    force: bool = False,
    cold: bool = False,
    progress: Progress | None = None,
    waiting: Callable[[], None] | None = None,
) -> Ran:
    """Execute the stages for one session, as notebooks.

    Parameters
    ----------
    lab : Lab
    dataset : Dataset
    session : date
    now : datetime, optional
        UTC; the moment timeliness is judged at; the clock's where it is not given.
    force : bool
        Run even if nothing it depends on has changed.
    cold : bool
        Start an ordinary kernel for each notebook, rather than fork them from a warm process.
    progress : callable, optional
    waiting : callable, optional
        Called where another process runs the same session, which is waited for.

    Returns
    -------
    Ran

    Raises
    ------
    BadInput
        A stage notebook is missing or does not declare the parameters; nothing has run then.
    Transient
        Another process runs the same session, and goes on and on; or the session is done, and an address that is to be asked
        whether it says something else by now does not answer.
    """
    with alone(lab.lake, f"run {dataset.name} {session}", waiting=waiting):
        plan = plan_run(lab, dataset, session, now=now)
        metadata = lab.lake.zone(Zone.METADATA)
        ended = [m for m in runs_of_session(metadata, dataset.name, session) if m.outcome is not Outcome.UNFINISHED]
        last = ended[-1] if ended else None
        if last is not None and not force and is_done(plan, last, in_notebooks=True) and brings_anything(dataset, session):
            plan = plan_run(lab, dataset, session, now=now)
        if last is not None and not force and is_done(plan, last, in_notebooks=True):
            keep_run(dataset.lake, last)  # a run that was stopped between its manifest and its history, its seal, or decisions
            seal_runs(lab, dataset, [last])
            settle_decisions(dataset, last)
            return Ran(last, run_folder(metadata, last.id, session), is_new=False)
        return _run(lab, dataset, Begun(plan, versions_of(dataset)), cold=cold, progress=progress)


def brings_anything(dataset: Dataset, session: date) -> bool:
    """Ask the addresses of a session that is done whether they say something else by now, and bring it.

    Raises
    ------
    Transient
        They cannot be asked: nobody knows whether it is done.
    """
    addresses = [source for source in dataset.contract.sources if source.role == "primary" and is_url(source.path)]
    return bool(addresses) and bool(dataset.ingest(session=session).new)


def resume(
    lab: Lab,
    run_id: str,
    *,
    dataset: str,
    cold: bool = False,
    progress: Progress | None = None,
    waiting: Callable[[], None] | None = None,
) -> Ran:
    """Go on with a run that failed or was stopped, behind the last stage that is done.

    Raises
    ------
    BadInput
        There is no such run of the dataset, or it has ended well.
    """
    metadata = lab.lake.zone(Zone.METADATA)
    manifest, data = find_run(metadata, run_id), lab[dataset]
    if manifest.dataset != dataset:
        raise BadInput(f"run {run_id} is one of dataset {manifest.dataset}, not of {dataset}")
    with alone(lab.lake, f"run {dataset} {manifest.session}", waiting=waiting):
        manifest = find_run(metadata, run_id)
        if manifest.outcome is Outcome.DONE:
            raise BadInput(f"run {run_id} has ended well; there is nothing to resume")
        begun = Begun(plan_again(lab, data, manifest), manifest.versions["in"])
        return _run(lab, data, replace(begun, done=kept_stages(begun.plan, manifest)), cold=cold, progress=progress)


def kept_stages(plan: Plan, manifest: RunManifest, *, in_notebooks: bool = True) -> tuple[StageRecord, ...]:
    """Return the stages of a run that are done, and need not be done again when it is taken up."""
    done = (stage for stage in manifest.stages if stage.outcome is Outcome.DONE)
    return tuple(stage for stage in done if not in_notebooks or _is_kept(plan, stage))


def _is_kept(plan: Plan, stage: StageRecord) -> bool:
    """Whether a stage's notebook is what the manifest says."""
    path = plan.folder / (stage.notebook or "")
    return path.is_file() and sha256(path.read_bytes()).hexdigest() == stage.sha256


def _run(lab: Lab, dataset: Dataset, begun: Begun, *, cold: bool, progress: Progress | None) -> Ran:
    for name in STAGES:
        refuse_wrong_parameters(lab.stages / f"{name}.ipynb", begun.plan.parameters)
    execute = in_notebooks(lab, cold=cold)
    manifest = close(dataset, advance(lab, dataset, begun, STAGES, execute, progress=progress))
    keep_run(dataset.lake, manifest)
    seal_runs(lab, dataset, [manifest])
    settle_decisions(dataset, manifest)
    notify(dataset, begun.plan.folder)
    return Ran(manifest, begun.plan.folder, is_new=True)


def advance(
    lab: Lab,
    dataset: Dataset,
    begun: Begun,
    stages: tuple[str, ...],
    execute: Execute,
    *,
    progress: Progress | None = None,
) -> Begun:
    """Execute those of some stages that are not done, until one fails; the manifest is written after each.

    Notes
    -----
    What may pass by itself is tried again, as the lab's settings say.
    """
    begun.plan.folder.mkdir(parents=True, exist_ok=True)
    seen: dict[str, int | None] = {}
    for number, name in enumerate(stages, start=1):
        if begun.failed or any(stage.name == name for stage in begun.done):
            continue
        if progress:
            progress(number, len(stages), name, None)
        record, before = tried(
            partial(execute, begun.plan, name),
            lab.settings.retries,
            passes=lambda stage: stage.category == Category.TRANSIENT,
        )
        record = replace(record, retries=before)
        begun = replace(begun, done=(*begun.done, record))
        write_manifest(begun.plan.folder, _manifest(begun, dataset, Outcome.UNFINISHED))
        seen = seen or (versions_of(dataset) if name not in LOADING else {})
        note_lineage(begun.plan, record, seen)
        if progress:
            progress(number, len(stages), name, record)
    return begun


def close(dataset: Dataset, begun: Begun) -> RunManifest:
    """End a run: write its manifest for good."""
    manifest = _manifest(begun, dataset, Outcome.FAILED if begun.failed else Outcome.DONE)
    write_manifest(begun.plan.folder, manifest)
    return manifest


def settle_decisions(dataset: Dataset, manifest: RunManifest) -> None:
    """Decide what the contract decides about what a run found, and put all decisions into the tables; behind the last stage."""
    if (dataset.contract.policies.findings or dataset.decisions) and manifest.outcome is Outcome.DONE:
        dataset.decisions.settle(end=manifest.session, now=manifest.now, run=manifest.id)


def versions_of(dataset: Dataset) -> dict[str, int | None]:
    """Return the versions of the tables a run writes to, and of the ledger of decisions."""
    tables = [TableRef.processed(dataset.name), TableRef.quarantine(dataset.name)]
    tables += [TableRef.derived(name, dataset.name) for name in dataset.contract.features]
    tables += [ledger_table(dataset.name)]
    return {str(table): version_of(dataset.lake, table) for table in tables}


def _manifest(begun: Begun, dataset: Dataset, outcome: Outcome) -> RunManifest:
    plan = begun.plan
    known = {stage.name: stage for stage in begun.done}
    quality = known.get("quality")
    return RunManifest(
        id=plan.id,
        dataset=plan.dataset,
        session=plan.session,
        outcome=outcome,
        started_at=plan.started_at,
        finished_at=datetime.now(UTC),
        now=plan.now,
        parameters=without_secrets(plan.parameters),
        inputs={**plan.inputs, "arrivals": sorted({*plan.inputs["arrivals"], *_brought(known.get("ingest"))})},
        versions={"in": begun.before, "out": {} if outcome is Outcome.UNFINISHED else versions_of(dataset)},
        environment=environment(),
        stages=tuple(known.get(name, StageRecord(name, Outcome.NOT_RUN)) for name in STAGES),
        score=quality.measured.get("quality") if quality else None,
    )


def _brought(ingest: StageRecord | None) -> set[str]:
    """Return the arrivals that a run brought itself: nobody can know before what lies at an address."""
    return {arrival["id"] for arrival in ingest.measured.get("arrivals", ())} if ingest else set()
