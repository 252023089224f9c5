"""Pages written where they are not what they would be: each is known by a hash of all it is made from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workbench.audit.report import embedded, page_template
from workbench.audit.site.calendars import LEVELS
from workbench.figures.theme import INK, template

if TYPE_CHECKING:
    from collections.abc import Callable

    import plotly.graph_objects as go

STATE: Final = ".workbench-site.json"
TEMPLATES: Final = Path(__file__).resolve().parents[1] / "templates"
LEGEND: Final = [(name, f"{words}" if least < 0 else f"from {words}") for least, name, words in LEVELS]


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is to be.

    Attributes
    ----------
    path
        Relative to the site, with slashes.
    shows
        What the template shows; JSON values.
    draws
        Makes its figures; called only where the page is to be written.
    stamp
        A hash of what the figures are made from.
    """

    path: str
    template: str
    shows: dict[str, Any]
    draws: Callable[[], list[go.Figure]] | None = None
    stamp: str = ""


@dataclass(slots=True)
class Writer:
    """A folder of pages.

    Attributes
    ----------
    known
        Page -> the hash of what it was made from, the last time.
    """

    folder: Path
    plotly: str
    script: str
    known: dict[str, str]
    seen: dict[str, str] = field(default_factory=dict)
    written: int = 0

    def write(self, page: Page) -> None:
        """Write a page, unless it is there already as it is to be."""
        told = json.dumps([page.template, page.shows, page.stamp, self.plotly, self.script], sort_keys=True, default=str)
        key = sha256((_look() + told).encode("utf-8", "replace")).hexdigest()
        self.seen[page.path] = key
        target = self.folder / page.path
        if self.known.get(page.path) == key and target.is_file():
            return
        figures = [_drawn(number, figure) for number, figure in enumerate(page.draws() if page.draws else ())]
        text = page_template(page.template).render(
            **page.shows, figures=figures, nonce=key[:32], plotly=self.plotly, script=self.script, legend_of=LEGEND,
            root="../" * page.path.count("/"),
        )  # fmt: skip
        put(target, text.encode("utf-8", "replace"))
        self.written += 1

    def finish(self) -> int:
        """Take away pages that are no more, and remember the others; return how many went."""
        gone = [path for path in self.known if path not in self.seen]
        for path in gone:
            (self.folder / path).unlink(missing_ok=True)
        put(self.folder / STATE, json.dumps(self.seen, indent=0, sort_keys=True).encode())
        return len(gone)


def known_pages(folder: Path) -> dict[str, str]:
    """Return what was remembered of a site; nothing where there is none, or it cannot be read."""
    try:
        known = json.loads((folder / STATE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def put(target: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.part")
    draft.write_bytes(content)
    draft.replace(target)


def site_script() -> str:
    """Return the script that draws a site's figures, for light and for dark screens."""
    looks = {theme: template(theme).to_plotly_json() for theme in ("light", "dark")}
    text = (TEMPLATES / "site.js").read_text("utf-8")
    return text.replace("TEMPLATES", json.dumps(looks)).replace('"INK"', json.dumps(INK))


@cache
def _look() -> str:
    """Return a hash of all templates: another look is another page."""
    files = sorted(path for path in TEMPLATES.iterdir() if path.name.startswith(("site", "style")))
    return sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _drawn(number: int, figure: go.Figure) -> dict[str, Any]:
    meta = figure.layout.meta or {}
    height = int(figure.layout.height or 360)
    figure.update_layout(template=None)
    return {"id": number, "alt": str(meta.get("alt", "")), "height": height, "json": embedded(str(figure.to_json()))}
