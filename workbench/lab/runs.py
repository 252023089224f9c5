"""All runs of a lab: listed, filtered, measured over time, each opened again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from workbench.audit.store import shelf
from workbench.figures.trend import metric_trend, score_trend
from workbench.lab.displays import frame_html
from workbench.lab.documents import plain
from workbench.lab.gathering import Day, as_day
from workbench.lab.history import SCORE, rows_of
from workbench.lab.run import Run, read_run
from workbench.lake import Lake, Zone
from workbench.lake.run_history import METRICS, RUN, datasets_with_runs, read_runs, replace_runs, scan_runs
from workbench.model.checks import Dimension
from workbench.model.errors import BadInput, did_you_mean
from workbench.model.runs import Outcome
from workbench.model.score import Band

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    import plotly.graph_objects as go

DATASET, VERDICT = "dataset", "verdict"
VERDICTS: Final = (*Band, Outcome.FAILED)
"""A run is as good as its score's band, or it has failed."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of a lab, as a frame.

    Attributes
    ----------
    frame
        One row a run, in the order of recording: ``dataset``, ``session``, ``verdict`` and the columns of
        ``workbench.lake.run_history.RUN_HISTORY`` without ``metrics``.
    damaged
        What could not be read while the index was made again, one line each.
    """

    lake: Lake
    frame: pl.DataFrame
    damaged: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frame)

    def __iter__(self) -> Iterator[Run]:
        return (read_run(self.lake, run_id) for run_id in self.frame[RUN])

    def __getitem__(self, which: int | str) -> Run:
        """Return a run by its id, or by its place (-1: the last).

        Raises
        ------
        BadInput
            There is none among these.
        """
        ids = self.frame[RUN]
        if isinstance(which, str):
            if which not in ids:
                raise BadInput(f"no run '{which[:60]}' among these {len(self):,}{did_you_mean(which, ids.tail(1000).to_list())}")
            return read_run(self.lake, which)
        if not -len(self) <= which < len(self):
            raise BadInput(f"there are {len(self):,} runs, and none at {which}")
        return read_run(self.lake, ids[which])

    def to_polars(self) -> pl.DataFrame:
        """Return one row a run."""
        return self.frame

    def to_pandas(self) -> pd.DataFrame:
        """Return one row a run, as pandas."""
        return self.frame.to_pandas()

    def to_json(self) -> list[dict[str, Any]]:
        """Return one object a run, as JSON values."""
        return [{name: plain(value) for name, value in row.items()} for row in self.frame.iter_rows(named=True)]

    def where(
        self,
        *,
        dataset: str | Sequence[str] | None = None,
        start: Day = None,
        end: Day = None,
        verdict: str | Sequence[str] | None = None,
    ) -> Runs:
        """Return some of these runs.

        Parameters
        ----------
        dataset : str or sequence of str, optional
        start, end : date or ISO text, optional
            Sessions, both included.
        verdict : str or sequence of str, optional
            Of ``ok``, ``medium``, ``high``, ``critical``, ``failed``.
        """
        return replace(self, frame=self.frame.filter(wanted(dataset, start, end, verdict)))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names :meth:`metric` knows, sorted."""
        names = self._scanned().select(pl.col(METRICS).list.eval(pl.element().struct.field("name")).explode().unique())
        return tuple(sorted({*self._numbers(), *names.collect()[METRICS].drop_nulls()}))

    def metric(self, name: str) -> pl.DataFrame:
        """Return one metric over sessions.

        Parameters
        ----------
        name : str
            A numeric column (``score``, ``completeness``, ``seconds``), or whatever was measured, such as
            ``close.missing_rate``, ``findings.bad_tick``, ``quality.seconds``.

        Returns
        -------
        DataFrame
            ``dataset, session, value`` (Float64), sorted; of several runs of a session, the last that has it.

        Raises
        ------
        BadInput
            None of these runs has measured it.
        """
        if name in self._numbers():
            values = self.frame.select(DATASET, "session", "recorded_at", pl.col(name).cast(pl.Float64).alias("value"))
        else:
            has_it = pl.element().filter(pl.element().struct.field("name") == name).struct.field("value")
            found = self._scanned().select(RUN, pl.col(METRICS).list.eval(has_it).list.first().alias("value")).drop_nulls()
            values = self.frame.select(RUN, DATASET, "session", "recorded_at").join(
                found.collect(), on=RUN, maintain_order="left"
            )
            if values.is_empty():
                raise BadInput(f"no run among these has measured '{name[:80]}'{did_you_mean(name, self.metrics)}; see .metrics")
        last = values.drop_nulls("value").group_by(DATASET, "session", maintain_order=True).last()
        return last.select(DATASET, "session", "value").sort(DATASET, "session")

    def figure(self, name: str = SCORE) -> go.Figure:
        """Draw the score with its dimensions, or one metric, over sessions; of one dataset.

        Raises
        ------
        BadInput
            These are runs of several datasets.
        """
        there = self.frame[DATASET].unique().sort()
        if len(there) > 1:
            raise BadInput(f"these are runs of {', '.join(there)}; a figure shows one: .where(dataset=…), or lab.trends()")
        if name != SCORE:
            return metric_trend(self.metric(name), name=name)
        scored = self.frame.drop_nulls(SCORE).group_by("session", maintain_order=True).last().sort("session")
        return score_trend(scored)

    def _scanned(self) -> pl.LazyFrame:
        """Return ``run, metrics`` of these runs."""
        some = self.frame[RUN]
        parts = [scan_runs(self.lake, name).select(RUN, METRICS) for name in self.frame[DATASET].unique().sort()]
        whole = pl.concat(parts) if parts else pl.LazyFrame(schema={RUN: pl.String, METRICS: pl.List(_METRIC)})
        return whole.filter(pl.col(RUN).is_in(some.implode()))

    def _numbers(self) -> list[str]:
        return [name for name, dtype in self.frame.schema.items() if dtype.is_numeric()]

    def _repr_html_(self) -> str:
        shown = (RUN, DATASET, "session", VERDICT, SCORE, *Dimension, "findings", "seconds")
        html = frame_html(f"{len(self):,} runs, newest first", self.frame.reverse().select(shown))
        return html + (frame_html("Could not be read", pl.DataFrame({"what": self.damaged})) if self.damaged else "")

    def __repr__(self) -> str:
        told = "".join(f"\n{line}" for line in self.damaged)
        return f"{len(self)} runs\n{self.frame.select(RUN, DATASET, 'session', VERDICT, SCORE)!r}{told}"


