"""Parquet too large to hold: understood from a sample, measured chunk by chunk, looked at again where something is wrong.

What cannot be read this way (a symbol in the file's name, several calendars, rows that overlap between
files) is read whole instead; the answer is the same.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.calendars import name_calendar
from workbench.ingest.files import data_files, parquet_rows
from workbench.lab.judgement import Judgement, judge
from workbench.lab.keeping import Kept
from workbench.lab.tidy import Tidy
from workbench.lab.understanding import Understood, understand
from workbench.lake import file_chunks
from workbench.model.names import EVENT_AT, SESSION, SYMBOL
from workbench.quality.fold import Overlap
from workbench.quality.ledger import Evidence
from workbench.quality.passes import measured_chunks
from workbench.quality.timetables import terms_of
from workbench.transform.columns import map_columns
from workbench.transform.formats import typed_table
from workbench.transform.frequency import DAILY_OR_SLOWER
from workbench.transform.standardise import Origin, standardise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from workbench.model.contract import Contract

LARGE_ROWS: Final = 2_000_000
SAMPLES: Final = 8
SAMPLE_ROWS: Final = 16_384
PARQUET: Final = (".parquet", ".pq")


@dataclass(frozen=True, slots=True)
class Plan:
    """How files are read: which column is what, and what holds for all rows.

    Attributes
    ----------
    files
        In order of time; each with the first and the last day any of its rows may lie on, None where it has no times.
    columns
        Standard name -> the files' own.
    understood
        Of the sample; its contract and calendars hold for all rows.
    """

    files: dict[str, tuple[date, date] | None]
    columns: dict[str, str]
    understood: Understood
    as_of: datetime | None
    tidy: Tidy | None = None

    @property
    def span(self) -> tuple[date, date]:
        """The first and the last day any row may lie on."""
        known = [days for days in self.files.values() if days is not None]
        return min(first for first, _ in known), max(last for _, last in known)

    def standard(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
        """Return rows of one chunk on their place in time, and symbol -> rows that are out of order."""
        rows = None if self.tidy is None else self.tidy.standard(frame)
        if rows is not None:
            return rows, {}
        contract = self.understood.contract
        table = typed_table(frame, origin=next(iter(self.files)), label="")
        arrived = standardise([Origin(table)], columns=self.columns, kind=contract.kind, frequency=contract.frequency)
        name = self.understood.calendar
        placed = understand(arrived, contract.model_copy(update={"calendar": contract.calendar or name})).frame
        return placed, arrived.out_of_order

    def known(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return standard rows without those after ``as_of``; rows without a readable time stay, to be counted."""
        return rows if self.as_of is None else rows.filter(pl.col(EVENT_AT).is_null() | (pl.col(EVENT_AT) <= self.as_of))


