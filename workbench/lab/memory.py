"""What was found in a dataset, remembered by all it was made from: rows, hours, contract, events, and the code."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from workbench.lab.contracts import contract_fingerprint
from workbench.lab.fingerprint import code_fingerprint
from workbench.lab.found_json import from_text, to_text
from workbench.lake import FindingStore

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from workbench.lab.snapshots import Snapshot
    from workbench.quality.findings import Found
    from workbench.quality.ledger import Evidence


@dataclass(frozen=True, slots=True)
class FoundBefore:
    """The memory of one judgement.

    Notes
    -----
    Whatever changes one of the things the key is made of makes a new key: a corrected row, the first bar of today behind
    yesterday's last one, another contract or events table, a new detector. A detector that failed is not remembered.
    """

    store: FindingStore
    key: str

    def found(self, find: Callable[[], Found]) -> Found:
        """Return what was found before, or find it and remember it."""
        text = self.store.load(self.key)
        if text is not None:
            try:
                return from_text(text)
            except (ValueError, KeyError, TypeError):  # of another version of this code: found anew
                pass
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
    digest = blake2b(digest_size=16)
    hours = [table.fingerprint(-(2**31), 2**31 - 2) for table in evidence.terms.timetables]
    parts = (
        snap.leaves["key"].to_list(), evidence.terms.fingerprint, hours, contract_fingerprint(snap.contract), code_fingerprint(),
        None if events is None else events.rows(), evidence.now, evidence.out_of_order,
        sorted((name, str(value)) for name, value in which.items() if name in ("start", "end", "symbols")),
    )  # fmt: skip
    digest.update(repr(parts).encode("utf-8", "surrogatepass"))
    return FoundBefore(FindingStore(snap.lake, snap.contract.dataset), digest.hexdigest())
