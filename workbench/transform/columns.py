"""Which source column is which: the vendors' names, and what the cells say where names do not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from workbench.model.errors import BadInput, did_you_mean
from workbench.model.names import EVENT_AT, PRICES, SYMBOL, Kind, fields_of
from workbench.transform.numbers import is_missing, number, share_numeric
from workbench.transform.times import looks_like_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.transform.tables import RawTable

SAMPLE_ROWS = 2000

ALIASES: dict[str, tuple[str, ...]] = {
    "time": (
        "time", "date", "datetime", "timestamp", "eventat", "ts", "tsevent", "dt", "t", "day", "tradedate", "tradingdate",
        "tradingday", "pricedate", "observationdate", "asofdate", "opentime", "starttime", "windowstart", "bartime",
        "datetimeutc", "timestamputc", "timeutc", "utctime", "gmttime", "localtime", "dateandtime", "index", "period", "month",
        "quotetime", "tradetime", "unixtime", "unixtimestamp", "unix", "epoch", "barend", "barstart", "begins_at", "beginsat",
        "session", "businessdate", "valuedate", "datum", "fecha", "id",
    ),
    "symbol": (
        "symbol", "ticker", "sym", "rawsymbol", "instrument", "instrumentid", "security", "securityid", "ric", "isin", "cusip",
        "sedol", "figi", "asset", "pair", "currencypair", "contract", "stock", "code", "tic", "secid", "permno",
        "tickersymbol", "name",
    ),
    "open": ("open", "o", "openprice", "priceopen", "pxopen", "1open", "openpx", "first"),
    "high": ("high", "h", "highprice", "pricehigh", "pxhigh", "2high", "highpx", "max"),
    "low": ("low", "l", "lowprice", "pricelow", "pxlow", "3low", "lowpx", "min"),
    "close": (
        "close", "c", "closeprice", "priceclose", "pxclose", "pxlast", "4close", "closepx", "closelast", "settle", "settlement",
        "prc", "closingprice",
    ),
    "adj_close": ("adjclose", "adjustedclose", "5adjustedclose", "closeadj", "adjustedcloseprice"),
    "volume": (
        "volume", "vol", "v", "5volume", "6volume", "totalvolume", "tradedvolume", "volumetraded", "basevolume", "volumebase",
        "tickvolume", "sharestraded", "totalqty", "volumebtc", "turnovershares",
    ),
    "dividend": ("dividend", "dividends", "exdividend", "divcash", "7dividendamount", "dividendamount"),
    "split": ("split", "splits", "stocksplits", "stocksplit", "splitratio", "splitfactor", "8splitcoefficient"),
    "capital_gain": ("capitalgains", "capitalgain"),
    "vwap": ("vwap", "vw", "wap", "averageprice"),
    "trades": ("trades", "numtrades", "n", "tradecount", "numberoftrades", "transactions", "count"),
    "bid": ("bid", "bidprice", "bidpx", "bidpx00", "bestbid", "b", "bestbidprice"),
    "ask": ("ask", "askprice", "askpx", "askpx00", "offer", "bestask", "a", "offerprice", "bestaskprice"),
    "bid_size": ("bidsize", "bidamount", "bidqty", "bidvolume", "bidsz00", "bestbidsize"),
    "ask_size": ("asksize", "askamount", "askqty", "askvolume", "asksz00", "offersize", "bestasksize"),
    "price": ("price", "px", "p", "last", "lastprice", "tradeprice", "trprice"),
    "size": ("size", "qty", "quantity", "amount", "tradesize", "shares", "lastsize", "q", "lots"),
    "value": ("value", "val", "rate", "level", "yield", "obsvalue", "fixing"),
}  # fmt: skip
"""Standard name -> what vendors call it, reduced to letters and digits."""

_WEAK_SYMBOL = {"name", "code", "count", "contract", "id"}


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """What each column of a raw table means.

    Attributes
    ----------
    time
        The column, or two (date and time of day), that say when.
    symbol
        None where no column says which.
    fields
        Standard name -> source column.
    is_wide
        One column per symbol: ``fields`` then maps symbol -> source column.
    """

    kind: Kind
    time: tuple[str, ...]
    symbol: str | None
    fields: dict[str, str] = field(default_factory=dict)
    is_wide: bool = False
    inferred: tuple[str, ...] = ()


def map_columns(table: RawTable, declared: Mapping[str, str] | None = None, kind: Kind | None = None) -> ColumnMap:
    """Find the time, the symbol and the prices.

    Parameters
    ----------
    table : RawTable
    declared : mapping of standard name to source name, optional
        From a contract; these are not guessed.
    kind : Kind, optional
        From a contract.

    Raises
    ------
    BadInput
        A declared column is missing, no column holds times, or none holds prices.
    """
    if not table.has_header:
        return _by_position(table)
    found = _named(table, dict(declared or {}), kind)
    time = _time_columns(table, found)
    used = {*time, *(found.get(s) or "" for s in (SYMBOL,))}
    fields = {name: source for name, source in found.items() if name not in ("time", SYMBOL) and source not in used}
    fields = {name: source for name, source in fields.items() if _is_numeric(table, source) or name in (declared or {})}
    return _with_kind(table, time, found.get(SYMBOL), fields, kind)


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_STANDARD = {alias: standard for standard, aliases in ALIASES.items() for alias in aliases}


def _named(table: RawTable, declared: dict[str, str], kind: Kind | None) -> dict[str, str]:
    columns = table.frame.columns
    found: dict[str, str] = {}
    for standard, source in declared.items():
        if source not in columns:
            hint = did_you_mean(source, columns)
            raise BadInput(f"{table.origin}: expected a column '{source}' for {standard}; found {_shown(columns)}{hint}")
        found["time" if standard == EVENT_AT else standard] = source
    found |= _ranked(columns, found)
    return _plausible(table, found, declared, kind)


def _ranked(columns: Sequence[str], found: Mapping[str, str]) -> dict[str, str]:
    """Return, for what is not found yet, the column whose name is the most usual one."""
    ranks: dict[str, tuple[int, bool, str]] = {}
    for source in columns:
        bare = _bare(source)
        standard = _STANDARD.get(bare, "")
        if not standard or source in found.values() or standard in found:
            continue
        rank = (ALIASES[standard].index(bare), source != source.lower(), source)
        if standard not in ranks or rank[:2] < ranks[standard][:2]:
            ranks[standard] = rank
    return {standard: source for standard, (_, _, source) in ranks.items()}


def columns_by_name(columns: Sequence[str], declared: Mapping[str, str], kind: Kind) -> dict[str, str]:
    """Find time, symbol and fields by names alone, whatever the cells hold.

    Parameters
    ----------
    columns : sequence of str
        What there is.
    declared : mapping of standard name to source name
        From a contract; these need not be there.
    kind : Kind

    Returns
    -------
    dict
        Standard name -> source name.
    """
    found = {"time" if standard == EVENT_AT else standard: source for standard, source in declared.items()}
    found = _as_kind_calls_it(found | _ranked(columns, found), kind)
    if not {"time", EVENT_AT} & declared.keys() and {"date", "time"} <= {_bare(name) for name in columns}:
        found.pop("time", None)  # the one may be the day and the other its hour: their cells say
    wanted = ("time", SYMBOL, *fields_of(kind))
    return {standard: found[standard] for standard in wanted if standard in found}


def _plausible(table: RawTable, found: dict[str, str], declared: dict[str, str], kind: Kind | None) -> dict[str, str]:
    """Drop weak guesses that the cells or the other columns contradict."""
    letters = {name for name, source in found.items() if len(source) == 1 and source.isupper() and name not in declared}
    if not letters.issuperset(PRICES[Kind.BARS]):  # single capitals are tickers, unless together they are a bar
        found = {name: source for name, source in found.items() if name not in letters}
    symbol = found.get(SYMBOL)
    if symbol and SYMBOL not in declared and (_bare(symbol) in _WEAK_SYMBOL and _is_numeric(table, symbol)):
        del found[SYMBOL]
    return _as_kind_calls_it(found, kind)


def _as_kind_calls_it(found: dict[str, str], kind: Kind | None) -> dict[str, str]:
    """Call a price close, a volume size, and a close value, where that is what they are in this kind."""
    if "price" in found and "close" not in found and {"open", "high", "low"} <= found.keys():
        found["close"] = found.pop("price")
    if kind in (Kind.TICKS, None) and "price" in found and "volume" in found and "size" not in found and "close" not in found:
        found["size"] = found.pop("volume")
    if kind is Kind.VALUES and "value" not in found:
        for name in ("close", "price"):
            if name in found:
                found["value"] = found.pop(name)
                break
    return found


def _is_numeric(table: RawTable, source: str) -> bool:
    cells = table.frame[source].head(SAMPLE_ROWS)
    return bool(cells.null_count() == len(cells)) or share_numeric(cells, decimal=table.decimal) >= 0.5 or _all_missing(cells)


def _all_missing(cells: pl.Series) -> bool:
    return cells.dtype == pl.String and bool(cells.to_frame("c").select(is_missing(pl.col("c")).all()).item())


def _time_columns(table: RawTable, found: dict[str, str]) -> tuple[str, ...]:
    frame = table.frame
    by_bare = {_bare(name): name for name in frame.columns}
    if "date" in by_bare and "time" in by_bare and found.get("time") in (by_bare["date"], by_bare["time"]):
        date_cells, clock_cells = frame[by_bare["date"]].head(SAMPLE_ROWS), frame[by_bare["time"]].head(SAMPLE_ROWS)
        if looks_like_time(date_cells) and not looks_like_time(clock_cells):
            return (by_bare["date"], by_bare["time"])
    named = found.get("time")
    if named is not None and (looks_like_time(frame[named].head(SAMPLE_ROWS)) or _bare(named) != "id"):
        return (named,)
    for source in frame.columns:
        if source not in found.values() and looks_like_time(frame[source].head(SAMPLE_ROWS)):
            return (source,)
    raise BadInput(
        f"{table.origin}: expected a column of dates or times (date, datetime, timestamp, …); found {_shown(frame.columns)}; "
        "name it in a contract: [columns] time = \"…\""
    )  # fmt: skip


def _with_kind(
    table: RawTable, time: tuple[str, ...], symbol: str | None, fields: dict[str, str], kind: Kind | None
) -> ColumnMap:
    kind = kind or _kind(fields)
    others = [c for c in table.frame.columns if c not in (*time, symbol) and not _bare(c).startswith("unnamed") and c]
    if kind is not None and any(name in fields for name in PRICES[kind]):
        known = set(fields_of(kind))
        return ColumnMap(kind, time, symbol, {n: s for n, s in fields.items() if n in known})
    unnamed = [c for c in others if c != fields.get("volume") and _is_numeric(table, c)]
    if kind not in (None, Kind.VALUES) or not unnamed:
        wanted = ", ".join(PRICES[kind]) if kind else "open, high, low, close, price, bid, ask or value"
        raise BadInput(f"{table.origin}: no recognisable price column: expected {wanted}; found {_shown(table.frame.columns)}")
    if len(unnamed) == 1:
        name = unnamed[0]
        return ColumnMap(Kind.VALUES, time, symbol, {"value": name}, inferred=(f"column '{name}' taken as value",))
    return ColumnMap(Kind.VALUES, time, None, {name: name for name in unnamed}, is_wide=True, inferred=("one column per symbol",))


def _kind(fields: dict[str, str]) -> Kind | None:
    if "close" in fields or len(fields.keys() & set(PRICES[Kind.BARS])) >= 2:
        return Kind.BARS
    if "price" in fields and "size" in fields:  # trades, with or without the quotes they met
        return Kind.TICKS
    if "bid" in fields and "ask" in fields:
        return Kind.QUOTES
    if "price" in fields:
        fields["value"] = fields.pop("price")
    if "adj_close" in fields and "value" not in fields:
        fields["close"] = fields.pop("adj_close")
        return Kind.BARS
    return Kind.VALUES if "value" in fields else None


def _by_position(table: RawTable) -> ColumnMap:
    """Map a file without a header by what its cells look like."""
    frame, head = table.frame, table.frame.head(SAMPLE_ROWS)
    time = next((name for name in frame.columns if looks_like_time(head[name])), None)
    if time is None:
        raise BadInput(f"{table.origin}: found no header and no column of dates or times; add a first line with column names")
    text = [
        n
        for n in frame.columns
        if n != time and share_numeric(head[n], decimal=table.decimal) < 0.5 and not _all_missing(head[n])
    ]
    numeric = [n for n in frame.columns if n not in (time, *text)]
    symbol = text[0] if text else None
    fields, kind = _fields_by_position(table, numeric)
    if not fields:
        raise BadInput(f"{table.origin}: found no header and no recognisable price column; add a first line with column names")
    return ColumnMap(kind, (time,), symbol, fields, inferred=("columns by position, the file has no header",))


def _fields_by_position(table: RawTable, numeric: list[str]) -> tuple[dict[str, str], Kind]:
    cells = table.frame.head(SAMPLE_ROWS).select(
        number(pl.col(n), decimal=table.decimal).alias(n) if table.frame[n].dtype == pl.String else pl.col(n) for n in numeric
    )
    if len(numeric) >= 4:
        o, h, low, c = (cells[n] for n in numeric[:4])
        in_order = (h >= low) & (h >= o) & (h >= c) & (low <= o) & (low <= c)
        if int(in_order.sum()) > 0.9 * len(in_order):
            return dict(zip(("open", "high", "low", "close", "volume"), numeric, strict=False)), Kind.BARS
    if len(numeric) >= 2:
        first, second = cells[numeric[0]], cells[numeric[1]]
        apart = ((second / first) - 1).abs().median()
        if isinstance(apart, float) and apart < 0.05:
            return dict(zip(("bid", "ask", "bid_size", "ask_size"), numeric, strict=False)), Kind.QUOTES
        return {"price": numeric[0], "size": numeric[1]}, Kind.TICKS
    return ({"value": numeric[0]} if numeric else {}), Kind.VALUES


def _shown(columns: list[str]) -> str:
    text = ", ".join(columns[:12]) + (f" and {len(columns) - 12} more" if len(columns) > 12 else "")
    return text[:300]
