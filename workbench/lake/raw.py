"""The raw zone: the vendor's own bytes, content-addressed, written once.

Bytes come first, their receipt last: bytes without a receipt are not an arrival.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from datetime import UTC
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.lake.receipt_json import parse_receipt, receipt_json
from workbench.lake.zones import Lake, Zone, checked_name, tame_name
from workbench.model.errors import BadInput, LakeBroken
from workbench.model.receipts import receipt_id

if TYPE_CHECKING:
    from workbench.model.receipts import Receipt

RECEIPT_SUFFIX: Final = ".receipt.json"


def publish(lake: Lake, payload: bytes, receipt: Receipt) -> tuple[Receipt, bool]:
    """Put bytes into the raw zone, once.

    Parameters
    ----------
    lake : Lake
    payload : bytes
        What the source sent, unchanged.
    receipt : Receipt
        What is known about it; ``path`` is filled in here, whatever it holds.

    Returns
    -------
    Receipt
        As recorded; the earlier one if the dataset already has these bytes.
    bool
        Whether anything was written.

    Raises
    ------
    BadInput
        ``sha256``, ``id`` or ``size_bytes`` is not the payload's; the name of dataset or source is
        not one; ``received_at`` has no time zone.
    LakeBroken
        What was written is not what is read back.

    Notes
    -----
    Temporary file, fsync, read back and compare, atomic move; first the bytes, then the receipt.
    The receipt's move does not replace: of two processes that bring the same bytes at once, one
    gets the other's receipt.
    """
    _require_same(payload, receipt)
    if earlier := _find(lake, receipt.dataset, receipt.id, receipt.sha256):
        return earlier, False
    text = receipt_json(receipt)  # refuses before anything is made
    folder = _folder(receipt)
    recorded = replace(receipt, path=f"{folder}/{receipt.id}-{_file_name(receipt.name)}")
    text = receipt_json(recorded)
    target = lake.root / recorded.path
    target.parent.mkdir(parents=True, exist_ok=True)
    _written(target, payload).replace(target)
    draft = _written(target, text.encode())
    try:
        os.link(draft, _receipt_path(target))
    except FileExistsError:
        return _load(_receipt_path(target)), False
    finally:
        draft.unlink()
    _sync_folder(target.parent)
    return recorded, True


def receipts(lake: Lake, dataset: str) -> tuple[Receipt, ...]:
    """Return what arrived for a dataset, ordered by ``received_at``, then ``id``.

    Raises
    ------
    BadInput
        The dataset's name is not one.
    LakeBroken
        A receipt that cannot be read; the message names the file.
    """
    found = lake.zone(Zone.RAW).glob(f"*/{checked_name(dataset)}/*/*/*/*{RECEIPT_SUFFIX}")
    return tuple(sorted((_load(path) for path in found), key=lambda r: (r.received_at, r.id)))


def read_raw(lake: Lake, receipt: Receipt) -> bytes:
    """Return the bytes of an arrival, verified.

    Raises
    ------
    LakeBroken
        The file is not there, lies outside the raw zone, or its hash is not the receipt's.
    """
    path = lake.root / receipt.path
    if not path.resolve().is_relative_to(lake.zone(Zone.RAW).resolve()):
        raise LakeBroken(
            f"{receipt.path}: expected a path in the raw zone; the receipt {receipt.id} was altered, restore it from a backup"
        )
    try:
        payload = path.read_bytes()
    except FileNotFoundError as error:
        raise LakeBroken(f"{path}: the file of receipt {receipt.id} is missing; restore it from a backup") from error
    found = sha256(payload).hexdigest()
    if found != receipt.sha256:
        raise LakeBroken(
            f"{path}: expected sha256 {receipt.sha256[:16]}…, found {found[:16]}…; the file was altered, restore it from a backup"
        )
    return payload


def _require_same(payload: bytes, receipt: Receipt) -> None:
    found = sha256(payload).hexdigest()
    expected = receipt_id(found, receipt.source, receipt.position)
    if (receipt.sha256, receipt.id, receipt.size_bytes) != (found, expected, len(payload)):
        raise BadInput(
            f"{receipt.name}: expected a receipt {expected} for sha256 {found[:16]}… and {len(payload)} bytes,"
            f" found {receipt.sha256[:16]}…, id {receipt.id} and {receipt.size_bytes} bytes"
        )


def find_receipt(lake: Lake, dataset: str, digest: str) -> Receipt | None:
    """Return the receipt of a file with this SHA-256 for a dataset, from whichever source and day; pieces of feeds apart.

    Raises
    ------
    LakeBroken
        Other bytes go by the same id.
    """
    return _find(lake, dataset, digest[:16], digest)


def _find(lake: Lake, dataset: str, receipt: str, digest: str) -> Receipt | None:
    """Return a receipt by its id."""
    pattern = f"*/{checked_name(dataset)}/*/*/*/{receipt}-*{RECEIPT_SUFFIX}"
    found = min((_load(path) for path in lake.zone(Zone.RAW).glob(pattern)), key=lambda r: r.received_at, default=None)
    if found and found.sha256 != digest:
        raise LakeBroken(f"{found.path}: two different files share the id {found.id}; rename neither, report this")
    return found


def receipt_path(lake: Lake, receipt: Receipt) -> Path:
    """Return the file of a receipt: it lies beside the bytes it is of."""
    return _receipt_path(lake.root / receipt.path)


def _folder(receipt: Receipt) -> str:
    day = receipt.received_at.astimezone(UTC)
    return f"{Zone.RAW}/{checked_name(receipt.source)}/{checked_name(receipt.dataset)}/{day:%Y/%m/%d}"


def _file_name(name: str) -> str:
    """Return a tame name that cannot be taken for a receipt."""
    tame = tame_name(name)
    return f"{tame}_" if tame.lower().endswith(RECEIPT_SUFFIX) else tame


def _receipt_path(target: Path) -> Path:
    return target.with_name(target.name + RECEIPT_SUFFIX)


def _load(path: Path) -> Receipt:
    return _parsed(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=65_536)
def _parsed(path: Path, _modified: int) -> Receipt:
    """Read a receipt once: it is written once, for good."""
    return parse_receipt(path.read_text("utf-8"), origin=str(path))


def _written(target: Path, content: bytes) -> Path:
    """Write a temporary file beside the target, read-only, safely on disk, and read back."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
    draft = Path(name)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if draft.read_bytes() != content:
        draft.unlink()
        raise LakeBroken(f"{target}: what was written is not what is read back; check the disk, then run again")
    draft.chmod(0o444)
    return draft


def _sync_folder(folder: Path) -> None:
    """Make the folder's entries durable, where the system lets one."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
