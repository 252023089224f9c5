"""What must not stay in a stored notebook: secrets, values of variables that hold keys, and places on somebody's machine."""

from __future__ import annotations

import json
import os
import re
import site
import sys
from pathlib import Path
from typing import Any, Final

from workbench.audit.manifest import HIDDEN, scrubbed

LEAST_SECRET: Final = 8
"""Shorter values, and those of letters alone, are words that may occur anywhere."""
_KEEPS_A_SECRET: Final = re.compile(r"(?i)key|token|secret|passw|pwd|credential|auth|cookie|dsn")
_FIGURES: Final = "application/vnd.plotly.v1+json"  # numbers; their texts come from results that were cleaned
_OWN: Final = Path(__file__).resolve().parents[2]


class Cleaner:
    """Takes out of texts what is nobody's business.

    Parameters
    ----------
    root : Path
        Of the lab: paths within it are written relative to it.
    """

    def __init__(self, root: Path) -> None:
        self.secrets = sorted(_values_of_secret_variables(), key=len, reverse=True)
        self.places = [pair for place, word in _places(root) for pair in ((f"{place}{os.sep}", word), (place, word or "."))]

    def text(self, text: str) -> str:
        """Return a text without secrets, and without places of this machine."""
        for place, word in self.places:
            text = text.replace(place, word)
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return scrubbed(text)

    def value(self, value: Any) -> Any:
        """Return a JSON value whose texts are clean."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(part) for part in value]
        if isinstance(value, dict):
            return {key: part if key == _FIGURES else self.value(part) for key, part in value.items()}
        return value


def clean_notebook(path: Path, root: Path) -> None:
    """Clean an executed notebook in place, before it is published; one that cannot be read stays as it is."""
    try:
        notebook = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return
    cleaned = Cleaner(root).value(notebook)
    path.write_text(json.dumps(cleaned, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", errors="replace")


def _values_of_secret_variables() -> set[str]:
    kept = {value for name, value in os.environ.items() if _KEEPS_A_SECRET.search(name)}
    return {value for value in kept if len(value) >= LEAST_SECRET and not value.isalpha()}


def _places(root: Path) -> list[tuple[str, str]]:
    """Return the folders of this machine that texts name, longest first, each with what is written instead."""
    libraries = {Path(folder) for folder in site.getsitepackages()} | {Path(sys.prefix), Path(sys.base_prefix)}
    named = [(root.resolve(), ""), (root.absolute(), ""), (_OWN, "<package>/"), (Path.home(), "~/")]
    named += [(folder, "<python>/") for folder in libraries]
    known = {str(place): word for place, word in reversed(named) if len(place.parts) > 1}
    return sorted(known.items(), key=lambda pair: -len(pair[0]))
