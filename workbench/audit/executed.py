"""An executed notebook read back: its figures as data, its cells as a page."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, Final

from workbench.audit.inert import inert
from workbench.audit.notebooks import MIME, read_notebook, records
from workbench.audit.report import embedded, page_template
from workbench.figures.script import plotly_script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLOTLY: Final = "application/vnd.plotly.v1+json"
NAME: Final = "name"
"""Under this key of ``layout.meta`` a figure says what it is called."""
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Shown:
    """One thing that a page shows: markdown, code, text, safe HTML, or a figure as JSON."""

    kind: str
    content: str
    alt: str = ""


def figures_of(notebook: Path) -> dict[str, dict[str, Any]]:
    """Return the figures of an executed notebook as plotly's JSON, by name; one without a name goes by its cell.

    Raises
    ------
    BadInput
        The path does not lead to a notebook.
    """
    found: dict[str, dict[str, Any]] = {}
    for number, cell in enumerate(read_notebook(notebook)["cells"]):
        for output in cell.get("outputs", []):
            figure = output.get("data", {}).get(PLOTLY)
            if isinstance(figure, dict):
                meta = figure.get("layout", {}).get("meta")
                found[str(meta[NAME]) if isinstance(meta, dict) and NAME in meta else f"cell {number}"] = figure
    return found


def notebook_page(notebook: Path, *, title: str) -> str:
    """Write an executed notebook as one page that needs no server and in which nothing but our own script acts.

    Raises
    ------
    BadInput
        The path does not lead to a notebook.
    """
    shown = list(_shown(read_notebook(notebook)))
    script = plotly_script() if any(part.kind == "figure" for part in shown) else ""
    told = json.dumps(records(notebook), indent=1)
    page: str = _page().render(title=title, parts=shown, plotly=script, records=told, nonce=secrets.token_hex(16))
    return page.encode("utf-8", "replace").decode("utf-8")


def _shown(notebook: dict[str, Any]) -> Iterator[Shown]:
    for cell in notebook["cells"]:
        source = _text(cell.get("source", ""))
        if cell.get("cell_type") == "markdown":
            yield Shown("heading", source.removeprefix("# ")) if source.startswith("# ") else Shown("markdown", source)
            continue
        yield Shown("code", source)
        for output in cell.get("outputs", []):
            yield from _output(output)


def _output(output: dict[str, Any]) -> Iterator[Shown]:
    data = output.get("data", {})
    if PLOTLY in data:
        meta = data[PLOTLY].get("layout", {}).get("meta")
        yield Shown("figure", embedded(json.dumps(data[PLOTLY])), str(meta.get("alt", "")) if isinstance(meta, dict) else "")
    elif MIME in data:
        yield Shown("record", str(data[MIME].get("name", "")))
    elif "text/html" in data:
        yield Shown("html", inert(_text(data["text/html"])))
    elif output.get("output_type") == "error":
        yield Shown("error", _COLOURS.sub("", "\n".join(_text(line) for line in output.get("traceback", []))))
    elif text := _text(data.get("text/plain", output.get("text", ""))):
        yield Shown("text", text)


def _text(source: Any) -> str:
    return "".join(str(line) for line in source) if isinstance(source, list) else str(source)


@cache
def _page() -> Any:
    return page_template("notebook.html.j2", {"prose": _prose})


def _prose(text: str) -> str:
    """Write the little markdown that notebooks use: paragraphs, emphasis in code."""
    parts = (re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(part)) for part in text.split("\n\n"))
    return "".join(f"<p>{part}</p>" for part in parts)
