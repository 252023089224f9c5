"""The files that a table's versions consist of, told by their hashes: data files, the log's entries, its checkpoints."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from workbench.lake.raw import RECEIPT_SUFFIX
from workbench.lake.zones import Lake, Zone, checked_name
from workbench.model.errors import LakeBroken

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workbench.lake.zones import TableRef

LOG: Final = "_delta_log"
_ENTRY: Final = re.compile(r"(\d{20})\.json")
_CHECKPOINT: Final = re.compile(r"(\d{20})\.checkpoint(\..*)?\.parquet")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex digits.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def log_files(lake: Lake, table: TableRef, *, after: int, until: int) -> dict[int, list[Path]]:
    """Return the entries and checkpoints of a table's log, by version, behind one version and up to another."""
    found: dict[int, list[Path]] = {}
    folder = lake.path(table) / LOG
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        named = _ENTRY.fullmatch(path.name) or _CHECKPOINT.fullmatch(path.name)
        if named and after < int(named[1]) <= until:
            found.setdefault(int(named[1]), []).append(path)
    return found


def files_of(lake: Lake, table: TableRef, *, after: int, until: int) -> Iterator[Path]:
    """Yield every file that came with some versions of a table: entries of its log, checkpoints, data files.

    Parameters
    ----------
    after, until : int
        Versions; the first is not included (-1: from the beginning), the second is.

    Raises
    ------
    LakeBroken
        An entry cannot be read, or is not there.
    """
    logs = log_files(lake, table, after=after, until=until)
    for version in range(after + 1, until + 1):
        entries = [path for path in logs.get(version, ()) if _ENTRY.fullmatch(path.name)]
        if not entries:
            raise LakeBroken(f"{table}: the log has no entry of version {version}; restore _delta_log from a backup")
        yield from logs[version]
        yield from (lake.path(table) / unquote(name) for name in _added(entries[0]))


def _added(entry: Path) -> Iterator[str]:
    """Yield the data files that an entry of a log adds."""
    try:
        for line in entry.read_text("utf-8").splitlines():
            added = json.loads(line).get("add") if line.strip() else None
            if added:
                yield added["path"]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise LakeBroken(f"{entry}: this entry of a table's log cannot be read: {error}") from error


def raw_files(lake: Lake, dataset: str) -> tuple[Path, ...]:
    """Return every file in the raw zone of a dataset: bytes, and receipts beside them; sorted."""
    found = lake.zone(Zone.RAW).glob(f"*/{checked_name(dataset)}/*/*/*/*")
    return tuple(sorted(path for path in found if not path.name.startswith(".")))


def is_receipt(path: Path) -> bool:
    """Whether a file of the raw zone is a receipt."""
    return path.name.endswith(RECEIPT_SUFFIX)
