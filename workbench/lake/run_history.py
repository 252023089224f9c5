"""The history of a dataset's runs: one table in the metadata zone, one row for each run."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Final

import polars as pl
from polars.exceptions import PanicException, PolarsError

from workbench.lake.appending import merge_small_files
from workbench.lake.commits import Write, committed
from workbench.lake.locks import alone
from workbench.lake.reading import visible
from workbench.lake.versions import CHANGE, find_table, open_table, version_of
from workbench.lake.zones import TableRef, Zone
from workbench.model.errors import BadInput, LakeBroken

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from workbench.lake.zones import Lake

RUN: Final = "run"
MOST_FILES: Final = 32

RUN_HISTORY: Final = pl.Schema(
    {
        RUN: pl.String(),
        "session": pl.Date(),
        "recorded_at": pl.Datetime("us", "UTC"),
        "now": pl.Datetime("us", "UTC"),
        "outcome": pl.String(),
        "score": pl.Float64(),
        "session_score": pl.Float64(),
        "coverage": pl.Float64(),
        "completeness": pl.Float64(),
        "accuracy": pl.Float64(),
        "consistency": pl.Float64(),
        "timeliness": pl.Float64(),
        "validity": pl.Float64(),
        "rows": pl.Int64(),
        "findings": pl.Int64(),
        "drift": pl.String(),
        "band": pl.String(),
        "seconds": pl.Float64(),
        "version": pl.Int64(),
        "contract": pl.String(),
        "code": pl.String(),
        "retries": pl.Int64(),
        "error": pl.String(),
        "metrics": pl.List(pl.Struct({"name": pl.String(), "value": pl.Float64()})),
    }
)
"""The columns of the table; what a run did not come to is null.

``score``, ``session_score`` 0 to 100; ``coverage`` and the five dimensions 0 to 1; ``findings``
counts them; ``drift`` is the severity of the score's own finding; ``version`` is that of the
processed table after the run; ``contract`` and ``code`` are fingerprints; ``error`` says which stage failed and
why; ``metrics`` holds whatever else was measured, by name.
"""
METRICS: Final = "metrics"
KEPT_HOURS: Final = 24
"""How long files of the index that were put together stay: it is made again from manifests, and its past is of no use."""


def history_table(dataset: str) -> TableRef:
    """Return the name of the table: ``metadata/history/<dataset>``."""
    return TableRef(Zone.METADATA, dataset, feature="history")


def datasets_with_runs(lake: Lake) -> tuple[str, ...]:
    """Return the datasets that have a history of runs, sorted."""
    folders = (lake.zone(Zone.METADATA) / "history").glob("*/_delta_log")
    return tuple(sorted(folder.parent.name for folder in folders))


def append_runs(lake: Lake, dataset: str, rows: pl.DataFrame) -> int | None:
    """Add runs to the history of a dataset, in one atomic commit.

    Parameters
    ----------
    lake : Lake
    dataset : str
        Its table is made if it is not there.
    rows : DataFrame
        Columns as :data:`RUN_HISTORY`. A run that is there already, and has not ended once more since, stays as it is.

    Returns
    -------
    int or None
        The new version; None where all runs were there.

    Raises
    ------
    BadInput
        Other columns, or a run without an id.
    WorkbenchError
        The write failed, or other writers kept committing to the same table.

    Notes
    -----
    Each commit adds one small file; when there are many, small ones are put together.
    """
    given = _checked(rows, dataset).unique(RUN, keep="first", maintain_order=True)
    files = 0

    def plan(current: DeltaTable | None) -> Write | None:
        nonlocal files
        files = 0 if current is None else len(current.file_uris())
        known = RUN_HISTORY.to_frame() if current is None else visible(current).select(RUN, "recorded_at").collect()
        new = given.join(known, on=[RUN, "recorded_at"], how="anti", maintain_order="left")
        return None if new.is_empty() else _write(new, "error" if current is None else "append", new.height)

    version = committed(lake, history_table(dataset), plan)
    if version is not None and files >= MOST_FILES:
        _put_together(lake, dataset)
        return version_of(lake, history_table(dataset))
    return version


def _put_together(lake: Lake, dataset: str) -> None:
    """Make one file of small ones, and let go of those that were put together before."""
    merge_small_files(lake, history_table(dataset))
    with alone(lake, f"write {history_table(dataset)}"):
        current = open_table(lake, history_table(dataset))
        current.vacuum(retention_hours=KEPT_HOURS, dry_run=False, enforce_retention_duration=False)


def replace_runs(lake: Lake, dataset: str, rows: pl.DataFrame) -> int:
    """Put runs in the place of the whole history of a dataset, however damaged it is; arguments as :func:`append_runs`."""
    try:
        find_table(lake, history_table(dataset))
    except LakeBroken:
        shutil.rmtree(lake.path(history_table(dataset)))
    given = _checked(rows, dataset).unique(RUN, keep="first", maintain_order=True)

    def plan(current: DeltaTable | None) -> Write:
        return _write(given, "error" if current is None else "overwrite", given.height)

    return committed(lake, history_table(dataset), plan)


def read_runs(lake: Lake, dataset: str, *, metrics: bool = True) -> pl.DataFrame:
    """Return the history of a dataset, with or without what else was measured.

    Returns
    -------
    DataFrame
        Columns as :data:`RUN_HISTORY`, in the order in which runs were recorded; no rows where
        there is no history yet.

    Raises
    ------
    LakeBroken
        It cannot be read; it can be made again.
    """
    try:
        rows = scan_runs(lake, dataset)
        return (rows if metrics else rows.drop(METRICS)).collect().sort("recorded_at", RUN)
    except (PolarsError, PanicException, OSError) as error:
        raise LakeBroken(
            f"{history_table(dataset)}: the index of runs cannot be read; workbench audit runs --rebuild makes it again"
        ) from error


def scan_runs(lake: Lake, dataset: str) -> pl.LazyFrame:
    """Return the history of a dataset lazily, in any order; of a run that was taken up again only how it ended at last.

    Raises
    ------
    LakeBroken
        The table's log cannot be read.
    """
    empty = RUN_HISTORY.to_frame().lazy()
    found = find_table(lake, history_table(dataset))
    rows = empty if found is None else pl.concat([empty, visible(found)], how="diagonal")
    return rows.select(RUN_HISTORY.names()).filter(pl.col("recorded_at") == pl.col("recorded_at").max().over(RUN))


def _write(rows: pl.DataFrame, mode: str, count: int) -> Write:
    schema_mode = {"append": "merge", "overwrite": "overwrite"}.get(mode)
    change = {"operation": "record runs", "rows": count}
    return Write(rows.sort("recorded_at", RUN), {CHANGE: json.dumps(change, sort_keys=True)}, mode, schema_mode)


def _checked(rows: pl.DataFrame, dataset: str) -> pl.DataFrame:
    wrong = [name for name, dtype in RUN_HISTORY.items() if rows.schema.get(name) != dtype]
    wrong += [name for name in rows.columns if name not in RUN_HISTORY]
    if wrong:
        raise BadInput(f"history of {dataset}: expected the columns of RUN_HISTORY, found others at {', '.join(wrong)}")
    if rows[RUN].null_count():
        raise BadInput(f"history of {dataset}: expected a run id in every row, found {rows[RUN].null_count()} without")
    return rows.select(RUN_HISTORY.names())
