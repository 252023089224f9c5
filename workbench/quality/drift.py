"""A session whose score leaves the history of the dataset's own sessions."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.findings import Finding, Hypothesis, Severity
from workbench.model.names import SESSION

if TYPE_CHECKING:
    from datetime import date

KIND: Final = "score_drift"
SCORE: Final = "score"
LEAST: Final = 10
LATEST: Final = 250  # about a year of sessions
LEAST_OF_A_WEEKDAY: Final = 8
LEAST_SPREAD: Final = 0.3  # five of these are less than the 2 points a session loses with the smallest check
SPREADS: Final = 5.0
HABIT: Final = 10  # what happens more often than in one session of so many is no news

# How many spreads of at least a point a score has fallen by. After a history of nothing but 100 that
# is below 70 and below 85, where alerts about a score begin.
SEVERITIES: Final = ((30.0, Severity.CRITICAL), (15.0, Severity.HIGH), (0.0, Severity.MEDIUM))

_NORMAL: Final = 1.4826  # of a normal distribution: standard deviation over median absolute deviation
_MEDIAN_ERROR: Final = 1.2533  # of a normal distribution: standard error of the median over that of the mean
_WEEKDAYS: Final = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


@dataclass(frozen=True, slots=True)
class _Baseline:
    """What the sessions before lead one to expect of a session.

    Attributes
    ----------
    expected, spread
        In points.
    habit
        How far from what was expected the lowest tenth of the sessions lay, in points; below zero.
    whose
        The weekday whose median is expected; None where it is that of all sessions.
    """

    sessions: pl.DataFrame
    expected: float
    spread: float
    habit: float
    whose: str | None

    @property
    def step(self) -> float:
        """A spread, or a point where that is more: what is worth telling apart."""
        return max(1.0, self.spread)


def drift(
    history: pl.DataFrame,
    session: date,
    value: float,
    *,
    rows: int | None = None,
    least: int = LEAST,
    latest: int = LATEST,
) -> Finding | None:
    """Find whether a session's score has fallen out of the history of the sessions before it.

    Parameters
    ----------
    history : DataFrame
        ``session`` (Date) and ``score`` (Float64, 0 to 100; the score of that session alone), one
        row a session, in any order; ``rows`` (integer), where it is known how many came. Only
        sessions before ``session`` count: neither itself nor, for one that is backfilled, what came
        later. A score that is null or not finite counts as no session.
    session : date
        The session that is judged.
    value : float
        Its own score.
    rows : int, optional
        How many rows it has.
    least, latest : int
        Fewer sessions are no history; of more, the latest.

    Returns
    -------
    Finding or None
        Of the dataset as a whole (symbol ``""``), medium to critical; its ``rows`` are those of the
        session. None where the score did not fall, where it did not fall far, and where there is
        too little history.

    Notes
    -----
    With median *m* and residuals *r* of the baseline, the spread is ``s = max(0.3, 1.4826 median|r|)``
    points, so that a history of nothing but 100 makes no alarm of a 98.5. There is a finding where

    ``value < m - 5 s`` and ``value < m + q - max(1, s)``,

    *q* being the residual that no more than one session in ten lies below: what comes every other
    week is no news. A ruined session in the history changes neither.

    For a weekday, *m* is the median of its own sessions where there are 8 or more and it lies more
    than three standard errors, ``3 * 1.2533 s / sqrt(n)``, off the median of all; *r* is taken from
    the *m* of each session's weekday.

    References
    ----------
    P. J. Rousseeuw and C. Croux, "Alternatives to the Median Absolute Deviation", JASA 88, 1993;
    docs/adr/0006-score-drift.md.

    Examples
    --------
    >>> from datetime import date, timedelta
    >>> days = [date(2024, 1, 1) + timedelta(days=i) for i in range(20)]
    >>> history = pl.DataFrame({"session": days, "score": [100.0] * 20})
    >>> drift(history, date(2024, 1, 21), 99.99) is None
    True
    >>> drift(history, date(2024, 1, 21), 80.0).severity.value
    'high'
    """
    past = history.filter(pl.col(SESSION) < session, pl.col(SCORE).is_finite()).sort(SESSION).tail(latest)
    if past.height < max(1, least) or not isfinite(value):
        return None
    baseline = _baseline(past, session)
    fall = baseline.expected - value
    if fall <= SPREADS * baseline.spread or fall <= baseline.step - baseline.habit:
        return None
    return Finding(
        kind=KIND,
        symbol="",
        start=session,
        end=session,
        rows=rows or 0,
        severity=next(named for steps, named in SEVERITIES if fall > steps * baseline.step),
        confidence=round(0.95 * past.height / (past.height + 5), 2),
        observed={SCORE: value},
        hypotheses=_hypotheses(baseline, value, rows),
    )


def _baseline(past: pl.DataFrame, session: date) -> _Baseline:
    weekday, score = pl.col(SESSION).dt.weekday(), pl.col(SCORE)
    placed = past.with_columns(
        score.median().alias("all"), score.median().over(weekday).alias("own"), pl.len().over(weekday).alias("count")
    )
    is_known = pl.col("count") >= LEAST_OF_A_WEEKDAY
    noise = _spread(placed.select(score - pl.when(is_known).then("own").otherwise("all")).to_series())
    is_real = is_known & ((pl.col("own") - pl.col("all")).abs() > 3 * _MEDIAN_ERROR * noise / pl.col("count").sqrt())
    residuals = placed.select(score - pl.when(is_real).then("own").otherwise("all")).to_series()
    alike = placed.filter(is_real, weekday == session.isoweekday())["own"]
    return _Baseline(
        sessions=past,
        expected=float(alike[0] if len(alike) else placed["all"][0]),
        spread=_spread(residuals),
        habit=float(residuals.sort()[len(residuals) // HABIT]),
        whose=_WEEKDAYS[session.weekday()] if len(alike) else None,
    )


def _spread(residuals: pl.Series) -> float:
    middle = residuals.abs().median()
    return max(LEAST_SPREAD, _NORMAL * middle) if isinstance(middle, float) else LEAST_SPREAD


def _hypotheses(baseline: _Baseline, value: float, rows: int | None) -> tuple[Hypothesis, ...]:
    """Return rival explanations, likeliest first; few rows speak for an outage."""
    past = baseline.sessions
    whose = f"{baseline.whose} among the " if baseline.whose else "the "
    known = (
        f"{value:.1f} points; {whose}{past.height} sessions from {past[SESSION][0]} to {past[SESSION][-1]} "
        f"lead to expect {baseline.expected:.1f}, with a spread of {baseline.spread:.1f}"
    )
    usual = past["rows"].median() if "rows" in past.columns else None
    came, is_thin = "how many rows are usual is not known", False
    if rows is not None and isinstance(usual, float):
        came, is_thin = f"{rows:,} rows came, {usual:,.0f} are usual", rows < usual / 2
    changed, outage = (0.25, 0.65) if is_thin else (0.65, 0.2)
    rivals = (
        Hypothesis("source_changed", changed, known),
        Hypothesis("vendor_outage", outage, f"{came}; {known}"),
        Hypothesis("real_change", round(1 - changed - outage, 2), f"a score seldom falls for what the market did; {known}"),
    )
    return tuple(sorted(rivals, key=lambda rival: -rival.probability))
