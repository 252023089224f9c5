"""Raw tables to standard columns: every cell read, every row kept, times not yet placed in a zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from workbench.model.errors import BadInput
from workbench.model.names import EVENT, EVENT_AT, RECEIPT, ROW, SYMBOL, UNREADABLE, Kind, fields_of
from workbench.transform.columns import ColumnMap, map_columns
from workbench.transform.frequency import frequency_of
from workbench.transform.numbers import is_missing, number
from workbench.transform.times import Stamps, parse_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workbench.transform.events import Lines
    from workbench.transform.tables import RawTable

STAMP = "stamp"
OFFSET = "offset_minutes"
_DELISTED_ROWS = 60
_MIDNIGHT_ZONES = (
    "America/New_York", "Europe/London", "Europe/Berlin", "Asia/Tokyo", "Asia/Hong_Kong", "Australia/Sydney", "America/Chicago",
    "Asia/Kolkata", "Europe/Helsinki", "Asia/Jakarta", "America/Sao_Paulo", "Africa/Johannesburg", "Pacific/Auckland",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """Which rows of an arrival a raw table holds: ``first_row`` onwards; of a feed, the lines they were."""

    table: RawTable
    receipt: str = ""
    first_row: int = 0
    lines: Lines | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """What arrived, in standard columns.

    Attributes
    ----------
    frame
        ``symbol`` (null where empty), ``stamp`` (Datetime("us"), wall clock as written; null where
        unreadable), ``offset_minutes`` (Int32, null where the stamp says nothing), numeric fields
        (Float64, NaN never), ``unreadable`` (comma-separated fields whose text is no number),
        ``receipt``, ``row``; in order of arrival. Where some came through a feed, ``event`` (Int64)
        tells each from all others; null in rows of files.
    out_of_order
        Symbol -> rows of a file whose time lies before that of the row ahead of them.
    """

    frame: pl.DataFrame
    kind: Kind
    frequency: str
    origins: tuple[Origin, ...]
    is_zoned: bool
    out_of_order: dict[str, int]
    inferred: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """The numeric standard columns that came."""
        return tuple(name for name in fields_of(self.kind) if name in self.frame.columns)


def standardise(
    origins: Iterable[Origin], *, columns: Mapping[str, str] | None = None, kind: Kind | None = None, frequency: str | None = None
) -> Arrived:
    """Read raw tables into standard columns.

    Parameters
    ----------
    origins : iterable of Origin
    columns : mapping of standard name to source name, optional
        From a contract.
    kind, frequency : optional
        From a contract; found out otherwise.

    Raises
    ------
    BadInput
        No time or price column, or tables of different kinds.
    """
    origins = tuple(origins)
    maps = [map_columns(origin.table, origin.lines.columns if origin.lines else columns, kind) for origin in origins]
    kinds = {m.kind for m in maps}
    chosen = maps[0].kind if len(kinds) == 1 else _common_kind(kinds)
    parts = [_standard(origin, m, chosen) for origin, m in zip(origins, maps, strict=True)]
    frame = pl.concat(parts, how="diagonal")
    events = [EVENT] if EVENT in frame.columns else []
    fields = [name for name in fields_of(chosen) if name in frame.columns]
    frame = frame.select([SYMBOL, STAMP, OFFSET, *fields, UNREADABLE, RECEIPT, ROW, *events])
    offsets = frame[OFFSET]
    found = frequency or ("irregular" if chosen is Kind.TICKS else frequency_of(frame.select(SYMBOL, STAMP)))
    return Arrived(
        frame=_on_local_days(frame) if found in ("1d", "1w", "1mo") else frame,
        kind=chosen,
        frequency=found,
        origins=origins,
        is_zoned=offsets.null_count() < len(offsets),
        out_of_order=_out_of_order(frame.filter(pl.col(EVENT).is_null()) if events else frame),
        inferred=_inferred(maps, columns or {}, origins),
    )


def _common_kind(kinds: set[Kind]) -> Kind:
    """Bars and single values go together as values of the close; other mixtures as the richest kind."""
    return next(kind for kind in (Kind.BARS, Kind.QUOTES, Kind.TICKS, Kind.VALUES) if kind in kinds)


def _inferred(maps: list[ColumnMap], declared: Mapping[str, str], origins: tuple[Origin, ...]) -> tuple[str, ...]:
    first = maps[0]
    notes = list(first.inferred)
    if "time" not in declared:
        notes.append("time from " + " and ".join(f"'{name}'" for name in first.time))
    if first.symbol is None and not first.is_wide:
        notes.append("symbol from the file name" if len(origins) == 1 else "symbols from the file names")
    elif first.symbol is not None and SYMBOL not in declared:
        notes.append(f"symbol from '{first.symbol}'")
    if not first.is_wide:
        notes += [f"{name} from '{source}'" for name, source in first.fields.items() if name not in declared]
    if origins[0].table.decimal == ",":
        notes.append("decimal comma")
    return tuple(notes)


def _standard(origin: Origin, columns: ColumnMap, kind: Kind) -> pl.DataFrame:
    table = origin.table
    stamps = _stamps(table.frame, columns.time)
    if stamps.local.null_count() == len(stamps.local):
        example = str(table.frame[columns.time[0]].drop_nulls().head(1).to_list())[:60]
        raise BadInput(f"{table.origin}: no time in '{columns.time[0]}' can be read, such as {example}; expected dates or times")
    frame = table.frame.with_columns(
        stamps.local.alias("__stamp"),
        stamps.offset_minutes.alias("__offset"),
        (pl.int_range(pl.len(), dtype=pl.Int64) + origin.first_row).alias("__row"),
    )
    when = [pl.col("__stamp").alias(STAMP), pl.col("__offset").alias(OFFSET), pl.col("__row").alias(ROW)]
    sources = _field_sources(columns, kind)
    if columns.is_wide:
        wide = [_wide_part(frame, when, symbol, source, kind, table.decimal) for symbol, source in columns.fields.items()]
        long = pl.concat(wide)
    else:
        symbol = pl.lit(table.label) if columns.symbol is None else _symbols(table.frame[columns.symbol])
        long = frame.select(symbol.alias(SYMBOL), *when, *_numbers(frame, sources, table.decimal))
    placed = long.with_columns(pl.lit(origin.receipt).alias(RECEIPT))
    return placed if origin.lines is None else placed.with_columns(origin.lines.hashes)


def _field_sources(columns: ColumnMap, kind: Kind) -> dict[str, str]:
    if kind is Kind.BARS and columns.kind is Kind.VALUES:
        return {"close": next(iter(columns.fields.values()))}
    return columns.fields


def _wide_part(frame: pl.DataFrame, when: list[pl.Expr], symbol: str, source: str, kind: Kind, decimal: str) -> pl.DataFrame:
    """Take one symbol's column from its first value on; a long empty tail means it is no longer there."""
    name = "close" if kind is Kind.BARS else "value"
    part = frame.select(pl.lit(symbol).alias(SYMBOL), *when, *_numbers(frame, {name: source}, decimal))
    there = part[name].is_not_null().arg_true()
    if not len(there):
        return part.clear()
    first, last = int(there[0]), int(there[-1])
    end = last + 1 if len(part) - last > _DELISTED_ROWS else len(part)
    return part.slice(first, end - first)


