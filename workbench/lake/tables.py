"""Writing tables: one atomic commit replaces sessions, or arrivals."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.lake.commits import Write, committed
from workbench.lake.layout import PARTITION_COLUMNS, laid_out
from workbench.lake.leaves import LEAVES, changed_leaves
from workbench.lake.lineage import LINEAGE, Lineage
from workbench.lake.reading import visible
from workbench.lake.versions import CHANGE
from workbench.model.contract import PartitionBy
from workbench.model.errors import BadInput
from workbench.model.names import RECEIPT, SESSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deltalake import DeltaTable

    from workbench.lake.leaf_hash import LeafBy
    from workbench.lake.zones import Lake, TableRef


@dataclass(frozen=True, slots=True)
class Scope:
    """The rows that a commit replaces: ``rows`` is true for them; their ``column`` lies in [low, high]."""

    column: str
    low: Any
    high: Any
    rows: pl.Expr
    says: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be committed: rows in place of those of a scope (None: in place of all)."""

    frame: pl.DataFrame
    scope: Scope | None
    by: PartitionBy
    lineage: Lineage
    leaf_by: LeafBy | None


def replace_sessions(
    lake: Lake,
    table: TableRef,
    frame: pl.DataFrame,
    *,
    sessions: tuple[date, date] | None,
    partition_by: PartitionBy,
    lineage: Lineage,
    leaf_by: LeafBy | None = None,
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
    leaf_by : LeafBy, optional
        Then the commit lists the leaves that it may have changed, with their hashes; see
        :func:`workbench.lake.leaves`.

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
        return _commit(lake, table, Job(frame, None, partition_by, lineage, leaf_by))
    first, last = sessions
    inside = pl.col(SESSION).is_between(first, last)
    _require_inside(frame, inside, f"{table}: expected rows of the sessions {first} to {last}", SESSION)
    scope = Scope(SESSION, first, last, inside, {"first": first.isoformat(), "last": last.isoformat()})
    return _commit(lake, table, Job(frame, scope, partition_by, lineage, leaf_by))


def replace_receipts(
    lake: Lake,
    table: TableRef,
    frame: pl.DataFrame,
    *,
    receipts: Sequence[str],
    lineage: Lineage,
    partition_by: PartitionBy = PartitionBy.TIME,
    leaf_by: LeafBy | None = None,
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
    scope = Scope(RECEIPT, min(receipts), max(receipts), inside, {})
    return _commit(lake, table, Job(frame, scope, partition_by, lineage, leaf_by))


def _commit(lake: Lake, table: TableRef, job: Job) -> int:
    def plan(current: DeltaTable | None) -> Write:
        return planned(current, job, table)

    return committed(lake, table, plan)


def planned(current: DeltaTable | None, job: Job, table: TableRef) -> Write:
    """Decide what to write; reads the table, changes nothing."""
    new, scope = laid_out(job.frame, job.by), job.scope
    if current is None or scope is None:
        mode, schema_mode = ("error", None) if current is None else ("overwrite", "overwrite")
        return Write(new, _marks(job, new), mode, schema_mode, partition_by=PARTITION_COLUMNS[job.by])
    require_fits(current, new, job.by, table)
    rows = visible(current)
    marks = _marks(job, new, rows)
    if not rows.filter(scope.rows).head(1).collect().height:
        return Write(new, marks, "append", "merge")
    low, high = _widened(current, scope)
    stays = rows.filter(pl.col(scope.column).is_between(pl.lit(low), pl.lit(high)), ~scope.rows).collect()
    merged = laid_out(pl.concat([stays, new.drop(PARTITION_COLUMNS[job.by])], how="diagonal"), job.by)
    replaced = f"{scope.column} >= {_quoted(low)} AND {scope.column} <= {_quoted(high)}"
    return Write(merged, marks, "overwrite", "merge", replaced)


def _marks(job: Job, new: pl.DataFrame, old: pl.LazyFrame | None = None) -> dict[str, str]:
    """Return the commit's metadata; ``old`` are the rows of the table, where not all of them are replaced."""
    change = {
        "operation": f"replace {f'{job.scope.column}s' if job.scope else 'table'}",
        "rows": job.frame.height,
        **(job.scope.says if job.scope else {}),
    }
    marks = {LINEAGE: job.lineage.to_json(), CHANGE: json.dumps(change, sort_keys=True)}
    if job.leaf_by is None:
        return marks
    return marks | {LEAVES: changed_leaves(new, job.leaf_by, old, job.scope.rows if job.scope else None)}


def _widened(current: DeltaTable, scope: Scope) -> tuple[Any, Any]:
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


def require_fits(current: DeltaTable, new: pl.DataFrame, by: PartitionBy, table: TableRef) -> None:
    """Refuse what Delta would silently cast, or lay out otherwise than the table."""
    require_partitioning(current, by, table)
    has = pl.scan_delta(current).collect_schema()
    for name, dtype in new.schema.items():
        if name in has and has[name] != dtype:
            raise BadInput(
                f"{table}: expected column '{name}' of type {has[name]}, found {dtype}; cast it, or write the whole table again"
            )


def require_partitioning(current: DeltaTable, by: PartitionBy, table: TableRef) -> None:
    """Refuse another partitioning than the table's.

    Raises
    ------
    BadInput
        The table lies otherwise.
    """
    lies = tuple(current.metadata().partition_columns)
    if lies != PARTITION_COLUMNS[by]:
        raise BadInput(f"{table}: lies in files by {', '.join(lies)}; to partition it by {by} write all of it again")


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
