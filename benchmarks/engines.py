"""The same 15 rules over the same Parquet, as one writes them plainly for three engines; and the floor below them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

PRICES: Final = ["open", "high", "low", "close"]
FIELDS: Final = [*PRICES, "volume"]
COLUMNS: Final = ["symbol", "event_at", "session", *FIELDS]
HUGE: Final = 1e12
FAR: Final = 0.2
"""A close this far from the one before, as a share, is counted."""
RULES: Final = {
    **{f"empty_{name}": f"no {name}" for name in FIELDS},
    "non_positive": "a price of zero or less",
    "negative_volume": "less than no volume",
    "high_below": "the high is not the highest, by more than rounding (half a cent, or half a basis point)",
    "low_above": "the low is not the lowest, likewise",
    "silent_move": "a range without volume",
    "absurd": "a value beyond ±1e12",
    "duplicate": "symbol and time have been there before",
    "far_return": "the close is more than 20 % from the close before",
    "stale": "prices equal those of each of the four bars before",
    "short_session": "a session of a symbol has not as many bars as its hours (unit: symbol and session)",
}


def files_of(table: Path) -> list[Path]:
    """Return the table's files in order of time; as text, month 10 would come before month 2."""
    return sorted(table.rglob("*.parquet"), key=lambda file: (*(int(p.split("=")[1]) for p in file.parts[-3:-1]), file.name))


def sessions_of(table: Path) -> Path:
    """Return the file that lists each session with the bars it should have."""
    return table.parent / "sessions.parquet"


def floor(table: Path) -> dict[str, int]:
    """Decode the columns that the rules need, and reduce each to a number as cheaply as can be."""
    import polars as pl

    scan = pl.scan_parquet(files_of(table), hive_partitioning=False)
    cheapest = scan.select(
        pl.col("symbol").str.len_bytes().sum(),
        pl.col("event_at", "session").to_physical().bitwise_xor(),
        pl.col(FIELDS).sum(),
        rows=pl.len(),
    )
    return {"rows": cheapest.collect(engine="streaming")["rows"].item()}


def plain_polars(table: Path) -> dict[str, int]:
    """Sort, flag rows with expressions, sum for each symbol: the fastest of three ways to write it (agg, over, sort)."""
    import polars as pl

    opened, high, low, close, volume = map(pl.col, FIELDS)
    prices = [pl.col(name) for name in PRICES]
    slack = pl.min_horizontal(0.005, pl.max_horizontal(price.abs() for price in prices) * 5e-5)
    is_same_symbol = pl.col("symbol") == pl.col("symbol").shift()
    is_same = is_same_symbol & pl.all_horizontal(price == price.shift() for price in prices)
    rules = {
        **{f"empty_{name}": pl.col(name).is_null() for name in FIELDS},
        "non_positive": pl.any_horizontal(price <= 0 for price in prices),
        "negative_volume": volume < 0,
        "high_below": high < pl.max_horizontal(opened, low, close) - slack,
        "low_above": low > pl.min_horizontal(opened, close) + slack,
        "silent_move": (volume == 0) & (high != low),
        "absurd": pl.any_horizontal(pl.col(name).abs() > HUGE for name in FIELDS),
        "duplicate": is_same_symbol & (pl.col("event_at") == pl.col("event_at").shift()),
        "far_return": is_same_symbol & (close.shift() > 0) & ((close / close.shift() - 1).abs() > FAR),
        "stale": is_same & is_same.shift(1) & is_same.shift(2) & is_same.shift(3),
    }
    bars = pl.scan_parquet(files_of(table), hive_partitioning=False).select(COLUMNS)
    flagged = bars.sort("symbol", "event_at").select("symbol", **rules)
    per_symbol = flagged.group_by("symbol").agg(pl.col(name).sum() for name in rules)
    per_session = bars.group_by("symbol", "session").agg(came=pl.len())
    failures, came = pl.collect_all([per_symbol, per_session], engine="streaming")
    sessions = pl.read_parquet(sessions_of(table))
    whole = came.join(sessions, on="session").filter(pl.col("came") == pl.col("bars")).height
    totals: dict[str, int] = failures.select(pl.exclude("symbol").sum()).row(0, named=True)
    return {**totals, "short_session": failures.height * sessions.height - whole}


def read_pandas(table: Path) -> pd.DataFrame:
    """Read the columns that the rules need, sorted by symbol, then time; symbols categorical, sessions no Python objects."""
    from pyarrow import parquet

    arrow = parquet.read_table(files_of(table), columns=COLUMNS, partitioning=None, read_dictionary=["symbol"])
    bars: pd.DataFrame = arrow.to_pandas(date_as_object=False)
    return bars.sort_values(["symbol", "event_at"], ignore_index=True)


def _slack(bars: pd.DataFrame) -> pd.Series:
    return (bars[PRICES].abs().max(axis=1) * 5e-5).clip(upper=0.005)


def _high_below(bars: pd.DataFrame) -> pd.Series:
    return bars["high"] < bars[["open", "low", "close"]].max(axis=1) - _slack(bars)


