"""What a reviewer reads, as HTML: every word from data is escaped. Text in, text out."""

from __future__ import annotations

import json
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from workbench.figures.theme import SEVERITY_COLOURS, short
from workbench.review.proposals import WHEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.model.decisions import Cell, LedgerEntry, Moment
    from workbench.model.findings import Finding
    from workbench.review.queue import Entry, Item, Progress

MOST_CELLS: Final = 400
DASH: Final = "–"


def header(entry: Entry, item: Item, member: int, zone: str) -> str:
    """Say which finding is in front, how sure it is, and what it costs."""
    f = item.finding
    place = f" <span class='wb-muted'>member {member + 1} of {len(entry.items)}</span>" if len(entry.items) > 1 else ""
    pill = f"<span class='wb-pill' style='background:{SEVERITY_COLOURS[f.severity]}'>{f.severity.value}</span>"
    about = f" · {text(', '.join(f.fields), 40)}" if f.fields else ""
    facts = f"confidence {f.confidence:.0%} · costs {item.points:.2f} points · {f.rows:,} row{'s' if f.rows != 1 else ''}"
    return (
        f"<div class='wb-head'><b>{text(f.symbol or 'all symbols', 24)}</b> <span>{kind(f.kind)}{about}</span> {pill}{place}"
        f"<span class='wb-facts'>{facts}</span></div><div class='wb-muted'>{span(f, zone)}{_provisional(f)}{stood(item)}</div>"
    )


def alternative(told: str) -> str:
    """Say what the chart shows, for those who hear it."""
    return f"<div class='wb-heard' role='note'>{text(told, 400)}</div>"


def hypotheses(finding: Finding) -> str:
    """List the explanations that compete, the likeliest first, each with its evidence."""
    rows = "".join(
        f"<tr><td>{kind(h.kind)}</td><td class='wb-bar'><i style='width:{max(h.probability, 0.01):.0%}'></i></td>"
        f"<td class='wb-num'>{h.probability:.0%}</td></tr><tr><td colspan='3' class='wb-muted'>{text(h.evidence, 160)}</td></tr>"
        for h in finding.hypotheses
    )
    return f"<div class='wb-title'>What it may be</div><table class='wb-table'>{rows}</table>"


def values(finding: Finding, rows: Sequence[Mapping[str, object]], cells: Sequence[Cell], elsewhere: Mapping[str, object]) -> str:
    """Set what was observed beside what would be there, and what other sources say."""
    if not rows:
        told = ", ".join(f"{text(name)} {number(value)}" for cell in cells[:1] for name, value in cell.values.items())
        return f"<div class='wb-title'>No row is there</div><div class='wb-muted'>a correction makes one: {told or DASH}</div>"
    first = rows[0]
    would = next((cell.values for cell in cells if cell.at == first[WHEN]), {})
    head = "<tr><th></th><th>as it came</th><th>corrected</th>" + ("<th>elsewhere</th>" if elsewhere else "") + "</tr>"
    body = "".join(
        f"<tr class='{'wb-hit' if name in finding.fields else ''}'><td>{text(name)}</td><td class='wb-num'>{number(value)}</td>"
        f"<td class='wb-num wb-would'>{number(would[name]) if name in would else ''}</td>"
        + (f"<td class='wb-num'>{number(elsewhere.get(name))}</td>" if elsewhere else "")
        + "</tr>"
        for name, value in first.items() if name != WHEN and (value is not None or name in finding.fields)
    )  # fmt: skip
    return f"<div class='wb-title'>{text(first[WHEN], 32)}</div><table class='wb-table wb-values'>{head}{body}</table>"


def sent(lines: Sequence[tuple[str, str]]) -> str:
    """Show rows as the vendor sent them."""
    if not lines:
        return "<div class='wb-title'>As the vendor sent it</div><div class='wb-muted'>nothing was sent</div>"
    body = "".join(f"<div class='wb-muted'>{text(where, 80)}</div><code>{_cells(line)}</code>" for where, line in lines)
    return f"<div class='wb-title'>As the vendor sent it</div>{body}"


