"""A file that grows by a JSON object a line; a position is the byte behind the last line that was taken."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from workbench.ingest.feeds.feed import Piece, feed_name
from workbench.model.errors import BadInput, Transient

if TYPE_CHECKING:
    from pathlib import Path

CHUNK_BYTES: Final = 8 << 20
LONGEST_LINE: Final = 64 << 20
_ANOTHER: Final = "does not hold what was read of it before; it was cut or made anew: follow it under another name"
LOOK_SECONDS: Final = 0.1
STILL_SECONDS: Final = 1.0
"""A last line that is whole, but for its end of line, is taken once the file has not grown for so long."""


@dataclass(slots=True)
class GrowingFile:
    """The lines of a file, as they are written."""

    path: Path
    _at: int = 0
    _size: int = field(default=-1)
    _grew_at: float = 0.0

    @property
    def name(self) -> str:
        """What its source is called in receipts."""
        return feed_name("jsonl", self.path.stem, str(self.path.resolve()))

    @property
    def address(self) -> str:
        """The path."""
        return str(self.path)

    def open(self, position: int | None, last: bytes | None = None) -> None:
        """Begin behind a byte, which ``last`` comes before.

        Raises
        ------
        BadInput
            The file is not there, shorter than what was read of it, or holds something else before that byte: it is another one.
        """
        if not self.path.is_file():
            raise BadInput(f"{self.path}: there is no such file to follow")
        self._at = position or 0
        self._look()
        if last and self._before(len(last)) != last:
            raise BadInput(f"{self.path}: {_ANOTHER}")

    def read(self, most: int, seconds: float) -> Piece | None:
        """Return the lines that came; waits for them."""
        until = time.monotonic() + seconds
        while True:
            if self._look() > self._at and (lines := self._lines(most)):
                self._at += len(lines)
                sent = ((time.time(), lines.count(b"\n") or 1),)
                return Piece(self.path.name, lines, self._at, sent_at=sent)
            if time.monotonic() >= until:
                return None
            time.sleep(LOOK_SECONDS)

    def acknowledge(self, piece: Piece) -> None:
        """Do nothing: the position is kept with the rows."""

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""

    def _look(self) -> int:
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise Transient(f"{self.path}: cannot be read: {error}") from error
        if size < self._at:
            raise BadInput(f"{self.path}: {_ANOTHER}")
        if size != self._size:
            self._size, self._grew_at = size, time.monotonic()
        return size

    def _before(self, size: int) -> bytes:
        """Return what lies before the position."""
        with self.path.open("rb") as file:
            file.seek(max(0, self._at - size))
            return file.read(min(size, self._at))

    def _lines(self, most: int) -> bytes:
        """Return whole lines from here on."""
        with self.path.open("rb") as file:
            file.seek(self._at)
            chunk = file.read(CHUNK_BYTES)
            while b"\n" not in chunk and len(chunk) < LONGEST_LINE and (more := file.read(CHUNK_BYTES)):
                chunk += more
        if len(chunk) >= LONGEST_LINE and b"\n" not in chunk:
            raise BadInput(f"{self.path}: no end of line within {LONGEST_LINE >> 20} MiB behind byte {self._at}; is it JSONL?")
        end = _behind_line(chunk, most)
        is_last = self._at + len(chunk) >= self._size
        return chunk[:end] if end else chunk if is_last and self._is_still() and _is_object(chunk) else b""

    def _is_still(self) -> bool:
        return time.monotonic() - self._grew_at >= STILL_SECONDS


def _behind_line(chunk: bytes, most: int) -> int:
    """Return where at most so many whole lines end."""
    if chunk.count(b"\n") <= most:
        return chunk.rfind(b"\n") + 1
    return len(b"\n".join(chunk.split(b"\n", most)[:most])) + 1


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