def _low_above(bars: pd.DataFrame) -> pd.Series:
    return bars["low"] > bars[["open", "close"]].min(axis=1) + _slack(bars)


def _silent_move(bars: pd.DataFrame) -> pd.Series:
    return (bars["volume"] == 0) & ((bars["high"] - bars["low"]).abs() > 0)


def _far_return(bars: pd.DataFrame) -> pd.Series:
    before = bars.groupby("symbol", observed=True)["close"].shift()
    return (before > 0) & ((bars["close"] / before - 1).abs() > FAR)


def _stale(bars: pd.DataFrame) -> pd.Series:
    is_same = (bars[PRICES] == bars.groupby("symbol", observed=True)[PRICES].shift()).all(axis=1)
    return is_same.astype("int8").rolling(4).sum() == 4


ACROSS: Final[dict[str, Callable[[pd.DataFrame], pd.Series]]] = {
    "high_below": _high_below,
    "low_above": _low_above,
    "silent_move": _silent_move,
    "far_return": _far_return,
    "stale": _stale,
}
"""Rules over several columns or rows of a pandas frame: where they fail."""


def plain_pandas(table: Path) -> dict[str, int]:
    """Flag rows with vectorised pandas, sum for each symbol."""
    import pandas as pd

    bars = read_pandas(table)
    rules = {
        **{f"empty_{name}": bars[name].isna() for name in FIELDS},
        "non_positive": (bars[PRICES] <= 0).any(axis=1),
        "negative_volume": bars["volume"] < 0,
        "absurd": (bars[FIELDS].abs() > HUGE).any(axis=1),
        "duplicate": bars.duplicated(["symbol", "event_at"]),
        **{name: fails(bars) for name, fails in ACROSS.items()},
    }
    per_symbol = pd.DataFrame(rules).groupby(bars["symbol"], observed=True).sum()
    came = bars.groupby(["symbol", "session"], observed=True).size().rename("came").reset_index()
    sessions = pd.read_parquet(sessions_of(table), engine="pyarrow", to_pandas_kwargs={"date_as_object": False})
    expected = came.merge(sessions, on="session")
    whole = int((expected["came"] == expected["bars"]).sum())
    totals = dict(zip(rules, per_symbol.sum().tolist(), strict=True))
    return {**totals, "short_session": len(per_symbol) * len(sessions) - whole}


SQL: Final = f"""
WITH bars AS (
    SELECT symbol, session, event_at, {", ".join(FIELDS)},
        event_at = lag(event_at) OVER w AS is_again,
        lag(close) OVER w AS before,
        {" AND ".join(f"{name} = lag({name}, {back}) OVER w" for back in (1, 2, 3, 4) for name in PRICES)} AS is_stale,
        greatest({", ".join(f"abs({name})" for name in PRICES)}) AS dearest
    FROM read_parquet($files, hive_partitioning = false) WINDOW w AS (PARTITION BY symbol ORDER BY event_at)
), per_symbol AS (
    SELECT symbol,
        {", ".join(f"count(*) FILTER ({name} IS NULL) AS empty_{name}" for name in FIELDS)},
        count(*) FILTER ({" OR ".join(f"{name} <= 0" for name in PRICES)}) AS non_positive,
        count(*) FILTER (volume < 0) AS negative_volume,
        count(*) FILTER (high < greatest(open, low, close) - least(0.005, dearest * 5e-5)) AS high_below,
        count(*) FILTER (low > least(open, close) + least(0.005, dearest * 5e-5)) AS low_above,
        count(*) FILTER (volume = 0 AND high <> low) AS silent_move,
        count(*) FILTER ({" OR ".join(f"abs({name}) > {HUGE}" for name in FIELDS)}) AS absurd,
        count(*) FILTER (is_again) AS duplicate,
        count(*) FILTER (before > 0 AND abs(close / before - 1) > {FAR}) AS far_return,
        count(*) FILTER (is_stale) AS stale
    FROM bars GROUP BY symbol
), came AS (
    SELECT symbol, session, count(*) AS came FROM read_parquet($files, hive_partitioning = false) GROUP BY ALL
), whole AS (
    SELECT count(*) AS sessions FROM came JOIN read_parquet($sessions) AS expected USING (session) WHERE came = bars
)
SELECT {", ".join(f"sum({name})::BIGINT AS {name}" for name in [*RULES][:-1])},
    count(*) * (SELECT count(*) FROM read_parquet($sessions)) - (SELECT sessions FROM whole) AS short_session
FROM per_symbol
"""


def duckdb_sql(table: Path) -> dict[str, int]:
    """Ask one SQL question with one window."""
    import duckdb

    files = [str(file) for file in files_of(table)]
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        answer = connection.execute(SQL, {"files": files, "sessions": str(sessions_of(table))})
        counts = answer.fetchone() or ()
        return {column[0]: int(count) for column, count in zip(answer.description or (), counts, strict=True)}
