"""Which leaves a table has at a version, and what they hold: written into each commit, read back as a fold."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from workbench.lake.leaf_cache import LeafCache
from workbench.lake.leaf_hash import HASHES, LEAF, NOT_HASHED, LeafBy, content_hashes, leaf_of, sessions_of
from workbench.lake.reading import visible
from workbench.lake.versions import CHANGE, open_table
from workbench.model.errors import LakeBroken
from workbench.model.names import SESSION

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.lake.zones import Lake, TableRef

LEAVES: Final = "workbench.leaves"
"""The key under which a commit's metadata lists every leaf that the commit may have changed."""

COMPACT: Final = "compact"
"""The operation of a commit that lays rows out anew and changes none."""

READ_BEFORE_CACHED: Final = 32  # commits: they are read in 2 ms
_NO_DATE: Final = "null"  # how JSON names the leaf of rows without session
_EVER: Final = (date.min, date.max)

Held = tuple[str, int] | None  # hash and rows; None: no rows are left
Span = tuple[date, date]


def leaves(lake: Lake, table: TableRef, version: int | None = None, *, leaf_by: LeafBy) -> pl.DataFrame:
    """Return the leaves of a table, with the hash of what each holds.

    Parameters
    ----------
    lake : Lake
    table : TableRef
    version : int, or None for the latest
    leaf_by : LeafBy
        As the table was written; where it was written otherwise, hashes are computed from rows.

    Returns
    -------
    DataFrame
        ``leaf`` (Date; null for rows without session), ``hash`` (32 hex digits), ``rows`` (Int64,
        never 0); sorted by leaf, the null one first.

    Raises
    ------
    BadInput
        There is no such table or version.
    LakeBroken
        The table's log cannot be read.

    Notes
    -----
    Commits are read backwards, until one that replaced the whole table, or a stored fold of all
    before. Leaves that a commit without our mark may have changed, and that no later one lists, are
    hashed anew from the rows of the version: slower, never wrong.
    """
    log = lake.path(table) / "_delta_log"
    if version is None or not _path(log, version).is_file():
        version = open_table(lake, table, version).version()
    cache = LeafCache(lake, table, leaf_by)
    fold = _folded(log, version, cache, leaf_by)
    held = [(leaf, *what) for leaf, what in fold.known.items() if what is not None]
    found = pl.DataFrame(held, schema=HASHES, orient="row")
    if fold.unsure:
        found = pl.concat([found, _from_rows(lake, table, version, fold, leaf_by)])
    found = found.sort(LEAF)
    if (fold.unsure or fold.commits > READ_BEFORE_CACHED) and _path(log, version).is_file():
        cache.put(version, _path(log, version), found)
    return found


def changed_leaves(new: pl.DataFrame, by: LeafBy, old: pl.LazyFrame | None = None, inside: pl.Expr | None = None) -> str:
    """Return what a commit's metadata says of leaves, as JSON.

    Parameters
    ----------
    new : DataFrame
        The rows to be written.
    by : LeafBy
    old : LazyFrame, optional
        The table before the commit; None: all of it is replaced.
    inside : Expr, optional
        True for the rows of ``old`` that ``new`` replaces.

    Returns
    -------
    str
        ``by``; ``all``: whether leaves that are not listed are gone; ``leaves``: leaf -> its hash and
        rows, or null where no rows are left.
    """
    held: dict[date | None, Held] = {}
    if old is not None and inside is not None:
        leaf = leaf_of(by).alias(LEAF)
        touched = pl.concat([old.filter(inside).select(leaf).unique().collect(), new.select(leaf)]).unique()[LEAF]
        beside = old.filter(_is_of(touched, by), inside.not_().fill_null(value=True)).drop(*NOT_HASHED, strict=False).collect()
        held = dict.fromkeys(touched)
        new = pl.concat([beside, new], how="diagonal")
    held |= {leaf: (digest, rows) for leaf, digest, rows in content_hashes(new, by).iter_rows()}
    named = {_NO_DATE if leaf is None else leaf.isoformat(): what for leaf, what in held.items()}
    return json.dumps({"by": by.value, "all": old is None, "leaves": named}, sort_keys=True, separators=(",", ":"))


def _is_of(touched: pl.Series, by: LeafBy) -> pl.Expr:
    """Return what is true for rows of the leaves, in a form that lets files be skipped."""
    no_date = pl.col(SESSION).is_null() if touched.null_count() else pl.lit(value=False)
    days = touched.drop_nulls().sort()
    if days.is_empty():
        return no_date
    within = pl.col(SESSION).is_between(*sessions_of(days[0], days[-1], by))
    return no_date | (within & leaf_of(by).is_in(days.implode()))


