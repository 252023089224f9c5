"""Source files to the raw zone: read once to see that it is data, then kept as it came."""

from __future__ import annotations

import glob
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.ingest.files import read_payload
from workbench.ingest.http import Address, fetch, is_url
from workbench.lake import find_receipt, publish, receipts
from workbench.model.errors import BadInput
from workbench.model.names import SYMBOL
from workbench.model.receipts import Receipt, receipt_id
from workbench.model.settings import Retries
from workbench.transform.events import read_lines
from workbench.transform.formats import parse_bytes
from workbench.transform.standardise import STAMP, Arrived, Origin, standardise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workbench.lake import Lake
    from workbench.model.contract import Contract, Source


@dataclass(frozen=True, slots=True)
class Arrival:
    """One file that was brought: its receipt, and whether it was new."""

    receipt: Receipt
    is_new: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """A file that can be brought.

    Attributes
    ----------
    path
        None where it is not of this file system.
    """

    source: str
    name: str
    read: Callable[[], bytes]
    path: Path | None = None

    @classmethod
    def file(cls, source: str, path: Path) -> Offer:
        """Return a file of this file system."""
        return cls(source, path.name, partial(read_payload, path), path)


def offers(root: Path, contract: Contract, session: date | None, retries: Retries | None = None) -> list[Offer]:
    """List what a contract's sources offer, most trusted first.

    Parameters
    ----------
    root : Path
        Of the lab; paths are relative to it.
    contract : Contract
    session : date, optional
        Fills ``{session}``.
    retries : Retries, optional
        How patiently addresses are asked.

    Raises
    ------
    BadInput
        The contract names no source, none of its paths matches a file, or an address needs a session.
    """
    found: list[Offer] = []
    for source in (source for source in contract.sources if source.role == "primary"):
        if is_url(source.path):
            found.append(_at_address(contract, source, session, retries or Retries()))
            continue
        if "{session}" in source.path and session is None:
            pattern = source.path.replace("{session}", "*")
        else:
            pattern = source.path.replace("{session}", session.isoformat() if session else "")
        matches = sorted(glob.glob(str(root / pattern)))  # noqa: PTH207 (the pattern may be absolute)
        found += [Offer.file(source.name, Path(match)) for match in matches if Path(match).is_file()]
    if not found:
        paths = ", ".join(source.path for source in contract.sources) or "none"
        raise BadInput(
            f"dataset {contract.dataset}: no file at its sources ({paths}); name files, or mend [[sources]] in its contract"
        )
    return found


def _at_address(contract: Contract, source: Source, session: date | None, retries: Retries) -> Offer:
    if "{session}" in source.path and session is None:
        raise BadInput(
            f"dataset {contract.dataset}: source {source.name} has a file for each session; say which: workbench run, or backfill"
        )
    url = source.path.replace("{session}", session.isoformat() if session else "")
    address = Address(url, source.headers, source.timeout_seconds)
    return Offer(source.name, address.name, partial(fetch, address, retries))


def moment_of_arrival(lake: Lake, dataset: str) -> datetime:
    """Return the moment (UTC) of an arrival that comes now, behind all others of the dataset."""
    return moment_behind(max((receipt.received_at for receipt in receipts(lake, dataset)), default=None))


def moment_behind(last: datetime | None) -> datetime:
    """Return now, or just behind the last arrival where the clock was set back: of two arrivals the later is meant."""
    now = datetime.now(UTC)
    return now if last is None or last < now else last + timedelta(microseconds=1)


def receive(lake: Lake, contract: Contract, offered: Sequence[Offer], *, received_at: datetime) -> tuple[Arrival, ...]:
    """Bring files into the raw zone.

    Parameters
    ----------
    lake : Lake
    contract : Contract
        Says how the files are to be read.
    offered : sequence of Offer
    received_at : datetime
        UTC.

    Raises
    ------
    BadInput
        A file is not what the contract says; nothing of that file is written.
    """
    return tuple(_receive(lake, contract, offer, received_at) for offer in offered)


def read_arrived(payload: bytes, receipt: Receipt, contract: Contract) -> tuple[Origin, ...]:
    """Parse an arrival's bytes into raw tables whose rows carry its receipt."""
    if receipt.is_events:
        symbol = contract.symbols[0] if len(contract.symbols) == 1 else None
        lines = read_lines(payload, origin=receipt.name, declared=contract.columns, kind=contract.kind, only_symbol=symbol)
        return (Origin(lines.table, receipt.id, lines=lines),)
    origins: list[Origin] = []
    first = 0
    for table in parse_bytes(payload, origin=receipt.name):
        origins.append(Origin(table, receipt=receipt.id, first_row=first))
        first += len(table.frame)
    return tuple(origins)


def readable(payload: bytes, receipt: Receipt, contract: Contract) -> Arrived | None:
    """Read a piece of a feed; None where it is no data at all."""
    try:
        arrived = standard_rows(read_arrived(payload, receipt, contract), contract)
    except BadInput:
        return None
    return arrived if arrived.frame[STAMP].null_count() < len(arrived.frame) else None


def standard_rows(origins: Sequence[Origin], contract: Contract) -> Arrived:
    """Read raw tables as the contract says."""
    return standardise(origins, columns=contract.columns, kind=contract.kind, frequency=contract.frequency)


def _receive(lake: Lake, contract: Contract, offer: Offer, received_at: datetime) -> Arrival:
    payload = offer.read()
    receipt = plain_receipt(payload, contract.dataset, offer.source, offer.name, received_at)
    if (known := find_receipt(lake, contract.dataset, receipt.sha256)) is not None:
        return Arrival(known, is_new=False)
    arrived = standard_rows(read_arrived(payload, receipt, contract), contract)
    filled = filled_receipt(receipt, arrived)
    if filled.first is None:
        where = f"{offer.path or offer.name}: no row has a time that can be read"
        raise BadInput(f"{where}; check the time column in the contract of {contract.dataset}")
    return Arrival(*publish(lake, payload, filled))


def plain_receipt(
    payload: bytes, dataset: str, source: str, name: str, received_at: datetime, *, position: int | None = None,
    is_events: bool = False,
) -> Receipt:  # fmt: skip
    """Return a receipt that says only what can be told without reading."""
    digest = sha256(payload).hexdigest()
    return Receipt(
        receipt_id(digest, source, position), dataset, source, name, "", received_at, digest, len(payload), 0, 0, None, None,
        position=position, is_events=is_events,
    )  # fmt: skip


def filled_receipt(receipt: Receipt, arrived: Arrived) -> Receipt:
    """Return a receipt with what the first reading saw."""
    days = arrived.frame[STAMP].drop_nulls().dt.date()
    return replace(
        receipt,
        rows=len(arrived.frame),
        symbols=arrived.frame[SYMBOL].drop_nulls().n_unique(),
        first=_day(days.min()),
        last=_day(days.max()),
        out_of_order=arrived.out_of_order,
        unreadable_cells=_unreadable(arrived),
    )


def _day(value: Any) -> date | None:
    return value if isinstance(value, date) else None


def _unreadable(arrived: Arrived) -> int:
    return int(arrived.frame.select((pl.col("unreadable").str.count_matches(",") + 1).sum()).item() or 0)
