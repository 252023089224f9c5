"""How a dataset has fared: its score, its findings, whatever was measured, and what happened when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from workbench.audit.site.calendars import span_calendar
from workbench.audit.site.facts import Facts, facts_of
from workbench.audit.site.writing import TEMPLATES
from workbench.figures.over_time import findings_over_time, noted
from workbench.figures.trend import metric_trend, score_trend
from workbench.lab.history import SCORE
from workbench.model.errors import BadInput
from workbench.model.html import titled

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd
    import plotly.graph_objects as go

    from workbench.lab.lab import Lab
    from workbench.lab.runs import Runs

FINDINGS: Final = "findings"


@dataclass(frozen=True, slots=True)
class Trends:
    """A dataset over its sessions: of each, the last run.

    Examples
    --------
    ``lab.trends("us_equities").figure("close.missing_rate")``
    """

    facts: Facts
    runs: Runs

    def to_polars(self) -> pl.DataFrame:
        """Return one row a session: what its last run said."""
        return self.facts.sessions

    def to_pandas(self) -> pd.DataFrame:
        """Return :meth:`to_polars` as pandas."""
        return self.facts.sessions.to_pandas()

    @property
    def notes(self) -> pl.DataFrame:
        """What happened when: ``session, what, detail``."""
        rows = [(note.session, note.word, note.detail) for note in sorted(self.facts.notes, key=lambda note: note.session)]
        return pl.DataFrame(rows, schema={"session": pl.Date, "what": pl.String, "detail": pl.String}, orient="row")

    def figure(self, name: str = SCORE) -> go.Figure:
        """Draw the ``score`` with its dimensions, ``findings`` by kind, or one metric; what happened is marked.

        Raises
        ------
        BadInput
            No run has measured it.
        """
        if name == FINDINGS:
            return findings_over_time(self.facts.kinds)
        if name != SCORE:
            return noted(metric_trend(self.runs.metric(name), name=name), self.facts.notes)
        scored = self.facts.sessions.drop_nulls(SCORE)
        figure = score_trend(scored, thresholds=self.facts.thresholds)
        return noted(figure, self.facts.notes) if len(scored) else figure

    def _repr_html_(self) -> str:
        days = self.facts.sessions["session"]
        if days.is_empty():
            return titled(self.facts.title, note="no run has ended yet")
        years = (days.dt.year() == year for year in days.dt.year().unique().sort(descending=True))
        drawn = (span_calendar(self.facts.sessions, *_span(days.filter(year))) for year in years)
        return titled(self.facts.title, f"<style>{_style()}</style>", *drawn, note=f"{len(days):,} sessions, coloured by score")

    def __repr__(self) -> str:
        scores = self.facts.sessions[SCORE].drop_nulls()
        last = "none" if scores.is_empty() else f"{scores[-1]:.1f}"
        return f"{self.facts.title}: {len(self.facts.sessions)} sessions, last score {last}"


def trends_of(lab: Lab, dataset: str, start: date | None, end: date | None) -> Trends:
    """Return how a dataset has fared between two sessions, both included.

    Raises
    ------
    BadInput
        There is no such dataset.
    """
    contract = lab[dataset].contract
    facts = facts_of(lab.lake, dataset, contract.title or dataset, contract.score.thresholds())
    within = pl.lit(value=True)
    if start is not None:
        within &= pl.col("session") >= start
    if end is not None:
        within &= pl.col("session") <= end
    if facts.runs.filter(within).is_empty() and len(facts.runs):
        raise BadInput(f"dataset {dataset}: no run of a session in that range; there are {len(facts.runs):,} runs")
    frames: dict[str, Any] = {name: getattr(facts, name).filter(within) for name in ("runs", "kinds", "symbols")}
    return Trends(replace(facts, **frames), lab.runs(dataset, start=start, end=end))


def _span(days: pl.Series) -> tuple[date, date]:
    return days[0].replace(day=1), days[-1]


@cache
def _style() -> str:
    """Return the colours of a site's calendar, for one in a cell."""
    text = (TEMPLATES / "site.css").read_text("utf-8")
    colours = "".join(line for line in text.splitlines() if "svg.year" in line or ".s0" in line or line.startswith(":root"))
    return f":root {{ --none:rgba(128,128,128,.13); --failed:#7b8794; --muted:#7b8794; --ink:#7b8794 }} {colours}"
