"""Leaves: the stretches of time that quality is folded over, and the hash of what each holds. Pure.

A hash is of the rows as they are meant, not as they lie: their order, the files, the arrivals they
came with and columns that are null throughout do not enter it.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from workbench.lake.layout import PARTITION_COLUMNS
from workbench.model.contract import PartitionBy
from workbench.model.errors import BadInput
from workbench.model.names import EVENT, EVENT_AT, RAW_TEXT, RECEIPT, ROW, SESSION, SYMBOL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

LEAF: Final = "leaf"
HASHES: Final = pl.Schema({LEAF: pl.Date, "hash": pl.String, "rows": pl.Int64})
NOT_HASHED: Final = frozenset({RECEIPT, ROW, RAW_TEXT, EVENT, *PARTITION_COLUMNS[PartitionBy.HYBRID]})
"""Where a row came from and where it lies say nothing about what it holds."""

BATCH_ROWS: Final = 2_000_000  # more rows are hashed some leaves at a time, to bound memory
_FORM: Final = b"workbench leaf 1\0"  # to be changed with the layout of the bytes below
_KEY: Final = "\0leaf"  # no column of a table has this name


class LeafBy(StrEnum):
    """How long a leaf is: a session for intraday data, a calendar month for daily and slower data."""

    SESSION = "session"
    MONTH = "month"


def leaf_of(by: LeafBy) -> pl.Expr:
    """Return the leaf of each row: its session, or the first day of its session's month; null where that is null."""
    return pl.col(SESSION) if by is LeafBy.SESSION else pl.col(SESSION).dt.month_start()


def sessions_of(first: date, last: date, by: LeafBy) -> tuple[date, date]:
    """Return the first and the last day whose rows belong to the leaves ``first`` to ``last``.

    Examples
    --------
    >>> from datetime import date
    >>> sessions_of(date(2024, 1, 1), date(2024, 2, 1), LeafBy.MONTH)
    (datetime.date(2024, 1, 1), datetime.date(2024, 2, 29))
    """
    return first, last if by is LeafBy.SESSION else last.replace(day=monthrange(last.year, last.month)[1])


def content_hashes(rows: pl.DataFrame | pl.LazyFrame, by: LeafBy) -> pl.DataFrame:
    """Hash what each leaf holds.

    Parameters
    ----------
    rows : DataFrame or LazyFrame
        With ``session`` (Date, null allowed), in any order. Lazy rows are read some leaves at a time.
    by : LeafBy

    Returns
    -------
    DataFrame
        ``leaf`` (Date; null for rows without session), ``hash`` (32 hex digits), ``rows`` (Int64);
        sorted by leaf, the null one first.

    Raises
    ------
    BadInput
        A column that is neither number, text, boolean, date nor time.

    Notes
    -----
    BLAKE2b of 16 bytes over: the number of rows; then for each column that has a value, in order of
    names, its name and type, which values are null (if any is), and the values, each preceded by its
    length where lengths differ. Integers of all widths hash alike, as do times of all units and zones
    (microseconds UTC); -0.0 and 0.0 differ, NaN is one value. Rows are taken in the order of symbol,
    ``event_at``, then all other columns; null first, text by its UTF-8 bytes.

    Examples
    --------
    >>> from datetime import date
    >>> frame = pl.DataFrame({"symbol": ["A", "B"], "session": [date(2024, 1, 2), date(2024, 1, 3)]})
    >>> content_hashes(frame, LeafBy.MONTH).row(0)
    (datetime.date(2024, 1, 1), '2415326754026756eccc5c71be0352dd', 2)
    """
    if isinstance(rows, pl.DataFrame) and rows.height <= BATCH_ROWS:
        return _hashed(rows, by)
    lazy = rows.lazy().drop(*NOT_HASHED, strict=False)
    parts = [_hashed(lazy.filter(inside).collect(), by) for inside in _batches(lazy, by)]
    return pl.concat([HASHES.to_frame(), *parts]).sort(LEAF)


def _batches(rows: pl.LazyFrame, by: LeafBy) -> Iterator[pl.Expr]:
    """Split rows between leaves, into batches of about ``BATCH_ROWS``."""
    sizes = rows.group_by(leaf_of(by).alias(LEAF)).len().sort(LEAF).collect()
    if sizes[LEAF].null_count():
        yield pl.col(SESSION).is_null()
    batch = (pl.col("len").cum_sum() - 1) // BATCH_ROWS
    spans = sizes.drop_nulls(LEAF).group_by(batch.alias("batch")).agg(first=pl.col(LEAF).min(), last=pl.col(LEAF).max())
    for first, last in spans.sort("batch").select("first", "last").iter_rows():
        yield pl.col(SESSION).is_between(*sessions_of(first, last, by))


