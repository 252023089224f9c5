"""One copy of plotly.js for all pages of a lake, or of a site, under a name that says what it holds."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from workbench.audit.seals import publish_once
from workbench.figures.script import plotly_script

if TYPE_CHECKING:
    from pathlib import Path

PATTERN = "plotly-*.min.js"


@cache
def _script() -> tuple[str, bytes]:
    content = plotly_script().encode()
    return f"plotly-{sha256(content).hexdigest()[:16]}.min.js", content


def share_plotly(folder: Path) -> str:
    """Put plotly.js into a folder, once; return its name."""
    name, content = _script()
    publish_once(folder / name, content)
    return name


def is_as_named(path: Path, hashed: str) -> bool:
    """Whether a shared script is what its name says."""
    return path.name == f"plotly-{hashed[:16]}.min.js"
