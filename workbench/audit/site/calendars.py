"""A calendar of sessions, coloured by score: a week a column, a weekday a row, as SVG."""

from __future__ import annotations

from datetime import date, timedelta
from html import escape
from typing import TYPE_CHECKING, Final

from workbench.model.runs import Outcome
from workbench.model.score import score_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import polars as pl

CELL: Final = 13
STEP: Final = 16
LEFT: Final = 30
TOP: Final = 18
LEVELS: Final = (
    (100.0, "s0", "100"),
    (99.0, "s1", "99"),
    (95.0, "s2", "95"),
    (85.0, "s3", "85"),
    (70.0, "s4", "70"),
    (-1.0, "s5", "below 70"),
)
"""From which score, the class of its colour, and how the legend calls it."""
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS: Final = ((0, "Mon"), (2, "Wed"), (4, "Fri"))


def level(score: float | None, outcome: str) -> str:
    """Return the class of a session's colour."""
    if score is None or outcome == Outcome.FAILED.value:
        return "sx"
    return next(name for least, name, _ in LEVELS if score >= least)


def year_calendar(sessions: pl.DataFrame, year: int, link: Callable[[date], str]) -> str:
    """Draw the sessions of a year; arguments as :func:`span_calendar`."""
    return span_calendar(sessions, date(year, 1, 1), date(year, 12, 31), link)


def span_calendar(sessions: pl.DataFrame, first: date, last: date, link: Callable[[date], str] | None = None) -> str:
    """Draw the sessions of a stretch of days.

    Parameters
    ----------
    sessions : DataFrame
        ``session, outcome, score, findings``, one row a session.
    first, last : date
        Both included.
    link : callable, optional
        A session's address; none in a notebook, as JupyterLab cannot show links within a drawing.
    """
    some = sessions.filter(sessions["session"].is_between(first, last))
    rows = some.select("session", "outcome", "score", "findings").rows()
    days = 7 if any(session.weekday() > 4 for session, *_ in rows) else 5
    monday = first - timedelta(days=first.weekday())
    weeks = (last - monday).days // 7 + 1
    cells = "".join(_cell(row, monday, link) for row in rows)
    marks = "".join(_months(first, last, monday))
    marks += "".join(f'<text x="0" y="{TOP + day * STEP + CELL - 3}">{name}</text>' for day, name in _WEEKDAYS)
    box = f"0 0 {LEFT + weeks * STEP} {TOP + days * STEP}"
    head = f'<svg class="year" viewBox="{box}" role="img" aria-label="{first} to {last}: {len(rows)} sessions">'
    return f"{head}{_grid(first, last, monday, days)}{marks}{cells}</svg>"


def _place(day: date, monday: date) -> tuple[int, int]:
    return LEFT + (day - monday).days // 7 * STEP, TOP + day.weekday() * STEP


def _grid(first: date, last: date, monday: date, days: int) -> str:
    """Draw where no run was, as one path: a square for each day."""
    every = (first + timedelta(days=number) for number in range((last - first).days + 1))
    places = (_place(day, monday) for day in every if day.weekday() < days)
    return f'<path class="blank" d="{"".join(f"M{x} {y}h{CELL}v{CELL}h-{CELL}z" for x, y in places)}"/>'


def _months(first: date, last: date, monday: date) -> Iterator[str]:
    """Yield the name of each month over its first whole week."""
    day = first if first.day == 1 else (first.replace(day=1) + timedelta(days=32)).replace(day=1)
    while day <= last - timedelta(days=6):
        yield f'<text x="{_place(day + timedelta(days=6), monday)[0]}" y="11">{_MONTHS[day.month - 1]}</text>'
        day = (day + timedelta(days=32)).replace(day=1)


def _cell(row: tuple[date, str, float | None, int | None], monday: date, link: Callable[[date], str] | None) -> str:
    session, outcome, score, findings = row
    x, y = _place(session, monday)
    kind = level(score, outcome)
    said = "failed" if kind == "sx" else f"{score_text(score or 0.0)}, {findings or 0} findings"
    cross = f'<path class="cross" d="M{x + 4} {y + 4}l5 5m0 -5l-5 5"/>' if kind == "sx" else ""
    square = f'<rect class="{kind}" x="{x}" y="{y}" width="{CELL}" height="{CELL}" rx="2.5"/>'
    inner = f"<title>{session}: {said}</title>{square}{cross}"
    return f"<g>{inner}</g>" if link is None else f'<a href="{escape(link(session))}">{inner}</a>'
