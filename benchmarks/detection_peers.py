"""Peers on the same damaged series: a 5-sigma rule, a rolling MAD, an isolation forest, and yfinance's price repair.

They flag days, not kinds: a fault counts as found where any of its days is flagged, and flagged days that touch no
fault are false. Run it in an environment that has polars, numpy and, as far as they are to be compared, scikit-learn
and yfinance; it needs no workbench. yfinance is kept from asking anybody: what it would fetch is left as it is.
"""

from __future__ import annotations

import argparse
import importlib.util
import warnings
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from faults import PLANTS, Fault, damaged
from series import clean_series

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SLACK: Final = timedelta(days=4)
KINDS: Final = (*(plant.kind for plant in PLANTS), "phantom_session", "duplicate_key", "conflicting_duplicate")
YEAR: Final = 250


def _main(frame: pl.DataFrame) -> NDArray[np.float64]:
    return frame["close" if "close" in frame.columns else "value"].fill_null(np.nan).to_numpy()


def _returns(frame: pl.DataFrame) -> NDArray[np.float64]:
    price = _main(frame)
    with np.errstate(all="ignore"):
        return np.nan_to_num(np.diff(np.log(price), prepend=np.nan), posinf=0, neginf=0)


def five_sigma(frame: pl.DataFrame) -> NDArray[np.bool_]:
    """Returns beyond five standard deviations of all returns."""
    moves = _returns(frame)
    found: NDArray[np.bool_] = np.abs(moves - moves.mean()) > 5 * moves.std()
    return found


def rolling_mad(frame: pl.DataFrame) -> NDArray[np.bool_]:
    """Prices beyond ten median absolute deviations of the fifty around them."""
    price = pl.Series(_main(frame)).fill_nan(None)
    middle = price.rolling_median(51, center=True, min_samples=10)
    off = (price - middle).abs()
    spread = off.rolling_median(51, center=True, min_samples=10)
    return (off > 10 * spread).fill_null(value=False).to_numpy()


def isolation_forest(frame: pl.DataFrame) -> NDArray[np.bool_]:
    """An isolation forest over returns, ranges and volumes, its share of outliers set to the share of faults."""
    from sklearn.ensemble import IsolationForest

    moves = _returns(frame)
    columns = [moves, np.concatenate([moves[1:], [0.0]])]
    with np.errstate(all="ignore"):
        if "high" in frame.columns:
            high, low = (frame[name].fill_null(np.nan).to_numpy() for name in ("high", "low"))
            columns.append(np.nan_to_num(np.log(high / low), posinf=0, neginf=0))
        if "volume" in frame.columns:
            volume = frame["volume"].fill_null(0).to_numpy()
            columns.append(np.log1p(np.maximum(volume, 0)))
    forest = IsolationForest(contamination=0.003, random_state=1)
    found: NDArray[np.bool_] = forest.fit_predict(np.column_stack(columns)) < 0
    return found


def yfinance_repair(frame: pl.DataFrame) -> NDArray[np.bool_] | None:
    """The repairs of yfinance, as it runs them on daily history; None for series it does not take."""
    if "high" not in frame.columns or "adj_close" not in frame.columns:
        return None
    import pandas as pd

    history = _history()
    names = {n: n.title() for n in ("open", "high", "low", "close", "volume")} | {"adj_close": "Adj Close"}
    bars = frame.unique("date", keep="first", maintain_order=True)
    table: Any = pd.DataFrame({new: bars[old].to_numpy() for old, new in names.items()})
    table.index = pd.DatetimeIndex(pd.to_datetime(bars["date"].to_list())).tz_localize("America/New_York")
    for name, old in (("Dividends", "dividend"), ("Stock Splits", "split")):
        table[name] = bars[old].to_numpy() if old in bars.columns else 0.0
    zone = "America/New_York"
    steps: list[Callable[[Any], Any]] = [
        lambda t: history._fix_unit_mixups(t, "1d", zone, False),
        lambda t: history._fix_bad_stock_splits(t, "1d", zone),
        lambda t: history._fix_zeroes(t, "1d", zone, False),
        lambda t: history._fix_bad_div_adjust(t, "1d", False, "USD"),
    ]
    repaired = table
    for step in steps:
        try:
            repaired = step(repaired)
        except Exception:  # noqa: BLE001 (a peer that fails on damaged input has found nothing)
            continue
    flagged = repaired["Repaired?"].astype(bool) if "Repaired?" in repaired else pd.Series(data=False, index=repaired.index)
    days = set(flagged[flagged].index.date)
    return np.array([day in days for day in frame["date"].to_list()])


