"""Answers as pages: one file each, no server, no network, every text of others inert."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from workbench.audit.report import embedded, page_template
from workbench.figures.script import plotly_script
from workbench.figures.theme import alt_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go


def difference_page(document: dict[str, Any], figures: Sequence[tuple[str, go.Figure]] = ()) -> str:
    """Write what is different between two runs as a page."""
    return _page("difference.html.j2", document, figures)


def known_page(document: dict[str, Any]) -> str:
    """Write what was known at a moment as a page."""
    return _page("known.html.j2", document, ())


def _page(template: str, document: dict[str, Any], figures: Sequence[tuple[str, go.Figure]]) -> str:
    drawn = [(caption, alt_of(figure), embedded(str(figure.to_json()))) for caption, figure in figures]
    page = page_template(template, {"span": _span}).render(
        d=json.loads(json.dumps(document, default=str)), figures=drawn, nonce=secrets.token_hex(16),
        plotly=plotly_script() if drawn else "",
    )  # fmt: skip
    return page.encode("utf-8", "replace").decode("utf-8")


def _span(days: dict[str, str] | None) -> str:
    if not days:
        return ""
    return f" ({days['first']})" if days["first"] == days["last"] else f" ({days['first']} to {days['last']})"
