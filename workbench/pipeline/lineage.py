"""OpenLineage: for each stage, what it read and what it made, with versions and quality; kept in the run's folder.

Where the usual variables or ``openlineage.yml`` name a server, events go there as well; one that does not answer is logged
and holds up nothing.

References
----------
OpenLineage 1.x, https://openlineage.io/docs/spec/object-model.
"""

from __future__ import annotations

import logging
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, uuid5

from workbench import __version__
from workbench.audit.manifest import scrubbed
from workbench.model.runs import Outcome

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset, RunEvent

    from workbench.model.runs import StageRecord
    from workbench.pipeline.planning import Plan

FILE_NAME: Final = "lineage.ndjson"
NAMESPACE: Final = "workbench"
PRODUCER: Final = f"urn:workbench:{__version__}"

TRANSPORT: Final = "OPENLINEAGE__TRANSPORT"
QUIET_SECONDS: Final = 300.0
_log = logging.getLogger(__name__)


def note_lineage(plan: Plan, stage: StageRecord, versions: dict[str, int | None]) -> None:
    """Add a stage's two events, of its start and its end, to the lineage of its run.

    Parameters
    ----------
    plan : Plan
    stage : StageRecord
    versions : dict
        Table -> version, as the stages that look at tables see them.
    """
    from openlineage.client.serde import Serde

    events = events_of(plan, stage, versions)
    with (plan.folder / FILE_NAME).open("a", encoding="utf-8") as file:
        file.writelines(f"{scrubbed(Serde.to_json(event))}\n" for event in events)
    if _is_named():
        _server.send(events)


def _is_named() -> bool:
    """Whether somebody says where events go; without that OpenLineage's client prints them."""
    said = any(name in ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG") or name.startswith(TRANSPORT) for name in os.environ)
    return said or Path("openlineage.yml").exists()


class _Server:
    """Whatever server is named; one that does not answer is left alone for a while."""

    def __init__(self) -> None:
        self.asked_again_at = 0.0

    def send(self, events: tuple[RunEvent, ...]) -> None:
        import requests
        from openlineage.client import OpenLineageClient

        if time.monotonic() < self.asked_again_at:
            return
        try:
            client = OpenLineageClient()
            for event in events:
                client.emit(event)
        except (OSError, ValueError, requests.RequestException) as error:
            self.asked_again_at = time.monotonic() + QUIET_SECONDS
            _log.warning("lineage is kept in the run's folder, and could not be sent: %s", scrubbed(str(error)))


_server = _Server()


def events_of(plan: Plan, stage: StageRecord, versions: dict[str, int | None]) -> tuple[RunEvent, ...]:
    """Return the events of a stage's start and its end."""
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import error_message_run, nominal_time_run, parent_run

    ended = datetime.now(UTC)
    name = f"{plan.dataset}.{stage.name}"
    whole = parent_run.ParentRunFacet(
        run=parent_run.Run(_uuid(plan.id)), job=parent_run.Job(NAMESPACE, f"{plan.dataset}.daily"), producer=PRODUCER
    )
    nominal = nominal_time_run.NominalTimeRunFacet(f"{plan.session.isoformat()}T00:00:00Z", producer=PRODUCER)
    facets: dict[str, Any] = {"parent": whole, "nominalTime": nominal}
    states = [(RunState.START, ended - timedelta(seconds=stage.seconds))]
    if stage.outcome is Outcome.FAILED:
        states.append((RunState.FAIL, ended))
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(stage.error or "", "python", producer=PRODUCER)
    else:
        states.append((RunState.COMPLETE, ended))
    return tuple(
        RunEvent(
            eventType=state,
            eventTime=moment.isoformat(),
            run=Run(_uuid(f"{plan.id}/{stage.name}"), facets),
            job=Job(NAMESPACE, name),
            producer=PRODUCER,
            inputs=_inputs(stage, versions),
            outputs=_outputs(plan, stage),
        )
        for state, moment in states
    )


def _uuid(text: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{NAMESPACE}:{text}"))


def _inputs(stage: StageRecord, versions: dict[str, int | None]) -> list[InputDataset]:
    """Tell what a stage read: source files by name, arrivals by receipt, tables by version."""
    from openlineage.client.event_v2 import InputDataset

    if stage.name == "ingest":
        return [InputDataset(NAMESPACE, f"source/{a['source']}/{a['name']}") for a in stage.measured.get("arrivals", ())]
    if stage.name == "transform":
        return [
            InputDataset(NAMESPACE, f"receipt/{receipt}") for receipt in stage.measured.get("transformed", {}).get("receipts", ())
        ]
    read = {table: version for table, version in versions.items() if not table.startswith("derived/") and version is not None}
    return [InputDataset(NAMESPACE, table, facets=_version(version)) for table, version in read.items()]


def _outputs(plan: Plan, stage: StageRecord) -> list[OutputDataset]:
    """Tell what a stage made; the quality of the dataset hangs on what the quality stage says of it."""
    from openlineage.client.event_v2 import OutputDataset

    if stage.name == "ingest":
        return [OutputDataset(NAMESPACE, a["path"], facets=_version(a["id"])) for a in stage.measured.get("arrivals", ())]
    if stage.name == "transform":
        made = stage.measured.get("transformed", {}).get("versions", {})
        return [OutputDataset(NAMESPACE, table, facets=_version(version)) for table, version in made.items()]
    if stage.name == "quality":
        return [OutputDataset(NAMESPACE, f"score/{plan.dataset}", facets=_assertions(stage.measured.get("quality", {})))]
    return [OutputDataset(NAMESPACE, f"run/{plan.id}/{stage.name}")]


def _version(version: object) -> dict[str, Any]:
    from openlineage.client.facet_v2 import dataset_version_dataset

    return {"version": dataset_version_dataset.DatasetVersionDatasetFacet(str(version), producer=PRODUCER)}


def _assertions(quality: dict[str, Any]) -> dict[str, Any]:
    """Return every check that was evaluated as an assertion, and the score as one more."""
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as facet

    checks = [check for dimension in quality.get("dimensions", {}).values() for check in dimension["checks"]]
    made = [
        facet.Assertion(check["name"], check["verdict"] == "PASS", actual=str(check["failures"]), expected="0", severity="error")
        for check in checks
        if check["verdict"] not in ("NOT_APPLICABLE",)
    ]
    if "score" in quality:
        made.append(facet.Assertion("score", quality.get("band") == "ok", actual=str(quality["score"]), severity="error"))
    return {"dataQualityAssertions": facet.DataQualityAssertionsDatasetFacet(assertions=made, producer=PRODUCER)}