def _hashed(frame: pl.DataFrame, by: LeafBy) -> pl.DataFrame:
    rows = _in_order(frame, by)
    lengths = rows.group_by(_KEY, maintain_order=True).len()
    columns = [_Column.of(rows[name], frame.schema[name]) for name in rows.columns[1:]]
    ends = lengths["len"].cast(pl.Int64).cum_sum().to_list()
    found = []
    for leaf, start, end in zip(lengths[_KEY], [0, *ends], ends, strict=False):
        digest = blake2b(_FORM + _eight(end - start), digest_size=16)
        for piece in (piece for column in columns for piece in column.pieces(start, end)):
            digest.update(piece)
        found.append((leaf, digest.hexdigest(), end - start))
    return pl.DataFrame(found, schema=HASHES, orient="row")


def _in_order(frame: pl.DataFrame, by: LeafBy) -> pl.DataFrame:
    """Return the leaf and the hashed columns as integers and texts, in canonical order."""
    names = sorted(name for name in frame.columns if name not in NOT_HASHED)
    coded = (_coded(name, frame.schema[name]) for name in names)
    keys = [_KEY, *(name for name in (SYMBOL, EVENT_AT) if name in names)]
    rows = frame.select(leaf_of(by).alias(_KEY), *coded).sort(keys)
    as_before = rows.select(pl.all_horizontal(pl.col(key).eq_missing(pl.col(key).shift()) for key in keys)).to_series()
    tied = (as_before | as_before.shift(-1, fill_value=False)).arg_true().to_numpy()
    if not len(tied):
        return rows
    order = np.arange(rows.height)
    order[tied] = tied[rows[tied].select(pl.arg_sort_by(*keys, *names)).to_series().to_numpy()]
    return rows[order]


def _coded(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return a column as Int64 or String, such that different values stay different."""
    column = pl.col(name)
    if dtype.is_float():
        return column.cast(pl.Float64).fill_nan(float("nan")).reinterpret(dtype=pl.Int64)
    if isinstance(dtype, pl.Datetime):
        return column.dt.cast_time_unit("us").to_physical()
    return column.cast(pl.Int64 if _tag(name, dtype) in (b"i", b"b", b"d") else pl.String)


def _tag(name: str, dtype: pl.DataType) -> bytes:
    """Return the byte that stands for a type in the hash."""
    if dtype.is_float():
        return b"f"
    if dtype.is_integer():
        return b"i"
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Null):
        return b"s"
    plain = {pl.Boolean: b"b", pl.Date: b"d", pl.Datetime: b"t"}
    if dtype.base_type() not in plain:
        raise BadInput(f"column '{name}': expected numbers, text, booleans, dates or times, found {dtype}; cast it")
    return plain[dtype.base_type()]


@dataclass(frozen=True, slots=True)
class _Column:
    """One column as bytes; of texts, ``values`` are the lengths, and ``ends`` where each ends in ``text``."""

    head: bytes
    has_value: np.ndarray[Any, np.dtype[np.uint8]] | None
    values: np.ndarray[Any, np.dtype[np.int64]]
    ends: np.ndarray[Any, np.dtype[np.int64]] | None = None
    text: bytes | memoryview = b""

    @classmethod
    def of(cls, column: pl.Series, dtype: pl.DataType) -> _Column:
        name = column.name.encode()
        head = _eight(len(name)) + name + _tag(column.name, dtype)
        has_value = column.is_not_null().cast(pl.UInt8).to_numpy() if column.null_count() else None
        if column.dtype != pl.String:
            return cls(head, has_value, column.fill_null(0).to_numpy().astype("<i8", copy=False))
        lengths = column.str.len_bytes().fill_null(0).to_numpy().astype("<i8")
        text = memoryview(column.fill_null("").str.join("").item().encode())
        return cls(head, has_value, lengths, np.concatenate([[0], lengths.cumsum()]), text)

    def pieces(self, start: int, end: int) -> Iterator[Any]:
        """Yield what rows ``start`` to ``end`` (not included) add to their leaf's hash."""
        has_value = None if self.has_value is None else self.has_value[start:end]
        if has_value is not None and not has_value.any():
            return
        yield self.head
        if has_value is None or has_value.all():
            yield b"\0"
        else:
            yield b"\1"
            yield has_value
        yield self.values[start:end]
        if self.ends is not None:
            yield self.text[self.ends[start] : self.ends[end]]


def _eight(number: int) -> bytes:
    return number.to_bytes(8, "little")
