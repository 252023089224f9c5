"""Bytes in, raw tables out: the format is told by the bytes themselves, never by the file's name."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
import zlib
from pathlib import PurePath
from typing import TYPE_CHECKING

import polars as pl

from workbench.model.errors import BadInput
from workbench.transform.delimited import parse_delimited
from workbench.transform.tables import RawTable

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDINGS = re.compile(
    r"(\.(csv|tsv|txt|gz|zip|parquet|pq|arrow|feather|ipc|h5|hdf5|hdf|json|jsonl|ndjson|dat|zst))+$", re.IGNORECASE
)
MAX_UNPACKED = 8 << 30


def label_of(name: str) -> str:
    """Return a file's name without folders and data endings.

    Examples
    --------
    >>> label_of("prices/AAPL.csv.gz")
    'AAPL'
    """
    return _ENDINGS.sub("", PurePath(name).name) or PurePath(name).name


def parse_bytes(payload: bytes, *, origin: str) -> tuple[RawTable, ...]:
    """Read every table that bytes hold.

    Parameters
    ----------
    payload : bytes
        CSV in any common dialect, JSON records, Parquet, Arrow or Feather, HDF5 written by
        pandas; or gzip or zip around any of them.
    origin : str
        The file's name.

    Raises
    ------
    BadInput
        Nothing in it can be read as a table; the message names the file and what was found.
    """
    return tuple(_tables(payload, origin))


def _tables(payload: bytes, origin: str) -> Iterator[RawTable]:
    if not payload:
        raise BadInput(f"{origin}: the file is empty; expected a header and rows")
    if payload.startswith(b"\x1f\x8b"):
        yield from _tables(_gunzip(payload, origin), origin)
    elif payload.startswith(b"PK\x03\x04"):
        yield from _members(payload, origin)
    elif payload.startswith(b"PAR1"):
        yield _columnar(payload, origin, "Parquet")
    elif payload.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        yield _columnar(payload, origin, "Arrow")
    elif payload.startswith(b"\x89HDF\r\n\x1a\n"):
        yield from _hdf5(payload, origin)
    elif payload.lstrip()[:1] in (b"[", b"{"):
        yield _json(payload, origin)
    else:
        yield parse_delimited(payload, origin=origin, label=label_of(origin))


def _gunzip(payload: bytes, origin: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(payload)) as stream:
            unpacked = stream.read(MAX_UNPACKED + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{origin}: the gzip data is damaged or cut short ({error}); fetch the file again") from error
    if len(unpacked) > MAX_UNPACKED:
        raise BadInput(f"{origin}: unpacks to more than {MAX_UNPACKED >> 30} GiB; split it")
    return unpacked


def _members(payload: bytes, origin: str) -> Iterator[RawTable]:
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            names = [n for n in archive.namelist() if not n.endswith("/") and not n.startswith("__MACOSX")]
            if "[Content_Types].xml" in names:
                raise BadInput(f"{origin}: this is an Excel workbook; save the sheet as CSV")
            if sum(info.file_size for info in archive.infolist()) > MAX_UNPACKED:
                raise BadInput(f"{origin}: unpacks to more than {MAX_UNPACKED >> 30} GiB; split it")
            members = [(name, archive.read(name)) for name in names]
    except (zipfile.BadZipFile, RuntimeError, zlib.error) as error:
        raise BadInput(f"{origin}: the zip archive cannot be read ({error}); fetch the file again") from error
    if not members:
        raise BadInput(f"{origin}: the zip archive is empty")
    for name, member in members:
        yield from _tables(member, f"{origin}/{name}" if len(members) > 1 else _inner_name(origin, name))


def _inner_name(archive: str, member: str) -> str:
    return member if label_of(member) else archive


def _columnar(payload: bytes, origin: str, what: str) -> RawTable:
    try:
        if what == "Parquet":
            frame = pl.read_parquet(io.BytesIO(payload))
        elif payload.startswith(b"ARROW1"):
            frame = pl.read_ipc(io.BytesIO(payload))
        else:
            frame = pl.read_ipc_stream(io.BytesIO(payload))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadInput(f"{origin}: broken {what} file: {str(error).splitlines()[0]}; write or fetch it again") from error
    return typed_table(frame, origin=origin, label=label_of(origin))


def typed_table(frame: pl.DataFrame, *, origin: str, label: str) -> RawTable:
    """Wrap a typed frame; refuse one without rows or columns.

    Raises
    ------
    BadInput
        The frame is empty.
    """
    if frame.is_empty():
        raise BadInput(
            f"{origin}: found no rows (columns: {', '.join(frame.columns)[:120] or 'none'}); expected at least one row"
        )
    plain = frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String), pl.col(pl.Decimal).cast(pl.Float64))
    return RawTable(plain, origin, label)


def _hdf5(payload: bytes, origin: str) -> Iterator[RawTable]:
    try:
        import pandas as pd
        import tables  # noqa: F401  (pandas imports it by name; asking here gives the clear message)
    except ImportError as error:
        raise BadInput(
            f"{origin}: reading HDF5 needs an optional package; install it with: pip install 'workbench[hdf5]'"
        ) from error
    try:
        with pd.HDFStore(origin, mode="r", driver="H5FD_CORE", driver_core_image=payload, driver_core_backing_store=0) as store:
            frames = [(key.strip("/"), store.get(key)) for key in store.keys()]  # noqa: SIM118 (not a mapping)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput(f"{origin}: the HDF5 file holds no table pandas can read ({str(error).splitlines()[0]})") from error
    if not frames:
        raise BadInput(f"{origin}: the HDF5 file holds no table that pandas wrote")
    for key, frame in frames:
        label = key.rpartition("/")[2] if len(frames) > 1 else label_of(origin)
        yield typed_table(from_pandas(frame), origin=f"{origin}/{key}", label=label)


def from_pandas(frame: object) -> pl.DataFrame:
    """Return a pandas frame or series as Polars, its index a column where it holds something."""
    import pandas as pd

    if isinstance(frame, pd.Series):
        frame = frame.to_frame(name=frame.name or "value")
    if not isinstance(frame, pd.DataFrame):
        raise BadInput(f"expected a pandas DataFrame or Series, found {type(frame).__name__}")
    plain = frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()
    return pl.from_pandas(plain.rename(columns=str))


def _json(payload: bytes, origin: str) -> RawTable:
    try:
        document = json.loads(payload)
    except ValueError:
        lines = payload.decode("utf-8", "replace").splitlines()
        try:
            document = [json.loads(line) for line in lines if line.strip()]
        except ValueError as error:
            raise BadInput(f"{origin}: not valid JSON: {error}") from error
    rows = document if isinstance(document, list) else None
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise BadInput(f"{origin}: expected a JSON list of records, one object a row; found {type(document).__name__}")
    try:
        frame = pl.from_dicts(rows, infer_schema_length=None)
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise BadInput(f"{origin}: the JSON records have no common shape: {str(error).splitlines()[0]}") from error
    return typed_table(frame, origin=origin, label=label_of(origin))
