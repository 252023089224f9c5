"""Paths to raw tables: one file, a folder of them, a partitioned Parquet dataset, or many at once."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from workbench.model.errors import BadInput
from workbench.transform.formats import label_of, parse_bytes, typed_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from workbench.transform.tables import RawTable

DATA_ENDINGS = (
    ".csv", ".tsv", ".gz", ".zip", ".parquet", ".pq", ".arrow", ".feather", ".ipc", ".h5", ".hdf5", ".hdf",
    ".json", ".jsonl", ".ndjson",
)  # fmt: skip
_PARTITION = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*=")


def read_paths(paths: Sequence[Path]) -> tuple[RawTable, ...]:
    """Read every table under some paths.

    Parameters
    ----------
    paths : sequence of Path
        Files, folders (searched to any depth for data files), hive-partitioned Parquet folders.

    Raises
    ------
    BadInput
        A path does not exist or cannot be read, a folder holds no data, or a file is no table.
    """
    return tuple(table for path in paths for table in _read(path))


def read_payload(path: Path) -> bytes:
    """Return a file's bytes.

    Raises
    ------
    BadInput
        There is no such file, or it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file; check the path") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from error


def _read(path: Path) -> Iterator[RawTable]:
    if not path.is_dir():
        yield from parse_bytes(read_payload(path), origin=path.name)
        return
    if (path / "_delta_log").is_dir():
        raise BadInput(
            f"{path}: this is a Delta table; open its lab and use: workbench score, or give the files that went into it"
        )
    files = sorted(data_files(path))
    if not files:
        raise BadInput(f"{path}: the folder holds no data files; expected one of {', '.join(DATA_ENDINGS)}")
    if any(_PARTITION.match(part) for part in files[0].relative_to(path).parts[:-1]) and files[0].suffix in (".parquet", ".pq"):
        yield _partitioned(path, files)
        return
    for file in files:
        yield from parse_bytes(read_payload(file), origin=str(file.relative_to(path)))


def data_files(folder: Path) -> Iterable[Path]:
    """Yield the data files in a folder, at any depth; what is hidden, or begins with an underscore, is not one."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        for name in names:
            if name.lower().endswith(DATA_ENDINGS) and not name.startswith((".", "_")):
                yield Path(root) / name


def parquet_rows(path: str) -> int:
    """Return how many rows a Parquet file says it has.

    Raises
    ------
    BadInput
        The file is no Parquet file, or broken.
    """
    try:
        return int(pl.scan_parquet(path).select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadInput(f"{path}: broken Parquet file: {str(error).splitlines()[0]}; write or fetch it again") from error


def _partitioned(path: Path, files: Sequence[Path]) -> RawTable:
    try:
        frame = pl.scan_parquet(list(files), hive_partitioning=True, missing_columns="insert", extra_columns="ignore").collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadInput(f"{path}: broken partitioned Parquet: {str(error).splitlines()[0]}") from error
    return typed_table(frame, origin=path.name, label=label_of(path.name))
