"""Damage at known places: what goes wrong in market data, put into clean bars and written down."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Block = dict[str, NDArray[np.float64]]

PRICES: Final = ("open", "high", "low", "close")
FIELDS: Final = (*PRICES, "volume")
ROWS_PER_EVENT: Final = 30_000
"""Some events damage more than one row: about one row in 20,000 is damaged."""
FROZEN_BARS: Final = 30
MANIFEST: Final = pl.Schema(
    {
        "kind": pl.String(),
        "symbol": pl.String(),
        "session": pl.Date(),
        "event_at": pl.Datetime("us", "UTC"),
        "field": pl.String(),
    }
)
SHARES: Final = {
    "empty_cell": 0.22,
    "zero_price": 0.10,
    "negative_price": 0.06,
    "negative_volume": 0.06,
    "absurd_volume": 0.05,
    "high_below_low": 0.10,
    "bad_tick": 0.20,
    "silent_move": 0.08,
    "missing_bar": 0.09,
    "frozen": 0.02,
    "missing_session": 0.02,
}
"""What share of events is of a kind; each kind occurs at least once in a file that has room for it."""
CELLS: Final[dict[str, tuple[tuple[str, ...], Callable[[float], float]]]] = {
    "empty_cell": (FIELDS, lambda _: math.nan),
    "zero_price": (PRICES, lambda _: 0.0),
    "negative_price": (PRICES, lambda price: -price),
    "negative_volume": (("volume",), lambda volume: -volume),
    "absurd_volume": (("volume",), lambda _: 1e15),
}
"""Damage to one cell: the fields it may strike, and what it makes of a value."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that goes wrong: at a symbol (by position), from bar ``start`` on, of a session ``first`` to ``stop``."""

    kind: str
    symbol: int
    start: int
    first: int
    stop: int
    field: str


def plan(symbols: int, bars: Sequence[int], rng: np.random.Generator) -> list[Event]:
    """Decide what goes wrong where: never twice in one session of a symbol, never at a session's first or last bar.

    Parameters
    ----------
    bars
        How many bars each session has.
    """
    events = symbols * sum(bars) / ROWS_PER_EVENT
    kinds = [kind for kind, share in SHARES.items() for _ in range(max(1, round(share * events)))]
    places = rng.permutation(symbols * len(bars))[: len(kinds)]
    stops = np.cumsum(bars)
    planned = []
    for kind, place in zip(rng.permutation(kinds)[: len(places)].tolist(), places.tolist(), strict=True):
        symbol, day = divmod(place, len(bars))
        first, stop = int(stops[day]) - bars[day], int(stops[day])
        start = first if kind == "missing_session" else int(rng.integers(first + 1, stop - FROZEN_BARS - 1))
        planned.append(Event(kind, symbol, start, first, stop, _struck(kind, rng)))
    return planned


def _struck(kind: str, rng: np.random.Generator) -> str:
    if kind in CELLS:
        return str(rng.choice(CELLS[kind][0]))
    return {"high_below_low": "high", "bad_tick": "close", "silent_move": "volume"}.get(kind, "")


def spoil(block: Block, events: Sequence[Event]) -> NDArray[np.bool_]:
    """Damage a block of bars in place, and return which of its bars are left.

    Parameters
    ----------
    block
        Field -> values, shape (symbols, bars).
    """
    kept = np.ones(block["close"].shape, dtype=bool)
    for event in events:
        at = event.symbol, event.start
        if event.kind in CELLS:
            block[event.field][at] = CELLS[event.kind][1](float(block[event.field][at]))
        elif event.kind == "missing_bar":
            kept[at] = False
        elif event.kind == "missing_session":
            kept[event.symbol, event.first : event.stop] = False
        else:
            BARS[event.kind](block, at)
    return kept


def _high_below_low(block: Block, at: tuple[int, int]) -> None:
    block["high"][at], block["low"][at] = block["low"][at] - 0.05, block["high"][at]


def _bad_tick(block: Block, at: tuple[int, int]) -> None:
    block["close"][at] = round(block["close"][at] * 1.3, 2)
    block["high"][at] = max(block["high"][at], block["close"][at])


def _silent_move(block: Block, at: tuple[int, int]) -> None:
    block["volume"][at] = 0
    block["high"][at] = round(block["high"][at] + 0.05, 2)


def _frozen(block: Block, at: tuple[int, int]) -> None:
    symbol, start = at
    for name in FIELDS:
        block[name][symbol, start : start + FROZEN_BARS] = block[name][at]


BARS: Final[dict[str, Callable[[Block, tuple[int, int]], None]]] = {
    "high_below_low": _high_below_low,
    "bad_tick": _bad_tick,
    "silent_move": _silent_move,
    "frozen": _frozen,
}
"""Damage to whole bars."""


def manifest(events: Sequence[Event], names: Sequence[str], at: NDArray[np.int64], days: NDArray[np.int32]) -> pl.DataFrame:
    """Return events as a table, in the columns of ``MANIFEST``; ``field`` is null where a whole bar is struck.

    Parameters
    ----------
    names
        Of the symbols.
    at, days
        Start (microseconds since 1970, UTC) and session (days since 1970) of each bar.
    """
    kind, symbol, start, _, _, field = zip(*map(astuple, events), strict=True) if events else ((),) * 6
    where = np.array(start, dtype=np.int64)
    columns = {
        "kind": kind,
        "symbol": [names[i] for i in symbol],
        "session": days[where],
        "event_at": at[where],
        "field": [name or None for name in field],
    }
    return (
        pl.DataFrame(columns)
        .with_columns(
            pl.col("session").cast(pl.Date),
            pl.col("event_at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        )
        .cast(MANIFEST)
    )