def large_files(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return the Parquet files under some paths if they hold too many rows to be read at once; else none."""
    found = [file for path in paths for file in (sorted(data_files(path)) if path.is_dir() else [path])]
    if not found or any(file.suffix not in PARQUET or not file.is_file() for file in found):
        return ()
    if any((path / "_delta_log").is_dir() for path in paths):
        return ()
    files = tuple(str(file) for file in found)
    return files if sum(parquet_rows(file) for file in files) >= LARGE_ROWS else ()


def judged_files(
    files: tuple[str, ...], contract: Contract | None, calendar: str | None, as_of: datetime | None
) -> tuple[Understood, Judgement, int] | None:
    """Judge Parquet files chunk by chunk; None where they must be read whole.

    Returns
    -------
    tuple
        What was understood (without rows), the judgement, and how many rows lie after ``as_of``.
    """
    sketch = _plan(files, contract, calendar, as_of)
    if sketch is None:
        return None
    contract, calendars, span = sketch.understood.contract, sketch.understood.calendars, sketch.span
    plan = replace(sketch, tidy=Tidy.of(contract, sketch.columns, next(iter(calendars.values())), span))
    disorder: list[dict[str, int]] = []  # appended to by several threads, hence no counter
    left_out: list[int] = []

    def chunk(read: Callable[[], pl.DataFrame]) -> Callable[[], pl.DataFrame]:
        def standard() -> pl.DataFrame:
            frame, out_of_order = plan.standard(read())
            disorder.append(out_of_order)
            known = plan.known(frame)
            left_out.append(len(frame) - len(known))
            return known

        return standard

    fields = tuple(name for name in plan.columns if name not in ("time", SYMBOL))
    terms = terms_of(contract, fields, calendars, (span[0], max(span[1], as_of.date()) if as_of else span[1]))
    kept = Kept(terms)
    try:
        state = measured_chunks((chunk(read) for read in _chunks(plan)), terms, also=kept.keep)
    except Overlap:
        return None
    evidence = Evidence(
        state=state, contract=contract, terms=terms, now=as_of, out_of_order=dict(sum(map(Counter, disorder), Counter()))
    )

    def look(cells: pl.DataFrame) -> pl.DataFrame:
        rows, rest = kept.of(cells)
        return pl.concat([rows, _rows_again(plan, rest)], how="diagonal_relaxed")

    everyone = dict.fromkeys(state.series[SYMBOL].drop_nulls(), next(iter(calendars.values())))  # also those not in the sample
    return replace(plan.understood, calendars=everyone), judge(evidence, look), sum(left_out)


def _plan(files: tuple[str, ...], contract: Contract | None, calendar: str | None, as_of: datetime | None) -> Plan | None:
    """Decide from a sample how all of the files are read; None where a sample cannot tell."""
    sample = _sample(files)
    table = typed_table(sample, origin=files[0], label="")
    columns = map_columns(table, contract.columns if contract else None, contract.kind if contract else None)
    if columns.symbol is None or columns.is_wide or len(columns.time) != 1:
        return None
    named = {"time": columns.time[0], SYMBOL: columns.symbol, **columns.fields}
    if not _have_all(files, named):
        return None
    with ThreadPoolExecutor(1) as pool:
        ends = pool.submit(_ends, files, named["time"])  # they are read while the sample is understood
        arrived = standardise(
            [Origin(table)], columns=named, kind=columns.kind, frequency=contract.frequency if contract else None
        )
        if arrived.frequency in DAILY_OR_SLOWER and arrived.is_zoned:
            return None
        declared = calendar or (contract.calendar if contract else None)
        if declared is None and arrived.frequency == "1d":
            declared = _named_by_all_days(files, named["time"])
        understood = understand(arrived, contract, declared)
        if understood.calendar in (None, "learned"):
            return None
        understood = replace(understood, frame=understood.frame.clear(), out_of_order={})
        days = _with_days(ends.result(), named["time"])
        return None if days is None else Plan(days, named, understood, as_of)


def _named_by_all_days(files: tuple[str, ...], time: str) -> str:
    """Name the calendar of daily rows from all of their days: a sample misses most of them."""
    days = [pl.scan_parquet(file, hive_partitioning=True).select(pl.col(time).cast(pl.Date)) for file in files]
    return name_calendar(pl.concat(days).unique().collect().to_series().sort()).calendar.name


def _have_all(files: tuple[str, ...], columns: dict[str, str]) -> bool:
    """Whether every file has every column; what lacks one is read whole."""
    schemas = (pl.scan_parquet(file, hive_partitioning=True).collect_schema() for file in files)
    return all(source in schema for schema in schemas for source in columns.values())


def _ends(files: tuple[str, ...], time: str) -> pl.DataFrame:
    """Return ``file, least, most``: the first and the last stamp in each file, sorted: month 10 does not come before month 2."""
    stamp = pl.col(time)
    asked = (stamp.min().alias("least"), stamp.max().alias("most"))
    found = pl.collect_all([pl.scan_parquet(file, hive_partitioning=True).select(asked) for file in files])
    return pl.concat(found, how="vertical_relaxed").with_columns(pl.Series("file", files)).sort("least", "file")


def _sample(files: tuple[str, ...]) -> pl.DataFrame:
    """Return stretches of rows from all over the files."""
    sizes = [parquet_rows(file) for file in files]
    total, parts = sum(sizes), []
    for number in range(SAMPLES):
        at = number * total // SAMPLES
        for file, size in zip(files, sizes, strict=True):
            if at < size:
                parts.append(pl.scan_parquet(file, hive_partitioning=True).slice(at, SAMPLE_ROWS))
                break
            at -= size
    return pl.concat(pl.collect_all(parts), how="diagonal_relaxed")


def _chunks(plan: Plan) -> Iterator[Callable[[], pl.DataFrame]]:
    for file in plan.files:
        yield from file_chunks(file, tuple(plan.columns.values()), hive=True)


def _with_days(ends: pl.DataFrame, time: str) -> dict[str, tuple[date, date] | None] | None:
    """Return for each file the days its rows may lie on: those of its stamps, and one more on either side.

    None where a first or a last stamp is none that can be read, as 9999-12-31 is: nobody knows where the others end.
    """
    stamps = pl.concat([ends["least"], ends["most"]]).alias(time).to_frame().with_columns(pl.lit(1.0).alias("close"))
    arrived = standardise(
        [Origin(typed_table(stamps, origin=ends["file"][0], label=""))], columns={"time": time, "close": "close"}
    )
    days = arrived.frame["stamp"].dt.date()
    if days.null_count() > stamps[time].null_count():
        return None
    first, last = days[: len(ends)].dt.offset_by("-1d"), days[len(ends) :].dt.offset_by("1d")
    return {file: None if a is None else (a, b) for file, a, b in zip(ends["file"], first, last, strict=True)}


def _rows_again(plan: Plan, cells: pl.DataFrame) -> pl.DataFrame:
    """Read the rows of some symbols, and sessions, once more."""
    schema = plan.understood.frame.clear()
    if cells.is_empty():
        return schema
    symbol, time = plan.columns[SYMBOL], plan.columns["time"]
    parts = [schema]
    for file, days in plan.files.items():
        mine = cells if days is None or SESSION not in cells.columns else _within(cells, days)
        if mine.is_empty():
            continue
        rows = pl.scan_parquet(file, hive_partitioning=True).select(list(dict.fromkeys(plan.columns.values())))
        types = rows.collect_schema()
        name = pl.col(symbol) if types[symbol] == pl.String else pl.col(symbol).cast(pl.String)
        rows = rows.filter(name.is_in(mine[SYMBOL].unique().to_list()))
        if SESSION in cells.columns and isinstance(types[time], pl.Datetime):
            near = pl.concat([mine.with_columns(pl.col(SESSION) + timedelta(days=n)) for n in (-1, 0, 1)]).unique()
            keyed = rows.with_columns(name.alias("\0symbol"), pl.col(time).dt.date().alias("\0day"))
            rows = keyed.join(near.lazy(), left_on=["\0symbol", "\0day"], right_on=[SYMBOL, SESSION], how="semi")
            rows = rows.drop("\0symbol", "\0day")
        found = rows.collect()
        if len(found):
            standard = plan.known(plan.standard(found)[0]).with_columns(pl.col(SYMBOL).cast(pl.String))
            parts.append(standard.join(cells, on=cells.columns, how="semi", nulls_equal=True))
    return pl.concat(parts, how="diagonal_relaxed")


def _within(cells: pl.DataFrame, days: tuple[date, date]) -> pl.DataFrame:
    """Return the cells of some days; those without a session may have rows anywhere."""
    return cells.filter(pl.col(SESSION).is_null() | pl.col(SESSION).is_between(*days))