@dataclass(frozen=True, slots=True)
class _Commit:
    """What one commit says: leaves it lists, whether it replaced all others, sessions it may have changed unsaid."""

    held: dict[date | None, Held] = field(default_factory=dict)
    is_whole: bool = False
    unsaid: Span | None = None


@dataclass(slots=True)
class _Fold:
    """What commits say that are read from the newest backwards; ``unsure`` are spans of leaves."""

    known: dict[date | None, Held] = field(default_factory=dict)
    unsure: list[Span] = field(default_factory=list)
    commits: int = 0

    def take(self, held: dict[date | None, Held]) -> None:
        """Add what an older commit says of leaves of which the newer ones say nothing."""
        for leaf, what in held.items():
            if leaf not in self.known and not any(leaf is not None and span[0] <= leaf <= span[1] for span in self.unsure):
                self.known[leaf] = what


def _folded(log: Path, version: int, cache: LeafCache, by: LeafBy) -> _Fold:
    fold = _Fold()
    for number in range(version, -1, -1):
        if (stored := cache.get(number, _path(log, number))) is not None:
            fold.take({leaf: (digest, rows) for leaf, digest, rows in stored.iter_rows()})
            break
        commit = _commit(_path(log, number), by)
        fold.commits += 1
        fold.take(commit.held)
        if commit.unsaid:
            fold.unsure.append(commit.unsaid)
        if commit.is_whole or commit.unsaid == _EVER:
            break
    return fold


def _commit(path: Path, by: LeafBy) -> _Commit:
    """Read one file of a table's log."""
    try:
        lines = path.read_bytes().splitlines()
        marks: dict[str, str] = next((json.loads(line)["commitInfo"] for line in lines if line.startswith(b'{"commitInfo"')), {})
        if LEAVES in marks:
            return _said(json.loads(marks[LEAVES]), by)
        change = json.loads(marks.get(CHANGE, "{}"))
        if change.get("operation") == COMPACT or not _changes_rows([json.loads(line) for line in lines]):
            return _Commit()
    except FileNotFoundError:
        return _Commit(unsaid=_EVER)  # other software took the oldest part of the log away
    except ValueError as error:
        raise LakeBroken(
            f"{path}: expected a commit of a Delta table, found no JSON; restore _delta_log from a backup"
        ) from error
    return _Commit(unsaid=_replaced(change, by))


def _said(listing: dict[str, Any], by: LeafBy) -> _Commit:
    if listing["by"] != by.value:
        return _Commit(unsaid=_EVER)
    held = {
        None if name == _NO_DATE else date.fromisoformat(name): (what[0], what[1]) if what else None
        for name, what in listing["leaves"].items()
    }
    return _Commit(held, is_whole=listing["all"])


def _changes_rows(actions: list[dict[str, Any]]) -> bool:
    """Whether Delta does not promise that rows stay as they are, as it does for a compaction by other software."""
    files = [action[kind] for action in actions for kind in ("add", "remove") if kind in action]
    return any(file.get("dataChange", True) for file in files) or any("metaData" in action for action in actions)


def _replaced(change: dict[str, Any], by: LeafBy) -> Span:
    """Return the span of leaves that a commit without a list of them can have changed."""
    if not change.get("first") or not change.get("last"):
        return _EVER
    days = pl.DataFrame({SESSION: [date.fromisoformat(change["first"]), date.fromisoformat(change["last"])]})
    first, last = days.select(leaf_of(by)).to_series()
    return first, last


def _from_rows(lake: Lake, table: TableRef, version: int, fold: _Fold, by: LeafBy) -> pl.DataFrame:
    """Hash the leaves of which the log says nothing sure."""
    unsure = [pl.col(SESSION).is_between(*sessions_of(*span, by)) for span in fold.unsure if span != _EVER]
    rows = visible(open_table(lake, table, version))
    if _EVER not in fold.unsure:
        rows = rows.filter(pl.any_horizontal(unsure))
    known = pl.Series(list(fold.known), dtype=pl.Date)
    return content_hashes(rows.filter(~leaf_of(by).is_in(known.implode(), nulls_equal=True)), by)


def _path(log: Path, version: int) -> Path:
    return log / f"{version:020}.json"
