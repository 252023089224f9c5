"""Raw zone to processed, quarantine and derived zones: sessions replaced whole, each with its lineage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from workbench.lab.arrivals import read_arrived, readable, standard_rows
from workbench.lab.contracts import contract_fingerprint
from workbench.lab.decided import after_decisions, rows_of
from workbench.lab.fingerprint import code_fingerprint
from workbench.lab.quarantine import once_in_quarantine
from workbench.lab.snapshots import leaf_by
from workbench.lab.sorting import SortedOut, sorted_out
from workbench.lake import Lineage, TableRef, compact, read_raw, receipts, replace_receipts, replace_sessions, scan, version_of
from workbench.lake.locks import alone
from workbench.model.contract import PartitionBy
from workbench.model.errors import BadInput
from workbench.model.names import EVENT_AT, REASON, SESSION, SYMBOL
from workbench.transform.features import FEATURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.lake import Lake
    from workbench.model.contract import Contract
    from workbench.model.receipts import Receipt

LOOK_BACK = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Transformed:
    """What a transformation wrote.

    Attributes
    ----------
    versions
        Table -> the version it has now.
    quarantined
        Reason -> rows.
    """

    session: date | None
    rows: int
    symbols: int
    receipts: tuple[str, ...]
    quarantined: dict[str, int]
    versions: dict[str, int]


def transform(lake: Lake, contract: Contract, *, session: date | None = None, run: str | None = None) -> Transformed:
    """Make standard rows of what arrived, and features of standard rows.

    Parameters
    ----------
    lake : Lake
    contract : Contract
    session : date, optional
        Replace this session only; None: everything that ever arrived.
    run : str, optional
        Written into the lineage.

    Raises
    ------
    BadInput
        Nothing has arrived, or nothing for that session.
    LakeBroken
        Raw bytes are not what their receipt says.
    """
    with alone(lake, rows_of(contract)):
        return made_again(lake, contract, session=session, run=run)


def made_again(lake: Lake, contract: Contract, *, session: date | None, run: str | None) -> Transformed:
    """Do what :func:`transform` does, for those who hold the lock already."""
    arrived = _receipts_for(lake, contract, session)
    rows = _rows_of(lake, contract, arrived)
    good, bad = after_decisions(lake, contract, rows)
    if session is not None:
        good = good.filter(pl.col(SESSION) == session)
        if good.is_empty() and bad.filter(pl.col(SESSION) == session).is_empty():
            raise BadInput(f"dataset {contract.dataset}: no row of session {session} has arrived; ingest its file first")
    lineage = Lineage(
        stage="transform",
        run=run,
        receipts=tuple(r.id for r in arrived),
        contract=contract_fingerprint(contract),
        code=code_fingerprint(),
    )
    versions = _write_rows(lake, contract, good, bad, arrived, session, lineage)
    versions |= _write_features(lake, contract, None if session is None else (session, session), lineage)
    counts = rows.bad.group_by(REASON).len().sort(REASON)
    return Transformed(
        session=session,
        rows=len(good),
        symbols=good[SYMBOL].n_unique(),
        receipts=lineage.receipts,
        quarantined={str(reason): int(count) for reason, count in counts.iter_rows()},
        versions=versions,
    )


def _receipts_for(lake: Lake, contract: Contract, session: date | None) -> tuple[Receipt, ...]:
    everything = tuple(r for r in receipts(lake, contract.dataset) if r.rows or _is_readable_now(lake, contract, r))
    if not everything:
        raise BadInput(f"dataset {contract.dataset}: nothing has arrived yet; run: workbench ingest {contract.dataset}")
    if session is None:
        return everything
    near = timedelta(days=1)
    covering = tuple(r for r in everything if not (r.first and r.last) or r.first - near <= session <= r.last + near)
    if not covering:
        latest = max((r.last for r in everything if r.last), default=None)
        raise BadInput(
            f"dataset {contract.dataset}: nothing has arrived for session {session}; the latest is {latest}; ingest its file"
        )
    return covering


_LATEST: dict[tuple[str, ...], SortedOut] = {}
"""The arrivals that were read last: the sessions of one file come one after the other, and are read once."""


def _rows_of(lake: Lake, contract: Contract, arrived: Sequence[Receipt]) -> SortedOut:
    """Read arrivals, and sort them out."""
    key = (str(lake.root), contract_fingerprint(contract), *(receipt.id for receipt in arrived))
    if key not in _LATEST:
        _LATEST.clear()
        origins = [origin for r in arrived for origin in read_arrived(read_raw(lake, r), r, contract)]
        _LATEST[key] = sorted_out(standard_rows(origins, contract), contract, receipts=[r.id for r in arrived])
    return _LATEST[key]


def _is_readable_now(lake: Lake, contract: Contract, receipt: Receipt) -> bool:
    """Whether a piece of a feed in which nothing could be read can be read by now: the contract may have been mended."""
    return receipt.position is not None and readable(read_raw(lake, receipt), receipt, contract) is not None


def _write_rows(
    lake: Lake,
    contract: Contract,
    good: pl.DataFrame,
    bad: pl.DataFrame,
    arrived: Sequence[Receipt],
    session: date | None,
    lineage: Lineage,
) -> dict[str, int]:
    processed, quarantine = TableRef.processed(contract.dataset), TableRef.quarantine(contract.dataset)
    span = None if session is None else (session, session)
    by = leaf_by(contract)
    versions = {
        str(processed): replace_sessions(
            lake, processed, good, sessions=span, partition_by=contract.storage.partition_by, lineage=lineage, leaf_by=by
        )
    }
    if len(bad) or version_of(lake, quarantine) is not None:
        ids = [r.id for r in arrived]
        bad = once_in_quarantine(lake, contract, bad, ids)
        versions[str(quarantine)] = replace_receipts(lake, quarantine, bad, receipts=ids, lineage=lineage, leaf_by=by)
    return versions


def write_features(lake: Lake, contract: Contract, sessions: tuple[date, date], *, run: str | None = None) -> dict[str, int]:
    """Make the features of sessions whose rows are there; return table -> version."""
    lineage = Lineage(stage="features", run=run, contract=contract_fingerprint(contract), code=code_fingerprint())
    return _write_features(lake, contract, sessions, lineage)


def _write_features(lake: Lake, contract: Contract, span: tuple[date, date] | None, lineage: Lineage) -> dict[str, int]:
    processed = TableRef.processed(contract.dataset)
    version = version_of(lake, processed)
    if not contract.features or version is None:
        return {}
    start, end = (None, None) if span is None else (span[0] - LOOK_BACK, span[1])
    rows = scan(lake, processed, start=start, end=end, version=version).collect().sort(SYMBOL, EVENT_AT)
    source = Lineage(
        stage="features", run=lineage.run, tables=((str(processed), version),), contract=lineage.contract, code=lineage.code
    )
    versions: dict[str, int] = {}
    for name in contract.features:
        feature = FEATURES[name](rows, contract.kind)
        if feature is None:
            continue
        wanted = feature if span is None else feature.filter(pl.col(SESSION).is_between(*span))
        table = TableRef.derived(name, contract.dataset)
        versions[str(table)] = replace_sessions(
            lake, table, wanted, sessions=span, partition_by=contract.storage.partition_by, lineage=source
        )
    return versions


def tidy_up(lake: Lake, contract: Contract) -> None:
    """Write the small files of a dataset's tables as large sorted ones; no row changes."""
    lies = contract.storage.partition_by
    tables = {TableRef.processed(contract.dataset): lies, TableRef.quarantine(contract.dataset): PartitionBy.TIME}
    tables |= {TableRef.derived(name, contract.dataset): lies for name in contract.features}
    for table, partition_by in tables.items():
        if version_of(lake, table) is not None:
            compact(lake, table, partition_by=partition_by)
