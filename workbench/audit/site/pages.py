"""The pages of one dataset: what it is now, its sessions, its runs by month, its symbols."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from workbench.audit.site.calendars import span_calendar, year_calendar
from workbench.audit.site.writing import Page
from workbench.figures.over_time import findings_over_time, noted, thinned
from workbench.figures.trend import metric_trend, score_trend
from workbench.lake import safe_name
from workbench.model.checks import Dimension
from workbench.model.runs import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    import plotly.graph_objects as go

    from workbench.audit.site.facts import Facts

YEARS: Final = 3
A_YEAR: Final = timedelta(days=364)
MOST_POINTS: Final = 1_000
MOST_RUNS: Final = 400
LATEST_RUNS: Final = 15
SYMBOLS_SHOWN: Final = 12
NOTES_SHOWN: Final = 12
FULL: Final = 100.0
_SHOWN: Final = ("run", "session", "outcome", "score", "session_score", "findings", "drift", "seconds", "error", "band")

Report = Callable[[str, date], str | None]
"""A run and its session -> where its report lies in the site; None where it has none."""


def card_of(facts: Facts) -> dict[str, Any]:
    """Return what the first page shows of a dataset."""
    now = _now(facts)
    last = now["session"]
    return {
        "title": facts.title,
        "link": f"d/{facts.name}/index.html",
        **{name: now[name] for name in ("score", "verdict", "findings")},
        "session": now["session"].isoformat(),
        "runs": len(facts.runs),
        "failed": _failed(facts),
        "calendar": span_calendar(facts.sessions, last - A_YEAR, last, lambda day: f"d/{facts.name}/{month_page(day)}"),
    }


def pages_of(facts: Facts, report: Report) -> Iterator[Page]:
    """Yield all pages of a dataset that has runs.

    Parameters
    ----------
    facts : Facts
    report : callable
    """
    symbols = _symbols(facts)
    links = {name: f"s/{safe_name(name)}.html" for name in symbols}
    yield _dataset(facts, report, symbols, links)
    yield from _months(facts, report)
    years = _years(facts)
    if years[YEARS:]:
        shows = {"title": facts.title, "calendars": _calendars(facts, years[YEARS:])}
        yield Page(_path(facts, "calendar.html"), "site_calendar.html.j2", shows)
    if len(symbols) > SYMBOLS_SHOWN:
        yield Page(_path(facts, "symbols.html"), "site_symbols.html.j2", {"title": facts.title, "symbols": _bars(symbols, links)})
    yield from (_symbol(facts, name, value, links[name]) for name, value in symbols.items())


def _path(facts: Facts, name: str) -> str:
    return f"d/{facts.name}/{name}"


def _dataset(facts: Facts, report: Report, symbols: dict[str, float | None], links: dict[str, str]) -> Page:
    now, years, notes = _now(facts), _years(facts), sorted(facts.notes, key=lambda note: note.session, reverse=True)
    shows = {
        "name": facts.name,
        "title": facts.title,
        "now": {**now, "session": now["session"].isoformat()},
        "count": len(facts.runs),
        "failed": _failed(facts),
        "dimensions": [[d.value, now[d.value]] for d in Dimension],
        "calendars": _calendars(facts, years[:YEARS]),
        "earlier": len(years[YEARS:]),
        "open": facts.latest.get("findings", []),
        "links": links,
        "symbols": _bars(symbols, links)[:SYMBOLS_SHOWN],
        "more_symbols": len(symbols) if len(symbols) > SYMBOLS_SHOWN else 0,
        "notes": [{"session": n.session.isoformat(), "word": n.word, "detail": n.detail} for n in notes[:NOTES_SHOWN]],
        "latest": _rows(facts.runs.sort("session", "recorded_at").tail(LATEST_RUNS).reverse(), report),
        "months": [{"link": link, "word": word, "count": len(rows)} for link, word, rows in _by_month(facts)[::-1]],
    }

    def draws() -> list[go.Figure]:
        scored = facts.sessions.drop_nulls("score")
        trend = score_trend(thinned(scored, MOST_POINTS), thresholds=facts.thresholds)
        return [noted(trend, facts.notes) if len(scored) else trend, findings_over_time(facts.kinds)]

    return Page(
        _path(facts, "index.html"), "site_dataset.html.j2", shows, draws, _stamp(facts.sessions, facts.kinds, str(facts.notes))
    )


def _stamp(*parts: pl.DataFrame | str) -> str:
    """Return a hash of what figures are drawn from."""
    told = "".join(part if isinstance(part, str) else part.write_csv() for part in parts)
    return sha256(told.encode("utf-8", "replace")).hexdigest()


def _now(facts: Facts) -> dict[str, Any]:
    """Return the last session's last run as a row, with its verdict."""
    row = facts.sessions.row(-1, named=True)
    return {**row, "verdict": _verdict(row)}


