"""The history of a dataset's runs: taken from their manifests, kept as a table, shown as trends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from workbench.audit.store import runs
from workbench.figures.trend import metric_trend, score_trend
from workbench.lab.displays import frame_html
from workbench.lab.documents import plain
from workbench.lake import TableRef, Zone, version_of
from workbench.lake.run_history import RUN_HISTORY, append_runs, history_table, replace_runs
from workbench.model.checks import Dimension, Verdict
from workbench.model.errors import BadInput, did_you_mean
from workbench.model.runs import Outcome
from workbench.quality.drift import KIND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    import plotly.graph_objects as go

    from workbench.lake import Lake
    from workbench.model.runs import RunManifest
    from workbench.model.score import Thresholds

SCORE: Final = "score"
MOST_SYMBOLS: Final = 100
"""Of how many symbols, the worst, a run's own scores are in the index; all of them are in its manifest."""
SYMBOL_PREFIX: Final = "symbol:"
FULL: Final = 100
PROFILE, QUALITY = "profile", "quality"  # under these names the stages of a run record what they measured


@dataclass(frozen=True, slots=True)
class History:
    """Every run of a dataset, with its score and whatever else was measured.

    Attributes
    ----------
    frame
        One row a run, in the order of recording; columns as ``workbench.lake.run_history.RUN_HISTORY``.
    """

    frame: pl.DataFrame
    title: str
    thresholds: Thresholds

    def __len__(self) -> int:
        return len(self.frame)

    def to_polars(self) -> pl.DataFrame:
        """Return one row a run, without the metrics; those are in :meth:`measured`."""
        return self.frame.drop("metrics")

    def to_pandas(self) -> pd.DataFrame:
        """Return :meth:`to_polars` as pandas."""
        return self.to_polars().to_pandas()

    def to_json(self) -> list[dict[str, Any]]:
        """Return one object a run as JSON values, ``metrics`` by name."""
        rows = self.frame.iter_rows(named=True)
        return [{**_json(row), "metrics": {m["name"]: m["value"] for m in row["metrics"] or ()}} for row in rows]

    def measured(self) -> pl.DataFrame:
        """Return all metrics of all runs: ``run, session, recorded_at, name, value``."""
        held = self.frame.filter(pl.col("metrics").list.len() > 0)
        return held.select("run", "session", "recorded_at", "metrics").explode("metrics").unnest("metrics")

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names :meth:`metric` knows, sorted."""
        return tuple(sorted({*self._numbers(), *self.measured()["name"]}))

    def metric(self, name: str) -> pl.DataFrame:
        """Return one metric over sessions.

        Parameters
        ----------
        name : str
            A numeric column of the runs (``score``, ``completeness``, ``seconds``), or a metric
            such as ``ohlc_order.failures`` or ``close.missing_rate``.

        Returns
        -------
        DataFrame
            ``session, value`` (Float64), sorted; of several runs of a session, the last that has it.

        Raises
        ------
        BadInput
            No run has measured it.
        """
        if name in self._numbers():
            values = self.frame.select("session", "recorded_at", pl.col(name).cast(pl.Float64).alias("value"))
        else:
            values = self.measured().filter(pl.col("name") == name).select("session", "recorded_at", "value")
            if values.is_empty():
                hint = did_you_mean(name, self.metrics)
                raise BadInput(f"no run has measured '{name}'{hint}; expected one of .metrics, such as ohlc_order.failures")
        return values.drop_nulls().group_by("session", maintain_order=True).last().select("session", "value").sort("session")

    def figure(self, name: str = SCORE) -> go.Figure:
        """Draw the score with its dimensions, thresholds and drifts, or one metric, over sessions."""
        if name == SCORE:
            return score_trend(self._by_session(), thresholds=self.thresholds)
        return metric_trend(self.metric(name), name=name)

    def _by_session(self) -> pl.DataFrame:
        """Return the last run of each session that came to a score."""
        return self.to_polars().drop_nulls(SCORE).group_by("session", maintain_order=True).last().sort("session")

    def _numbers(self) -> list[str]:
        return [name for name, dtype in self.frame.schema.items() if dtype.is_numeric()]

    def _repr_html_(self) -> str:
        shown = ("session", "outcome", "score", "session_score", *Dimension, "findings", "drift", "band", "seconds")
        return frame_html(f"{self.title}: {len(self):,} runs, newest first", self.frame.reverse().select(shown))

    def __repr__(self) -> str:
        return f"{self.title}: {len(self)} runs\n{self.frame.select('session', 'outcome', 'score', 'session_score', 'drift')!r}"


def keep_run(lake: Lake, manifest: RunManifest) -> int | None:
    """Add a run to the history of its dataset; where there is none yet, with all runs that have a manifest.

    Returns
    -------
    int or None
        The table's new version; None where the run was there.
    """
    return keep_runs(lake, manifest.dataset, [manifest])


def keep_runs(lake: Lake, dataset: str, manifests: Sequence[RunManifest]) -> int | None:
    """Add runs to the history of a dataset, as :func:`keep_run` adds one."""
    if version_of(lake, history_table(dataset)) is None:
        return append_runs(lake, dataset, rows_of([*runs(lake.zone(Zone.METADATA), dataset), *manifests]))
    return append_runs(lake, dataset, rows_of(manifests))


def rebuild(lake: Lake, dataset: str) -> int:
    """Make the history of a dataset again from the manifests of its runs; return the table's new version."""
    return replace_runs(lake, dataset, rows_of(runs(lake.zone(Zone.METADATA), dataset)))


