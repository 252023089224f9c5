"""The end of a run, told: what of it somebody should know, and how soon."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.audit.manifest import read_manifest
from workbench.lake import Zone
from workbench.lake.run_history import read_runs
from workbench.model.runs import Outcome, RunManifest
from workbench.monitor.alerts import Level
from workbench.monitor.telling import Alert, tell

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.lab.dataset import Dataset

SLOW: Final = 2.0
"""A run that takes so many times its usual time is told of."""
LEAST_RUNS: Final = 5
LEAST_SECONDS: Final = 10.0


def notify(dataset: Dataset, folder: Path) -> Alert | None:
    """Tell of a run that has ended, if there is anything to tell.

    Parameters
    ----------
    dataset : Dataset
    folder : Path
        Of the run; its manifest is read back, in which secrets are hidden.
    """
    manifest = read_manifest(folder / "run.json")
    alert = alert_of(manifest, usual_seconds(dataset, manifest.id))
    if alert is not None:
        tell(alert, dataset.lake.zone(Zone.METADATA) / "alerts", dataset.contract.alerts.command)
    return alert


def alert_of(manifest: RunManifest, usual: float | None) -> Alert | None:
    """Return what is to be told of a run; None where nobody needs to know.

    Parameters
    ----------
    manifest : RunManifest
    usual : float, optional
        Seconds that runs of the dataset usually take.
    """
    told = sorted(_reasons(manifest, usual), key=lambda reason: list(Level).index(reason[0]))
    if not told:
        return None
    words = tuple(words for _, words in told)
    return Alert(told[0][0], manifest.dataset, manifest.session, manifest.id, manifest.finished_at, words)


def usual_seconds(dataset: Dataset, run: str) -> float | None:
    """Return the median time of a dataset's earlier runs; None where there are few."""
    runs = read_runs(dataset.lake, dataset.name).filter((pl.col("run") != run) & (pl.col("outcome") == Outcome.DONE.value))
    seconds = runs["seconds"].drop_nulls().tail(50).to_list()
    return median(seconds) if len(seconds) >= LEAST_RUNS else None


def _reasons(manifest: RunManifest, usual: float | None) -> list[tuple[Level, str]]:
    failed = [stage for stage in manifest.stages if stage.outcome is Outcome.FAILED]
    found = [(Level.CRITICAL, f"stage {stage.name} failed: {stage.error}") for stage in failed]
    score = manifest.score or {}
    if score.get("band") in list(Level):
        worst = next(iter(score.get("findings") or ()), None)
        about = f", the worst finding {worst['kind']} of {worst['symbol']}" if worst else ""
        found.append((Level(score["band"]), f"score {score['score']:.1f}{about}"))
    found += [(Level(a["level"]), f"{a['what']} {a['name']} scores {a['score']:.1f}") for a in score.get("alarms", ())]
    took = sum(stage.seconds for stage in manifest.stages)
    if usual is not None and took > max(SLOW * usual, LEAST_SECONDS):
        found.append((Level.HIGH, f"it took {took:.0f} s, {took / usual:.1f} times the usual {usual:.0f} s"))
    return found
