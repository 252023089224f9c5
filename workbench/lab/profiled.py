"""``dataset.profile()``: what data looks like, as tables and as figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workbench.figures.profile import columns, coverage, missing_map, returns_histogram
from workbench.figures.shape import correlation, missing_calendar, missing_hours, tails
from workbench.lab.displays import frame_html
from workbench.lab.documents import plain
from workbench.lab.drawing import named, require_figure
from workbench.lab.report import sampled
from workbench.quality.profile import column_profile, log_returns, missing_by_month, symbol_profile
from workbench.quality.shape import missing_by_hour, missing_by_session, return_correlation, volumes

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    import plotly.graph_objects as go
    import polars as pl

    from workbench.lab.judgement import Judgement


@dataclass(frozen=True, slots=True)
class Profile:
    """What the data looks like: no judgement.

    Attributes
    ----------
    columns
        ``column, rows, missing, missing_share, min, p01, median, p99, max``.
    symbols
        ``symbol, rows, first, last, sessions, expected, return_std``.
    missing
        ``symbol, period, missing_share``.
    days
        ``session, expected, missing``: rows of all symbols.
    hours
        ``session, slot, expected, missing``: by half hours on the exchange's clock; empty unless bars are within a day.
    returns
        ``symbol, return`` (logarithmic).
    volumes
        ``symbol, volume``.
    correlations
        ``symbol, other, correlation, rows``: of returns.
    """

    columns: pl.DataFrame
    symbols: pl.DataFrame
    missing: pl.DataFrame
    days: pl.DataFrame
    hours: pl.DataFrame
    returns: pl.DataFrame
    volumes: pl.DataFrame
    correlations: pl.DataFrame
    title: str = "Profile"

    def to_polars(self) -> pl.DataFrame:
        """Return the profile of the columns."""
        return self.columns

    def to_pandas(self) -> pd.DataFrame:
        """Return the profile of the columns as pandas."""
        return self.columns.to_pandas()

    def to_json(self) -> dict[str, Any]:
        """Return columns and symbols as JSON values."""
        return {"columns": plain(self.columns.to_dicts()), "symbols": plain(self.symbols.to_dicts())}

    def figure(self, which: str = "columns") -> go.Figure:
        """Draw one of ``workbench.lab.profiled.FIGURES``.

        Parameters
        ----------
        which : str
            ``columns``; ``coverage`` and ``missing`` by symbol; ``calendar`` (what is missing by day), ``hours`` (by time of
            day); ``returns``, ``tails`` (of returns and volumes); ``correlation``.
        """
        require_figure(which, FIGURES)
        return named(FIGURES[which](self), which)

    def _repr_html_(self) -> str:
        return frame_html(self.title, self.columns) + frame_html("By symbol", self.symbols)

    def __repr__(self) -> str:
        return repr(self.columns)


FIGURES: Final[dict[str, Callable[[Profile], go.Figure]]] = {
    "columns": lambda made: columns(made.columns),
    "coverage": lambda made: coverage(made.symbols),
    "missing": lambda made: missing_map(made.missing),
    "calendar": lambda made: missing_calendar(made.days),
    "hours": lambda made: missing_hours(made.hours),
    "returns": lambda made: returns_histogram(made.returns),
    "tails": lambda made: tails(made.returns, made.volumes),
    "correlation": lambda made: correlation(made.correlations),
}
"""Name -> what draws it of a profile."""


def profiled(made: Judgement, title: str, timezone: str) -> Profile:
    """Describe what was judged; ``timezone`` is the clock of times of day."""
    some, ledger = sampled(made), made.ledger
    kind = ledger.terms.kind
    return Profile(
        columns=column_profile(some, ledger.terms.fields),
        symbols=symbol_profile(ledger),
        missing=missing_by_month(ledger),
        days=missing_by_session(ledger),
        hours=missing_by_hour(some, ledger.terms, timezone),
        returns=log_returns(some, kind),
        volumes=volumes(some, kind),
        correlations=return_correlation(some, kind),
        title=title,
    )
