"""Folds of a table's log, kept beside it: derived, sealed, and done without where they are not there."""

from __future__ import annotations

from contextlib import suppress
from hashlib import blake2b
from io import BytesIO
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import polars as pl
from polars.exceptions import PolarsError

from workbench.lake.zones import Zone

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.lake.leaf_hash import LeafBy
    from workbench.lake.zones import Lake, TableRef

KEPT: Final = 4


class LeafCache:
    """The stored folds of one table: ``metadata/leaves/<table>/<leaf_by>/<version>-<seal>.parquet``.

    The seal is a hash of the file and of the commit that made the version. So neither a damaged
    file nor one of an earlier table at the same path is ever taken for a fold.
    """

    def __init__(self, lake: Lake, table: TableRef, by: LeafBy) -> None:
        self._folder = lake.zone(Zone.METADATA) / "leaves" / str(table) / by.value
        self._paths = {int(path.name.split("-")[0]): path for path in self._folder.glob("[0-9]*-*.parquet")}

    def get(self, version: int, commit: Path) -> pl.DataFrame | None:
        """Return the fold up to a version; None where none is stored, or it is not what was stored.

        Parameters
        ----------
        version : int
        commit : Path
            The version's file in the table's log.
        """
        if (path := self._paths.get(version)) is None:
            return None
        try:
            content = path.read_bytes()
            return pl.read_parquet(BytesIO(content)) if path.name == _name(version, commit, content) else None
        except (OSError, PolarsError):
            return None

    def put(self, version: int, commit: Path, fold: pl.DataFrame) -> None:
        """Store the fold up to a version, and drop all but the newest few; nothing, where nothing can be written."""
        buffer = BytesIO()
        fold.write_parquet(buffer, compression="zstd")
        content = buffer.getvalue()
        with suppress(OSError):  # a lake that is only to be read, or a full disk: then folds are computed each time
            self._folder.mkdir(parents=True, exist_ok=True)
            draft = self._folder / f".draft-{uuid4().hex}"
            draft.write_bytes(content)
            draft.replace(self._folder / _name(version, commit, content))
            by_age = sorted(self._folder.glob("[0-9]*-*.parquet"), key=lambda path: path.stat().st_mtime_ns)
            for path in by_age[:-KEPT]:
                path.unlink()


def _name(version: int, commit: Path, content: bytes) -> str:
    seal = blake2b(commit.read_bytes(), digest_size=16).digest() + content
    return f"{version:020}-{blake2b(seal, digest_size=8).hexdigest()}.parquet"
