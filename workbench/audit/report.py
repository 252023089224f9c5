"""A judgement as one page: no server, no network, every vendor's text inert."""

from __future__ import annotations

import json
import secrets
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from workbench.figures.script import plotly_script
from workbench.figures.theme import alt_of
from workbench.model.checks import Verdict
from workbench.model.findings import in_words
from workbench.model.score import Band, score_text
from workbench.monitor.alerts import alarms, band

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import jinja2
    import plotly.graph_objects as go

    from workbench.model.findings import Explained, Finding, Incident
    from workbench.model.score import Score

MOST_FINDINGS = 200
MOST_EXPLAINED = 50
LONGEST_CELL = 120
LONGEST_TEXT = 600

SENTENCES = {
    Band.OK: "Can be trusted: nothing of weight was found.",
    Band.MEDIUM: "Usable, with the findings below in mind.",
    Band.HIGH: "Look before you use it: a good part of the points is gone.",
    Band.CRITICAL: "Do not use it as it is.",
}


@dataclass(frozen=True, slots=True)
class ReportContent:
    """Everything a report shows.

    Attributes
    ----------
    facts, compared, provenance
        Name and value, in the order they are shown; ``compared`` says how other sources and vintages stand to the data.
    decided
        What the contract decides about the findings, in words.
    figures
        Caption and figure; a figure says what it shows in ``layout.meta["alt"]``.
    changes
        What is different from the run before; None where there is no run before to speak of.
    generated_at
        UTC.
    """

    title: str
    subtitle: str
    score: Score
    findings: tuple[Finding, ...]
    generated_at: datetime
    incidents: tuple[Incident, ...] = ()
    explained: tuple[Explained, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    compared: tuple[tuple[str, str], ...] = ()
    decided: str = ""
    figures: tuple[tuple[str, go.Figure], ...] = ()
    changes: tuple[str, ...] | None = None
    provenance: tuple[tuple[str, str], ...] = field(default=())


def render_report(content: ReportContent, *, shared: str | None = None) -> str:
    """Write a report as one HTML page.

    Parameters
    ----------
    content : ReportContent
    shared : str, optional
        Where plotly.js lies, relative to the page; None: it is inlined, and the page is complete in itself.

    Returns
    -------
    str
        Figures are drawn when they scroll into view.
    """
    level = band(content.score, content.findings)
    checks = [check for dimension in content.score.dimensions for check in dimension.checks]
    findings = sorted(content.findings, key=lambda f: (-f.severity.rank, -f.confidence, f.symbol, str(f.start)))
    page = _page().render(
        content=content,
        score=content.score,
        level=level.value,
        sentence=SENTENCES[level],
        costly=sorted((c for c in checks if c.points_lost), key=lambda c: -c.points_lost),
        silent=[c for c in checks if c.result.verdict in (Verdict.NOT_APPLICABLE, Verdict.ERROR)],
        partly=[c for c in checks if c.result.unjudged],
        passed=sum(c.result.verdict is Verdict.PASS for c in checks),
        findings=findings[:MOST_FINDINGS],
        below=alarms(content.score),
        explained=content.explained[:MOST_EXPLAINED],
        figures=[(caption, alt_of(figure), embedded(str(figure.to_json()))) for caption, figure in content.figures],
        plotly="" if shared else plotly_script(),
        shared=shared,
        nonce=secrets.token_hex(16),
    )
    # Half a surrogate pair in a vendor's text has no encoding and must not fail the write.
    return page.encode("utf-8", "replace").decode("utf-8")


def embedded(document: str) -> str:
    """Return JSON that can stand in a script element: no text in it can end the element."""
    return document.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _page() -> jinja2.Template:
    return page_template("report.html.j2")


def page_template(name: str, filters: Mapping[str, Callable[..., str]] | None = None) -> jinja2.Template:
    """Return a template of this room, which escapes everything, with the filters that pages share and some of its own."""
    import jinja2

    surroundings = jinja2.Environment(
        loader=jinja2.PackageLoader("workbench.audit", "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    surroundings.filters |= {
        "short": _short,
        "values": in_words,
        "long": _long,
        "cut": score_text,
        "count": _count,
        "moment": _moment,
        **(filters or {}),
    }
    return surroundings.get_template(name)


def _short(text: object, limit: int = LONGEST_CELL) -> str:
    """Return text without what cannot be seen (a bidi override among it), cut."""
    seen = (" " if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in str(text)[: 2 * limit])
    words = "".join(seen)
    return words if len(words) <= limit else words[: limit - 1] + "…"


def _long(text: object) -> str:
    return _short(text, LONGEST_TEXT)


def _count(number: Any) -> str:
    return f"{int(number):,}" if number.denominator == 1 else f"{float(number):,.1f}"


def _moment(moment: Any) -> str:
    return str(json.loads(json.dumps(moment, default=str))).replace("+00:00", "Z")