def _history() -> Any:
    from yfinance.scrapers.history import PriceHistory

    PriceHistory._reconstruct_intervals_batch = lambda self, df, *a, **k: df  # noqa: ARG005
    PriceHistory.get_history_metadata = lambda self, *a, **k: {"currency": "USD", "instrumentType": "EQUITY"}  # noqa: ARG005
    PriceHistory.history = lambda self, *a, **k: None  # noqa: ARG005
    history = PriceHistory(None, "X", "America/New_York")  # no connection: it cannot ask anybody
    history._history_metadata = {"currency": "USD", "instrumentType": "EQUITY", "priceHint": 2}
    return history


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    flag: Callable[[pl.DataFrame], NDArray[np.bool_] | None]
    needs: str = "numpy"

    @property
    def is_there(self) -> bool:
        return importlib.util.find_spec(self.needs) is not None


PEERS: Final = (
    Peer("5 sigma", five_sigma),
    Peer("rolling MAD", rolling_mad),
    Peer("isolation forest", isolation_forest, "sklearn"),
    Peer("yfinance repair", yfinance_repair, "yfinance"),
)


def runs(days: list[date]) -> list[tuple[date, date]]:
    found: list[tuple[date, date]] = []
    for day in sorted(days):
        if found and day - found[-1][1] <= SLACK:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def spans(faults: list[Fault], days: list[date]) -> list[tuple[str, date, date]]:
    """Return kind, first and last day of each fault; a fault of a whole past is found where its event is."""
    found = []
    for f in faults:
        first, last = (f.event, f.event) if f.start == 0 else (f.start, f.stop - 1)
        found.append((f.kind, days[min(first, len(days) - 1)], days[min(last, len(days) - 1)]))
    return found


def _flagged(frame: pl.DataFrame, flags: NDArray[np.bool_]) -> list[tuple[date, date]]:
    return runs([day for day, bad in zip(frame["date"].to_list(), flags, strict=True) if bad])


def measure(peer: Peer, seeds: range, part: str) -> tuple[dict[str, list[int]], float]:
    """Return kind -> planted, found, false; and false alarms per thousand days of clean series.

    What is flagged in a series without damage is left out of the rest, as it is where our own findings are counted.
    """
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    alarms = looked = 0
    for group in clean_series(part):
        for number, (symbol, frame) in enumerate(group.frames.items()):
            clean = peer.flag(frame)
            if clean is None:
                continue
            before = set(_flagged(frame, clean))
            alarms += len(before)
            looked += len(frame)
            for kind, seed in product(KINDS, seeds):
                made, faults = damaged(frame, symbol, (kind,), 6, seed * 1000 + number * 17 + KINDS.index(kind))
                flags = peer.flag(made) if faults else None
                if flags is None:
                    continue
                told = [run for run in _flagged(made, flags) if run not in before]
                there = spans(faults, frame["date"].to_list())
                counts[kind][0] += len(there)
                counts[kind][1] += sum(any(a <= last + SLACK and b >= first - SLACK for a, b in told) for _, first, last in there)
                counts[kind][2] += sum(
                    not any(a <= last + SLACK and b >= first - SLACK for _, first, last in there) for a, b in told
                )
    return counts, 1000 * alarms / looked if looked else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure peers on damaged series.")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--part", choices=["tuned", "held_out"], default="held_out")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    seeds = range(asked.seeds) if asked.part == "tuned" else range(100, 100 + asked.seeds)
    told = {peer.name: measure(peer, seeds, asked.part) for peer in PEERS if peer.is_there}
    print(f"{'F1 by days':<24}" + "".join(f"{name:>18}" for name in told))
    for kind in KINDS:
        cells = []
        for counts, _ in told.values():
            planted, found, false = counts.get(kind, [0, 0, 0])
            recall = found / planted if planted else float("nan")
            precision = found / (found + false) if found + false else 0.0
            cells.append(
                2 * recall * precision / (recall + precision) if recall + precision else 0.0 if planted else float("nan")
            )
        print(f"{kind:<24}" + "".join(f"{cell:>18.2f}" for cell in cells))
    print(f"{'false per 1,000 days':<24}" + "".join(f"{alarms:>18.2f}" for _, alarms in told.values()))


if __name__ == "__main__":
    main()