def _symbols(cells: pl.Series) -> pl.Series:
    """Return symbols without blanks around them, null where nothing is left; most columns need no such care."""
    text = cells.cast(pl.String)
    some = heads_of_runs(text)
    if not (some.str.strip_chars().ne_missing(some) | (some == "")).any():
        return text
    stripped = text.str.strip_chars()
    return stripped.set(stripped == "", None)


def heads_of_runs(cells: pl.Series) -> pl.Series:
    """Return the first cell of each run of equal ones: few where rows are sorted, and every value is among them."""
    return cells.rle().struct.field("value")


def _stamps(frame: pl.DataFrame, time: tuple[str, ...]) -> Stamps:
    if len(time) == 1:
        return parse_times(frame[time[0]])
    joined = frame.select(pl.concat_str([pl.col(name).cast(pl.String).str.strip_chars() for name in time], separator=" "))
    return parse_times(joined.to_series())


def _numbers(frame: pl.DataFrame, sources: Mapping[str, str], decimal: str) -> list[pl.Expr]:
    """Return one Float64 expression for each field, and one that names the unreadable ones."""
    exprs: list[pl.Expr] = []
    failed: list[pl.Expr] = []
    for name, source in sources.items():
        cell = pl.col(source)
        if frame.schema[source] == pl.String:
            value = number(cell, decimal=decimal)
            failed.append(pl.when(value.is_null() & ~is_missing(cell)).then(pl.lit(name)))
        else:
            value = cell.cast(pl.Float64, strict=False).fill_nan(None)
        exprs.append(value.alias(name))
    unreadable = pl.concat_str(failed, separator=",", ignore_nulls=True) if failed else pl.lit(None, dtype=pl.String)
    return [*exprs, pl.when(unreadable != "").then(unreadable).alias(UNREADABLE)]


