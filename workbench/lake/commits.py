"""One atomic commit: planned on a snapshot, written, and planned anew if another writer came between."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, overload

from workbench.lake.locks import alone
from workbench.lake.versions import find_table, version_of
from workbench.model.errors import SystemFailure, WorkbenchError
from workbench.model.failures import Category, category_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl
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
class Write:
    """What is handed to Delta.

    Attributes
    ----------
    frame
        Rows with their partition columns, sorted as files hold them.
    marks
        The commit's metadata.
    mode
        ``error`` (make the table), ``append`` or ``overwrite``.
    schema_mode
        Whether columns may come (``merge``), or all may change (``overwrite``).
    predicate
        Which rows are replaced, as SQL; None: all of them.
    partition_by
        Where files are to lie; None: as the table says.
    file_bytes
        A file that would grow beyond is split; None: as Delta does.
    position
        How far a feed has been taken in with this write: its name, and where.
    """

    frame: pl.DataFrame
    marks: dict[str, str]
    mode: str
    schema_mode: str | None = None
    predicate: str | None = None
    partition_by: tuple[str, ...] | None = None
    file_bytes: int | None = field(default=None, kw_only=True)
    position: tuple[str, int] | None = field(default=None, kw_only=True)


@overload
def committed(lake: Lake, table: TableRef, plan: Callable[[DeltaTable | None], Write]) -> int: ...
@overload
def committed(lake: Lake, table: TableRef, plan: Callable[[DeltaTable | None], Write | None]) -> int | None: ...
def committed(lake: Lake, table: TableRef, plan: Callable[[DeltaTable | None], Write | None]) -> int | None:
    """Plan and write, one writer of a table at a time, until no other writer came between.

    Parameters
    ----------
    lake : Lake
    table : TableRef
    plan : callable
        Decides on a snapshot (None: there is no table yet) what to write; None: nothing. It reads,
        and changes nothing; it is called again where another commit came in between.

    Returns
    -------
    int or None
        The new version; None where the plan was to do nothing.

    Raises
    ------
    WorkbenchError
        The write failed, or other writers kept committing to the same table.
    """
    with alone(lake, f"write {table}"):
        return _committed(lake, table, plan)


def _committed(lake: Lake, table: TableRef, plan: Callable[[DeltaTable | None], Write | None]) -> int | None:
    """Plan and write; writers that know no lock of ours (other software, another machine) may still come between."""
    from deltalake.exceptions import DeltaError

    for attempt in range(ATTEMPTS):
        current = find_table(lake, table)
        before = -1 if current is None else current.version()
        if (write := plan(current)) is None:
            return None
        try:
            _written(current or lake.path(table), write)
        except DeltaError as error:
            if (now := version_of(lake, table)) is None or now == before:
                raise _told(table, error) from error
            time.sleep(0.02 * attempt)
        else:
            return before + 1  # strictly: a commit at any other version would have failed
    raise WorkbenchError(f"{table}: other writers committed {ATTEMPTS} times in between; let them finish, then run again")


def _told(table: TableRef, error: Exception) -> WorkbenchError:
    """Return what is raised of a commit that failed: a full disk stops everything, and the same command goes on behind it."""
    words = f"{table}: the commit failed: {error}".replace("\n", " ")
    if category_of(error) is Category.SYSTEM:
        return SystemFailure(f"{words}; mend it, then run the same command again: what is done stays done")
    return WorkbenchError(words)


def _written(target: DeltaTable | Any, write: Write) -> None:
    from deltalake import CommitProperties, Transaction, WriterProperties, write_deltalake

    options: Any = {"mode": write.mode, "schema_mode": write.schema_mode, "predicate": write.predicate}
    write_deltalake(
        target,
        write.frame.rechunk(),  # of several chunks Delta mixes the rows
        **options,
        partition_by=None if write.partition_by is None else list(write.partition_by),
        configuration=KEEP_HISTORY if write.mode == "error" else None,
        target_file_size=write.file_bytes,
        writer_properties=WriterProperties(compression="ZSTD", max_row_group_size=ROW_GROUP_ROWS),
        # No retries: with them Delta lets commits pass that it takes to be harmless; here the plan is made anew.
        commit_properties=CommitProperties(
            custom_metadata=write.marks,
            max_commit_retries=0,
            app_transactions=[Transaction(*write.position)] if write.position else None,
        ),
    )
