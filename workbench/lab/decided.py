"""What was decided about a dataset, in its tables: applied when rows are made, and applied again where a decision changes.

The wanted rows of a session follow from what arrived and from what stands in the ledger, and from nothing else; they are
written where the tables hold others. So whatever was interrupted is mended by doing it again.
"""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.calendars import calendar
from workbench.lab.contracts import clock_of, contract_fingerprint
from workbench.lab.fingerprint import code_fingerprint
from workbench.lab.snapshots import leaf_by, snapshot
from workbench.lab.understanding import with_session
from workbench.lake import (
    Lineage,
    Stand,
    TableRef,
    append_rows,
    position_of,
    replace_receipts,
    replace_sessions,
    scan,
    version_of,
)  # fmt: skip
from workbench.lake.decisions import read_entries
from workbench.lake.locks import alone
from workbench.model.decisions import CONFIRMING, Action, date_of
from workbench.model.names import CORRECTION, DECIDED, EVENT_AT, REASON, RECEIPT, ROW, SESSION, SYMBOL
from workbench.review.corrections import Placing, settled, standing
from workbench.transform.frequency import step_minutes
from workbench.transform.structure import KEYED_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from workbench.lab.sorting import SortedOut
    from workbench.lake import Lake
    from workbench.model.contract import Contract
    from workbench.model.decisions import LedgerEntry

LEDGER: Final = "decisions"
_ROW_KEY: Final = [RECEIPT, ROW, SYMBOL]
_CHANGING: Final = (*CONFIRMING, Action.RELEASE)


def rows_of(contract: Contract) -> str:
    """Return what only one process does at a time: what it writes follows from what it read of the tables and the raw zone."""
    return f"make rows of {contract.dataset}"


