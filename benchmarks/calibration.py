"""What the checks make of real data by default: clean series, and clean years with damage put in.

Backs the tolerances in ``workbench/quality/catalogue.py``. Prints the tables of ``docs/scoring.md``, or
writes them there, between the two comments that mark their place::

    python benchmarks/calibration.py --data FOLDER --into docs/scoring.md

Without further real series (``--data``), only the bundled sample is measured.
"""

from __future__ import annotations

import argparse
import gzip
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

import workbench as wb
from workbench.calendars import calendar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Damage = Callable[[pl.DataFrame, NDArray[np.int64], NDArray[np.float64]], pl.DataFrame]
    """Frame, positions in the order they are struck, a number in [0, 1) for each row -> the damaged frame."""

SAMPLE: Final = Path(__file__).parents[1] / "data" / "sample" / "stocks.csv.gz"
MARKS: Final = ("<!-- calibration: begin -->", "<!-- calibration: end -->")
PRICES: Final = ("Open", "High", "Low", "Close")
YEARS: Final = (("IBM", 2005), ("MSFT", 2002), ("AAPL", 2011), ("GOOG", 2009), ("IBM", 2008), ("AAPL", 2008))
"""Quiet ones and wild ones; alone, each scores 100."""
SEEDS: Final = (1, 2)
THRESHOLD: Final = 85
CLEAN: Final = {
    "XNYS": (
        "arch_8.0.0/sp500.csv.gz", "arch_8.0.0/nasdaq.csv.gz", "arch_8.0.0/vix.csv.gz", "fred_sp500/fred_sp500.csv",
        "skfolio_1.12.2/sp500_index.csv.gz", "skfolio_1.12.2/sp500_dataset.csv.gz", "skfolio_1.12.2/factors_dataset.csv.gz",
        *(f"bokeh_yahoo_2025.0/{symbol}.csv" for symbol in ("AAPL", "FB", "GOOG", "IBM", "MSFT")),
        "pyalgotrade_dev/WIKI-ORCL-2000-quandl.csv", "pyalgotrade_dev/orcl-2010-googlefinance.csv",
        "yfinance_repair_dev/CALM-1d-no-bad-divs.csv", "yfinance_repair_dev/EWG-1d-no-bad-divs.csv",
    ),
    None: (
        "arch_8.0.0/wti.csv.gz", "eia_oil/wti-daily.csv", "eia_oil/brent-daily.csv", "backtesting_0.6.6/EURUSD.csv",
        "nautilus_samples/btc-perp-20211231-20220201_1m.csv", "nautilus_samples/gbpusd-m1-bid-2012.csv",
        "pyalgotrade_dev/nt-spy-minute-2011.csv",
    ),
}  # fmt: skip
"""Calendar to files; what does not keep the hours of New York is left to be told by its own."""


@dataclass(frozen=True, slots=True)
class Case:
    """One sort of damage.

    Attributes
    ----------
    unit
        Of the doses: ``%``, a share of rows, or ``session``, a number of them.
    mark
        The dose that is to bring a year below the threshold.
    """

    name: str
    unit: str
    doses: tuple[float, ...]
    damage: Damage
    mark: float | None = None

    def count(self, dose: float, rows: int) -> int:
        """Return how many rows a dose strikes: a share is rounded up."""
        return int(np.ceil(dose * rows - 1e-9)) if self.unit == "%" else int(dose)

    def label(self, dose: float) -> str:
        """Return a dose in words."""
        return f"{dose * 100:g} %" if self.unit == "%" else f"{dose:g} {self.unit}{'' if dose == 1 else 's'}"


def sample_bars() -> pl.DataFrame:
    """Return the bundled sample: daily bars of five US equities."""
    return pl.read_csv(gzip.decompress(SAMPLE.read_bytes()), try_parse_dates=True)


def sample_year(symbol: str, year: int) -> pl.DataFrame:
    """Return a year of daily bars of one symbol, from the bundled sample."""
    return sample_bars().filter(pl.col("Ticker") == symbol, pl.col("Date").dt.year() == year).drop("Adj Close")


def strike(case: Case, frame: pl.DataFrame, dose: float, seed: int) -> pl.DataFrame:
    """Damage a frame, never at its first or last row; what is scattered strikes at a larger dose all it does at a smaller."""
    rng = np.random.default_rng(seed)
    places = 1 + rng.permutation(len(frame) - 2)
    return case.damage(frame, places[: case.count(dose, len(frame))], rng.random(len(frame)))


def _scaled(frame: pl.DataFrame, at: NDArray[np.int64], factor: NDArray[np.float64], names: Sequence[str]) -> pl.DataFrame:
    by = np.ones(len(frame))
    by[at] = factor[at]
    return frame.with_columns((pl.col(name) * pl.Series(by)).alias(name) for name in names)


