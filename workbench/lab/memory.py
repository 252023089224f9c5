"""What was found in a dataset, remembered by all it was made from: rows, hours, contract, events, and the code."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.lab.contracts import contract_fingerprint
from workbench.lab.fingerprint import code_fingerprint, judging_fingerprint
from workbench.lab.found_json import from_text, leaf_from_text, leaf_to_text, to_text
from workbench.lab.snapshots import LEAF, month_end
from workbench.lake import FindingStore
from workbench.model.names import SESSION, SYMBOL
from workbench.quality.margins import MONTHS, month_from

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from workbench.lab.snapshots import Snapshot
    from workbench.quality.by_leaf import LeafFound
    from workbench.quality.findings import Found
    from workbench.quality.ledger import Evidence


@dataclass(frozen=True, slots=True)
class LeavesBefore:
    """The memory of what local detectors found in each leaf of daily data.

    Attributes
    ----------
    contents
        Leaf -> a hash of what it and the leaves within its margin hold, of the events in them, and of the detectors.
    """

    store: FindingStore
    contents: Mapping[date, str]

    @property
    def leaves(self) -> tuple[date, ...]:
        """The leaves there are, ascending."""
        return tuple(self.contents)

    def load(self, circumstances: Mapping[date, str]) -> dict[date, LeafFound]:
        """Return what was found in leaves before."""
        found: dict[date, LeafFound] = {}
        keys = [(leaf, self._key(leaf, told)) for leaf, told in circumstances.items()]
        for leaf, text in self.store.load_leaves(keys).items():
            with suppress(ValueError, KeyError, TypeError):  # of another version of this code: found anew
                found[leaf] = leaf_from_text(text)
        return found

    def save(self, leaf: date, circumstances: str, found: LeafFound) -> None:
        """Remember what was found in a leaf."""
        self.store.save_leaf(leaf, self._key(leaf, circumstances), leaf_to_text(found))

    def _key(self, leaf: date, circumstances: str) -> str:
        return _digest(self.contents[leaf], circumstances)


@dataclass(frozen=True, slots=True)
class FoundBefore:
    """The memory of one judgement.

    Attributes
    ----------
    leaves
        What was found in single leaves; None where they are not told apart: within a day, and of a part of the data.

    Notes
    -----
    Whatever changes one of the things the key is made of makes a new key: a corrected row, the first bar of today behind
    yesterday's last one, another contract or events table, a new detector. A detector that failed is not remembered.
    """

    store: FindingStore
    key: str
    leaves: LeavesBefore | None = None

    def found(self, find: Callable[[], Found]) -> Found:
        """Return what was found before, or find it and remember it."""
        text = self.store.load(self.key)
        if text is not None:
            with suppress(ValueError, KeyError, TypeError):  # of another version of this code: found anew
                return from_text(text)
        found = find()
        if not found.failure:
            self.store.save(self.key, to_text(found))
        return found


def memory_of(snap: Snapshot, evidence: Evidence, events: pl.DataFrame | None, which: dict[str, Any]) -> FoundBefore:
    """Return the memory of what is found in a snapshot.

    Parameters
    ----------
    snap : Snapshot
    evidence : Evidence
    events : DataFrame or None
        The events table's rows.
    which : dict
        What part of the dataset was asked for.
    """
    hours = [table.fingerprint(-(2**31), 2**31 - 2) for table in evidence.terms.timetables]
    key = _digest(
        snap.leaves["key"].to_list(), evidence.terms.fingerprint, hours, contract_fingerprint(snap.contract), code_fingerprint(),
        None if events is None else events.rows(), evidence.now, evidence.out_of_order,
        sorted((name, str(value)) for name, value in which.items() if name in ("start", "end", "symbols")),
    )  # fmt: skip
    store = FindingStore(snap.lake, snap.contract.dataset)
    is_whole = which.get("start") is None and which.get("symbols") is None
    leaves = LeavesBefore(store, _contents(snap, events)) if is_whole and snap.contract.frequency == "1d" else None
    return FoundBefore(store, key, leaves)


def _contents(snap: Snapshot, events: pl.DataFrame | None) -> dict[date, str]:
    """Return, of each leaf, a hash of all rows and events that what is found in it may depend on."""
    keys: list[tuple[date, str]] = list(snap.leaves.drop_nulls(LEAF).select(LEAF, "key").iter_rows())
    named = None if events is None else sorted(events[SYMBOL].drop_nulls().unique())
    found = {}
    for leaf, _ in keys:
        first, last = month_from(leaf, -MONTHS), month_from(leaf, MONTHS)
        rows = [(day, key) for day, key in keys if first <= day <= last]
        cut = snap.end if snap.end is not None and snap.end < month_end(last) else None
        beside = None if events is None else events.filter(pl.col(SESSION).is_between(first, month_end(last))).rows()
        found[leaf] = _digest(rows, cut, named, beside, judging_fingerprint())
    return found


def _digest(*parts: object) -> str:
    """Return a hash of what parts look like."""
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
