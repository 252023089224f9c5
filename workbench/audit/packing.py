"""Executed notebooks of old runs, packed: each compressed where it lies, listed, read and verified as before."""

from __future__ import annotations

import gzip
import zlib
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from workbench.audit.seals import publish_once

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SUFFIX: Final = ".gz"
PACKED: Final = (".ipynb", ".ndjson")
_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00"
_EXACT: Final = 0
"""The time that gzip writes into its header: the same content gives the same file."""


def pack(folder: Path) -> int:
    """Pack a run's notebooks and events; return how many bytes were won.

    Notes
    -----
    Packed first, read back, compared, and only then is the plain file taken away.
    """
    won = 0
    for path in sorted(folder.iterdir()):
        if path.suffix not in PACKED or path.name.startswith("."):
            continue
        content = path.read_bytes()
        target = packed_name(path)
        if not target.is_file():
            publish_once(target, gzip.compress(content, mtime=_EXACT))
        if _holds(target, content):  # else somebody put it there: verify names it, and nothing is taken away
            path.unlink()
            won += len(content) - target.stat().st_size
    return won


def _holds(packed: Path, content: bytes) -> bool:
    try:
        return gzip.decompress(packed.read_bytes()) == content
    except (OSError, EOFError, zlib.error):
        return False


def packed_name(path: Path) -> Path:
    """Return where a file lies when it is packed."""
    return path.with_name(path.name + SUFFIX)


def is_kept(path: Path) -> bool:
    """Whether a file is there, plain or packed."""
    return path.is_file() or packed_name(path).is_file()


def read_kept_file(path: Path) -> bytes:
    """Return a file's content, plain or packed.

    Raises
    ------
    OSError
        It is not there, or what is packed cannot be read.
    """
    if path.is_file() or not packed_name(path).is_file():
        return path.read_bytes()
    try:
        packed = packed_name(path).read_bytes()
        if not packed.startswith(_HEADER):
            raise OSError(f"{packed_name(path)}: it was not packed by workbench, or has been altered since")
        return gzip.decompress(packed)
    except (EOFError, zlib.error) as error:
        raise OSError(f"{packed_name(path)}: what is packed is damaged: {error}") from error


def packed_digest(path: Path) -> str:
    """Return the SHA-256 of what a packed file holds; errors as :func:`read_kept_file`."""
    return sha256(read_kept_file(path)).hexdigest()


def pack_all(folders: Iterable[Path]) -> tuple[int, int]:
    """Pack several runs; return how many had something to pack, and the bytes won."""
    runs = won = 0
    for folder in folders:
        gained = pack(folder) if folder.is_dir() else 0
        runs += gained != 0
        won += gained
    return runs, won
