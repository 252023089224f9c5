"""What was found in a version of a dataset, kept under a hash of all it was made from: derived, and done without where absent."""

from __future__ import annotations

from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from workbench.lake.zones import Zone, checked_name

if TYPE_CHECKING:
    from workbench.lake.zones import Lake

KEPT: Final = 32


class FindingStore:
    """The stored findings of one dataset: ``metadata/findings/<dataset>/<key>-<seal>.json``."""

    def __init__(self, lake: Lake, dataset: str) -> None:
        self._folder = lake.zone(Zone.METADATA) / "findings" / checked_name(dataset)

    def load(self, key: str) -> str | None:
        """Return what is stored under a key; None where nothing is, or it is not what was stored."""
        for path in self._folder.glob(f"{key}-*.json"):
            with suppress(OSError, UnicodeDecodeError):
                text = path.read_text(encoding="utf-8")
                if path.stem == f"{key}-{_seal(text)}":
                    return text
        return None

    def save(self, key: str, text: str) -> None:
        """Store text under a key, and drop all but the newest; nothing, where nothing can be written."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            draft = self._folder / f".draft-{uuid4().hex}"
            draft.write_text(text, encoding="utf-8")
            draft.replace(self._folder / f"{key}-{_seal(text)}.json")
            by_age = sorted(self._folder.glob("*-*.json"), key=lambda path: path.stat().st_mtime_ns)
            for path in by_age[:-KEPT]:
                path.unlink()


def _seal(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
