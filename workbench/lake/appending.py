"""Taking a feed in: rows that are new, in commits that say how far the feed has been followed.

Where a feed stands is written with the rows themselves (an application transaction of Delta), so that a crash between
the two is not possible: https://github.com/delta-io/delta/blob/master/PROTOCOL.md#transaction-identifiers
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.lake.commits import Write, committed
from workbench.lake.layout import PARTITION_COLUMNS, laid_out
from workbench.lake.lineage import LINEAGE, Lineage
from workbench.lake.locks import alone
from workbench.lake.reading import visible
from workbench.lake.tables import Job, Scope, planned, require_fits
from workbench.lake.versions import CHANGE, find_table, open_table
from workbench.model.names import EVENT_AT, RECEIPT, ROW, SESSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deltalake import DeltaTable

    from workbench.lake.leaf_hash import LeafBy
    from workbench.lake.zones import Lake, TableRef
    from workbench.model.contract import PartitionBy

SMALL_FILE_BYTES: Final = 32 << 20
_ORIGIN: Final = (RECEIPT, ROW)
_SAID, _ROWS = "__said", "__rows"


@dataclass(frozen=True, slots=True)
class Appended:
    """What came of rows that were offered.

    Attributes
    ----------
    new
        Rows that were not there.
    repeated
        Rows that were there already, the same to the last value.
    superseded
        Rows that took the place of others.
    version
        The table's, after it; None where nothing was written.
    """

    new: int
    repeated: int
    superseded: int
    version: int | None


@dataclass(frozen=True, slots=True)
class Stand:
    """How far a feed has been taken in: its name, and its position there."""

    feed: str
    position: int


def position_of(lake: Lake, table: TableRef, feed: str) -> int | None:
    """Return how far a table has taken a feed in; None where it has taken nothing."""
    found = find_table(lake, table)
    version: int | None = None if found is None else found.transaction_version(feed)
    return version


def append_rows(  # noqa: PLR0913 (which table, what, and how it lies)
    lake: Lake,
    table: TableRef,
    frame: pl.DataFrame,
    *,
    key: Sequence[str],
    stand: Stand,
    partition_by: PartitionBy,
    lineage: Lineage,
    leaf_by: LeafBy,
) -> Appended:
    """Add rows to a table, in one atomic commit, once.

    Parameters
    ----------
    lake : Lake
    table : TableRef
        Made if it is not there.
    frame : DataFrame
        ``session`` is never null.
    key : sequence of str
        Columns that tell rows from others. Where rows of a key are there and say something else, all of them are replaced.
    stand : Stand
        Where the feed is with these rows; does nothing where the table is as far.
    partition_by, lineage, leaf_by
        As for :func:`workbench.lake.replace_sessions`.

    Raises
    ------
    BadInput
        A column whose type is not the table's, another partitioning than the table's.
    WorkbenchError
        Other writers kept committing to the same table.

    Notes
    -----
    What is there is looked up among rows of the same stretch of time only. A commit that only adds lists no leaf: that
    of a session in the making is hashed when it is asked for.
    """
    done = Appended(0, len(frame), 0, None)

    def plan(current: DeltaTable | None) -> Write | None:
        nonlocal done
        if current is not None and _is_as_far(current, stand):
            done = Appended(0, len(frame), 0, None)
            return None
        fresh, other = (frame, frame.clear()) if current is None or frame.is_empty() else _split(current, frame, key)
        done = Appended(len(fresh), len(frame) - len(fresh) - len(other), len(other), None)
        if current is not None and len(other):
            job = _replacing(current, pl.concat([fresh, other]), key, partition_by, lineage, leaf_by)
            write = planned(current, job, table)
        else:
            write = _adding(current, fresh, partition_by, lineage, table)
        return replace(write, position=(stand.feed, stand.position))

    version = committed(lake, table, plan)
    return replace(done, version=version)


def _is_as_far(current: DeltaTable, stand: Stand) -> bool:
    at: int | None = current.transaction_version(stand.feed)
    return at is not None and at >= stand.position


def _split(current: DeltaTable, frame: pl.DataFrame, key: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows that are new, and those that differ from what is there under their key."""
    first, last = frame[EVENT_AT].min(), frame[EVENT_AT].max()
    days = pl.col(SESSION).is_between(frame[SESSION].min(), frame[SESSION].max())
    near = visible(current).filter(days, pl.col(EVENT_AT).is_between(pl.lit(first), pl.lit(last)))
    has = near.collect_schema()
    if not set(key) <= set(has):  # none of these rows came through a feed
        return frame, frame.clear()
    schema = {**has, **frame.schema}
    values = [name for name in schema if name not in (*key, *_ORIGIN)]
    there = near.select(name for name in (*key, *values) if name in has).collect()
    if there.is_empty():
        return frame, frame.clear()
    types = {name: schema[name] for name in values}
    both = frame.join(_told(there, key, types), on=key, how="left", maintain_order="left")
    both = both.join(_told(frame, key, types), on=key, how="left", maintain_order="left", suffix="_mine")
    differs = (pl.col(_SAID) != pl.col(f"{_SAID}_mine")) | (pl.col(_ROWS) != pl.col(f"{_ROWS}_mine"))
    fresh, other = both.filter(pl.col(_ROWS).is_null()), both.filter(differs)
    return fresh.select(frame.columns), other.select(frame.columns)


def _told(rows: pl.DataFrame, key: Sequence[str], values: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return each key with what all of its rows say together, and how many they are; a column that is not there is null."""
    absent = (pl.lit(None, dtype=dtype).alias(name) for name, dtype in values.items() if name not in rows.columns)
    said = rows.with_columns(absent).select(*key, pl.struct(list(values)).hash().alias(_SAID))
    return said.group_by(key).agg(pl.col(_SAID).sum(), pl.len().alias(_ROWS))


def _replacing(
    current: DeltaTable, rows: pl.DataFrame, key: Sequence[str], by: PartitionBy, lineage: Lineage, leaf_by: LeafBy
) -> Job:
    """Put rows in the place of those with their keys: their sessions are written again."""
    first, last = rows[SESSION].min(), rows[SESSION].max()
    inside = pl.col(SESSION).is_between(pl.lit(first), pl.lit(last))
    stays = visible(current).filter(inside).collect().join(rows.select(key), on=key, how="anti", nulls_equal=True)
    scope = Scope(SESSION, first, last, inside, {"first": str(first), "last": str(last)})
    return Job(pl.concat([stays, rows], how="diagonal"), scope, by, lineage, leaf_by)


def _adding(current: DeltaTable | None, rows: pl.DataFrame, by: PartitionBy, lineage: Lineage, table: TableRef) -> Write:
    new = laid_out(rows, by)
    if current is not None:
        require_fits(current, new, by, table)
    days = {} if rows.is_empty() else {"first": str(rows[SESSION].min()), "last": str(rows[SESSION].max())}
    change = {"operation": "append events", "rows": len(rows), **days}
    marks = {LINEAGE: lineage.to_json(), CHANGE: json.dumps(change, sort_keys=True)}
    mode, schema_mode = ("error", None) if current is None else ("append", "merge")
    return Write(new, marks, mode, schema_mode, partition_by=PARTITION_COLUMNS[by])


def merge_small_files(lake: Lake, table: TableRef) -> None:
    """Put small files together, as they come: no row changes, and large files are left alone.

    Notes
    -----
    Rows are not sorted: that is for :func:`workbench.lake.compact`, once a session is over.
    """
    with alone(lake, f"write {table}"):
        open_table(lake, table).optimize.compact(target_size=SMALL_FILE_BYTES)
