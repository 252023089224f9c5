"""What a run will do, and whether it has been done: decided before anything is."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from workbench.audit.store import run_folder, runs_of_session
from workbench.ingest.files import read_payload
from workbench.lab.arrivals import moment_behind, offers
from workbench.lab.contracts import contract_fingerprint
from workbench.lab.fingerprint import code_fingerprint, notebooks_fingerprint
from workbench.lake import Zone, receipts
from workbench.model.errors import BadInput
from workbench.model.runs import Outcome, RunManifest, StageRecord
from workbench.pipeline.stages import STAGES

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.lab.dataset import Dataset
    from workbench.lab.lab import Lab

NEAR = timedelta(days=1)
"""A file within days that begins a day behind a session may hold rows of it, in another zone."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do."""

    id: str
    dataset: str
    session: date
    now: datetime
    started_at: datetime
    inputs: dict[str, Any]
    folder: Path

    @property
    def parameters(self) -> dict[str, Any]:
        """What its notebooks are given."""
        return {
            "lab": ".",
            "dataset": self.dataset,
            "session": self.session.isoformat(),
            "now": self.now.isoformat(),
            "run": self.id,
        }


Execute = Callable[[Plan, str], StageRecord]
"""How one stage of a plan is executed."""


def new_run_id(started: datetime | None = None) -> str:
    """Return an id that no other run has, and by which runs sort as they began."""
    return f"{started or datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def plan_run(lab: Lab, dataset: Dataset, session: date, *, now: datetime | None = None) -> Plan:
    """Decide what a run depends on, and where it will be kept; it is newer than all runs before it, whatever the clock says."""
    before = runs_of_session(lab.lake.zone(Zone.METADATA), dataset.name, session)
    started = moment_behind(before[-1].started_at if before else None)
    run_id = new_run_id(started)
    folder = run_folder(lab.lake.zone(Zone.METADATA), run_id, session)
    return Plan(run_id, dataset.name, session, now or started, started, _inputs(lab, dataset, session, now), folder)


def plan_again(lab: Lab, dataset: Dataset, manifest: RunManifest) -> Plan:
    """Take a run up that did not end well: the same id, moment and folder; what it depends on may have changed."""
    inputs = _inputs(lab, dataset, manifest.session, manifest.now if manifest.inputs["now"] else None)
    folder = run_folder(lab.lake.zone(Zone.METADATA), manifest.id, manifest.session)
    return Plan(manifest.id, dataset.name, manifest.session, manifest.now, manifest.started_at, inputs, folder)


def is_done(plan: Plan, last: RunManifest | None, *, in_notebooks: bool) -> bool:
    """Whether the last run of a session finished with the same inputs, and left notebooks if they are wanted."""
    if last is None or last.outcome is not Outcome.DONE or last.inputs != plan.inputs:
        return False
    return not in_notebooks or all(stage.notebook for stage in last.stages)


def _inputs(lab: Lab, dataset: Dataset, session: date, now: datetime | None) -> dict[str, Any]:
    """Return everything that decides whether the run would come out the same."""
    arrived = receipts(dataset.lake, dataset.name)
    until = session + NEAR if dataset.contract.is_intraday else session
    known, late = {r.id for r in arrived}, {r.id for r in arrived if r.first and r.first > until}
    offered = {_digest(path, path.stat().st_mtime_ns, path.stat().st_size) for path in _files(dataset, session)}
    return {
        "arrivals": sorted((known | offered) - late),
        "contract": contract_fingerprint(dataset.contract),
        "code": code_fingerprint(),
        "notebooks": notebooks_fingerprint(lab.stages, STAGES),
        "now": now.isoformat() if now else None,
    }


def _files(dataset: Dataset, session: date) -> list[Path]:
    """Return the files that are offered for a session; that there is none is for the run itself to say.

    What lies at an address is not asked for: once it has arrived, it is known by its receipt.
    """
    try:
        return [offer.path for offer in offers(dataset.root, dataset.contract, session) if offer.path is not None]
    except BadInput:
        return []


@lru_cache(maxsize=4096)
def _digest(path: Path, _modified: int, _size: int) -> str:
    return sha256(read_payload(path)).hexdigest()[:16]
