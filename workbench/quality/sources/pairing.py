"""Rows of two sources side by side: on symbol and time, the clocks brought together first where they differ by whole hours."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.names import EVENT_AT, REASON, SESSION, SYMBOL
from workbench.transform.frequency import step_minutes

if TYPE_CHECKING:
    from workbench.quality.terms import Terms

OTHER: Final = "_reference"
ALIGNED: Final = 0.5
"""Returns that correlate less than this at the same time belong to different times, or to different things."""
CERTAIN: Final = 0.9
"""The correlation that another lag must show to be believed."""
MOST_HOURS: Final = 14
LEAST_PAIRS: Final = 10
LOOKED_AT: Final = 20_000


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows that two sources share.

    Attributes
    ----------
    frame
        ``symbol, session``, the time they are joined on, and each field twice, the reference's with ``_reference``;
        sorted by symbol, then time.
    fields
        Those both have.
    lag_minutes
        What was added to the reference's times to meet the data's.
    rows
        Rows of the data that could have been met.
    """

    frame: pl.DataFrame
    fields: tuple[str, ...]
    moment: str
    lag_minutes: int
    rows: int

    @property
    def covered(self) -> float:
        """The share of the data's rows that the reference has too."""
        return len(self.frame) / self.rows if self.rows else 0.0


def paired(frame: pl.DataFrame, reference: pl.DataFrame, terms: Terms) -> Pairs:
    """Join rows of two sources.

    Parameters
    ----------
    frame, reference : DataFrame
        Standard columns; rows in quarantine are passed over.
    terms : Terms
        Say which fields are prices and sizes.
    """
    fields = tuple(name for name in (*terms.prices, *terms.sizes) if name in reference.columns and name in frame.columns)
    moment = EVENT_AT if terms.is_intraday else SESSION
    mine = _trusted(frame).select(list(dict.fromkeys([SYMBOL, SESSION, moment, *fields])))
    other = _trusted(reference).select(SYMBOL, moment, *fields).unique([SYMBOL, moment], keep="first", maintain_order=True)
    if mine[SYMBOL].n_unique() == 1 and other[SYMBOL].n_unique() == 1:
        other = other.with_columns(pl.lit(mine[SYMBOL][0]).alias(SYMBOL))
    lag = _lag(mine, other, moment, terms)
    shifted = other.with_columns(pl.col(moment).dt.offset_by(f"{lag}m")) if lag else other
    both = mine.join(shifted, on=[SYMBOL, moment], how="inner", suffix=OTHER).sort(SYMBOL, moment)
    return Pairs(both, fields, moment, lag, len(mine))


def _trusted(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col(REASON).is_null()) if REASON in frame.columns else frame


def _lag(mine: pl.DataFrame, other: pl.DataFrame, moment: str, terms: Terms) -> int:
    """Return by how many minutes the reference's clock is behind; 0 where no lag explains more than none does."""
    if terms.main is None or terms.main not in other.columns:
        return 0
    symbol = _shared_symbol(mine, other)
    if symbol is None:
        return 0
    a, b = (
        side.filter(pl.col(SYMBOL) == symbol).select(moment, terms.main).drop_nulls().head(LOOKED_AT) for side in (mine, other)
    )
    if _likeness(a, b, moment, 0) >= ALIGNED:
        return 0
    step = step_minutes(terms.frequency)
    hours = [60 * h for h in range(-MOST_HOURS, MOST_HOURS + 1)] if terms.is_intraday else [-1440, 1440]
    lags = [lag for lag in (*hours, *((step, -step) if step else ())) if lag]
    best = max(lags, key=lambda lag: (_likeness(a, b, moment, lag), -abs(lag)))
    return best if _likeness(a, b, moment, best) >= CERTAIN else 0


def _shared_symbol(mine: pl.DataFrame, other: pl.DataFrame) -> str | None:
    """Return the symbol with most rows among those that both have."""
    counts = mine[SYMBOL].value_counts().join(other[SYMBOL].unique().to_frame(), on=SYMBOL, how="semi").drop_nulls()
    return None if counts.is_empty() else str(counts.sort("count", SYMBOL, descending=[True, False])[SYMBOL][0])


def _likeness(a: pl.DataFrame, b: pl.DataFrame, moment: str, lag: int) -> float:
    """Return the correlation of returns at a lag, -1 where too few rows meet."""
    price = a.columns[1]
    met = a.join(b.with_columns(pl.col(moment).dt.offset_by(f"{lag}m")), on=moment, how="inner", suffix=OTHER).sort(moment)
    if len(met) < max(LEAST_PAIRS, min(len(a), len(b)) // 10):
        return -1.0
    returns = met.select(pl.corr(*((pl.col(name) / pl.col(name).shift()).log() for name in (price, price + OTHER)))).item()
    return float(returns) if returns is not None and isfinite(returns) else -1.0
