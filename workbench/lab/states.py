"""The state of a dataset: stored states of its leaves where there are any, its rows where there are none."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from workbench.lab.snapshots import EPOCH, LEAF, leaf_by, month_end
from workbench.lake import (
    LeafBy,
    StateStore,
    TableRef,
    chunks,
    columns_of,
    leaf_of,
)
from workbench.model.names import CORRECTION, EVENT_AT, SESSION, SYMBOL, UNREADABLE
from workbench.quality.fold import Overlap, fold
from workbench.quality.passes import fold_all, measured, measured_chunks
from workbench.quality.state import State, beside, empty_state, loaded
from workbench.quality.symbols import irregular_leaves, of_symbols

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from workbench.lab.snapshots import Snapshot
    from workbench.model.contract import Contract
    from workbench.quality.terms import Terms

LEAVES_AT_ONCE: Final = 64
_BEFORE_ALL: Final = -(2**40)
_log = logging.getLogger("workbench")


@dataclass(frozen=True, slots=True)
class Gathered:
    """A dataset's state, and what it was gathered from.

    Attributes
    ----------
    measured
        The leaves that were measured from their rows; all others were stored.
    leaves
        How many there are.
    within
        Which rows were asked for, by session; None: all of them.
    """

    state: State
    leaves: int
    measured: tuple[date | None, ...]
    within: pl.Expr | None = None

    def __str__(self) -> str:
        """One line for people: how much of the work had been done before."""
        if not self.measured:
            return f"{self.leaves} leaves, all from stored states"
        some = ", ".join(str(leaf or "without session") for leaf in self.measured[:3]) + (", …" if len(self.measured) > 3 else "")
        return (
            f"{self.leaves} leaves, {self.leaves - len(self.measured)} from stored states, {len(self.measured)} measured ({some})"
        )


def gather(
    snap: Snapshot,
    terms: Terms,
    *,
    start: date | None = None,
    end: date | None = None,
    symbols: Sequence[str] | None = None,
    fresh: bool = False,
) -> Gathered:
    """Put the state of a snapshot together.

    Parameters
    ----------
    snap : Snapshot
    terms : Terms
    start, end : date, optional
        Sessions, both included; None: from the first, to the last.
    symbols : sequence of str, optional
        Only these; None: all.
    fresh : bool
        Measure everything anew, whatever is stored.

    Notes
    -----
    A leaf's state is keyed by what it holds and by the hours of its sessions, and stored under the
    fingerprint of the terms. What is merged of all leaves is stored too, so that one more leaf is
    merged with one state and not with thousands.
    """
    wanted = _keyed(snap, terms)
    whole, cut = _split(wanted, snap.contract, start, end)
    store = StateStore(snap.lake, snap.contract.dataset)
    if symbols is None and not fresh and cut.is_empty() and whole.height == wanted.height:
        state, measured_leaves = _whole_table(snap, terms, store, wanted)
    else:
        parts, measured_leaves = _leaf_states(snap, terms, store, whole, fresh=fresh)
        if len(cut):
            parts = _with_ends(parts, _cut_states(snap, terms, cut, start, end))
            measured_leaves += cut[LEAF].to_list()
        if symbols is not None:
            parts, again = _of_symbols(snap, terms, parts, symbols, _within(start, end))
            measured_leaves += [leaf for leaf in again if leaf not in measured_leaves]
        state = fold_all(parts, terms)
    gathered = Gathered(state, len(whole) + len(cut), tuple(measured_leaves), _bounds(start, end))
    _log.info("%s: %s", snap.contract.dataset, gathered)
    return gathered


def _keyed(snap: Snapshot, terms: Terms) -> pl.DataFrame:
    """Return ``leaf, key, has_quarantine``, the key now holding the hours of the leaf's sessions too."""
    keys = []
    for leaf, key in snap.leaves.select(LEAF, "key").iter_rows():
        digest = blake2b(key.encode(), digest_size=16)
        if leaf is not None:
            first = (leaf - EPOCH).days
            last = first if terms.is_intraday else (month_end(leaf) - EPOCH).days
            digest.update(terms.hours_fingerprint(first, last))
        keys.append(digest.hexdigest())
    return snap.leaves.with_columns(pl.Series("key", keys, dtype=pl.String))


