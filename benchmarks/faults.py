"""Faults put into clean series at known places: each kind as vendors commit it, at realistic sizes, seeded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Rows = dict[str, NDArray[np.float64]]

PRICES: Final = ("open", "high", "low", "close")
CLEAR: Final = 40
"""Rows that are left alone at either end, and between faults."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault; ``start`` and ``stop`` are positions in the clean series, ``stop`` excluded."""

    kind: str
    symbol: str
    start: int
    stop: int
    event: int
    """Where a corporate action is, else the first row."""
    size: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is planted: rows ``start`` to ``stop`` (excluded), and which rows are kept at all."""

    rows: Rows
    start: int
    stop: int
    rng: np.random.Generator
    kept: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Plant:
    """How a kind is planted: rows it takes, and what it does to values and to which rows remain."""

    kind: str
    rows: Callable[[np.random.Generator], int]
    spoil: Callable[[Place], float]
    needs: tuple[str, ...] = ()
    whole_past: bool = False


def _prices(rows: Rows) -> list[str]:
    return [name for name in (*PRICES, "value", "adj_close") if name in rows]


def _one_tick(at: Place) -> float:
    """One field of one bar is off by 8 to 60 per cent, or close to zero; sometimes the whole bar is."""
    names = [name for name in (*PRICES, "value") if name in at.rows]
    size = float(at.rng.choice([at.rng.uniform(0.08, 0.2), at.rng.uniform(0.2, 0.6), 0.97], p=[0.4, 0.45, 0.15]))
    up = bool(at.rng.random() < 0.5) and size < 0.9
    factor = 1 + size if up else 1 - size
    field = str(at.rng.choice(names)) if len(names) == 1 or at.rng.random() < 0.8 else "all"
    if field in ("high", "low"):  # a bad high lies above, a bad low below: else another rule sees it
        factor = 1 + size if field == "high" and size < 0.9 else 1 - size if field == "low" else 1 + size
    for name in names if field == "all" else [field]:
        at.rows[name][at.start] = round(at.rows[name][at.start] * factor, 4)
    if field in ("open", "close"):
        at.rows["high"][at.start] = max(at.rows["high"][at.start], at.rows[field][at.start])
        at.rows["low"][at.start] = min(at.rows["low"][at.start], at.rows[field][at.start])
    return factor


def _hundredfold(at: Place) -> float:
    factor = float(at.rng.choice([100.0, 0.01, 1000.0, 0.001], p=[0.4, 0.4, 0.1, 0.1]))
    for name in _prices(at.rows):
        at.rows[name][at.start : at.stop] *= factor
    return factor


RATIOS: Final = (2.0, 3.0, 1.5, 4.0, 5.0, 10.0, 0.1, 0.2)


def _scaled(rows: Rows, part: slice, factor: float) -> None:
    for name in _prices(rows):
        rows[name][part] *= factor
    if "volume" in rows:
        rows["volume"][part] = np.round(rows["volume"][part] / factor)


def _unadjusted(at: Place) -> float:
    """The past is not adjusted for a split on the first row behind it."""
    ratio = float(at.rng.choice(RATIOS, p=[0.35, 0.15, 0.05, 0.1, 0.1, 0.1, 0.1, 0.05]))
    _scaled(at.rows, slice(0, at.stop), ratio)
    if "split" in at.rows:
        at.rows["split"][at.stop] = ratio
    return ratio


def _partial(at: Place) -> float:
    ratio = float(at.rng.choice(RATIOS, p=[0.35, 0.15, 0.05, 0.1, 0.1, 0.1, 0.1, 0.05]))
    _scaled(at.rows, slice(at.start, at.stop), ratio)
    if "split" in at.rows:
        at.rows["split"][at.stop] = ratio
    return ratio


def _doubled(at: Place) -> float:
    ratio = float(at.rng.choice([2.0, 3.0, 4.0, 5.0], p=[0.5, 0.2, 0.15, 0.15]))
    _scaled(at.rows, slice(0, at.stop), 1 / ratio)
    if "split" in at.rows:
        at.rows["split"][at.stop] = ratio
    return ratio


def _dividend(at: Place) -> float:
    """A dividend of 0.5 to 4 per cent: its adjustment is missing, doubled, a hundredth, or on another day."""
    yielded = float(at.rng.uniform(0.005, 0.04))
    how = str(at.rng.choice(["missing", "doubled", "hundredth", "other_day", "hundredfold"]))
    close, adjusted = at.rows["close"], at.rows["adj_close"]
    for name in PRICES:  # the shares fall by the dividend, as they do; the adjusted close as it was is right then
        at.rows[name][: at.stop] = np.round(at.rows[name][: at.stop] / (1 - yielded), 4)
    if how == "missing":
        adjusted[: at.stop] /= 1 - yielded
    elif how == "doubled":
        adjusted[: at.stop] *= 1 - yielded
    elif how == "hundredth":
        adjusted[: at.stop] *= (1 - yielded / 100) / (1 - yielded)
    elif how == "other_day":
        adjusted[at.stop : at.stop + int(at.rng.integers(2, 6))] *= 1 - yielded
    at.rows["dividend"][at.stop] = close[at.stop - 1] * yielded * (100 if how == "hundredfold" else 1)
    return yielded


def _frozen(at: Place) -> float:
    for name in (*_prices(at.rows), *(["volume"] if "volume" in at.rows and at.rng.random() < 0.5 else [])):
        at.rows[name][at.start : at.stop] = at.rows[name][at.start - 1]
    return float(at.stop - at.start)


def _volume_off(at: Place) -> float:
    factor = float(at.rng.choice([1000.0, 0.001, 100.0, 0.01]))
    at.rows["volume"][at.start : at.stop] = np.maximum(np.round(at.rows["volume"][at.start : at.stop] * factor), 1)
    return factor


def _volume_gone(at: Place) -> float:
    at.rows["volume"][at.start : at.stop] = 0
    return 0.0


def _not_positive(at: Place) -> float:
    name = str(at.rng.choice([n for n in PRICES if n in at.rows]))
    at.rows[name][at.start] = 0.0 if at.rng.random() < 0.6 else -at.rows[name][at.start]
    return 0.0


def _emptied(at: Place) -> float:
    names = [n for n in (*PRICES, "value") if n in at.rows]
    for name in names if at.rng.random() < 0.4 else [str(at.rng.choice(names))]:
        at.rows[name][at.start : at.stop] = np.nan
    return 0.0


def _disordered(at: Place) -> float:
    at.rows["high"][at.start], at.rows["low"][at.start] = at.rows["low"][at.start], at.rows["high"][at.start]
    return 0.0


def _rounded(at: Place) -> float:
    grid = 10.0 ** np.ceil(np.log10(np.median(at.rows[_prices(at.rows)[0]][at.start : at.stop]) * 0.004))
    for name in [n for n in (*PRICES, "value") if n in at.rows]:
        at.rows[name][at.start : at.stop] = np.round(at.rows[name][at.start : at.stop] / grid) * grid
    return float(grid)


def _dropped(at: Place) -> float:
    at.kept[at.start : at.stop] = False
    return 0.0


def _one_row(rng: np.random.Generator) -> int:  # noqa: ARG001 (one signature for all)
    return 1


PLANTS: Final = (
    Plant("bad_tick", _one_row, _one_tick),
    Plant("unit_switch", lambda rng: int(rng.choice([1, rng.integers(3, 60)])), _hundredfold),
    Plant("unadjusted_split", _one_row, _unadjusted, whole_past=True),
    Plant("partial_split", lambda rng: int(rng.integers(4, 60)), _partial),
    Plant("double_split", _one_row, _doubled, ("split",), whole_past=True),
    Plant("dividend_adjustment", _one_row, _dividend, ("dividend", "adj_close", "open"), whole_past=True),
    Plant("stale", lambda rng: int(rng.integers(3, 9)), _frozen),
    Plant("volume_unit", lambda rng: int(rng.integers(1, 60)), _volume_off, ("volume",)),
    Plant("zero_volume_move", _one_row, _volume_gone, ("volume",)),
    Plant("non_positive", _one_row, _not_positive, ("close",)),
    Plant("missing_value", lambda rng: int(rng.integers(1, 4)), _emptied),
    Plant("ohlc_order", _one_row, _disordered, ("high",)),
    Plant("precision", lambda rng: int(rng.integers(8, 40)), _rounded),
    Plant("missing_session", lambda rng: int(rng.integers(1, 5)), _dropped),
)


def damaged(clean: pl.DataFrame, symbol: str, kinds: tuple[str, ...], count: int, seed: int) -> tuple[pl.DataFrame, list[Fault]]:
    """Plant faults in one symbol's clean daily rows.

    Parameters
    ----------
    clean : DataFrame
        ``date`` and Float64 columns, ascending.
    kinds : tuple of str
        Of which kinds; each fault is of one of them in turn.
    count : int
        How many, as far as there is room.
    """
    rng = np.random.default_rng(seed)
    rows = {name: clean[name].to_numpy().copy() for name in clean.columns if name != "date"}
    kept = np.ones(len(clean), dtype=bool)
    plants = [p for p in PLANTS if p.kind in kinds and all(n in rows for n in p.needs)]
    room = (len(clean) - 2 * CLEAR) // (CLEAR + 60)
    slots = np.sort(rng.choice(room, size=min(count, room), replace=False)) if room > 0 and plants else []
    faults = []
    for number, slot in enumerate(slots):
        plant = plants[number % len(plants)]
        length = plant.rows(rng)
        start = CLEAR + int(slot) * (CLEAR + 60) + int(rng.integers(0, CLEAR))
        stop = start + length
        size = plant.spoil(Place(rows, start, stop, rng, kept))
        faults.append(
            Fault(plant.kind, symbol, 0 if plant.whole_past else start, stop, stop if plant.whole_past else start, size)
        )
    frame = pl.DataFrame({"date": clean["date"], **rows}).with_columns(pl.col(pl.Float64).fill_nan(None))
    more = _extra_rows(frame, kinds, rng, faults, symbol)
    return pl.concat([frame.filter(pl.Series(kept)), *more]).sort("date", maintain_order=True), faults


def _extra_rows(
    frame: pl.DataFrame, kinds: tuple[str, ...], rng: np.random.Generator, faults: list[Fault], symbol: str
) -> list[pl.DataFrame]:
    """Plant rows that should not be there: copies on a Saturday, and rows that are there twice."""
    more = []
    if "phantom_session" in kinds:
        fridays = [i for i, day in enumerate(frame["date"].to_list()) if day.weekday() == 4 and CLEAR < i < len(frame) - CLEAR]
        for at in rng.choice(fridays, size=min(3, len(fridays)), replace=False).tolist():
            more.append(frame[at : at + 1].with_columns(pl.col("date") + pl.duration(days=1)))
            faults.append(Fault("phantom_session", symbol, at, at + 1, at, 0.0))
    if "duplicate_key" in kinds:
        for at in rng.integers(CLEAR, len(frame) - CLEAR, size=3).tolist():
            more.append(frame[at : at + 1])
            faults.append(Fault("duplicate_key", symbol, at, at + 1, at, 0.0))
    if "conflicting_duplicate" in kinds:
        for at in rng.integers(CLEAR, len(frame) - CLEAR, size=3).tolist():
            main = "close" if "close" in frame.columns else "value"
            more.append(frame[at : at + 1].with_columns(pl.col(main) * 1.004))
            faults.append(Fault("conflicting_duplicate", symbol, at, at + 1, at, 0.0))
    return more
