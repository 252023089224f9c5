"""HTML of unknown origin, made harmless: what shows text stays, what can act goes."""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser
from typing import Final

_SHOWN: Final = frozenset(
    {
        "b", "blockquote", "br", "caption", "code", "dd", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i",
        "li", "ol", "p", "pre", "s", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead",
        "tr", "u", "ul",
    }
)  # fmt: skip
_EMPTY: Final = frozenset({"br", "hr"})
_SILENT: Final = frozenset({"script", "style", "iframe", "object", "template", "noscript", "svg", "math", "title", "textarea"})
_PLAIN_STYLE: Final = re.compile(r"[\w\s:;,.#%()'\"-]*")
_REACHES_OUT: Final = re.compile(r"(?i)url|expression|import|position|behavior|@")


def inert(html: str) -> str:
    """Return HTML in which only text, tables and plain styles are left.

    Parameters
    ----------
    html : str
        Whatever a notebook holds.

    Examples
    --------
    >>> inert('<td style="color:red" onclick="x()">a<script>x()</script><img src=x onerror=x()></td>')
    '<td style="color:red">a</td>'
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return "".join(reader.parts) + "".join(f"</{tag}>" for tag in reversed(reader.open))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.open: list[str] = []
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self.silent.append(tag)
        if self.silent or tag not in _SHOWN:
            return
        style = dict(attrs).get("style") or ""
        is_plain = style and _PLAIN_STYLE.fullmatch(style) and not _REACHES_OUT.search(style)
        self.parts.append(f'<{tag} style="{escape(style)}">' if is_plain else f"<{tag}>")
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.silent:
            if tag == self.silent[-1]:
                self.silent.pop()
            return
        if tag in self.open:
            while self.open:
                closed = self.open.pop()
                self.parts.append(f"</{closed}>")
                if closed == tag:
                    return

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(escape(data))
