"""The shape of data: what is missing when, how volumes are spread, which symbols move together. Descriptions, no judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from workbench.model.names import EVENT_AT, SESSION, SIZES, SYMBOL
from workbench.quality.profile import MOST_RETURNS
from workbench.quality.timetables import with_hours
from workbench.transform.features import main_price
from workbench.transform.frequency import step_minutes

if TYPE_CHECKING:
    from workbench.model.names import Kind
    from workbench.quality.ledger import Ledger
    from workbench.quality.terms import Terms

MOST_CORRELATED: Final = 60
LEAST_PAIRS: Final = 30
SLOT: Final = "30m"
HOURS: Final = {SESSION: pl.Date, "slot": pl.Time, "expected": pl.Int64, "missing": pl.Int64}
PAIRS: Final = {SYMBOL: pl.String, "other": pl.String, "correlation": pl.Float64, "rows": pl.Int64}


def missing_by_session(ledger: Ledger) -> pl.DataFrame:
    """Return ``session, expected, missing``: bars of all symbols, from states alone; nothing where nothing is expected."""
    due = ledger.attendance
    if due is None:
        return pl.DataFrame(schema={SESSION: pl.Date, "expected": pl.Int64, "missing": pl.Int64})
    return due.by_session.select(SESSION, pl.col("expected", "missing").cast(pl.Int64))


def missing_by_hour(frame: pl.DataFrame, terms: Terms, timezone: str) -> pl.DataFrame:
    """Compare bars within sessions with the hours their symbols keep.

    Parameters
    ----------
    frame : DataFrame
        Standard rows.
    terms : Terms
    timezone : str
        The clock of the slots.

    Returns
    -------
    DataFrame
        ``session, slot`` (the time half an hour begins at, on that clock), ``expected, missing``; of symbols that have at
        least one row in the session, from their first row to their last. Nothing for data that does not come by minutes.
    """
    step = step_minutes(terms.frequency)
    seen = frame.filter(pl.col(SESSION).is_not_null(), pl.col(EVENT_AT).is_not_null())
    if step is None or step > 30 or seen.is_empty():
        return pl.DataFrame(schema=HOURS)
    at = pl.col(EVENT_AT)
    lives = seen.group_by(SYMBOL).agg(at.min().alias("first"), at.max().alias("last"))
    kept = with_hours(seen.select(SYMBOL, SESSION).unique(), terms).join(lives, on=SYMBOL, how="left").with_columns(
        pl.max_horizontal("open_at", "first").alias("open_at"),
        pl.min_horizontal("close_at", pl.col("last").dt.offset_by(f"{step}m")).alias("close_at"),
    ).group_by(SESSION, "open_at", "close_at").len("symbols")  # fmt: skip
    due = kept.with_columns(pl.datetime_ranges("open_at", "close_at", f"{step}m", closed="left").alias("at")).explode("at")
    expected = due.drop_nulls("at").group_by(SESSION, _slot("at", timezone)).agg(pl.col("symbols").sum().alias("expected"))
    there = seen.unique([SYMBOL, EVENT_AT]).group_by(SESSION, _slot(EVENT_AT, timezone)).len("seen")
    both = expected.join(there, on=[SESSION, "slot"], how="left").with_columns(pl.col("expected").cast(pl.Int64))
    lost = (pl.col("expected") - pl.col("seen").fill_null(0).cast(pl.Int64)).clip(0).alias("missing")
    return both.select(SESSION, "slot", "expected", lost).sort(SESSION, "slot")


def _slot(column: str, timezone: str) -> pl.Expr:
    return pl.col(column).dt.convert_time_zone(timezone).dt.truncate(SLOT).dt.time().alias("slot")


def volumes(frame: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Return ``symbol, volume`` of trustworthy rows, thinned evenly where there are very many; nothing without volumes."""
    name = next((size for size in SIZES[kind] if size in frame.columns), None)
    if name is None:
        return pl.DataFrame(schema={SYMBOL: pl.String, "volume": pl.Float64})
    usable = frame.filter(pl.col("quarantine_reason").is_null() & (pl.col(name) > 0))
    rows = usable.select(SYMBOL, pl.col(name).cast(pl.Float64).alias("volume"))
    return rows.gather_every(max(1, len(rows) // MOST_RETURNS))


def return_correlation(frame: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Correlate the logarithmic returns of every two symbols (Pearson), over the moments that both have.

    Returns
    -------
    DataFrame
        ``symbol, other, correlation, rows``; of the 60 symbols with most rows. Null below 30 shared moments, or where one
        does not move. Symbols that move alike stand beside each other.

    Notes
    -----
    The order is that of the angles between the first two eigenvectors (Friendly, "Corrgrams", 2002).
    """
    price = main_price(kind)
    usable = frame.lazy().filter(pl.col("quarantine_reason").is_null() & (price > 0))
    counted = usable.group_by(SYMBOL).len().sort(["len", SYMBOL], descending=[True, False]).collect()
    most = counted[SYMBOL].head(MOST_CORRELATED)
    if len(most) < 2:
        return pl.DataFrame(schema=PAIRS)
    move = (price.log() - price.log().shift().over(SYMBOL)).alias("move")
    chosen = usable.filter(pl.col(SYMBOL).is_in(most.implode())).sort(SYMBOL, EVENT_AT)
    moves = chosen.select(SYMBOL, EVENT_AT, move).drop_nulls().collect()
    wide = moves.pivot(SYMBOL, on_columns=most, index=EVENT_AT, values="move", aggregate_function="first")
    names = np.array(sorted(most))
    values = wide.select(names.tolist()).to_numpy().astype(np.float64)
    there = np.isfinite(values)
    x, n = np.where(there, values, 0.0), there.astype(np.float64)
    with np.errstate(all="ignore"):
        shared = n.T @ n
        mine, theirs = x.T @ n, n.T @ x
        cross = shared * (x.T @ x) - mine * theirs
        spread = np.sqrt((shared * ((x**2).T @ n) - mine**2) * (shared * (n.T @ (x**2)) - theirs**2))
        matrix = np.where((shared >= LEAST_PAIRS) & (spread > 0), cross / spread, np.nan)
    order = _alike(matrix)
    matrix, shared, names = matrix[np.ix_(order, order)], shared[np.ix_(order, order)], names[order]
    rows = {SYMBOL: np.repeat(names, len(names)), "other": np.tile(names, len(names)),
            "correlation": np.round(np.clip(matrix, -1, 1).ravel(), 12), "rows": shared.ravel().astype(np.int64)}  # fmt: skip
    return pl.DataFrame(rows, schema=PAIRS).with_columns(pl.col("correlation").fill_nan(None))


def _alike(matrix: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return an order in which symbols that move alike are neighbours."""
    _, vectors = np.linalg.eigh(np.where(np.isfinite(matrix), matrix, 0.0))
    first, second = vectors[:, -1], vectors[:, -2]
    first, second = first * np.sign(first.sum() or 1), second * np.sign(second[np.argmax(np.abs(second))] or 1)
    angle = np.where(first > 0, np.arctan(second / np.where(first == 0, 1e-12, first)), np.arctan2(second, first))
    return np.argsort(np.round(angle, 9), kind="stable")
