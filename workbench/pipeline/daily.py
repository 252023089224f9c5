"""The daily run: five notebooks in order, once for the same inputs, with a manifest of what they saw and made."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from workbench.audit.manifest import without_secrets, write_manifest
from workbench.audit.store import run_folder, runs
from workbench.ingest.files import read_payload
from workbench.lab.arrivals import source_files
from workbench.lab.contracts import contract_fingerprint
from workbench.lab.fingerprint import code_fingerprint, environment
from workbench.lab.history import keep_run
from workbench.lake import TableRef, Zone, receipts, version_of
from workbench.model.runs import Outcome, RunManifest, StageRecord
from workbench.pipeline.notebook import Execution, execute, refuse_wrong_parameters
from workbench.pipeline.stages import STAGES

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.lab.dataset import Dataset
    from workbench.lab.lab import Lab

Progress = Callable[[int, int, str, StageRecord | None], None]
"""Called before a stage (without a record) and after it (with one): number, of how many, name."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do, decided before anything is done."""

    id: str
    dataset: str
    session: date
    now: datetime
    started_at: datetime
    parameters: dict[str, Any]
    inputs: dict[str, Any]
    folder: Path


@dataclass(frozen=True, slots=True)
class Ran:
    """A run's manifest and folder; ``is_new`` is false where the same run had been done before."""

    manifest: RunManifest
    folder: Path
    is_new: bool


def run_daily(
    lab: Lab,
    dataset: Dataset,
    session: date,
    *,
    now: datetime | None = None,
    force: bool = False,
    cold: bool = False,
    progress: Progress | None = None,
) -> Ran:
    """Execute the stages for one session.

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

    Returns
    -------
    Ran

    Raises
    ------
    BadInput
        A stage notebook is missing or does not declare the parameters; nothing has run then.
    """
    plan = plan_run(lab, dataset, session, now=now)
    done = None if force else same_run(lab, plan)
    if done is not None:
        keep_run(dataset.lake, done)  # a run that was stopped between its manifest and its history
        return Ran(done, run_folder(lab.lake.zone(Zone.METADATA), done.id, done.session), is_new=False)
    for name in STAGES:
        refuse_wrong_parameters(lab.stages / f"{name}.ipynb", plan.parameters)
    plan.folder.mkdir(parents=True, exist_ok=True)
    before = _versions(dataset)
    stages = _execute_all(lab, plan, progress, cold=cold)
    manifest = _manifest(plan, stages, before, _versions(dataset))
    write_manifest(plan.folder, manifest)
    keep_run(dataset.lake, manifest)
    return Ran(manifest, plan.folder, is_new=True)


def plan_run(lab: Lab, dataset: Dataset, session: date, *, now: datetime | None = None) -> Plan:
    """Decide what a run depends on, and where it will be kept."""
    started = datetime.now(UTC)
    moment = now or started
    run_id = f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    parameters = {
        "lab": ".",
        "dataset": dataset.name,
        "session": session.isoformat(),
        "now": moment.isoformat(),
        "run": run_id,
    }
    return Plan(
        id=run_id,
        dataset=dataset.name,
        session=session,
        now=moment,
        started_at=started,
        parameters=parameters,
        inputs=_inputs(lab, dataset, session, now),
        folder=run_folder(lab.lake.zone(Zone.METADATA), run_id, session),
    )


def same_run(lab: Lab, plan: Plan) -> RunManifest | None:
    """Return an earlier run of the session that finished with the same inputs."""
    for manifest in reversed(runs(lab.lake.zone(Zone.METADATA), plan.dataset)):
        if manifest.session == plan.session:
            is_same = manifest.outcome is Outcome.DONE and manifest.inputs == plan.inputs
            return manifest if is_same else None
    return None


def _inputs(lab: Lab, dataset: Dataset, session: date, now: datetime | None) -> dict[str, Any]:
    """Return everything that decides whether the run would come out the same."""
    known = {r.id for r in receipts(dataset.lake, dataset.name)}
    offered = {sha256(read_payload(path)).hexdigest()[:16] for _, path in source_files(dataset.root, dataset.contract, session)}
    notebooks = sha256(
        b"".join((lab.stages / f"{name}.ipynb").read_bytes() for name in STAGES if (lab.stages / f"{name}.ipynb").is_file())
    )
    return {
        "arrivals": sorted(known | offered),
        "contract": contract_fingerprint(dataset.contract),
        "code": code_fingerprint(),
        "notebooks": notebooks.hexdigest()[:16],
        "now": now.isoformat() if now else None,
    }


def _versions(dataset: Dataset) -> dict[str, int | None]:
    tables = [TableRef.processed(dataset.name), TableRef.quarantine(dataset.name)]
    tables += [TableRef.derived(name, dataset.name) for name in dataset.contract.features]
    return {str(table): version_of(dataset.lake, table) for table in tables}


def _execute_all(lab: Lab, plan: Plan, progress: Progress | None, *, cold: bool) -> tuple[StageRecord, ...]:
    """Execute stage after stage; the first that fails is the last that runs."""
    done: list[StageRecord] = []
    for number, name in enumerate(STAGES, start=1):
        if any(stage.outcome is Outcome.FAILED for stage in done):
            done.append(StageRecord(name, Outcome.NOT_RUN))
            continue
        if progress:
            progress(number, len(STAGES), name, None)
        notebook = lab.stages / f"{name}.ipynb"
        output, kernel = plan.folder / notebook.name, lab.settings.kernel
        done.append(execute(Execution(notebook, output, plan.parameters, kernel, lab.root, is_cold=cold)))
        if progress:
            progress(number, len(STAGES), name, done[-1])
    return tuple(done)


def _manifest(
    plan: Plan, stages: tuple[StageRecord, ...], before: dict[str, int | None], after: dict[str, int | None]
) -> RunManifest:
    failed = any(stage.outcome is Outcome.FAILED for stage in stages)
    score = next((stage.measured.get("quality") for stage in stages if stage.name == "quality"), None)
    return RunManifest(
        id=plan.id,
        dataset=plan.dataset,
        session=plan.session,
        outcome=Outcome.FAILED if failed else Outcome.DONE,
        started_at=plan.started_at,
        finished_at=datetime.now(UTC),
        now=plan.now,
        parameters=without_secrets(plan.parameters),
        inputs=plan.inputs,
        versions={"in": before, "out": after},
        environment=environment(),
        stages=stages,
        score=score,
    )
