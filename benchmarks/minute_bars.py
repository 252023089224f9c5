"""Minute bars of a made-up market with the hours of a real one, for every benchmark that needs many rows.

Backs no decision itself. Prices walk on a tick of a cent, volume and volatility are high at the open
and the close, nights gap; sessions, half-days and daylight saving are those of XNYS. Known damage is
put in (``damage.py``) and written beside the data::

    folder/bars/year=2014/month=1/part-0.parquet    rows sorted by symbol, then time
    folder/damage.parquet                           what was damaged, and where
    folder/sessions.parquet                         session, open_at, and the bars each should have
    folder/symbols.parquet                          each symbol's character, and its last close
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from damage import FIELDS, manifest, plan, spoil

from workbench.calendars import calendar

if TYPE_CHECKING:
    from damage import Block
    from numpy.typing import NDArray

START: Final = date(2014, 1, 2)
END: Final = date(2024, 12, 31)
SEED: Final = 20_140_102
ROW_GROUP: Final = 65_536
MINUTE: Final = 60_000_000
OVERNIGHT: Final = 0.01
LARGEST_MOVE: Final = 0.1
CHEAPEST: Final = 5.0


def make_table(folder: Path, rows: int, *, symbols: int = 500, seed: int = SEED) -> Path:
    """Write as many whole sessions as hold ``rows`` minute bars, less what damage takes away, month by month.

    Returns
    -------
    Path
        The folder that holds nothing but data.

    Raises
    ------
    FileExistsError
        There is a table already.
    """
    table = folder / "bars"
    table.mkdir(parents=True)
    state = _characters(symbols, seed)
    sessions = _sessions(START, rows / symbols)
    damages, first_row = [], 0
    for _, month in sessions.group_by(pl.col("session").dt.month_start(), maintain_order=True):
        _, state, damaged = _write(table, "part-0.parquet", month, state, seed=seed, first_row=first_row)
        damages.append(damaged)
        first_row += symbols * int(month["bars"].sum())
    _write_beside(folder, damage=pl.concat(damages), sessions=sessions, symbols=state)
    return table


def make_session(folder: Path, *, seed: int = SEED) -> Path:
    """Add the session after the last one to the table in ``folder``, as a file of its own, and return that file."""
    sessions, state, damages = (pl.read_parquet(folder / f"{name}.parquet") for name in ("sessions", "symbols", "damage"))
    last = sessions.row(-1, named=True)
    today = _sessions(last["session"], last["bars"] + 1)[1:]
    session = today["session"].item()
    there = len(list((folder / "bars" / _month_folder(session)).glob("*.parquet")))
    first_row = len(state) * int(sessions["bars"].sum())
    name = f"part-{max(1, there)}.parquet"
    file, state, damaged = _write(folder / "bars", name, today, state, seed=seed, first_row=first_row)
    _write_beside(folder, damage=pl.concat([damages, damaged]), sessions=pl.concat([sessions, today]), symbols=state)
    return file


def _sessions(start: date, bars: float) -> pl.DataFrame:
    """Return as many sessions from ``start`` on as are needed for so many bars of one symbol."""
    hours = calendar("XNYS").schedule(start, END)
    each = hours.select("session", "open_at", bars=(pl.col("close_at") - pl.col("open_at")).dt.total_minutes())
    return each.filter(pl.col("bars").cum_sum() - pl.col("bars") < bars)


def _characters(symbols: int, seed: int) -> pl.DataFrame:
    """Draw each symbol's first price, volatility of a minute (as a share of price), and shares traded in a minute."""
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "symbol": [f"S{number:04d}" for number in range(1, symbols + 1)],
            "volatility": rng.uniform(0.0006, 0.0015, symbols),
            "shares": np.exp(rng.normal(8, 1, symbols)),
            "close": np.exp(rng.uniform(np.log(40), np.log(400), symbols)),
        }
    )


def _write(
    table: Path, name: str, sessions: pl.DataFrame, state: pl.DataFrame, *, seed: int, first_row: int
) -> tuple[Path, pl.DataFrame, pl.DataFrame]:
    """Write one file of bars; return it, the symbols with their new last close, and what was damaged."""
    first = sessions["session"][0]
    rng = np.random.default_rng([seed, first.toordinal()])
    bars = sessions["bars"].to_list()
    block = _draw(state, bars, rng)
    state = state.with_columns(close=block["close"][:, -1].copy())
    at = np.concatenate([o + MINUTE * np.arange(n) for o, n in zip(sessions["open_at"].to_physical(), bars, strict=True)])
    days = np.repeat(sessions["session"].to_physical().to_numpy(), bars)
    events = plan(len(state), bars, rng)
    kept = spoil(block, events)
    file = table / _month_folder(first) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    frame = _frame(block, state["symbol"], at, days, first_row).filter(pl.Series(kept.ravel()))
    frame.write_parquet(file, compression="zstd", statistics=True, row_group_size=ROW_GROUP)
    return file, state, manifest(events, state["symbol"].to_list(), at, days)