def one_price(frame: pl.DataFrame, at: NDArray[np.int64], draws: NDArray[np.float64]) -> pl.DataFrame:
    """One price of the bar, drawn, becomes ten times what it was, or a tenth."""
    for field, name in enumerate(PRICES):
        here = at[(draws[at] * 4).astype(int) == field]
        frame = _scaled(frame, here, np.where(draws * 8 % 2 < 1, 0.1, 10.0), [name])
    return frame


def whole_bar(by: float) -> Damage:
    """Return a damage after which all prices of a bar are too high by a factor, or too low, and agree with each other."""
    return lambda frame, at, draws: _scaled(frame, at, np.where(draws < 0.5, by, 1 / by), PRICES)


def stale(*names: str) -> Damage:
    """Return a damage after which columns repeat the row before, on sessions in a row."""

    def damage(frame: pl.DataFrame, at: NDArray[np.int64], draws: NDArray[np.float64]) -> pl.DataFrame:
        held = _in_a_row(len(frame), 10, draws[0])[: len(at)]
        return _set(frame, held, **{name: pl.col(name).get(held[0] - 1) for name in names})

    return damage


def halved(frame: pl.DataFrame, at: NDArray[np.int64], draws: NDArray[np.float64]) -> pl.DataFrame:
    """A split of two for one that only some sessions in a row know of."""
    return _scaled(frame, _in_a_row(len(frame), len(at), draws[0]), np.full(len(frame), 0.5), PRICES)


def phantoms(frame: pl.DataFrame, at: NDArray[np.int64], draws: NDArray[np.float64]) -> pl.DataFrame:
    """Fridays come again on Saturday."""
    fridays = np.flatnonzero(frame["Date"].dt.weekday() == 5)
    chosen = fridays[np.argsort(draws[fridays])][: len(at)]
    return pl.concat([frame, frame[chosen].with_columns(pl.col("Date").dt.offset_by("1d"))]).sort("Date")


def shifted(frame: pl.DataFrame, at: NDArray[np.int64], draws: NDArray[np.float64]) -> pl.DataFrame:
    """The clock is an hour fast, or slow, on sessions in a row."""
    days = frame["Time"].dt.date()
    sessions = days.unique().sort()
    struck = days.is_in(sessions.gather(_in_a_row(len(sessions), len(at), draws[0])).implode())
    return _set(frame, np.flatnonzero(struck), Time=pl.col("Time").dt.offset_by("1h" if draws[1] < 0.5 else "-1h"))


def _in_a_row(count: int, length: int, draw: float) -> NDArray[np.int64]:
    """Return so many positions in a row, with two at least on each side."""
    start = 2 + int(draw * (count - length - 4))
    return np.arange(start, start + length)


def _set(frame: pl.DataFrame, at: NDArray[np.int64], **values: pl.Expr) -> pl.DataFrame:
    here = pl.int_range(pl.len()).is_in(at)
    return frame.with_columns(pl.when(here).then(value).otherwise(name).alias(name) for name, value in values.items())


CASES: Final = (
    Case("bad ticks: one price times ten, or a tenth", "%", (0.001, 0.005, 0.01, 0.02), one_price, 0.01),
    Case("bad ticks: whole bars times 1.5, or divided", "%", (0.001, 0.005, 0.01, 0.02, 0.05), whole_bar(1.5), 0.01),
    Case("bad ticks: whole bars times 1.15, or divided", "%", (0.01,), whole_bar(1.15)),
    Case("missing sessions", "%", (0.01, 0.025, 0.05, 0.1), lambda f, at, _: f.filter(~pl.int_range(pl.len()).is_in(at)), 0.05),
    Case("stale prices and volume", "session", (2, 3, 5, 10), stale(*PRICES, "Volume"), 5),
    Case("stale prices, volume goes on", "session", (2, 3, 5, 10), stale(*PRICES)),
    Case("partial split: prices halved", "session", (1, 5, 21, 126), halved, 126),
    Case("closes of zero", "%", (0.001, 0.01, 0.02), lambda f, at, _: _set(f, at, Close=pl.lit(0.0))),
    Case("empty closes", "%", (0.01, 0.05, 0.1), lambda f, at, _: _set(f, at, Close=pl.lit(None))),
    Case("rows that came twice", "%", (0.001, 0.01, 0.02), lambda f, at, _: f[np.sort([*range(len(f)), *at])]),
    Case("highs below lows", "%", (0.001, 0.01, 0.02), lambda f, at, _: _set(f, at, High=pl.col("Low"), Low=pl.col("High"))),
    Case("Fridays again on Saturdays", "%", (0.001, 0.01, 0.02), phantoms),
)
SHIFT: Final = Case("clock an hour off, in minute bars", "session", (1, 5, 21, 63), shifted, 21)


