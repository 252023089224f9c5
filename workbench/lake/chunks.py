"""A version of a table as chunks: the rows of its files in the order they lie, read when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.lake.versions import open_table
from workbench.model.names import SESSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    from workbench.lake.zones import Lake, TableRef

    Chunk = Callable[[], pl.DataFrame]


CHUNK_ROWS: Final = 262_144
"""Rows read at a time: four row groups as :mod:`workbench.lake.tables` writes them."""


def columns_of(lake: Lake, table: TableRef, version: int) -> tuple[str, ...]:
    """Return the names of a table's columns at a version, without those that only name folders.

    Raises
    ------
    BadInput
        There is no such table or version.
    """
    delta = open_table(lake, table, version)
    folders = set(delta.metadata().partition_columns)
    return tuple(field.name for field in delta.schema().fields if field.name not in folders)


def chunks(
    lake: Lake, table: TableRef, version: int, columns: Sequence[str], spans: Sequence[tuple[date, date]]
) -> Iterator[Chunk]:
    """Yield the rows of those files that can hold rows of some spans of sessions.

    Parameters
    ----------
    lake : Lake
    table : TableRef
    version : int
    columns : sequence of str
        A column that a file does not have is left out of its chunks.
    spans : sequence of tuple of date
        First and last session, both included; only files are chosen by them, rows are not.

    Yields
    ------
    callable
        Reads a stretch of one file.

    Raises
    ------
    BadInput
        There is no such table or version.
    """
    delta = open_table(lake, table, version)
    low, high = f"min.{SESSION}", f"max.{SESSION}"
    files = pl.DataFrame(delta.get_add_actions(flatten=True)).sort(low, "path")
    for path, first, last in files.select("path", low, high).iter_rows():
        if first is None or any(first <= end and last >= start for start, end in spans):
            yield from file_chunks(str(lake.path(table) / path), columns)


def file_chunks(path: str, columns: Sequence[str], *, hive: bool = False) -> Iterator[Chunk]:
    """Yield a Parquet file's rows in order, some row groups at a time; ``hive``: the folders' names are columns too."""
    everything = pl.scan_parquet(path, hive_partitioning=hive)
    schema = everything.collect_schema()
    rows = everything.select(name for name in dict.fromkeys(columns) if name in schema)
    count = pl.scan_parquet(path).select(pl.len()).collect().item()
    for first in range(0, count, CHUNK_ROWS):
        yield rows.slice(first, CHUNK_ROWS).collect
