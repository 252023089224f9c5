"""The one idea of this room: quality is a fold. A state is what is known of a leaf; states merge (``fold.py``).

A state is six small frames. Everything that adds up is an integer; what crosses an edge is kept as
the rows at either end of each symbol, and is measured when two states meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from workbench.quality.grids import BINS
from workbench.quality.terms import NEVER, NO_DAY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

EDGE: Final = 4
"""Rows kept at either end of a symbol: a spike is judged by two rows on each side of it."""

_MOMENT: Final = pl.Datetime("us", "UTC")
_HISTOGRAM: Final = pl.Array(pl.UInt32, BINS)
_EDGE_PRICES, _EDGE_MOMENTS, _EDGE_DAYS = pl.Array(pl.Float64, EDGE), pl.Array(pl.Int64, EDGE), pl.Array(pl.Int32, EDGE)

SERIES: Final[dict[str, Any]] = {
    "leaf": pl.Date,
    "symbol": pl.String,
    "rows": pl.Int64,
    "priced": pl.Int64,
    "links": pl.Int64,
    "from_at": _MOMENT,
    "to_at": _MOMENT,
    "first_at": _MOMENT,
    "last_at": _MOMENT,
    "first_session": pl.Date,
    "last_session": pl.Date,
    "first_bars": pl.Int64,
    "last_bars": pl.Int64,
    "moves": pl.Int64,
    "squares": pl.Int64,
    "repeats": pl.Int64,
    "head_price": _EDGE_PRICES,
    "head_at": _EDGE_MOMENTS,
    "head_session": _EDGE_DAYS,
    "tail_price": _EDGE_PRICES,
    "tail_at": _EDGE_MOMENTS,
    "tail_session": _EDGE_DAYS,
    "pending_open": pl.Float64,
    "first_bar": pl.UInt64,
    "last_bar": pl.UInt64,
    "first_size": pl.Float64,
    "last_size": pl.Float64,
    "head_repeats": pl.Int64,
    "head_trades": pl.Int64,
    "head_end_at": _MOMENT,
    "head_end_session": pl.Date,
    "tail_repeats": pl.Int64,
    "tail_trades": pl.Int64,
    "tail_start_at": _MOMENT,
    "tail_start_session": pl.Date,
    "returns": _HISTOGRAM,
    "volumes": _HISTOGRAM,
    "spreads": _HISTOGRAM,
}
"""One row for each symbol (within a leaf).

``rows`` that count (placeholders of holidays do not), ``priced`` of them hold a price, ``links`` of
those can be neighbours. ``from_at``, ``to_at``: of all rows with a time; ``first_…``, ``last_…``: of
priced ones, with the distinct bars within regular hours of the first and of the last session.
``moves``, ``squares``: sums of returns and of their squares on the grids of ``grids.py``; ``repeats``: links whose
prices all equal those of the link before.
``head_…``, ``tail_…``: the first and the last links (zero-filled to four, the tail from the right),
``first_bar``, ``last_bar``: fingerprints of all prices of the outermost ones, and ``…_size`` their
volume; ``head_repeats`` and ``tail_repeats``: how often the outermost prices repeat inward.
"""

SESSIONS: Final[dict[str, Any]] = {
    "leaf": pl.Date, "session": pl.Date, "rows": pl.Int64, "priced": pl.Int64, "links": pl.Int64,
}  # fmt: skip
"""The same counts for each session, over all symbols."""
DAYS: Final[dict[str, Any]] = {"leaf": pl.Date, "symbol": pl.String, "month": pl.Date, "mask": pl.UInt32}
"""On which days of a month a symbol has a priced row: bit 0 is the first."""
COUNTS: Final[dict[str, Any]] = {
    "leaf": pl.Date, "symbol": pl.String, "session": pl.Date, "what": pl.String, "field": pl.String, "count": pl.Int64,
}  # fmt: skip
"""What failed or could not be evaluated (``rules.py``), where it did; only what is not zero."""
SPIKES: Final[dict[str, Any]] = {
    "leaf": pl.Date, "symbol": pl.String, "session": pl.Date, "at": _MOMENT, "field": pl.String,
    "value": pl.Float64, "level": pl.Float64, "move": pl.Float64,
}  # fmt: skip
"""Prices that leave their neighbours and come back, by ``move`` relative to the nearest of them."""
RUNS: Final[dict[str, Any]] = {
    "leaf": pl.Date, "symbol": pl.String, "start_at": _MOMENT, "end_at": _MOMENT, "first_session": pl.Date,
    "last_session": pl.Date, "repeats": pl.Int64, "trades": pl.Int64, "value": pl.Float64,
}  # fmt: skip
"""Stretches in which all prices repeat, complete at both ends; ``trades`` of the repeats had a volume of their own."""

FRAMES: Final[dict[str, dict[str, Any]]] = {
    "series": SERIES, "sessions": SESSIONS, "days": DAYS, "counts": COUNTS, "spikes": SPIKES, "runs": RUNS,
}  # fmt: skip
ORDERS: Final[dict[str, tuple[str, ...]]] = {
    "series": ("leaf", "symbol", "from_at"),
    "sessions": ("leaf", "session"),
    "days": ("leaf", "symbol", "month"),
    "counts": ("leaf", "symbol", "session", "what", "field"),
    "spikes": ("leaf", "symbol", "at", "field", "value", "level", "move"),
    "runs": ("leaf", "symbol", "start_at", "end_at", "repeats", "value"),
}
"""The order that makes equal states equal frames."""


@dataclass(frozen=True, slots=True)
class State:
    """What is known of one leaf, of several side by side, or (``leaf`` null) of all merged into one."""

    series: pl.DataFrame
    sessions: pl.DataFrame
    days: pl.DataFrame
    counts: pl.DataFrame
    spikes: pl.DataFrame
    runs: pl.DataFrame

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The frames by name, as they are stored."""
        return {name: getattr(self, name) for name in FRAMES}

    @property
    def rows(self) -> int:
        """How many rows count."""
        return int(self.series["rows"].sum())


