"""What was found in a dataset, kept under hashes of all it was made from: derived, and done without where absent.

What a whole version holds lies beside what single leaves hold, in ``leaves/``.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from workbench.lake.zones import Zone, checked_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from pathlib import Path

    from workbench.lake.zones import Lake

KEPT: Final = 32
"""Versions of a dataset of which findings are kept."""
KEPT_OF_A_LEAF: Final = 8


class FindingStore:
    """The stored findings of one dataset: ``metadata/findings/<dataset>/[leaves/<leaf>-]<key>-<seal>.json``."""

    def __init__(self, lake: Lake, dataset: str) -> None:
        self._folder = lake.zone(Zone.METADATA) / "findings" / checked_name(dataset)
        self._leaves = self._folder / "leaves"

    def load(self, key: str) -> str | None:
        """Return what is stored of a whole version; None where nothing is, or it is not what was stored."""
        return _first_whole(self._folder.glob(f"{key}-*.json"))

    def save(self, key: str, text: str) -> None:
        """Store text of a whole version, and drop all but the newest; nothing, where nothing can be written."""
        _save(self._folder, key, text)
        _drop_old(self._folder, "*-*.json", KEPT)

    def load_leaves(self, keys: Iterable[tuple[date, str]]) -> dict[date, str]:
        """Return what is stored of leaves, by leaf; without those of which nothing is, or not what was stored."""
        there: dict[str, list[Path]] = {}
        with suppress(OSError):
            for path in self._leaves.iterdir():
                there.setdefault(path.stem.rpartition("-")[0], []).append(path)
        found = ((leaf, _first_whole(there.get(f"{leaf}-{key}", ()))) for leaf, key in keys)
        return {leaf: text for leaf, text in found if text is not None}

    def save_leaf(self, leaf: date, key: str, text: str) -> None:
        """Store text of a leaf, and drop all but the newest of it; nothing, where nothing can be written."""
        _save(self._leaves, f"{leaf}-{key}", text)
        _drop_old(self._leaves, f"{leaf}-*.json", KEPT_OF_A_LEAF)


def _first_whole(paths: Iterable[Path]) -> str | None:
    for path in paths:
        with suppress(OSError, UnicodeDecodeError):
            text = path.read_text(encoding="utf-8")
            if path.stem.rpartition("-")[2] == _seal(text):
                return text
    return None


def _save(folder: Path, name: str, text: str) -> None:
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".draft-{uuid4().hex}"
        draft.write_text(text, encoding="utf-8")
        draft.replace(folder / f"{name}-{_seal(text)}.json")


def _drop_old(folder: Path, names: str, kept: int) -> None:
    with suppress(OSError):
        by_age = sorted(folder.glob(names), key=lambda path: path.stat().st_mtime_ns)
        for path in by_age[:-kept]:
            path.unlink()


def _seal(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
