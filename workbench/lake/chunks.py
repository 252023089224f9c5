"""A version of a table as chunks: row groups in the order they lie, each read when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.lake.versions import open_table
from workbench.model.names import SESSION, SYMBOL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    from workbench.lake.zones import Lake, TableRef

    Chunk = Callable[[], pl.DataFrame]


CHUNK_ROWS: Final = 131_072
"""Small row groups are read together up to so many rows."""


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


def row_groups(
    lake: Lake, table: TableRef, version: int, columns: Sequence[str], spans: Sequence[tuple[date, date]]
) -> Iterator[Chunk]:
    """Yield the row groups of those files that can hold rows of some spans of sessions.

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
        Reads one row group: a DataFrame, ``symbol`` Categorical where the file keeps a dictionary of it.

    Raises
    ------
    BadInput
        There is no such table or version.
    """
    delta = open_table(lake, table, version)
    files = pl.DataFrame(delta.get_add_actions(flatten=True)).sort("path")
    low, high = f"min.{SESSION}", f"max.{SESSION}"
    for path, first, last in files.select("path", low, high).iter_rows():
        if first is None or any(first <= end and last >= start for start, end in spans):
            yield from _groups(str(lake.path(table) / path), columns)


def _groups(path: str, columns: Sequence[str]) -> Iterator[Chunk]:
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    there = [name for name in columns if name in metadata.schema.names]
    sizes = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    for some in _together(sizes):
        yield lambda some=some: _read(path, some, there)  # type: ignore[misc]


def _together(sizes: Sequence[int]) -> Iterator[list[int]]:
    """Put neighbouring row groups together while they are small."""
    some: list[int] = []
    for number, size in enumerate(sizes):
        if some and sum(sizes[n] for n in some) + size > CHUNK_ROWS:
            yield some
            some = []
        some.append(number)
    if some:
        yield some


def _read(path: str, numbers: list[int], columns: list[str]) -> pl.DataFrame:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, read_dictionary=[SYMBOL], memory_map=True) as file:
        frame = pl.from_arrow(file.read_row_groups(numbers, columns=columns, use_threads=False))
    return frame if isinstance(frame, pl.DataFrame) else frame.to_frame()
