"""The part of leaf states that belongs to some symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.names import SESSION, SYMBOL
from workbench.quality.attendance import days_of_masks
from workbench.quality.state import SESSIONS, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.quality.terms import Terms

_COUNTED: Final = ("rows", "priced", "links")


def of_symbols(leaves: State, symbols: Sequence[str], terms: Terms) -> State:
    """Return the part of some symbols.

    Parameters
    ----------
    leaves : State
        Of leaves side by side, not merged over them.
    symbols : sequence of str
    terms : Terms

    Notes
    -----
    A leaf's counts by session are of all symbols, and are made again. A leaf of intraday data is a session;
    in a month a symbol has one row on each day it is seen, except where :func:`irregular_leaves` says.
    """
    wanted = pl.col(SYMBOL).is_in(list(symbols))
    kept = {name: frame.filter(wanted) for name, frame in leaves.frames.items() if name != "sessions"}
    if terms.is_intraday:
        counted = kept["series"].group_by("leaf").agg(pl.col(*_COUNTED).sum()).with_columns(pl.col("leaf").alias(SESSION))
    else:
        days = days_of_masks(kept["days"].select("leaf", "month", "mask"))
        seen = days.group_by("leaf", SESSION).agg(pl.len().cast(pl.Int64).alias("seen"))
        counted = seen.select("leaf", SESSION, *(pl.col("seen").alias(name) for name in _COUNTED))
    return State(**kept, sessions=counted.select(list(SESSIONS)).sort("leaf", SESSION))


def irregular_leaves(months: State) -> pl.Series:
    """Return the months in which some symbol has another number of rows than days: duplicates, rows without a price.

    Their counts by session cannot be told from states; those few are measured from the symbols' rows.
    """
    bits = pl.col("mask").bitwise_count_ones().sum().cast(pl.Int64).alias("seen")
    seen = months.days.group_by("leaf", SYMBOL).agg(bits)
    both = months.series.select("leaf", SYMBOL, *_COUNTED).join(seen, on=["leaf", SYMBOL], how="left", nulls_equal=True)
    differs = pl.any_horizontal(pl.col(name) != pl.col("seen").fill_null(0) for name in _COUNTED)
    return both.filter(differs)["leaf"].unique().sort()