_METRIC: Final = pl.Struct({"name": pl.String, "value": pl.Float64})


def all_runs(lake: Lake) -> Runs:
    """Return all runs of a lake, from their index."""
    parts = [_of_dataset(lake, name) for name in datasets_with_runs(lake)]
    frame = pl.concat(parts) if parts else _of_dataset(lake, "none")
    return Runs(lake, frame.sort("recorded_at", RUN))


def made_again(lake: Lake) -> Runs:
    """Make the index again from the manifests alone; what cannot be read is told beside it."""
    held = shelf(lake.zone(Zone.METADATA))
    by_dataset: dict[str, list[Any]] = {name: [] for name in datasets_with_runs(lake)}
    for manifest in held.runs:
        by_dataset.setdefault(manifest.dataset, []).append(manifest)
    for name, manifests in by_dataset.items():
        replace_runs(lake, name, rows_of(manifests))
    return replace(all_runs(lake), damaged=tuple(damage.reason for damage in held.damaged))


def wanted(dataset: str | Sequence[str] | None, start: Day, end: Day, verdict: str | Sequence[str] | None) -> pl.Expr:
    """Return which runs are meant.

    Raises
    ------
    BadInput
        A verdict that there is not, or no date.
    """
    tests = [pl.lit(value=True)]
    if dataset is not None:
        tests.append(pl.col(DATASET).is_in([dataset] if isinstance(dataset, str) else list(dataset)))
    if (first := as_day(start)) is not None:
        tests.append(pl.col("session") >= first)
    if (last := as_day(end)) is not None:
        tests.append(pl.col("session") <= last)
    if verdict is not None:
        asked = [verdict] if isinstance(verdict, str) else list(verdict)
        for word in asked:
            if word not in list(VERDICTS):
                raise BadInput(f"verdict '{word[:40]}': expected one of {', '.join(VERDICTS)}{did_you_mean(word, VERDICTS)}")
        tests.append(pl.col(VERDICT).is_in(asked))
    return pl.all_horizontal(tests)


def _of_dataset(lake: Lake, name: str) -> pl.DataFrame:
    failed = pl.col("outcome") == Outcome.FAILED.value
    verdict = pl.when(failed).then(pl.lit(Outcome.FAILED.value)).otherwise("band").alias(VERDICT)
    rows = read_runs(lake, name, metrics=False)
    return rows.select(RUN, pl.lit(name).alias(DATASET), "session", verdict, pl.exclude(RUN, "session"))
