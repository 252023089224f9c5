"""One more session in a table of ten years: what it costs when everything before it is a stored state.

Backs the choice to store a state for each leaf, and one for all of them merged (docs/performance.md). The
history is one measured session, moved to the 2,500 real XNYS sessions before it: 500 symbols, 390 bars.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from measuring import Way, compare, show, warm
from minute_bars import make_table

from workbench.calendars import calendar
from workbench.lab.judgement import judged_by_states
from workbench.lake import Lake, StateStore
from workbench.model.contract import Contract
from workbench.quality.fold import fold
from workbench.quality.ledger import Evidence
from workbench.quality.measure import measure
from workbench.quality.passes import fold_all, measured
from workbench.quality.state import State, beside, loaded, state_of
from workbench.quality.timetables import terms_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.quality.terms import Terms

FIELDS: Final = ("open", "high", "low", "close", "volume")
SESSIONS: Final = 2500
TODAY: Final = date(2024, 6, 14)
CONTRACT: Final = Contract(dataset="bars", frequency="1m", calendar="XNYS")


def terms() -> Terms:
    """Return what is measured."""
    return terms_of(CONTRACT, FIELDS, {"": calendar("XNYS")}, (TODAY - timedelta(days=3700), TODAY))


def moved(state: State, days: int) -> State:
    """Return a session's state on another day."""
    span = pl.duration(days=days)
    frames = {}
    for name, frame in state.frames.items():
        changes: list[Any] = [(pl.col(pl.Date) + span), (pl.col(pl.Datetime("us", "UTC")) + span)]
        moved_frame = frame.with_columns(*changes)
        for column in ("head_at", "tail_at", "head_session", "tail_session"):
            if column in frame.columns:
                step = days * 86_400_000_000 if column.endswith("_at") else days
                values = frame[column].to_numpy()
                moved_frame = moved_frame.with_columns(pl.Series(column, np.where(values == 0, values, values + step)))
        frames[name] = moved_frame
    if len(frames["days"]):
        day = pl.Series([TODAY + timedelta(days=days)]).dt.day()[0]
        first = (TODAY + timedelta(days=days)).replace(day=1)
        frames["days"] = frames["days"].with_columns(
            pl.lit(first).alias("month"), pl.lit(1 << (day - 1), dtype=pl.UInt32).alias("mask")
        )
    return state_of(frames)


def lay_out(folder: Path, bars: pl.DataFrame) -> None:
    """Store the states of the history, and their merged state."""
    asked = terms()
    today = measured(bars, asked, by_leaf=True)
    days = calendar("XNYS").sessions(TODAY - timedelta(days=3660), TODAY).to_list()[-SESSIONS - 1 : -1]
    store = StateStore(Lake(folder), "bars")
    parts: list[State] = []
    for start in range(0, len(days), 250):
        some = [moved(today, (day - TODAY).days) for day in days[start : start + 250]]
        together = beside(some)
        keys = pl.DataFrame({"leaf": days[start : start + 250], "key": [f"{d:%Y%m%d}" for d in days[start : start + 250]]})
        store.save(asked.fingerprint, keys, together.frames)
        parts.append(fold(together, asked))
    store.save_total(asked.fingerprint, "total", fold_all(parts, asked).frames)


def read(session: str) -> int:
    """Read one session's rows."""
    return len(pl.read_parquet(session))


def cold(folder: str) -> int:
    """Load every stored state and fold it; return how many rows the history has."""
    asked = terms()
    store = StateStore(Lake(Path(folder)), "bars")
    wanted = store.keys(asked.fingerprint).select("leaf", "key")
    frames = store.load(asked.fingerprint, wanted)[1]
    state = loaded(frames)
    cuts = state.series["leaf"].unique().sort().gather_every(64)
    return fold_all(_cut(state, cuts), asked).rows


def _cut(state: State, firsts: pl.Series) -> Sequence[State]:
    edges = {name: [0, *f["leaf"].search_sorted(firsts[1:]).to_list(), len(f)] for name, f in state.frames.items()}
    return [State(**{n: f[edges[n][i] : edges[n][i + 1]] for n, f in state.frames.items()}) for i in range(len(firsts))]


def today(folder: str, session: str) -> tuple[float, float]:
    """Read, measure, merge and score one session more, several times; return the median seconds and the score."""
    seconds, score = [], 0.0
    for _ in range(7):
        began = time.perf_counter()
        asked = terms()
        store = StateStore(Lake(Path(folder)), "bars")
        before = store.load_total(asked.fingerprint, "total")
        merged = fold(beside([loaded(before or {}), measure(pl.read_parquet(session), asked)]), asked)
        score = float(judged_by_states(Evidence(merged, CONTRACT, asked), lambda cells: cells).score)
        seconds.append(time.perf_counter() - began)
    return median(seconds), score


def main() -> None:
    """Store ten years of states and time what is done with them."""
    argparse.ArgumentParser(description="Measure what one more session costs.").parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        table = make_table(folder / "table", 195_000)
        bars = pl.concat([pl.read_parquet(file) for file in sorted(table.rglob("*.parquet"))])
        first = bars["session"].min()
        shift = pl.duration(days=(TODAY - first).days)
        session = folder / "session.parquet"
        bars = bars.filter(pl.col("session") == first).with_columns(pl.col("session") + shift, pl.col("event_at") + shift)
        bars = bars.with_columns(pl.col("event_at") - pl.duration(hours=1))  # the first session is in winter, today in summer
        bars.write_parquet(session, compression="zstd", row_group_size=65_536)
        lay_out(folder / "lake", bars)
        one = measured(bars, terms(), by_leaf=True)
        StateStore(Lake(folder / "one"), "bars").save("one", pl.DataFrame({"leaf": [TODAY], "key": ["k"]}), one.frames)
        stored = sum(file.stat().st_size for file in (folder / "one").rglob("*.parquet"))
        warm([session])
        floor = Way("read the session", partial(read, str(session)))
        ways = [
            Way(
                "one more session",
                partial(today, str(folder / "lake"), str(session)),
                note="seven times: read, measure, merge, score",
            ),
            Way("cold fold", partial(cold, str(folder / "lake")), note=f"{SESSIONS:,} sessions from stored states"),
        ]
        timings = compare(floor, ways)
        show(f"{len(bars):,} bars of {bars['symbol'].n_unique()} symbols after {SESSIONS:,} sessions", timings)
        print(f"one more session, in process, warm: {timings[1].result[0]:.3f} s; a stored state: {stored / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