def rows_of(manifests: Sequence[RunManifest]) -> pl.DataFrame:
    """Return manifests as rows of the history; columns as ``workbench.lake.run_history.RUN_HISTORY``."""
    return pl.DataFrame([_row(manifest) for manifest in manifests], schema=RUN_HISTORY)


def _row(manifest: RunManifest) -> dict[str, Any]:
    score = manifest.score or {}
    findings = score.get("findings")
    return {
        "run": manifest.id,
        "session": manifest.session,
        "recorded_at": manifest.finished_at.astimezone(UTC),
        "now": manifest.now.astimezone(UTC),
        "outcome": manifest.outcome.value,
        **{name: score.get(name) for name in ("score", "session_score", "coverage", "rows", "band")},
        **{d.value: score.get("dimensions", {}).get(d.value, {}).get("score") for d in Dimension},
        "findings": None if findings is None else len(findings),
        "drift": next((f["severity"] for f in findings or () if f["kind"] == KIND), None),
        "seconds": (manifest.finished_at - manifest.started_at).total_seconds(),
        "version": manifest.versions.get("out", {}).get(str(TableRef.processed(manifest.dataset))),
        "contract": manifest.inputs.get("contract"),
        "code": manifest.inputs.get("code"),
        "retries": sum(stage.retries for stage in manifest.stages),
        "error": next((f"stage {s.name}: {s.error}" for s in manifest.stages if s.outcome is Outcome.FAILED), None),
        "metrics": [
            {"name": name, "value": float(value)}
            for name, value in sorted(dict(_measured(manifest)).items())
            if isinstance(value, int | float) and isfinite(value)
        ],
    }


def _measured(manifest: RunManifest) -> Iterator[tuple[str, Any]]:
    """Yield name and value of everything a run measured beside its score; values of any sort."""
    for stage in manifest.stages:
        yield f"{stage.name}.seconds", stage.seconds
        for name, value in stage.measured.items():
            if isinstance(value, dict) and name != QUALITY:
                yield from ((f"{name}.{key}", part) for key, part in value.items())
            elif name != QUALITY:
                yield name, value
        for column in stage.measured.get(PROFILE, {}).get("columns", ()):
            yield from ((f"{column['column']}.{name}", value) for name, value in column.items())
    score = manifest.score or {}
    worst = sorted(score.get("symbols", {}).items(), key=lambda pair: pair[1])[:MOST_SYMBOLS]
    yield from ((f"{SYMBOL_PREFIX}{symbol}.score", value) for symbol, value in worst if value < FULL)
    for finding in score.get("findings", ()):
        yield f"findings.{finding['kind']}", sum(f["kind"] == finding["kind"] for f in score["findings"])
    for dimension in score.get("dimensions", {}).values():
        for check in dimension["checks"]:
            yield from _of_check(check)


def _of_check(check: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield counts and plain metrics of a check that was asked for; ``close.missing_rate`` where one is by column."""
    if check["verdict"] == Verdict.NOT_APPLICABLE:
        return
    yield from ((f"{check['name']}.{name}", check[name]) for name in ("failures", "total", "score", "points_lost"))
    for name, value in check.get("metrics", {}).items():
        if isinstance(value, dict):
            yield from ((f"{key}.{name}", part) for key, part in value.items())
        else:
            yield f"{check['name']}.{name}", value


def _json(row: dict[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in row.items() if name != "metrics"}
