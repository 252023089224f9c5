"""Writing tables: one atomic commit replaces sessions, or arrivals."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from workbench.lake.layout import PARTITION_COLUMNS, laid_out
from workbench.lake.lineage import LINEAGE, Lineage
from workbench.lake.reading import visible
from workbench.lake.versions import CHANGE, find_table, version_of
from workbench.model.contract import PartitionBy
from workbench.model.errors import BadInput, WorkbenchError
from workbench.model.names import RECEIPT, SESSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deltalake import DeltaTable

    from workbench.lake.zones import Lake, TableRef

KEEP_HISTORY: Final = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    "delta.enableExpiredLogCleanup": "false",
}
ROW_GROUP_ROWS: Final = 65_536  # one symbol out of 2 million rows: 5 ms, against 9 ms with the default of a million
ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True)
class _Scope:
    """The rows that a commit replaces: ``rows`` is true for them; their ``column`` lies in [low, high]."""

    column: str
    low: Any
    high: Any
    rows: pl.Expr
    says: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class _Write:
    """What is handed to Delta: rows, and which rows they replace (``predicate`` None: all of them)."""

    frame: pl.DataFrame
    mode: str
    schema_mode: str | None
    predicate: str | None = None


def replace_sessions(
    lake: Lake,
    table: TableRef,
    frame: pl.DataFrame,
    *,
    sessions: tuple[date, date] | None,
    partition_by: PartitionBy,
    lineage: Lineage,
) -> int:
    """Replace all rows of some sessions, in one atomic commit.

    Parameters
    ----------
    lake : Lake
    table : TableRef
        Made if it is not there.
    frame : DataFrame
        With ``symbol`` and ``session``; may be empty, and then rows are only removed. A column
        that the table does not have yet is added to it, null in older rows.
    sessions : tuple of date, or None
        First and last session to be replaced, both included; None: the whole table, and then
        columns, types and partitioning may change too.
    partition_by : PartitionBy
    lineage : Lineage

    Returns
    -------
    int
        The new version.

    Raises
    ------
    BadInput
        A row outside ``sessions``, a column whose type is not the table's, another partitioning
        than the table's.
    WorkbenchError
        Other writers kept committing to the same table.

    Notes
    -----
    Every file stays sorted. A predicate overwrite of Delta appends the new rows behind those that
    stay in a touched file; so the range is first widened until no file lies across its edges, and
    what stays is written again, merged in order. A session that is new goes to a file of its own.
    """
    if sessions is None:
        return _commit(lake, table, frame, None, partition_by, lineage)
    first, last = sessions
    inside = pl.col(SESSION).is_between(first, last)
    _require_inside(frame, inside, f"{table}: expected rows of the sessions {first} to {last}", SESSION)
    scope = _Scope(SESSION, first, last, inside, {"first": first.isoformat(), "last": last.isoformat()})
    return _commit(lake, table, frame, scope, partition_by, lineage)


def replace_receipts(
    lake: Lake,
    table: TableRef,
    frame: pl.DataFrame,
    *,
    receipts: Sequence[str],
    lineage: Lineage,
    partition_by: PartitionBy = PartitionBy.TIME,
) -> int:
    """Replace all rows that came with some arrivals, in one atomic commit; for quarantine.

    As :func:`replace_sessions`, but rows are told by ``receipt``, so that ``session`` and
    ``event_at`` may be null.

    Raises
    ------
    BadInput
        No receipt, one that is not 16 hex digits, a row of another receipt, a column whose type is
        not the table's, another partitioning than the table's.
    WorkbenchError
        Other writers kept committing to the same table.
    """
    for receipt in receipts:
        if not re.fullmatch(r"[0-9a-f]{16}", receipt):
            raise BadInput(f"{table}: expected receipts of 16 hex digits, found {receipt[:40]!r}")
    if not receipts:
        raise BadInput(f"{table}: expected at least one receipt whose rows are to be replaced")
    inside = pl.col(RECEIPT).is_in(list(receipts))
    _require_inside(frame, inside, f"{table}: expected rows of {len(receipts)} receipt(s)", RECEIPT)
    return _commit(lake, table, frame, _Scope(RECEIPT, min(receipts), max(receipts), inside, {}), partition_by, lineage)


def _commit(lake: Lake, table: TableRef, frame: pl.DataFrame, scope: _Scope | None, by: PartitionBy, lineage: Lineage) -> int:
    """Plan and write until no other writer came between; return the new version."""
    from deltalake.exceptions import DeltaError

    change = {
        "operation": f"replace {f'{scope.column}s' if scope else 'table'}",
        "rows": frame.height,
        **(scope.says if scope else {}),
    }
    marks = {LINEAGE: lineage.to_json(), CHANGE: json.dumps(change, sort_keys=True)}
    for attempt in range(ATTEMPTS):
        current = find_table(lake, table)
        before = -1 if current is None else current.version()
        write = _planned(current, frame, scope, by, table)
        try:
            _written(current or lake.path(table), write, by, marks)
        except DeltaError as error:
            if (now := version_of(lake, table)) is None or now == before:
                raise WorkbenchError(f"{table}: the commit failed: {error}".replace("\n", " ")) from error
            time.sleep(0.02 * attempt)
        else:
            return before + 1  # strictly: a commit at any other version would have failed
    raise WorkbenchError(f"{table}: other writers committed {ATTEMPTS} times in between; let them finish, then run again")


def _planned(current: DeltaTable | None, frame: pl.DataFrame, scope: _Scope | None, by: PartitionBy, table: TableRef) -> _Write:
    """Decide what to write; reads the table, changes nothing."""
    new = laid_out(frame, by)
    if current is None:
        return _Write(new, "error", None)
    if scope is None:
        return _Write(new, "overwrite", "overwrite")
    _require_fits(current, new, by, table)
    rows = visible(current)
    if not rows.filter(scope.rows).head(1).collect().height:
        return _Write(new, "append", "merge")
    low, high = _widened(current, scope)
    stays = rows.filter(pl.col(scope.column).is_between(pl.lit(low), pl.lit(high)), ~scope.rows).collect()
    merged = laid_out(pl.concat([stays, new.drop(PARTITION_COLUMNS[by])], how="diagonal"), by)
    return _Write(merged, "overwrite", "merge", f"{scope.column} >= {_quoted(low)} AND {scope.column} <= {_quoted(high)}")


def _written(target: DeltaTable | Any, write: _Write, by: PartitionBy, marks: dict[str, str]) -> None:
    from deltalake import CommitProperties, WriterProperties, write_deltalake

    options: Any = {"mode": write.mode, "schema_mode": write.schema_mode, "predicate": write.predicate}
    write_deltalake(
        target,
        write.frame,
        **options,
        partition_by=list(PARTITION_COLUMNS[by]) if write.predicate is None and write.mode != "append" else None,
        configuration=KEEP_HISTORY if write.mode == "error" else None,
        writer_properties=WriterProperties(compression="ZSTD", max_row_group_size=ROW_GROUP_ROWS),
        # No retries: with them Delta lets commits pass that it takes to be harmless; here the plan is made anew.
        commit_properties=CommitProperties(custom_metadata=marks, max_commit_retries=0),
    )


def _widened(current: DeltaTable, scope: _Scope) -> tuple[Any, Any]:
    """Widen [low, high] until every file lies inside or outside of it."""
    files = pl.DataFrame(current.get_add_actions(flatten=True))
    least, most = f"min.{scope.column}", f"max.{scope.column}"
    low, high = scope.low, scope.high
    while True:
        across = files.filter(pl.col(least) <= high, pl.col(most) >= low)
        wider = min([low, *across[least]]), max([high, *across[most]])
        if wider == (low, high):
            return wider
        low, high = wider


def _require_fits(current: DeltaTable, new: pl.DataFrame, by: PartitionBy, table: TableRef) -> None:
    """Refuse what Delta would silently cast, or lay out otherwise than the table."""
    lies = tuple(current.metadata().partition_columns)
    if lies != PARTITION_COLUMNS[by]:
        raise BadInput(f"{table}: lies in files by {', '.join(lies)}; to partition it by {by} write all of it again")
    has = pl.scan_delta(current).collect_schema()
    for name, dtype in new.schema.items():
        if name in has and has[name] != dtype:
            raise BadInput(
                f"{table}: expected column '{name}' of type {has[name]}, found {dtype}; cast it, or write the whole table again"
            )


def _require_inside(frame: pl.DataFrame, inside: pl.Expr, expected: str, column: str) -> None:
    outside = frame.filter(inside.not_().fill_null(value=True))
    if outside.height:
        raise BadInput(f"{expected}, found {outside.height} other row(s), the first of {column} {outside[column][0]}")


def _quoted(value: date | str) -> str:
    """Return an SQL literal; a text is a receipt's, or a file's least or greatest, and of hex digits only."""
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if not re.fullmatch(r"[0-9a-f]+", value):
        raise BadInput(f"expected hex digits, found {value[:40]!r}")
    return f"'{value}'"
