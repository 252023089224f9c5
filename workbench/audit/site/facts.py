"""What a site shows of a dataset, read from the index of runs, the last manifest, and the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from workbench.audit.manifest import FILE_NAME, read_manifest
from workbench.audit.store import run_folder
from workbench.figures.over_time import Note
from workbench.lake import Zone
from workbench.lake.decisions import read_entries
from workbench.lake.run_history import METRICS, RUN, read_runs, scan_runs
from workbench.model.errors import LakeBroken
from workbench.model.runs import Outcome

if TYPE_CHECKING:
    from datetime import date

    from workbench.lake import Lake
    from workbench.model.decisions import LedgerEntry
    from workbench.model.score import Thresholds

KIND, SYMBOL = "findings.", "symbol:"
OUTAGE: Final = "missing_session"
_NAMED: Final = pl.element().struct.field("name")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a site shows of one dataset.

    Attributes
    ----------
    runs
        One row a run, in the order of recording; columns as ``RUN_HISTORY`` without metrics.
    kinds
        ``session, kind, count``: open findings that each run told.
    symbols
        ``session, symbol, score``: symbols that were below 100 in a run.
    latest
        What the last run that came to a score said: its record.
    decisions
        The ledger.
    """

    name: str
    title: str
    thresholds: Thresholds
    runs: pl.DataFrame
    kinds: pl.DataFrame
    symbols: pl.DataFrame
    latest: dict[str, Any]
    decisions: tuple[LedgerEntry, ...]

    @property
    def sessions(self) -> pl.DataFrame:
        """The last run of each session, sorted by session."""
        return self.runs.group_by("session", maintain_order=True).last().sort("session")

    @property
    def notes(self) -> tuple[Note, ...]:
        """What happened when: another contract, a failed run, sessions that did not come, decisions."""
        return (*self._contracts(), *self._failures(), *self._outages(), *self._decisions())

    def _contracts(self) -> list[Note]:
        known = self.sessions.drop_nulls("contract")
        changed = known.filter((pl.col("contract") != pl.col("contract").shift(1)).fill_null(value=False))
        pairs = changed.select("session", "contract").rows()
        return [Note(session, "contract changed", f"to {contract}") for session, contract in pairs]

    def _failures(self) -> list[Note]:
        failed = self.sessions.filter(pl.col("outcome") == Outcome.FAILED.value)
        return [Note(session, "run failed", error or "") for session, error in failed.select("session", "error").rows()]

    def _outages(self) -> list[Note]:
        """Return the sessions at which more sessions were missing than at the one before: a vendor that did not deliver."""
        missing = self.kinds.filter(pl.col("kind") == OUTAGE).select("session", pl.col("count").alias("missing"))
        done = self.sessions.filter(pl.col("outcome") == Outcome.DONE.value)
        told = done.join(missing, on="session", how="left").sort("session")
        count = pl.col("missing").fill_null(0)
        more = told.select("session", (count - count.shift(1)).alias("more")).filter(pl.col("more") > 0)
        return [Note(day, "sessions missing", f"{int(new)} more than before") for day, new in more.rows()]

    def _decisions(self) -> list[Note]:
        by_day: dict[date, list[LedgerEntry]] = {}
        for entry in self.decisions:
            moment = entry.start or entry.at
            day = moment.date() if isinstance(moment, datetime) else moment
            by_day.setdefault(day, []).append(entry)
        return [
            Note(
                day,
                f"{len(some)} decision(s)",
                ", ".join(dict.fromkeys(f"{e.action.value} {e.symbol or ''}".strip() for e in some)),
            )
            for day, some in by_day.items()
        ]


def facts_of(lake: Lake, name: str, title: str, thresholds: Thresholds) -> Facts:
    """Read what a site shows of a dataset.

    Raises
    ------
    LakeBroken
        The index of runs cannot be read; it can be made again.
    """
    runs = read_runs(lake, name, metrics=False)
    measured = scan_runs(lake, name).select("session", "recorded_at", RUN, METRICS)
    kinds, symbols = (_measured(measured, prefix) for prefix in (KIND, SYMBOL))
    own = pl.col("name").str.strip_prefix(SYMBOL).str.strip_suffix(".score")
    return Facts(
        name=name,
        title=title,
        thresholds=thresholds,
        runs=runs,
        kinds=kinds.select("session", pl.col("name").str.strip_prefix(KIND).alias("kind"), pl.col("value").alias("count")),
        symbols=symbols.select("session", own.alias("symbol"), pl.col("value").alias("score")),
        latest=_latest(lake, runs),
        decisions=read_entries(lake, name),
    )


def _measured(runs: pl.LazyFrame, prefix: str) -> pl.DataFrame:
    """Return ``session, name, value`` of the metrics whose names begin so, of each session's last run."""
    some = pl.col(METRICS).list.eval(pl.element().filter(_NAMED.str.starts_with(prefix)))
    held = runs.with_columns(some).filter(pl.col("recorded_at") == pl.col("recorded_at").max().over("session"))
    return (
        held.filter(pl.col(METRICS).list.len() > 0).explode(METRICS).unnest(METRICS).select("session", "name", "value").collect()
    )


def _latest(lake: Lake, runs: pl.DataFrame) -> dict[str, Any]:
    """Return what the last run with a score recorded; where its manifest cannot be read, the one before it."""
    scored = runs.drop_nulls("score").sort("session", "recorded_at").tail(10).reverse()
    for run, session in scored.select(RUN, "session").rows():
        try:
            manifest = read_manifest(run_folder(lake.zone(Zone.METADATA), run, session) / FILE_NAME)
        except LakeBroken:  # workbench audit verify names it
            continue
        return {"run": run, "session": session.isoformat(), **(manifest.score or {})}
    return {}