def _verdict(row: dict[str, Any]) -> str | None:
    return Outcome.FAILED.value if row["outcome"] == Outcome.FAILED.value else row["band"]


def _failed(facts: Facts) -> int:
    return int((facts.runs["outcome"] == Outcome.FAILED.value).sum())


def _years(facts: Facts) -> list[int]:
    return facts.sessions["session"].dt.year().unique().sort(descending=True).to_list()


def _calendars(facts: Facts, years: list[int]) -> list[list[Any]]:
    return [[year, year_calendar(facts.sessions, year, month_page)] for year in years]


def month_page(day: date) -> str:
    """Return where a session's runs are listed, relative to the dataset's folder."""
    return f"runs-{day:%Y-%m}.html#{day}"


def _by_month(facts: Facts) -> list[tuple[str, str, pl.DataFrame]]:
    """Return page, words and runs of each month, oldest first; a month of very many runs has several pages."""
    ordered = facts.runs.sort("session", "recorded_at").with_columns(pl.col("session").dt.month_start().alias("month"))
    found = []
    for (month,), rows in ordered.group_by("month", maintain_order=True):
        for part in range(0, len(rows), MOST_RUNS):
            number = part // MOST_RUNS
            more = f"-{number + 1}" if number else ""
            words = f"{month:%B %Y}" + (f", part {number + 1}" if number else "")
            found.append((f"runs-{month:%Y-%m}{more}.html", words, rows.slice(part, MOST_RUNS).drop("month")))
    return found


def _months(facts: Facts, report: Report) -> Iterator[Page]:
    months = _by_month(facts)
    for number, (link, word, rows) in enumerate(months):
        before, after = months[number - 1][0] if number else None, months[number + 1][0] if months[number + 1 :] else None
        shows = {"title": facts.title, "word": word, "rows": _rows(rows.reverse(), report), "before": before, "after": after}
        yield Page(_path(facts, link), "site_runs.html.j2", shows)


def _rows(runs: pl.DataFrame, report: Report) -> list[dict[str, Any]]:
    return [
        {**row, "session": row["session"].isoformat(), "verdict": _verdict(row), "report": report(row["run"], row["session"])}
        for row in runs.select(_SHOWN).iter_rows(named=True)
    ]


def _symbols(facts: Facts) -> dict[str, float | None]:
    """Return every symbol with its own score in the last run (None: not in it), worst first."""
    now = facts.latest.get("symbols", {})
    names = dict.fromkeys([*now, *facts.symbols["symbol"].unique().sort()])
    scores = {name: now.get(name) for name in names}
    return dict(sorted(scores.items(), key=lambda pair: (FULL if pair[1] is None else pair[1], pair[0])))


def _bars(symbols: dict[str, float | None], links: dict[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "score": value, "link": links[name]} for name, value in symbols.items() if value is not None]


def _symbol(facts: Facts, name: str, score: float | None, link: str) -> Page:
    told = facts.symbols.filter(pl.col("symbol") == name).select("session", pl.col("score").alias("own"))
    shows = {
        "title": facts.title,
        "symbol": name,
        "score": score,
        "session": facts.latest.get("session"),
        "open": [finding for finding in facts.latest.get("findings", []) if finding["symbol"] == name],
    }

    def draws() -> list[go.Figure]:
        scored = facts.sessions.drop_nulls("score").select("session")
        values = scored.join(told, on="session", how="left").select("session", pl.col("own").fill_null(FULL).alias("score"))
        figure = metric_trend(thinned(values, MOST_POINTS).rename({"score": "value"}), name=f"{name}: own score")
        lowest = min((84.0, *values["score"]))
        return [figure.update_yaxes(range=[lowest - 2, 101.5]) if len(values) else figure]

    return Page(_path(facts, link), "site_symbol.html.j2", shows, draws, _stamp(told, str(len(facts.sessions))))
