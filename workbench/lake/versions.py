"""Versions of a table: which there are, what was known when, and from what each was made."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from workbench.lake.lineage import LINEAGE, Lineage, parse_lineage
from workbench.lake.zones import Lake, TableRef, Zone
from workbench.model.errors import BadInput, LakeBroken

if TYPE_CHECKING:
    from deltalake import DeltaTable

CHANGE: Final = "workbench.change"
"""The key under which a commit's metadata holds what it replaced."""

_HISTORY: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "version": pl.Int64,
    "recorded_at": pl.Datetime("us", "UTC"),
    "operation": pl.String,
    "first": pl.Date,
    "last": pl.Date,
    "rows": pl.Int64,
    "run": pl.String,
    "stage": pl.String,
    "contract": pl.String,
    "code": pl.String,
}
_MADE_BY: Final = {Zone.DERIVED: "declare the feature in the contract and run 'workbench run'"}


def find_table(lake: Lake, table: TableRef) -> DeltaTable | None:
    """Return a table at its latest version; None where there is none yet.

    Raises
    ------
    LakeBroken
        Its log cannot be read.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    path = lake.path(table)
    if not (path / "_delta_log").is_dir() or not DeltaTable.is_deltatable(str(path)):
        return None
    try:
        return DeltaTable(path)
    except DeltaError as error:
        raise LakeBroken(
            f"{path}: the table's log cannot be read ({_first_line(error)}); restore _delta_log from a backup"
        ) from error


def open_table(lake: Lake, table: TableRef, version: int | None = None) -> DeltaTable:
    """Return a table at a version, the latest by default.

    Raises
    ------
    BadInput
        There is no such table, or no such version of it.
    LakeBroken
        Its log cannot be read.
    """
    from deltalake.exceptions import DeltaError

    found = find_table(lake, table)
    if found is None:
        todo = _MADE_BY.get(table.zone, f"run 'workbench run' for dataset '{table.dataset}' first")
        raise BadInput(f"{lake.root}: there is no table {table} yet; {todo}")
    if version is None:
        return found
    if not 0 <= version <= found.version():
        raise BadInput(f"{table}: expected a version from 0 to {found.version()}, found {version}")
    try:
        found.load_as_version(version)
    except DeltaError as error:
        raise LakeBroken(
            f"{table}: version {version} cannot be read ({_first_line(error)}); restore _delta_log from a backup"
        ) from error
    return found


def version_of(lake: Lake, table: TableRef) -> int | None:
    """Return a table's latest version; None where there is no table yet.

    Raises
    ------
    LakeBroken
        Its log cannot be read.
    """
    found = find_table(lake, table)
    return None if found is None else found.version()


def version_at(lake: Lake, table: TableRef, as_of: datetime) -> int:
    """Return the last version recorded at or before a moment.

    Raises
    ------
    BadInput
        There is no such table, it had no version at that moment, or ``as_of`` has no time zone.
    """
    if as_of.tzinfo is None:
        raise BadInput(
            f"as_of: expected a time with a time zone, found {as_of.isoformat()}; write {as_of.isoformat()}+00:00 for UTC"
        )
    known = history(lake, table)
    before = known.filter(pl.col("recorded_at") <= as_of)
    if before.is_empty():
        first = known["recorded_at"][0].isoformat()
        raise BadInput(f"{table}: nothing was recorded by {as_of.isoformat()}; its first version is of {first}")
    return int(before["version"][-1])


def history(lake: Lake, table: TableRef) -> pl.DataFrame:
    """Return a table's commits, oldest first.

    Returns
    -------
    DataFrame
        ``version``, ``recorded_at`` (UTC, never falling), ``operation``, ``first``, ``last`` (the
        sessions that were replaced, both included; null where not sessions were), ``rows``
        (written), ``run``, ``stage``, ``contract``, ``code``. What a commit by other software does
        not say is null.

    Raises
    ------
    BadInput
        There is no such table.
    """
    commits = open_table(lake, table).history()[::-1]
    moments = accumulate((commit["timestamp"] for commit in commits), max)  # clocks are set back now and then
    rows = [_row(commit, moment, str(table)) for commit, moment in zip(commits, moments, strict=True)]
    return pl.DataFrame(rows, schema=_HISTORY, orient="row")


def lineage_of(lake: Lake, table: TableRef, version: int) -> Lineage:
    """Return from what a version was made.

    Raises
    ------
    BadInput
        There is no such table or version.
    LakeBroken
        The version was committed by something other than workbench.
    """
    latest = open_table(lake, table)
    if not 0 <= version <= latest.version():
        raise BadInput(f"{table}: expected a version from 0 to {latest.version()}, found {version}")
    # On a table loaded at an old version, deltalake 1.6 numbers its history wrongly; hence the latest.
    commits = {commit["version"]: commit for commit in latest.history(latest.version() - version + 1)}
    if LINEAGE not in commits.get(version, {}):
        raise LakeBroken(f"{table}: version {version} carries no lineage; it was committed by something other than workbench")
    return parse_lineage(commits[version][LINEAGE], origin=f"{table}: version {version}")


def _row(commit: dict[str, Any], moment_ms: int, origin: str) -> tuple[Any, ...]:
    change = json.loads(commit.get(CHANGE, "{}"))
    made = parse_lineage(commit[LINEAGE], origin=origin) if LINEAGE in commit else None
    return (
        commit["version"],
        datetime.fromtimestamp(moment_ms / 1000, UTC),
        change.get("operation", commit.get("operation")),
        _date(change.get("first")),
        _date(change.get("last")),
        change.get("rows"),
        *((made.run, made.stage, made.contract, made.code) if made else (None,) * 4),
    )


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