def minute_year(days: pl.DataFrame, seed: int = 1) -> pl.DataFrame:
    """Return minute bars for daily ones: prices walk from each real open to the real close of the day, volume smiles."""
    hours = calendar("XNYS").schedule(days["Date"][0], days["Date"][-1])
    rng = np.random.default_rng(seed)
    parts = []
    for day, (opened, closed) in zip(days.iter_rows(named=True), hours.select("open_at", "close_at").iter_rows(), strict=True):
        count = int((closed - opened).total_seconds()) // 60
        walk = np.concatenate([[0.0], np.cumsum(rng.normal(0, 0.0005, count))])
        way = np.linspace(0, 1, count + 1)
        price = np.exp(np.log(day["Open"]) * (1 - way) + np.log(day["Close"]) * way + walk - way * walk[-1])
        first, last = price[:-1], price[1:]
        wicks = np.exp(np.abs(rng.normal(0, 0.0002, (2, count))))
        smile = (0.6 + 1.2 * (2 * way[1:] - 1) ** 2) * np.exp(rng.normal(0, 0.5, count))
        times = pl.datetime_range(opened, closed, "1m", closed="left", eager=True)
        bars = {"Open": first, "High": np.maximum(first, last) * wicks[0], "Low": np.minimum(first, last) / wicks[1]}
        volume = np.rint(day["Volume"] * smile / smile.sum())
        parts.append(pl.DataFrame({"Ticker": day["Ticker"], "Time": times, **bars, "Close": last, "Volume": volume}))
    return pl.concat(parts).with_columns(pl.col(PRICES).round(4))


def outcome(frame: pl.DataFrame) -> tuple[float, str]:
    """Return the score of US bars, and the check that pays most."""
    made = wb.check(frame, calendar="XNYS").score
    dearest = max(made.checks, key=lambda check: check.points_lost)
    return float(made), f"`{dearest.result.name}`" if dearest.points_lost else "nothing"


def clean_rows(data: Path | None) -> Iterator[str]:
    """Yield the scores of clean series, as rows of a table."""
    sample, (symbol, year) = sample_bars(), YEARS[0]
    yield clean_row("the bundled sample", sample, "XNYS")
    for (name,), part in sample.group_by("Ticker", maintain_order=True):
        yield clean_row(f"{name} of the sample", part, "XNYS")
    yield clean_row(f"minute bars drawn for {symbol} {year}", minute_year(sample_year(symbol, year)), "XNYS")
    for hours, name in ((hours, name) for hours, names in CLEAN.items() for name in names):
        if data and (data / name).exists():
            yield clean_row(name, data / name, hours)


def clean_row(name: str, series: pl.DataFrame | Path, hours: str | None) -> str:
    """Return the score of one series, and what fails in it, as a row of a table."""
    checked = wb.check(series, calendar=hours)
    lost = [f"`{check.result.name}` {check.result.failures}" for check in checked.score.checks if check.points_lost]
    return _row(name, f"{len(checked.understood.frame):,}", f"{float(checked.score):.1f}", ", ".join(lost) or "nothing")


def damaged_rows(case: Case, series: Sequence[pl.DataFrame]) -> Iterator[str]:
    """Yield the scores of one sort of damage, a row for each dose."""
    for dose in case.doses:
        made = [outcome(strike(case, frame, dose, seed)) for frame in series for seed in SEEDS]
        scores = [score for score, _ in made]
        payer = Counter(name for _, name in made).most_common(1)[0][0]
        mark = "" if dose != case.mark else "met" if max(scores) < THRESHOLD else "**missed**"
        yield _row(case.name, case.label(dose), *(f"{of(scores):.1f}" for of in (min, median, max)), payer, mark)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def tables(data: Path | None) -> str:
    """Measure, and return both tables in Markdown."""
    years = [sample_year(*year) for year in YEARS]
    minutes = [minute_year(year) for year in years[:2]]
    damaged = [row for case in CASES for row in damaged_rows(case, years)]
    return "\n".join(
        [
            _row("clean series", "rows", "score", "what fails"),
            _row("---", "---:", "---:", "---"),
            *clean_rows(data),
            "",
            _row("damage", "dose", "lowest", "median", "highest", "pays most", f"below {THRESHOLD}"),
            _row("---", "---:", "---:", "---:", "---:", "---", "---"),
            *damaged,
            *damaged_rows(SHIFT, minutes),
        ]
    )


def main() -> None:
    """Print the tables, or put them into a document."""
    parser = argparse.ArgumentParser(description="Measure what the default tolerances make of real data.")
    parser.add_argument("--data", type=Path, help="where further real series lie")
    parser.add_argument("--into", type=Path, help="a document that holds the two marks; without it, print")
    asked = parser.parse_args()
    made = tables(asked.data)
    if asked.into is None:
        print(made)
        return
    before, rest = asked.into.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    asked.into.write_text(f"{before}{MARKS[0]}\n{made}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