def after_decisions(lake: Lake, contract: Contract, rows: SortedOut) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the good rows and those for quarantine, after what stands in the ledger was done to them."""
    entries = changing(lake, contract)
    if not entries:
        return rows.good, rows.bad
    done = settled(
        rows.good, rows.bad, entries, placing=placing_of(contract, rows.good.schema), is_keyed=contract.kind in KEYED_KINDS
    )
    return done.good, pl.concat([rows.bad, done.aside], how="diagonal_relaxed") if len(done.aside) else rows.bad


def changing(lake: Lake, contract: Contract) -> tuple[LedgerEntry, ...]:
    """Return what stands in the ledger and changes rows."""
    return tuple(entry for entry in standing(read_entries(lake, contract.dataset)).values() if entry.action in _CHANGING)


def touched_sessions(lake: Lake, contract: Contract, sessions: Iterable[date]) -> tuple[date, ...]:
    """Return those of some sessions in which a decision changes rows."""
    spans = [
        (date_of(entry.start) - _AROUND, date_of(entry.end) + _AROUND)
        for entry in changing(lake, contract)
        if entry.start and entry.end
    ]
    return tuple(day for day in sessions if any(first <= day <= last for first, last in spans))


def placing_of(contract: Contract, schema: Mapping[str, pl.DataType]) -> Placing:
    """Return how rows of a dataset that are made get their place in time."""
    named = contract.calendar not in (None, "learned")
    kept = calendar(contract.calendar) if named else None
    zone = clock_of(contract)
    step = timedelta(minutes=step_minutes(contract.frequency) or 0) if contract.stamp == "end" else timedelta(0)

    def at_midnight(rows: pl.DataFrame) -> pl.DataFrame:
        midnight = pl.col(SESSION).cast(pl.Datetime("us")).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        return rows.with_columns(midnight.dt.convert_time_zone("UTC").cast(schema[EVENT_AT]).alias(EVENT_AT))

    def in_session(rows: pl.DataFrame) -> pl.DataFrame:
        placed = with_session(rows.with_columns((pl.col(EVENT_AT) - step).alias("begins_at")), kept)
        return placed.drop("begins_at")

    return Placing(not contract.is_intraday, in_session if contract.is_intraday else at_midnight)


def apply_decisions(lake: Lake, contract: Contract, *, run: str | None = None) -> tuple[tuple[date, date], ...]:
    """Bring the tables in line with what was added to the ledger since they were last.

    Returns
    -------
    tuple of (date, date)
        The first and the last session of each stretch that was written again; nothing where all was in line.

    Raises
    ------
    WorkbenchError
        A write failed; doing it again goes on.

    Notes
    -----
    Rows are set aside before they are taken out, and are no longer set aside once they are back: a crash in between leaves a
    row in both tables, and in no reading twice.
    How far the ledger has been applied is a position of the processed table, as of a feed.
    """
    with alone(lake, rows_of(contract)):
        return _applied(lake, contract, run)


def _applied(lake: Lake, contract: Contract, run: str | None) -> tuple[tuple[date, date], ...]:
    processed = TableRef.processed(contract.dataset)
    ledger = read_entries(lake, contract.dataset)
    done = position_of(lake, processed, LEDGER) or 0
    if version_of(lake, processed) is None or len(ledger) <= done:
        return ()
    entries = changing(lake, contract)
    written = [span for span in _stretches(ledger[done:]) if _apply(lake, contract, entries, *span, run=run)]
    append_rows(
        lake, processed, scan(lake, processed).head(0).collect(), key=(SYMBOL, EVENT_AT), stand=Stand(LEDGER, len(ledger)),
        partition_by=contract.storage.partition_by, lineage=_lineage(lake, contract, run), leaf_by=leaf_by(contract),
    )  # fmt: skip
    return tuple(written)


def _stretches(lines: Sequence[LedgerEntry]) -> Iterator[tuple[date, date]]:
    """Yield, month by month, the first and the last day that lines of the ledger may change."""
    spans = [(date_of(line.start) - _AROUND, date_of(line.end) + _AROUND) for line in lines if line.start and line.end]
    days = {first + timedelta(days=number) for first, last in spans for number in range((last - first).days + 1)}
    for _, month in groupby(sorted(days), key=lambda day: (day.year, day.month)):
        same = list(month)
        yield same[0], same[-1]


_AROUND: Final = timedelta(days=1)
"""A moment in UTC may belong to the session of the day before, or after."""


def _apply(lake: Lake, contract: Contract, entries: Sequence[LedgerEntry], first: date, last: date, *, run: str | None) -> bool:
    """Write the sessions of a stretch again where they are not what they should be."""
    processed, quarantine = TableRef.processed(contract.dataset), TableRef.quarantine(contract.dataset)
    within = pl.col(SESSION).is_between(first, last).fill_null(value=False)
    arrived = snapshot(lake, contract).rows(pl.DataFrame({SESSION: pl.date_range(first, last, eager=True)}))
    held = scan(lake, quarantine).collect() if version_of(lake, quarantine) is not None else arrived.clear()
    good = arrived.filter(pl.col(REASON).is_null()).drop(REASON)
    done = settled(
        good, held.filter(within, ~_is_decided()), entries, placing=placing_of(contract, good.schema),
        is_keyed=contract.kind in KEYED_KINDS,
    )  # fmt: skip
    has = {*scan(lake, processed).collect_schema(), CORRECTION}
    wanted = done.good.filter(within).select(name for name in done.good.columns if name in has)  # rows are made everywhere
    before, stays = held.filter(within, _is_decided()), held.filter(~(within & _is_decided()))
    is_same = _same(scan(lake, processed, start=first, end=last).collect(), wanted)
    surplus = before.join(done.aside, on=_ROW_KEY, how="anti", nulls_equal=True)
    lacking = done.aside.join(before, on=_ROW_KEY, how="anti", nulls_equal=True)
    lineage, by = _lineage(lake, contract, run), leaf_by(contract)

    def set_aside(rows: pl.DataFrame, receipts: pl.Series) -> None:
        touched = receipts.drop_nulls().unique().sort().to_list()
        if touched:
            kept = pl.concat([stays, rows], how="diagonal_relaxed").filter(pl.col(RECEIPT).is_in(touched))
            replace_receipts(lake, quarantine, kept, receipts=touched, lineage=lineage, leaf_by=by)

    if len(lacking):
        set_aside(pl.concat([done.aside, surplus], how="diagonal_relaxed"), pl.concat([lacking[RECEIPT], before[RECEIPT]]))
    if not is_same:
        lies = contract.storage.partition_by
        replace_sessions(lake, processed, wanted, sessions=(first, last), partition_by=lies, lineage=lineage, leaf_by=by)
    if len(surplus):
        set_aside(done.aside, before[RECEIPT])
    return not is_same


def _lineage(lake: Lake, contract: Contract, run: str | None) -> Lineage:
    processed = TableRef.processed(contract.dataset)
    read = ((str(processed), version_of(lake, processed) or 0),)
    return Lineage(stage="decide", run=run, tables=read, contract=contract_fingerprint(contract), code=code_fingerprint())


def _is_decided() -> pl.Expr:
    return pl.col(REASON).str.starts_with(DECIDED).fill_null(value=False)


def _same(there: pl.DataFrame, wanted: pl.DataFrame) -> bool:
    """Whether two tables hold the same rows; a column of nulls is no column."""
    order = [SYMBOL, EVENT_AT]
    full = [sorted(name for name in rows.columns if rows[name].null_count() < len(rows)) for rows in (there, wanted)]
    alike = full[0] == full[1] and len(there) == len(wanted)
    if not alike or there.is_empty():
        return alike
    return there.select(full[0]).sort(order, nulls_last=True).equals(wanted.select(full[1]).sort(order, nulls_last=True))