def _month_folder(session: date) -> str:
    return f"year={session.year}/month={session.month}"


def _draw(state: pl.DataFrame, bars: list[int], rng: np.random.Generator) -> Block:
    """Draw bars, shape (symbols, minutes), that follow on each symbol's last close."""
    hours = np.concatenate([np.arange(n) / n for n in bars])
    smile = 0.6 + 1.2 * (2 * hours - 1) ** 2
    opens = np.cumsum([0, *bars[:-1]])
    shape = (len(state), len(hours))
    size = state["volatility"].to_numpy()[:, None] * smile
    close = _walk(state["close"].to_numpy(), size, opens, rng)
    opened = np.empty(shape)
    opened[:, 1:] = close[:, :-1]
    opened[:, opens] = close[:, opens]
    opened = _on_ticks(opened * (1 + 0.2 * size * _normal(rng, shape)))
    high = _on_ticks(np.maximum(opened, close) * (1 + 0.5 * size * np.abs(_normal(rng, shape))))
    low = _on_ticks(np.minimum(opened, close) * (1 - 0.5 * size * np.abs(_normal(rng, shape))))
    shares = state["shares"].to_numpy()[:, None] * smile
    volume = np.maximum(np.rint(shares * np.exp(0.6 * _normal(rng, shape))), 1)
    return {"open": opened, "high": high, "low": low, "close": close, "volume": volume}


def _walk(
    last: NDArray[np.float64], size: NDArray[np.float64], opens: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return closes whose moves have fat tails, of the given size within a session, and larger ones overnight."""
    moves = rng.standard_t(5, size.shape) * np.sqrt(3 / 5)
    moves *= size
    moves[:, opens] = OVERNIGHT * _normal(rng, (len(size), len(opens)))
    np.clip(moves, -LARGEST_MOVE, LARGEST_MOVE, out=moves)
    np.cumsum(moves, axis=1, out=moves)
    np.exp(moves, out=moves)
    return _on_ticks(np.maximum(last[:, None] * moves, CHEAPEST))


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return rng.standard_normal(shape, dtype=np.float32)


def _on_ticks(price: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.rint(price * 100) / 100


def _frame(block: Block, names: pl.Series, at: NDArray[np.int64], days: NDArray[np.int32], first_row: int) -> pl.DataFrame:
    """Lay a block out as rows, by symbol, then time."""
    symbols, minutes = block["close"].shape
    return pl.DataFrame(
        {
            "symbol": names.gather(np.repeat(np.arange(symbols), minutes)),
            "event_at": pl.Series(np.tile(at, symbols)).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            "session": pl.Series(np.tile(days, symbols)).cast(pl.Date),
            **{name: pl.Series(block[name].ravel()).fill_nan(None) for name in FIELDS},
        }
    ).with_columns(
        unreadable=pl.lit(None, dtype=pl.String),
        receipt=pl.lit("minute-bars"),
        row=pl.int_range(first_row, first_row + pl.len(), dtype=pl.Int64),
    )


def _write_beside(folder: Path, **tables: pl.DataFrame) -> None:
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet")


def main() -> None:
    """Make a table where the caller says, or in a folder that is removed again."""
    parser = argparse.ArgumentParser(description="Write minute bars; without --folder, to a folder that is removed again.")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--session", action="store_true", help="add one further session to the table in --folder instead")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        began = time.perf_counter()
        if asked.session:
            made = make_session(folder, seed=asked.seed)
        else:
            made = make_table(folder, asked.rows, symbols=asked.symbols, seed=asked.seed)
        seconds = time.perf_counter() - began
        files = [made] if made.is_file() else sorted(made.rglob("*.parquet"))
        rows = pl.scan_parquet(files, hive_partitioning=False).select(pl.len()).collect().item()
        size_mb = sum(file.stat().st_size for file in files) / 1e6
        print(f"{made}: {rows:,} rows in {len(files)} files, {size_mb:,.0f} MB, in {seconds:.1f} s")


if __name__ == "__main__":
    main()
