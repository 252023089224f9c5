"""The kinds that daily bars of one source cannot show: minutes, quotes, universes, other sources, earlier vintages.

A companion of ``detection.py``, with fewer series: a month of SPY and of a perpetual by the minute, six hours of EUR/USD
quotes, the bundled shares. Each trial plants one fault at a seeded place and looks for a finding that touches it;
findings of another kind that do not touch it are false.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from series import SHARED, clean_series

import workbench as wb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PRICES: Final = ("open", "high", "low", "close")
SESSION_BARS: Final = 390


@dataclass(frozen=True, slots=True)
class Trial:
    """A damaged frame, what is to be found in it and where, and how it is checked."""

    kind: str
    frame: pl.DataFrame
    first: datetime | date
    last: datetime | date
    options: dict[str, Any]


def scaled(frame: pl.DataFrame, start: int, stop: int, factor: float, names: tuple[str, ...] = PRICES) -> pl.DataFrame:
    here = pl.int_range(pl.len()).is_between(start, stop - 1)
    return frame.with_columns(pl.when(here).then(pl.col(n) * factor).otherwise(n).alias(n) for n in names)


def minutes() -> dict[str, tuple[pl.DataFrame, dict[str, Any]]]:
    """Return minute bars that are complete: SPY in regular hours, and a perpetual that never closes."""
    if not SHARED.is_dir():
        return {}
    raw = pl.read_csv(SHARED / "pyalgotrade_dev" / "nt-spy-minute-2011.csv", separator=";", has_header=False)
    named = raw.rename(dict(zip(raw.columns, ("time", *PRICES, "volume"), strict=True)))
    at = pl.col("time").str.to_datetime("%Y%m%d %H%M%S", time_zone="UTC") - timedelta(minutes=1)
    spy = named.with_columns(at, pl.col("volume").cast(pl.Float64))
    clock = pl.col("time").dt.hour().cast(pl.Int32) * 60 + pl.col("time").dt.minute()
    spy = spy.filter((clock >= 14 * 60 + 30) & (clock < 21 * 60)).with_columns(pl.lit("SPY").alias("symbol"))
    return {"SPY": (spy, {"calendar": "XNYS"})}


def of_minutes(seed: int) -> Iterator[Trial]:
    rng = np.random.default_rng(seed)
    for frame, options in minutes().values():
        at = int(rng.integers(2, 17)) * SESSION_BARS + int(rng.integers(30, 300))
        times = frame["time"].to_list()
        size = float(rng.uniform(0.01, 0.1)) * (1 if rng.random() < 0.5 else -1)
        tick = scaled(frame, at, at + 1, 1 + size, ("close",))
        wide = ("high",) if size > 0 else ("low",)
        tick = scaled(tick, at, at + 1, 1 + size, wide)
        yield Trial("bad_tick", tick, times[at], times[at], options)
        long = int(rng.integers(5, 120))
        yield Trial("unit_switch", scaled(frame, at, at + long, 0.01), times[at], times[at + long - 1], options)
        day = at // SESSION_BARS * SESSION_BARS
        yield Trial(
            "partial_split",
            scaled(frame, day, day + 2 * SESSION_BARS, 0.5),
            times[day],
            times[day + 2 * SESSION_BARS - 1],
            options,
        )
        held = pl.int_range(pl.len()).is_between(at, at + 29)
        frozen = frame.with_columns(pl.when(held).then(frame[n][at - 1]).otherwise(n).alias(n) for n in (*PRICES, "volume"))
        yield Trial("stale", frozen, times[at], times[at + 29], options)
        gone = frame.filter(~pl.int_range(pl.len()).is_between(at, at + long))
        yield Trial("missing_bar", gone, times[at], times[at + long], options)
        absent = frame.filter(~pl.int_range(pl.len()).is_between(day, day + SESSION_BARS - 1))
        yield Trial("missing_session", absent, times[day].date(), times[day].date(), options)
        late = pl.int_range(pl.len()).is_between(day, day + 3 * SESSION_BARS - 1)
        moved = frame.with_columns(pl.when(late).then(pl.col("time") + timedelta(hours=1)).otherwise("time").alias("time"))
        yield Trial("clock_shift", moved, times[day].date(), times[min(day + 3 * SESSION_BARS, len(times)) - 1].date(), options)


def of_quotes(seed: int) -> Iterator[Trial]:
    if not SHARED.is_dir():
        return
    raw = pl.read_csv(SHARED / "nautilus_samples" / "quote_tick_data.csv", has_header=False)
    named = raw.rename(dict(zip(raw.columns, ("time", "bid", "ask", "size"), strict=True)))
    quotes = named.select(pl.col("time").str.slice(0, 15).str.to_datetime("%Y%m%d %H%M%S", time_zone="UTC"), "bid", "ask")
    rng = np.random.default_rng(seed)
    at = int(rng.integers(200, len(quotes) - 200))
    when = quotes["time"][at]
    yield Trial("crossed_quote", scaled(quotes, at, at + 1, 1 + float(rng.uniform(0.001, 0.02)), ("bid",)), when, when, {})
    yield Trial("wide_spread", scaled(quotes, at, at + 1, 1 + float(rng.uniform(0.01, 0.05)), ("ask",)), when, when, {})
    yield Trial("bad_tick", scaled(quotes, at, at + 1, 1 + float(rng.uniform(0.01, 0.1)), ("bid", "ask")), when, when, {})


def of_universes(seed: int, part: str) -> Iterator[Trial]:
    rng = np.random.default_rng(seed)
    group = clean_series(part)[0]
    frames = {symbol: rows.drop("dividend", "split", "adj_close") for symbol, rows in group.frames.items()}
    symbol = str(rng.choice([s for s, f in frames.items() if len(f) > 1000]))
    rows = frames[symbol].with_columns(pl.lit(symbol).alias("symbol"))
    options = {"calendar": group.calendar}
    at, days = int(rng.integers(400, len(rows) - 400)), rows["date"].to_list()
    other = scaled(rows[at + 120 :], 0, len(rows), float(rng.choice([0.2, 3.0, 8.0]))).with_columns(pl.col("volume") * 0.05)
    yield Trial("ticker_reuse", pl.concat([rows[:at], other]), days[at + 120], days[-1], options)
    live = rows[at - 1 : at].with_columns(pl.col("close") * 1.001, pl.col("volume") * 0.4).with_columns(
        pl.col("date").cast(pl.Datetime("us")) + timedelta(hours=14, minutes=31)
    )  # fmt: skip
    stamped = rows[:at].with_columns(pl.col("date").cast(pl.Datetime("us")))
    yield Trial("partial_bar", pl.concat([stamped, live]), days[at - 1], days[at - 1], options)
    everyone = pl.concat(
        [f.with_columns(pl.lit(s).alias("symbol")) for s, f in frames.items() if f["date"][0] < date(2005, 1, 1)]
    )
    everyone = pl.concat(
        [everyone, *(everyone.filter(pl.col("symbol") == symbol).with_columns(pl.lit(n).alias("symbol")) for n in ("AA", "ZZ"))]
    )
    early = everyone.filter((pl.col("symbol") != "AA") | (pl.col("date") < days[at]))
    yield Trial("delisting_hole", early, days[at], days[-1], options)
    cut = everyone.filter((pl.col("symbol") != "ZZ") | (pl.col("date") < days[at]))
    yield Trial("truncated", cut, days[at], days[-1], options)
    field = str(rng.choice(PRICES))
    astray = scaled(rows, at, at + 1, 1 + float(rng.choice([-1, 1])) * float(rng.uniform(0.01, 0.05)), (field,))
    yield Trial("vendor_disagreement", astray, days[at], days[at], {**options, "reference": scaled(rows, 0, len(rows), 0.5)})
    yield Trial("revision", astray, days[at], days[at], {**options, "previous": rows[:-20]})


def day_of(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def touches(start: date | datetime, end: date | datetime, trial: Trial) -> bool:
    if (
        isinstance(start, datetime)
        and isinstance(end, datetime)
        and isinstance(trial.first, datetime)
        and isinstance(trial.last, datetime)
    ):
        slack = timedelta(minutes=2)
        return start <= trial.last + slack and end >= trial.first - slack
    slack_days = timedelta(days=1)
    return day_of(start) <= day_of(trial.last) + slack_days and day_of(end) >= day_of(trial.first) - slack_days


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the kinds that need more than daily bars of one source.")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--part", choices=["tuned", "held_out"], default="held_out")
    asked = parser.parse_args()
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    instead: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    makers: dict[str, Callable[[int], Iterator[Trial]]] = {
        "minutes": of_minutes, "quotes": of_quotes, "universe": lambda seed: of_universes(seed, asked.part),
    }  # fmt: skip
    for seed in range(1000, 1000 + asked.seeds):
        for name, make in makers.items():
            for trial in make(seed):
                found = [f for f in wb.check(trial.frame, **trial.options).findings if f.confidence >= 0.5]
                here = [f for f in found if touches(f.start, f.end, trial)]
                key = (name, trial.kind)
                counts[key][0] += 1
                counts[key][1] += any(f.kind == trial.kind for f in here)
                counts[key][2] += len(found) - len(here)
                if not any(f.kind == trial.kind for f in here):
                    instead[key][", ".join(sorted({f.kind for f in here})) or "nothing"] += 1
    print("| where | kind | planted | found | false | taken for something else |\n|---|---|---|---|---|---|")
    for (name, kind), (planted, hits, false) in sorted(counts.items()):
        told = ", ".join(f"{what} ({n})" for what, n in instead[name, kind].items())
        print(f"| {name} | `{kind}` | {planted} | {hits} | {false} | {told} |")


if __name__ == "__main__":
    main()
