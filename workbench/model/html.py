"""How values show themselves in a notebook: compact HTML in the page's own colours, every text escaped.

JupyterLab's variables give the colours, in its light and in its dark theme; elsewhere greys that both bear stand in.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_CHARACTERS: Final = 60
MARKS: Final = {"critical": ("✖", "#c0392b"), "high": ("▲", "#D55E00"), "medium": ("◆", "#E69F00"), "low": ("●", "#7B8794")}
"""Severity -> shape and colour: it is told by three things, of which colour is one."""
STYLE: Final = (
    "<style>.wb{font:13px/1.5 var(--jp-ui-font-family,system-ui,sans-serif);color:var(--jp-ui-font-color1,inherit);"
    "overflow-x:auto;margin:2px 0 6px}.wb>b{display:block;font-size:14px}.wb .q{color:var(--jp-ui-font-color2,#6f7b88)}"
    ".wb table{border-collapse:collapse;font-size:12px;margin:4px 0!important}.wb table th,.wb table td{padding:3px 12px 3px 0;"
    "text-align:left!important;white-space:nowrap;border:0;border-bottom:1px solid var(--jp-border-color2,rgba(128,138,148,.3));"
    "background:none}.wb table th{font-weight:600;color:var(--jp-ui-font-color2,#6f7b88)}"
    ".wb table .n{text-align:right!important;font-variant-numeric:tabular-nums}.wb .t{width:160px;height:9px;"
    "background:var(--jp-border-color2,rgba(128,138,148,.3))}"
    ".wb .f{background:#0072B2;height:9px}.wb .s{font-size:30px;font-weight:700;line-height:1.2}</style>"
)


def cell(value: Any) -> str:
    """Return one value as safe, short HTML.

    Examples
    --------
    >>> cell("<b>AAPL</b>"), cell(1234567.0), cell(0.123456789)
    ('&lt;b&gt;AAPL&lt;/b&gt;', '1,234,567', '0.123457')
    """
    if value is None:
        return "<span class='q'>·</span>"
    text = str(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = f"{value:,.0f}" if 1e5 <= abs(value) < 1e15 or isinstance(value, int) else f"{value:,.6g}"
    return escape(text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…")


def severity(name: str) -> str:
    """Return a severity as its mark and its word."""
    shape, colour = MARKS[name]
    return f"<span style='color:{colour}' aria-hidden='true'>{shape}</span> {escape(name)}"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], *, marked: bool = False) -> str:
    """Return an HTML table, numbers to the right.

    Parameters
    ----------
    header : sequence of str
        All empty: there is none.
    rows : iterable of sequences
    marked : bool
        Whether the first column is a severity.
    """
    given = [tuple(row) for row in rows]
    numeric = [any(_is_number(row[at]) for row in given) for at in range(len(header))]
    names = "".join(f"<th{_side(right)}>{cell(name)}</th>" for name, right in zip(header, numeric, strict=True))
    head = f"<thead><tr>{names}</tr></thead>" if any(header) else ""
    body = "".join(
        "<tr>" + "".join(
            f"<td{_side(right)}>{severity(value) if marked and not at else cell(value)}</td>"
            for at, (value, right) in enumerate(zip(row, numeric, strict=True))
        ) + "</tr>"
        for row in given
    )  # fmt: skip
    return f"<table>{head}<tbody>{body}</tbody></table>"


def bar(share: float | None) -> str:
    """Return a bar that is filled to a share of 0 to 1; empty where there is none."""
    return f"<div class='t'><div class='f' style='width:{0 if share is None else round(100 * share, 1)}%'></div></div>"


def titled(title: str, *parts: str, note: str = "") -> str:
    """Return parts under a title, with a quiet line beneath."""
    below = f"<div class='q'>{escape(note)}</div>" if note else ""
    return f"{STYLE}<div class='wb'><b>{cell(title)}</b>{''.join(parts)}{below}</div>"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _side(right: bool) -> str:
    return " class='n'" if right else ""