def _split(wanted: pl.DataFrame, contract: Contract, start: date | None, end: date | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Divide leaves into those that lie wholly within bounds, and those that the bounds cut."""
    first = pl.col(LEAF)
    last = first.dt.month_end() if leaf_by(contract) is LeafBy.MONTH else first
    inside, touched = pl.lit(value=True), pl.lit(value=True)
    if start is not None:
        inside, touched = inside & (first >= start), touched & (last >= start)
    if end is not None:
        inside, touched = inside & (last <= end), touched & (first <= end)
    inside, touched = inside.fill_null(value=True), touched.fill_null(value=True)  # rows without session belong to every range
    return wanted.filter(inside), wanted.filter(touched & ~inside)


def _whole_table(snap: Snapshot, terms: Terms, store: StateStore, wanted: pl.DataFrame) -> tuple[State, list[date | None]]:
    """Merge all leaves, beginning with the largest merged state that is stored of the first of them."""
    digests = _prefixes(wanted)
    known = store.totals(terms.fingerprint)
    for count in range(len(digests), 0, -1):
        if digests[count - 1] not in known:
            continue
        frames = store.load_total(terms.fingerprint, digests[count - 1])
        if frames is not None:
            break
    else:
        count, frames = 0, None
    total = loaded(frames) if frames is not None else empty_state()
    if count == len(digests):
        return total, []
    parts, fresh = _leaf_states(snap, terms, store, wanted[count:], fresh=False)
    state = fold_all([total, *parts], terms)
    store.save_total(terms.fingerprint, digests[-1], state.frames)
    return state, fresh


def _prefixes(wanted: pl.DataFrame) -> list[str]:
    """Return a digest of the first leaf, of the first two, and so on."""
    digest = blake2b(digest_size=16)
    found = []
    for leaf, key in wanted.select(LEAF, "key").iter_rows():
        digest.update(f"{leaf}:{key}\n".encode())
        found.append(digest.copy().hexdigest())
    return found


def _leaf_states(
    snap: Snapshot, terms: Terms, store: StateStore, wanted: pl.DataFrame, *, fresh: bool
) -> tuple[list[State], list[date | None]]:
    """Load the states of leaves, measure those that are not stored, and return them in the order of time."""
    found, frames = (wanted.clear(), {}) if fresh else store.load(terms.fingerprint, wanted.select(LEAF, "key"))
    missing = wanted.join(found, on=[LEAF, "key"], how="anti", nulls_equal=True, maintain_order="left")
    new = []
    for some in missing.iter_slices(LEAVES_AT_ONCE * 16):
        new.append(_measured(snap, terms, some))
        store.save(terms.fingerprint, some.select(LEAF, "key"), new[-1].frames)
    stored = loaded(frames) if len(found) else empty_state()
    return _in_order(wanted[LEAF], missing[LEAF], stored, beside(new)), missing[LEAF].to_list()


def _in_order(leaves_: pl.Series, missing: pl.Series, stored: State, new: State) -> list[State]:
    """Cut two states into stretches of leaves that follow each other, and put those in the order of time.

    Notes
    -----
    States merge over stretches of time that do not contain each other: a leaf that was measured anew lies
    between others that were stored. A stretch is short, so that a fold holds few leaves at once.
    """
    is_new = leaves_.is_in(missing.implode(), nulls_equal=True)
    stretches = pl.DataFrame({LEAF: leaves_, "is_new": is_new}).with_columns(
        pl.col("is_new").rle_id().alias("run"), (pl.int_range(pl.len()) // LEAVES_AT_ONCE).alias("batch")
    )
    parts = []
    for _, some in stretches.group_by("run", "batch", maintain_order=True):
        first, last = _day_numbers(some[LEAF])[[0, -1]]
        parts.append(_between(new if some["is_new"][0] else stored, first, last))
    return parts


def _between(state: State, first: int, last: int) -> State:
    """Return the leaves from one to another of a state whose frames are sorted by leaf."""
    cut = {}
    for name, frame in state.frames.items():
        low, high = np.searchsorted(_day_numbers(frame[LEAF]), [first, last + 1])
        cut[name] = frame[int(low) : int(high)]
    return State(**cut)


def _day_numbers(leaves_: pl.Series) -> NDArray[np.int64]:
    """Return leaves as days since 1970, that of rows without session before all others."""
    return leaves_.to_physical().cast(pl.Int64).fill_null(_BEFORE_ALL).to_numpy()


def _measured(snap: Snapshot, terms: Terms, wanted: pl.DataFrame) -> State:
    """Measure leaves from their rows: through row groups where all are good and as they arrived, with quarantine elsewhere."""
    as_arrived = CORRECTION not in columns_of(snap.lake, TableRef.processed(snap.contract.dataset), snap.processed)
    clean = wanted.filter(~pl.col("has_quarantine") & pl.col(LEAF).is_not_null() & as_arrived)
    mixed = wanted.join(clean, on=LEAF, how="anti", nulls_equal=True)
    parts = []
    if len(clean):
        parts.append(_of_files(snap, terms, clean.select(LEAF)))
    some_at_once = mixed.iter_slices(4 if terms.is_intraday else LEAVES_AT_ONCE)
    columns = (*terms.fields, UNREADABLE)
    parts += [measured(snap.rows(some.select(LEAF), columns=columns), terms, by_leaf=True) for some in some_at_once]
    return fold(beside(parts), terms, by_leaf=True)


def _of_files(snap: Snapshot, terms: Terms, wanted: pl.DataFrame) -> State:
    columns = (SYMBOL, EVENT_AT, SESSION, *terms.fields, UNREADABLE)
    days = wanted[LEAF].to_list()
    spans = [(day, month_end(day) if not terms.is_intraday else day) for day in days]
    table = TableRef.processed(snap.contract.dataset)
    is_all = snap.end is None and len(days) == len(snap.leaves)
    pieces = chunks(snap.lake, table, snap.processed, columns, spans)
    keep = leaf_of(leaf_by(snap.contract)).is_in(wanted[LEAF].implode())
    try:
        return measured_chunks(pieces if is_all else (_filtered(piece, keep) for piece in pieces), terms, by_leaf=True)
    except Overlap:  # rows that came unsorted, or one session in several files: together they are in order
        return fold(
            beside([measured(snap.rows(some), terms, by_leaf=True) for some in wanted.iter_slices(4)]), terms, by_leaf=True
        )


def _filtered(chunk: Callable[[], pl.DataFrame], keep: pl.Expr) -> Callable[[], pl.DataFrame]:
    return lambda: chunk().filter(keep)


def _with_ends(parts: list[State], ends: list[State]) -> list[State]:
    """Put the leaves that bounds cut, at most one at either end, where they belong in time."""
    return sorted([*parts, *ends], key=lambda part: _day_numbers(part.series[LEAF]).min(initial=2**40))


def _cut_states(snap: Snapshot, terms: Terms, cut: pl.DataFrame, start: date | None, end: date | None) -> list[State]:
    """Measure those rows of the leaves at either end that lie within bounds."""
    rows = snap.rows(cut.select(LEAF), columns=(*terms.fields, UNREADABLE)).filter(_within(start, end))
    state = measured(rows, terms, by_leaf=True)
    return [_between(state, day, day) for day in _day_numbers(cut[LEAF]).tolist()]


def _of_symbols(
    snap: Snapshot, terms: Terms, parts: list[State], symbols: Sequence[str], within: pl.Expr
) -> tuple[list[State], list[date | None]]:
    """Return the part of some symbols, and the leaves whose states cannot tell it, measured from these symbols' rows."""
    mine = [of_symbols(part, symbols, terms) for part in parts]
    together = beside(mine)
    again = irregular_leaves(together) if not terms.is_intraday else together.series[LEAF].clear()
    if again.is_empty():
        return mine, []
    cells = again.to_frame(LEAF).join(pl.DataFrame({SYMBOL: list(symbols)}), how="cross")
    rows = snap.rows(cells, columns=(*terms.fields, UNREADABLE)).filter(within)
    new = measured(rows, terms, by_leaf=True)
    return _in_order(together.series[LEAF].unique().sort(), again, together, new), again.to_list()


def _bounds(start: date | None, end: date | None) -> pl.Expr | None:
    return None if start is None and end is None else _within(start, end)


def _within(start: date | None, end: date | None) -> pl.Expr:
    """Return whether a row's session lies within bounds; rows without one belong to every range."""
    bounds = [pl.col(SESSION) >= start] if start else []
    bounds += [pl.col(SESSION) <= end] if end else []
    return pl.all_horizontal(bounds).fill_null(value=True) if bounds else pl.lit(value=True)
