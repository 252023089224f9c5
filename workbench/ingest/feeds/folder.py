"""A folder that files drop into; a position is how many files came before."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from workbench.ingest.feeds.feed import Piece, feed_name
from workbench.ingest.files import read_payload
from workbench.model.errors import BadInput, Transient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STILL_SECONDS: Final = 0.5
"""A file is whole once it has not been written to for so long, or was moved here."""
UNFINISHED: Final = (".part", ".tmp", ".crdownload", ".filepart", ".swp")
Seen = tuple[int, int]


@dataclass(slots=True)
class DropFolder:
    """The files of a folder, oldest first; a file that is written anew is a file more."""

    path: Path
    _count: int = 0
    _seen: dict[Path, Seen] = field(default_factory=dict)
    _changes: Iterator[Any] | None = None
    _since: dict[Path, tuple[Seen, float]] = field(default_factory=dict)
    """When a file was first seen as it is; a clock that was set back says nothing of how old it is."""

    @property
    def name(self) -> str:
        """What its source is called in receipts."""
        return feed_name("folder", self.path.name, str(self.path.resolve()))

    @property
    def address(self) -> str:
        """The path."""
        return str(self.path)

    def open(self, position: int | None, last: bytes | None = None) -> None:  # noqa: ARG002 (files are known by their bytes)
        """Begin to count behind a position; which files are known is told by their bytes.

        Raises
        ------
        BadInput
            It is no folder.
        """
        from watchfiles import watch

        if not self.path.is_dir():
            raise BadInput(f"{self.path}: there is no such folder to watch")
        self._count = position or 0
        self._changes = watch(self.path, recursive=False, yield_on_timeout=True, rust_timeout=200, step=50, debounce=200)

    def read(self, most: int, seconds: float) -> Piece | None:  # noqa: ARG002 (a file is one piece, however long)
        """Return the next file that is whole; waits for one."""
        until = time.monotonic() + seconds
        while True:
            for path, seen in self._files():
                self._seen[path] = seen
                payload = self._payload(path)
                if payload is not None:
                    self._count += 1
                    return Piece(path.name, payload, self._count, is_events=False, sent_at=((seen[0] / 1e9, 1),))
            if time.monotonic() >= until or self._changes is None:
                return None
            next(self._changes, None)

    def acknowledge(self, piece: Piece) -> None:
        """Do nothing: files stay where they are."""

    def close(self) -> None:
        """Stop watching."""
        self._changes = None

    def _files(self) -> list[tuple[Path, Seen]]:
        """Return whole files that were not read as they are now, in the order in which they were written."""
        try:
            there = [(path, path.stat()) for path in self.path.iterdir() if path.is_file() and not _is_unfinished(path)]
        except FileNotFoundError:  # one was moved away while we looked
            return []
        except OSError as error:
            raise Transient(f"{self.path}: cannot be read: {error}") from error
        found = [(path, (stat.st_mtime_ns, stat.st_size)) for path, stat in there if stat.st_size]
        fresh = [(path, seen) for path, seen in found if self._seen.get(path) != seen and self._is_whole(path, seen)]
        return sorted(fresh, key=lambda file: (file[1][0], file[0].name))

    def _is_whole(self, path: Path, seen: Seen) -> bool:
        now = time.monotonic()
        before, since = self._since.get(path, (None, now))
        if before != seen:
            self._since[path] = (seen, since := now)
        return seen[0] <= time.time_ns() - int(STILL_SECONDS * 1e9) or now - since >= STILL_SECONDS

    def _payload(self, path: Path) -> bytes | None:
        try:
            return read_payload(path)
        except BadInput:  # it is gone again
            return None


def _is_unfinished(path: Path) -> bool:
    return path.name.startswith(".") or path.suffix.lower() in UNFINISHED