def empty_state() -> State:
    """Return the identity: merged with it, every state stays as it is."""
    return State(**{name: pl.DataFrame(schema=schema) for name, schema in FRAMES.items()})


def state_of(frames: Mapping[str, pl.DataFrame]) -> State:
    """Put frames together, in canonical order and types."""
    tidy = {n: frames[n].select(list(s)).cast(pl.Schema(s)).sort(ORDERS[n], nulls_last=False) for n, s in FRAMES.items()}
    return State(**tidy)


def loaded(frames: Mapping[str, pl.DataFrame]) -> State:
    """Put frames together as they were stored; the order of leaves does not matter to a fold."""
    return State(**{name: frames[name].select(list(schema)) for name, schema in FRAMES.items()})


def beside(states: Sequence[State]) -> State:
    """Put states beside each other without merging anything."""
    if not states:
        return empty_state()
    return State(**{name: pl.concat([getattr(s, name) for s in states]) for name in FRAMES})


def arrays(frame: pl.DataFrame) -> dict[str, NDArray[Any]]:
    """Return numeric columns as arrays: unknown moments are ``NEVER``, unknown days ``NO_DAY``, unknown numbers NaN."""
    found: dict[str, NDArray[Any]] = {}
    for name, dtype in frame.schema.items():
        if dtype == pl.String:
            continue
        column = frame[name]
        if dtype == _MOMENT:
            column = column.to_physical().fill_null(NEVER)
        elif dtype == pl.Date:
            column = column.to_physical().fill_null(NO_DAY)
        found[name] = column.to_numpy()
    return found


def frame_of(columns: Mapping[str, Any], schema: Mapping[str, Any]) -> pl.DataFrame:
    """Return arrays as a frame: the inverse of :func:`arrays`."""
    return pl.DataFrame([_column(name, columns[name], dtype) for name, dtype in schema.items()])


def _column(name: str, values: Any, dtype: Any) -> pl.Series:
    if isinstance(values, pl.Series):
        return values.rename(name)
    if dtype == _MOMENT:
        return _known(name, values.astype(np.int64, copy=False), NEVER).cast(dtype)
    if dtype == pl.Date:
        return _known(name, values.astype(np.int32, copy=False), NO_DAY).cast(dtype)
    return pl.Series(name, values, nan_to_null=dtype == pl.Float64)


def _known(name: str, values: NDArray[Any], unknown: int) -> pl.Series:
    series = pl.Series(name, values)
    return series.set(series == unknown, None) if len(values) and values.min() == unknown else series
