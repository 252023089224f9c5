"""The stages of a daily run, in order: each is a notebook of this name, and all take the same parameters.

A stage may also run without its notebook, where a long backfill keeps none: the same calls, with the same results recorded.
The report is a page for people, made by its notebook only.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from workbench.audit.privacy import Cleaner
from workbench.lab.records import resources
from workbench.model.failures import category_of
from workbench.model.runs import Outcome, StageRecord
from workbench.pipeline.notebook import Execution, execute

if TYPE_CHECKING:
    from workbench.lab.dataset import Dataset
    from workbench.lab.lab import Lab
    from workbench.pipeline.planning import Execute, Plan

STAGES: Final = ("ingest", "transform", "profile", "quality", "report")
LOADING: Final = STAGES[:2]
"""Stages that bring rows; those of a session may look at the rows of all sessions before it."""


def in_notebooks(lab: Lab, *, cold: bool = False) -> Execute:
    """Execute stages as the lab's notebooks, and keep them in the run's folder."""

    def executed(plan: Plan, stage: str) -> StageRecord:
        notebook, settings = lab.stages / f"{stage}.ipynb", lab.settings
        return execute(
            Execution(
                notebook, plan.folder / notebook.name, plan.parameters, settings.kernel, lab.root, is_cold=cold,
                timeout=settings.stage_timeout_seconds,
            )
        )  # fmt: skip

    return executed


def in_process(dataset: Dataset) -> Execute:
    """Execute stages here, without notebooks."""

    def executed(plan: Plan, stage: str) -> StageRecord:
        work = _WORK.get(stage)
        if work is None:
            return StageRecord(stage, Outcome.NOT_RUN)
        started, before = time.perf_counter(), resources()
        try:
            measured = work(dataset, plan)
        except Exception as error:  # noqa: BLE001 (a stage that fails is a record, as in a notebook)
            told = Cleaner(dataset.root).text(f"{type(error).__name__}: {' '.join(str(error).split())}")
            return StageRecord(
                stage, Outcome.FAILED, time.perf_counter() - started, error=told, category=category_of(error).value
            )
        seconds = round(time.perf_counter() - started, 3)
        return StageRecord(stage, Outcome.DONE, seconds, resources=_used(before, resources()), measured=measured)

    return executed


def _used(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {**after, "cpu_seconds": round(after["cpu_seconds"] - before["cpu_seconds"], 3)} if after else {}


def _ingest(dataset: Dataset, plan: Plan) -> dict[str, Any]:
    return {"arrivals": dataset.ingest(session=plan.session).to_json()}


def _transform(dataset: Dataset, plan: Plan) -> dict[str, Any]:
    return {"transformed": dataset.transform(plan.session, run=plan.id).to_json()}


def _profile(dataset: Dataset, plan: Plan) -> dict[str, Any]:
    return {"profile": dataset.profile(end=plan.session).to_json()}


def _quality(dataset: Dataset, plan: Plan) -> dict[str, Any]:
    return {"quality": dataset.score(end=plan.session, now=plan.now).quality_record(plan.session)}


_WORK: Final = {"ingest": _ingest, "transform": _transform, "profile": _profile, "quality": _quality}
