"""Compaction: many small files of a partition become one. No row changes, so no leaf does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.lake.commits import Write, committed
from workbench.lake.layout import PARTITION_COLUMNS, laid_out
from workbench.lake.leaves import COMPACT
from workbench.lake.lineage import LINEAGE, Lineage
from workbench.lake.tables import require_partitioning
from workbench.lake.versions import CHANGE, open_table

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from workbench.lake.zones import Lake, TableRef
    from workbench.model.contract import PartitionBy

COMMIT_ROWS: Final = 5_000_000  # of more, each commit takes some partitions: a commit's rows are in memory at once
_ONE_FILE: Final = 1 << 40


def compact(lake: Lake, table: TableRef, *, partition_by: PartitionBy) -> int | None:
    """Write each partition that lies in several files as one sorted file.

    Parameters
    ----------
    lake : Lake
    table : TableRef
    partition_by : PartitionBy
        As the table lies.

    Returns
    -------
    int or None
        The new version; None where no partition has several files.

    Raises
    ------
    BadInput
        There is no such table, or it is partitioned otherwise.
    WorkbenchError
        Other writers kept committing to the same table.

    Notes
    -----
    One atomic commit, or several where more than ``COMMIT_ROWS`` rows are to be written; each says of
    itself that it changes no leaf. The old files stay: earlier versions are read as before.
    """
    newest = None
    require_partitioning(open_table(lake, table), partition_by, table)
    while (version := committed(lake, table, lambda current: _planned(current, partition_by, table))) is not None:
        newest = version
    return newest


def _planned(current: DeltaTable | None, by: PartitionBy, table: TableRef) -> Write | None:
    crowded = None if current is None else _crowded(current, PARTITION_COLUMNS[by])
    if current is None or crowded is None or crowded.is_empty():
        return None
    names = list(PARTITION_COLUMNS[by])
    is_of = pl.any_horizontal(
        pl.all_horizontal(pl.col(name).eq_missing(value) for name, value in zip(names, values, strict=True))
        for values in crowded.select(names).iter_rows()
    )
    rows = laid_out(pl.scan_delta(current).filter(is_of).drop(names).collect(), by)
    made = Lineage(COMPACT, tables=((str(table), current.version()),))
    marks = {LINEAGE: made.to_json(), CHANGE: json.dumps({"operation": COMPACT, "rows": rows.height}, sort_keys=True)}
    sql = " OR ".join(f"({_sql(values)})" for values in crowded.select(names).to_dicts())
    return Write(rows, marks, "overwrite", predicate=sql, file_bytes=_ONE_FILE)


def _crowded(current: DeltaTable, names: tuple[str, ...]) -> pl.DataFrame:
    """Return the partitions that lie in several files, as many as one commit takes."""
    files = pl.DataFrame(current.get_add_actions(flatten=True)).rename({f"partition.{name}": name for name in names})
    partitions = files.group_by(names).agg(files=pl.len(), rows=pl.col("num_records").sum())
    crowded = partitions.filter(pl.col("files") > 1).sort(names)
    before = pl.col("rows").cum_sum() - pl.col("rows")
    return crowded.filter((before + pl.col("rows") <= COMMIT_ROWS) | (before == 0))


def _sql(values: dict[str, int | str | None]) -> str:
    """Return a condition; texts are safe names, without quotes."""
    return " AND ".join(f"{name} IS NULL" if value is None else f"{name} = {value!r}" for name, value in values.items())
