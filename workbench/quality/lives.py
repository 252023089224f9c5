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
SAME_PRICE: Final = 0.1
"""The largest move, as a logarithm, from the last price of one name to the first of another that may be the same."""
SAME_FLOW: Final = 1.6
"""The same of volume: a factor of five."""
MOST_EARLY: Final = 0.5
"""Where more symbols than this end early, the universe has no common end."""


def ends_early(ledger: Ledger) -> Iterator[Finding]:
    """Yield symbols whose rows end before those of others with the same hours: ``delisting_hole`` and ``truncated``."""
    lives, renamed = _lives(ledger), {old for old, _ in _renames(ledger)}
    for (table,), peers in lives.partition_by("table", as_dict=True).items():
        early = peers.filter(pl.col("last_session") < pl.col("last_session").max())
        if table < 0 or len(peers) < LEAST_SYMBOLS or len(early) > MOST_EARLY * len(peers):
            continue
        due = ledger.terms.timetables[table].days
        ends = peers["last_session"].max()
        for symbol, end in early.filter(~pl.col(SYMBOL).is_in(list(renamed))).select(SYMBOL, "last_session").iter_rows():
            gone = pl.Series(due).cast(pl.Int32).cast(pl.Date)
            gone = gone.filter((gone > end) & (gone <= ends))
            if len(gone) < LEAST_SESSIONS:
                continue
            claims = _early(len(gone), is_last=symbol == lives[SYMBOL].max() and len(early) == 1)
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
    """Yield symbols whose rows begin after those of the others: nothing is missing before a listing, or a new name."""
    lives, renames = _lives(ledger), _renames(ledger)
    if len(lives) < LEAST_SYMBOLS:
        return
    named = {new for _, new in renames}
    first = dict(lives.select(SYMBOL, "first_session").iter_rows())
    for symbol, begin in first.items():
        if begin > min(first.values()) and symbol not in named:
            yield Explained("listing", symbol, begin, begin, "its first row; the other symbols begin earlier")
    last = dict(lives.select(SYMBOL, "last_session").iter_rows())
    for old, new in renames:
        yield Explained("rename", old, last[old], first[new], f"its rows go on as {new} in the next session, at the same price")


def _renames(ledger: Ledger) -> list[tuple[str, str]]:
    """Return pairs of names where one ends and the other goes on in the next session, at its price and with its volume."""
    lives = _lives(ledger)
    if lives.is_empty():
        return []
    tables = lives.select(SYMBOL, "table")
    begins, ends = (
        with_hours(lives.select(SYMBOL, pl.col(day).alias(SESSION), price, size), ledger.terms).join(tables, on=SYMBOL)
        for day, price, size in (("first_session", "first_price", "first_size"), ("last_session", "last_price", "last_size"))
    )
    pairs = ends.with_columns(pl.col("position") + 1).join(begins, on=["table", "position"], suffix="_new")
    move = (pl.col("first_price") / pl.col("last_price")).log().abs()
    flow = (pl.col("first_size").fill_nan(1.0).fill_null(1.0) / pl.col("last_size").fill_nan(1.0).fill_null(1.0)).log().abs()
    alike = pairs.filter((move < SAME_PRICE) & ~(flow > SAME_FLOW)).filter(
        pl.len().over(SYMBOL) == 1, pl.len().over("symbol_new") == 1
    )
    return list(alike.select(SYMBOL, "symbol_new").sort(SYMBOL).iter_rows())


def still_forming(ledger: Ledger) -> Iterator[Finding]:
    """Yield last bars whose session was not over at the moment of judging: kind ``partial_bar``."""
    now = ledger.evidence.now
    if now is None or not ledger.terms.timetables:
        return
    if ledger.terms.is_intraday:
        yield from _cut_short(ledger, now)
        return
    lasts = _lives(ledger).select(SYMBOL, pl.col("last_session").alias(SESSION))
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


def _lives(ledger: Ledger) -> pl.DataFrame:
    """Return ``symbol, table``, its first and last session, and the price and the volume of each."""
    known = ledger.state.series.drop_nulls([SYMBOL, "first_session"]).sort(SYMBOL)
    prices = [
        pl.col("head_price").arr.first().alias("first_price"), pl.col("tail_price").arr.last().alias("last_price"),
    ]  # fmt: skip
    kept = known.select(SYMBOL, "first_session", "last_session", *prices, "first_size", "last_size")
    return kept.with_columns(pl.Series("table", ledger.terms.timetable_of(kept[SYMBOL].to_list()), dtype=pl.Int64))