def progress(far: Progress, score: float, after: float) -> str:
    """Draw how far the review is."""
    share = far.decided / far.total if far.total else 1
    return (
        f"<div class='wb-progress' role='img' aria-label='{far.decided} of {far.total} decided'><i style='width:{share:.1%}'></i>"
        f"</div><div class='wb-muted'><b>{far.decided:,}</b> of {far.total:,} decided · <b>{far.points_left:.2f}</b> points left"
        f"<br>score <b>{score:.2f}</b> · after decisions <b>{after:.2f}</b></div>"
    )


def previews(scores: Mapping[str, float], after: float) -> str:
    """Say what the score after decisions becomes."""
    told = " · ".join(f"{text(name)} → <b>{value:.2f}</b>" for name, value in scores.items())
    return f"<div class='wb-muted'>score after decisions: now <b>{after:.2f}</b>; {told}</div>"


def place(first: int, shown: int, total: int) -> str:
    """Say which part of the queue is shown, and how one moves."""
    where = f"{first + 1:,} to {first + shown:,} of {total:,}" if total else "nothing"
    return f"<div class='wb-muted'>{where} · ↑ ↓ move · ← → members<br>1 to 4 zoom · S one, its incident, or all</div>"


def entry_row(entry: Entry, zone: str) -> dict[str, object]:
    """Return what a line of the queue says, as plain text; times on the clock of ``zone``."""
    f = entry.worst
    many = len(entry.items)
    whom = short(f.symbol or "all symbols", 14) if many == 1 else f"{many} symbols"
    line = None if entry.items[0].entry is None else entry.items[0].entry
    state = entry.state.value if line is None else f"{entry.state.value}: {line.action.value.replace('_', ' ')}, {line.by}"
    return {
        "id": entry.items[0].id, "title": f"{whom}  {f.kind.replace('_', ' ')}", "when": short(_moments(f, zone), 40),
        "state": short(state, 40), "points": f"{entry.points:.2f}", "colour": SEVERITY_COLOURS[f.severity],
        "severity": f.severity.value,
    }  # fmt: skip


def stood(item: Item) -> str:
    """Say what stands of a finding, or stood before it changed."""
    line = item.entry
    if line is None:
        return ""
    before = "before it changed, " if item.state.value == "changed" else ""
    return f" · {before}{_line(line)}"


def _line(line: LedgerEntry) -> str:
    note = f", “{text(line.note, 60)}”" if line.note else ""
    when = f"{line.at:%Y-%m-%d %H:%M} UTC"
    return f"{text(line.by, 24)} decided <b>{kind(line.action.value)}</b> on {when}: {text(line.reason, 60)}{note}"


def span(finding: Finding, zone: str) -> str:
    """Say when, on the clock of a zone."""
    clock = f" ({zone})" if isinstance(finding.start, datetime) else ""
    return text(f"{_moments(finding, zone)}{clock}", 80)


def _moments(finding: Finding, zone: str) -> str:
    start, end = (_moment(at, zone) for at in (finding.start, finding.end))
    if start == end:
        return start
    return f"{start} to {end[11:]}" if len(end) > 10 and start[:10] == end[:10] else f"{start} to {end}"


def _moment(at: Moment, zone: str) -> str:
    if not isinstance(at, datetime):
        return at.isoformat()
    there = at.astimezone(ZoneInfo(zone))
    return f"{there:%Y-%m-%d %H:%M:%S}" if there.second or there.microsecond else f"{there:%Y-%m-%d %H:%M}"


def _provisional(finding: Finding) -> str:
    return " · provisional: rows still to come decide" if finding.provisional else ""


def kind(name: str) -> str:
    """Return a name such as ``bad_tick`` as a person reads it."""
    return text(name.replace("_", " "), 40)


def text(value: object, limit: int = 40) -> str:
    """Return text from data, short, on one line, and escaped."""
    return escape(short(value, limit))


def number(value: object) -> str:
    """Return a value as a person reads it."""
    if value is None:
        return DASH
    return f"{value:,.8g}" if isinstance(value, float | int) else text(value)


def _cells(line: str) -> str:
    try:
        cells = json.loads(line)
    except ValueError:
        return text(line, MOST_CELLS)
    if not isinstance(cells, dict):
        return text(line, MOST_CELLS)
    shown = ((text(name, 24), text(DASH if value is None else value, 40)) for name, value in cells.items())
    return " ".join(f"<span>{name}=<b>{value}</b></span>" for name, value in shown)