def _out_of_order(frame: pl.DataFrame) -> dict[str, int]:
    """Count, for each symbol and arrival, rows that step back against the file's own direction."""
    if _only_goes_on(frame):
        return {}
    instant = pl.col(STAMP) - pl.duration(minutes=pl.col(OFFSET).fill_null(0))
    step = instant.diff().over(SYMBOL, RECEIPT).dt.total_microseconds()
    steps = frame.lazy().filter(pl.col(STAMP).is_not_null() & pl.col(SYMBOL).is_not_null()).with_columns(step.alias("step"))
    counts = steps.group_by(SYMBOL, RECEIPT).agg(
        (pl.col("step") < 0).sum().alias("back"), (pl.col("step") > 0).sum().alias("forth")
    )
    wrong = pl.when(pl.col("back") > pl.col("forth")).then(pl.col("forth")).otherwise(pl.col("back"))
    table = counts.group_by(SYMBOL).agg(wrong.sum().alias("wrong")).filter(pl.col("wrong") > 0).sort(SYMBOL).collect()
    return {symbol: int(count) for symbol, count in table.iter_rows()}


def _only_goes_on(frame: pl.DataFrame) -> bool:
    """Whether every symbol is one run of rows of one offset in which time only grows: the usual case, told cheaply."""
    offsets = frame[OFFSET]
    if frame[STAMP].null_count() or frame[SYMBOL].null_count() or offsets.null_count() or offsets.min() != offsets.max():
        return False
    steps = frame[STAMP].to_physical().diff()
    runs = heads_of_runs(frame[SYMBOL])
    return runs.is_unique().all() and not ((steps < 0) & (frame[SYMBOL] == frame[SYMBOL].shift())).any()


def _on_local_days(frame: pl.DataFrame) -> pl.DataFrame:
    """Put daily stamps that were written in UTC on the day they mean.

    Notes
    -----
    ``2023-05-29T22:00Z`` is the 30th in Berlin. Where all stamps fall on midnight in one of the
    great market zones, and not in UTC, that zone was meant.
    """
    stamps = frame[STAMP].drop_nulls()
    is_utc = frame[OFFSET].null_count() == 0 and bool((frame[OFFSET] == 0).all())
    if not is_utc or stamps.is_empty() or bool((stamps == stamps.dt.truncate("1d")).all()):
        return frame
    utc = stamps.dt.replace_time_zone("UTC")
    for zone in _MIDNIGHT_ZONES:
        local = utc.dt.convert_time_zone(zone).dt.replace_time_zone(None)
        if bool((local == local.dt.truncate("1d")).all()):
            moved = pl.col(STAMP).dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.replace_time_zone(None)
            offset = (moved - pl.col(STAMP)).dt.total_minutes().cast(pl.Int32)
            return frame.with_columns(moved.alias(STAMP), offset.alias(OFFSET))
    return frame


def place(arrived: Arrived, *, zone: pl.Expr | str, zones: Iterable[str] = ()) -> pl.DataFrame:
    """Turn wall-clock stamps into moments in UTC.

    Parameters
    ----------
    arrived : Arrived
    zone : str or Expr of String
        IANA zone of the stamps that carry none; an expression where it differs by symbol.
    zones : iterable of str
        The values an expression can take.

    Returns
    -------
    DataFrame
        The frame with ``event_at`` (Datetime("us", "UTC")) beside ``stamp``; null where the stamp
        is unreadable or does not exist in its zone. A stamp that occurs twice takes the earlier.
    """
    zoned = (pl.col(STAMP) - pl.duration(minutes=pl.col(OFFSET))).dt.replace_time_zone("UTC")
    if isinstance(zone, str):
        naive = _in_zone(zone)
    else:
        naive = pl.coalesce([pl.when(zone == name).then(_in_zone(name)) for name in zones])
    moment = zoned if arrived.frame[OFFSET].null_count() == 0 else pl.coalesce(zoned, naive)
    return arrived.frame.with_columns(moment.alias(EVENT_AT))


def _in_zone(name: str) -> pl.Expr:
    local = pl.col(STAMP).dt.replace_time_zone(name, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")
