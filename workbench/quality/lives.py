"""Where symbols begin and end: listings, holes where a delisting should be told, files cut short, bars still forming.

From states alone. A symbol is late, or ends early, against the first and the last session of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.findings import Explained, Finding, Severity
from workbench.model.names import SESSION, SYMBOL
from workbench.quality.detectors.suspicion import competing
from workbench.quality.timetables import with_hours
from workbench.transform.frequency import step_minutes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from workbench.model.findings import Hypothesis
    from workbench.quality.ledger import Ledger

LEAST_SYMBOLS: Final = 3
LEAST_SESSIONS: Final = 2
"""Sessions by which a symbol must end before the others: one may merely be late."""
LEAST_MINUTES: Final = 30
"""Minutes before its close that a session must end to be cut short."""
MOST_EARLY: Final = 0.5
"""Where more symbols than this end early, the universe has no common end."""


def ends_early(ledger: Ledger) -> Iterator[Finding]:
    """Yield symbols whose rows end before those of the others: kinds ``delisting_hole`` and ``truncated``."""
    spans = _spans(ledger)
    early = spans.filter(pl.col("last_session") < pl.col("last_session").max())
    if len(spans) < LEAST_SYMBOLS or not ledger.terms.timetables or len(early) > MOST_EARLY * len(spans):
        return
    for symbol, end in early.select(SYMBOL, "last_session").iter_rows():
        gone = ledger.seen.filter(ledger.seen > end)
        if len(gone) < LEAST_SESSIONS:
            continue
        claims = _early(len(gone), is_last=symbol == spans[SYMBOL].max() and len(early) == 1)
        yield Finding(
            claims[0].kind, symbol, gone[0], gone[-1], len(gone), Severity.MEDIUM, claims[0].probability, hypotheses=claims
        )  # fmt: skip


def _early(count: int, *, is_last: bool) -> tuple[Hypothesis, ...]:
    text = f"the rows end {count} session(s) before those of the other symbols, and nothing says why"
    return competing(
        ("delisting_hole", 0.8, text),
        ("truncated", 1.5 if is_last else -1.0, text + ("; it is the last symbol of the alphabet" if is_last else "")),
        ("halt", 0.0 if count < 10 else -1.5, "a halt that goes on"),
    )


def begins_late(ledger: Ledger) -> Iterator[Explained]:
    """Yield symbols whose rows begin after those of the others: nothing is missing before a listing."""
    spans = _spans(ledger)
    if len(spans) < LEAST_SYMBOLS:
        return
    for symbol, first in (
        spans.filter(pl.col("first_session") > pl.col("first_session").min()).select(SYMBOL, "first_session").iter_rows()
    ):
        yield Explained("listing", symbol, first, first, "its first row; the other symbols begin earlier")


def still_forming(ledger: Ledger) -> Iterator[Finding]:
    """Yield last bars whose session was not over at the moment of judging: kind ``partial_bar``."""
    now = ledger.evidence.now
    if now is None or not ledger.terms.timetables:
        return
    if ledger.terms.is_intraday:
        yield from _cut_short(ledger, now)
        return
    lasts = _spans(ledger).select(SYMBOL, pl.col("last_session").alias(SESSION))
    forming = with_hours(lasts, ledger.terms).filter(pl.col("close_at") > now).select(SYMBOL, SESSION, "close_at")
    for symbol, session, close_at in forming.iter_rows():
        text = f"the session closes at {close_at:%Y-%m-%dT%H:%MZ}, after the moment of judging"
        claims = competing(("partial_bar", 3.0, text), ("early_close", 0.0, "the session may have ended early"))
        yield Finding(
            "partial_bar", symbol, session, session, 1, Severity.MEDIUM, claims[0].probability, hypotheses=claims
        )  # fmt: skip


def _cut_short(ledger: Ledger, now: datetime) -> Iterator[Finding]:
    """Yield last sessions that end long before their close, though that was over: kind ``truncated``."""
    step = step_minutes(ledger.terms.frequency)
    if step is None:
        return
    lasts = ledger.state.series.drop_nulls([SYMBOL, "last_session"]).select(
        SYMBOL, pl.col("last_session").alias(SESSION), "last_at"
    )
    lag = (pl.col("close_at") - pl.col("last_at")).dt.total_minutes()
    cut = with_hours(lasts, ledger.terms).filter((lag > max(LEAST_MINUTES, 3 * step)) & (pl.col("close_at") < now))
    for symbol, last_at, close_at in cut.select(SYMBOL, "last_at", "close_at").sort(SYMBOL).iter_rows():
        text = f"the last row is of {last_at:%H:%MZ}, the session closed at {close_at:%H:%MZ}"
        claims = competing(("truncated", 1.5, text), ("no_trade", 0.0, "without a trade there is no bar"))
        rows = int((close_at - last_at).total_seconds() // 60 // step) - 1
        yield Finding(
            "truncated", symbol, last_at, close_at, max(rows, 1), Severity.MEDIUM, claims[0].probability, hypotheses=claims
        )  # fmt: skip


def _spans(ledger: Ledger) -> pl.DataFrame:
    return ledger.state.series.drop_nulls([SYMBOL, "first_session"]).select(SYMBOL, "first_session", "last_session").sort(SYMBOL)
