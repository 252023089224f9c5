"""From standard rows to placed rows: which calendar, which zone, which session; said by a contract or inferred."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from workbench.calendars import Calendar, calendar, learn_calendar, name_calendar, name_intraday_calendar
from workbench.model.contract import Contract
from workbench.model.names import EVENT, EVENT_AT, PRICES, REASON, RECEIPT, ROW, SESSION, SYMBOL, UNREADABLE, Kind, fields_of
from workbench.quality.timetables import terms_of
from workbench.transform.frequency import DAILY_OR_SLOWER, step_minutes
from workbench.transform.stamps import stamps_mark_ends
from workbench.transform.standardise import OFFSET, STAMP, Arrived, heads_of_runs, place
from workbench.transform.structure import mark_quarantine, mark_rejected, newest_of_each_key, sort_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from workbench.quality.terms import Terms

MOST_FITS = 200
FEW_SESSIONS = 30
BARE = "unnamed"
MIRRORED = 1.25
"""Within such a factor of a neighbour's price, a price below zero is that price with its sign flipped."""
ONE_OFFSET = timedelta(days=100)
"""No zone changes its clock and back within so few days, but for Ramadan in Morocco, which has no exchange here."""


@dataclass(frozen=True, slots=True)
class Understood:
    """Rows on their place in time.

    Attributes
    ----------
    frame
        Standard columns with ``event_at`` (UTC), ``session`` and ``quarantine_reason``; sorted.
    contract
        The given one, with what it left open filled in.
    calendars
        Symbol -> calendar; symbols for which none is known are absent.
    timezone
        IANA zone that naive stamps were read in; None where it differs by symbol or is not known.
    inferred
        What was not declared, in words.
    """

    frame: pl.DataFrame
    contract: Contract
    calendars: dict[str, Calendar]
    timezone: str | None
    inferred: tuple[str, ...]
    out_of_order: dict[str, int] = field(default_factory=dict)

    @property
    def calendar(self) -> str | None:
        """The calendar's name; None where there are several, or none."""
        names = {c.name for c in self.calendars.values()}
        return names.pop() if len(names) == 1 else None

    def of(self, frame: pl.DataFrame) -> Understood:
        """Return the same understanding of a part of the rows."""
        return replace(self, frame=frame)

    def terms(self, until: datetime | None = None) -> Terms:
        """Return what is to be measured; sessions are known up to ``until`` where it lies behind the last row."""
        fields = tuple(name for name in fields_of(self.contract.kind) if name in self.frame.columns)
        first, last = self.frame[SESSION].min(), self.frame[SESSION].max()
        if not isinstance(first, date) or not isinstance(last, date):
            return terms_of(self.contract, fields, {}, (date.min, date.min))
        span = (first, max(last, until.date()) if until else last)
        return terms_of(self.contract, fields, self.calendars, span, self.frame[SYMBOL].drop_nulls().unique())


def understand(
    arrived: Arrived, contract: Contract | None = None, calendar_name: str | None = None, *, receipts: Sequence[str] = ()
) -> Understood:
    """Place rows in time.

    Parameters
    ----------
    arrived : Arrived
    contract : Contract, optional
        What it declares is taken as it is.
    calendar_name : str, optional
        Overrides the contract's.

    receipts : sequence of str
        Arrivals, oldest first, of which the newest wins for each symbol and time; without any, rows
        that share a key are duplicates.

    Raises
    ------
    BadInput
        The calendar is not known.
    """
    declared = calendar_name or (contract.calendar if contract else None)
    settled = contract or _bare_contract(arrived)
    notes = list(arrived.inferred)
    if contract is None:
        notes += [f"kind {arrived.kind}", f"frequency {arrived.frequency}"]
    symbols = heads_of_runs(arrived.frame[SYMBOL]).drop_nulls().unique().sort().to_list()
    if arrived.frequency in DAILY_OR_SLOWER:
        calendars = _daily_calendars(arrived, symbols, declared)
        zones = _zones(calendars, settled)
        frame = _place_days(arrived, zones)
    else:
        fits = _intraday_calendars(arrived, symbols, declared)
        calendars = {symbol: fit[0] for symbol, fit in fits.items()}
        zones = {symbol: settled.timezone or fit[1] for symbol, fit in fits.items()}
        frame = _place_moments(arrived, symbols, calendars, zones)
        if contract is None and _stamps_mark_ends(frame, calendars, arrived.frequency):
            settled = settled.model_copy(update={"stamp": "end"})
            frame = _place_moments(arrived, symbols, calendars, zones, stamp="end")
            notes.append("stamps mark the end of a bar")
        elif settled.stamp == "end":
            frame = _place_moments(arrived, symbols, calendars, zones, stamp="end")
    names = Counter(c.name for c in calendars.values())
    if declared is None and names:
        notes.append("calendar " + ", ".join(names))
    zone_names = set(zones.values())
    timezone = zone_names.pop() if len(zone_names) == 1 else None
    if timezone and not arrived.is_zoned and not settled.timezone:
        notes.append(f"time zone {timezone}")
    in_force = newest_of_each_key(frame, receipts, arrived.kind)
    marked = mark_quarantine(sort_rows(in_force), arrived.kind, settled.policies)
    marked = mark_rejected(marked, arrived.origins)
    events = [EVENT] if EVENT in marked.columns else []
    standard = [SYMBOL, EVENT_AT, SESSION, *arrived.fields, UNREADABLE, RECEIPT, ROW, *events, REASON]
    return Understood(marked.select(standard), settled, calendars, timezone, tuple(notes), arrived.out_of_order)


def _bare_contract(arrived: Arrived) -> Contract:
    """Promise only what the rows show: a lone value may be a rate or a spread, and those go below zero."""
    low = arrived.kind is Kind.VALUES or _fell_below_zero(arrived)
    return Contract(dataset=BARE, kind=arrived.kind, frequency=arrived.frequency, allow_non_positive=low)


def _fell_below_zero(arrived: Arrived) -> bool:
    """Whether what is below zero was traded there, as oil was in April 2020.

    A sign that was flipped is the mirror of its neighbours, a marker of no value is a whole number, and a bad tick
    sits in one field of its bar.
    """
    prices = [name for name in PRICES[arrived.kind] if name in arrived.fields]
    if arrived.kind is not Kind.BARS or "close" not in prices:
        return False
    close = pl.col("close")
    is_low = pl.sum_horizontal(pl.col(name) < 0 for name in prices)
    near = [(close.abs() / close.shift(step).over(SYMBOL)).is_between(1 / MIRRORED, MIRRORED) for step in (-1, 1)]
    is_wrong = (close < 0) & (pl.any_horizontal(*near).fill_null(value=False) | (close == close.round()))
    is_traded = (is_low >= min(2, len(prices))) & ~is_wrong
    below = arrived.frame.lazy().select(is_low=is_low > 0, is_traded=is_traded).filter("is_low").collect()
    return len(below) > 0 and bool(below["is_traded"].all())


def _with_prices(frame: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    prices = [name for name in PRICES[kind] if name in frame.columns]
    has_price = pl.any_horizontal(pl.col(name).is_not_null() for name in prices)
    when = STAMP if STAMP in frame.columns else EVENT_AT
    return frame.filter(has_price & pl.col(when).is_not_null() & pl.col(SYMBOL).is_not_null())


def _daily_calendars(arrived: Arrived, symbols: list[str], declared: str | None) -> dict[str, Calendar]:
    if arrived.frequency != "1d":
        return {}
    days = _with_prices(arrived.frame, arrived.kind).select(SYMBOL, pl.col(STAMP).dt.date().alias(SESSION), OFFSET)
    return _calendars_of_days(days.unique([SYMBOL, SESSION]), symbols, declared)


def _calendars_of_days(days: pl.DataFrame, symbols: list[str], declared: str | None) -> dict[str, Calendar]:
    if declared == "learned":
        return dict.fromkeys(symbols, learn_calendar(days[SESSION].unique().sort()))
    if declared is not None:
        return dict.fromkeys(symbols, calendar(declared))
    return _consensus(_fits(days.sort(SYMBOL, SESSION)), days)


def calendars_of(frame: pl.DataFrame, contract: Contract) -> dict[str, Calendar]:
    """Return symbol -> calendar of rows that are on their place already: the contract's, else the one that fits.

    Parameters
    ----------
    frame : DataFrame
        Standard columns with ``event_at`` and ``session``.
    contract : Contract
    """
    symbols = frame[SYMBOL].drop_nulls().unique().sort().to_list()
    with_price = _with_prices(frame, contract.kind)
    if contract.frequency in ("1w", "1mo"):
        return {}
    if contract.frequency == "1d":
        midnight = pl.col(SESSION).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        offset = (midnight - pl.col(EVENT_AT)).dt.total_minutes().cast(pl.Int32).alias(OFFSET)
        return _calendars_of_days(
            with_price.select(SYMBOL, SESSION, offset).unique([SYMBOL, SESSION]), symbols, contract.calendar
        )
    if contract.calendar is not None:
        return dict.fromkeys(symbols, calendar(contract.calendar))
    moments = with_price.select(SYMBOL, pl.col(EVENT_AT).dt.replace_time_zone(None).alias(STAMP))
    return {symbol: kept for symbol, (kept, _) in _calendars_of_moments(moments, is_zoned=True).items()}


def _fits(days: pl.DataFrame) -> dict[str, Calendar]:
    """Name each symbol's calendar; symbols with the same days and suffix share one answer, very many share one fit."""
    groups = days.partition_by(SYMBOL, as_dict=True, maintain_order=True)
    if len(groups) > MOST_FITS:
        together = days.unique(SESSION).sort(SESSION)
        return dict.fromkeys((str(key[0]) for key in groups), name_calendar(together[SESSION]).calendar)
    known: dict[tuple[object, ...], Calendar] = {}
    calendars: dict[str, Calendar] = {}
    for (symbol, *_), group in groups.items():
        offsets = group[OFFSET] if group[OFFSET].null_count() == 0 else None
        suffix = str(symbol).rpartition(".")[2] if "." in str(symbol) else str(symbol) if len(groups) == 1 else ""
        key = (
            len(group),
            int(group[SESSION].to_physical().hash().sum()),
            suffix,
            None if offsets is None else int(offsets.sum()),
        )
        if key not in known:
            known[key] = name_calendar(group[SESSION], offsets_minutes=offsets, symbol=str(symbol)).calendar
        calendars[str(symbol)] = known[key]
    return calendars


def _consensus(calendars: dict[str, Calendar], days: pl.DataFrame) -> dict[str, Calendar]:
    """Give a symbol with few sessions the calendar most others keep, where it contradicts none of its days."""
    if len(calendars) < 3:
        return calendars
    name, votes = Counter(c.name for c in calendars.values()).most_common(1)[0]
    if votes * 2 <= len(calendars):
        return calendars
    common = next(c for c in calendars.values() if c.name == name)
    settled = dict(calendars)
    for symbol, own in calendars.items():
        mine = days.filter(pl.col(SYMBOL) == symbol)[SESSION] if own.name != name else None
        if mine is not None and len(mine) <= FEW_SESSIONS:
            sessions = common.sessions(mine.min(), mine.max())  # type: ignore[arg-type]
            if mine.is_in(sessions.implode()).all():
                settled[symbol] = common
    return settled


def _zones(calendars: dict[str, Calendar], contract: Contract) -> dict[str, str]:
    return {symbol: contract.timezone or c.timezone for symbol, c in calendars.items()}


def _zone_expr(zones: Mapping[str, str]) -> tuple[pl.Expr | str, set[str]]:
    names = set(zones.values())
    if len(names) <= 1:
        return next(iter(names), "UTC"), names
    return pl.col(SYMBOL).replace_strict(dict(zones), default="UTC", return_dtype=pl.String), names | {"UTC"}


def _place_days(arrived: Arrived, zones: dict[str, str]) -> pl.DataFrame:
    zone, names = _zone_expr(zones)
    return place(arrived, zone=zone, zones=names).with_columns(pl.col(STAMP).dt.date().alias(SESSION))


def _intraday_calendars(arrived: Arrived, symbols: list[str], declared: str | None) -> dict[str, tuple[Calendar, str]]:
    """Return symbol -> (calendar, zone of naive stamps)."""
    if declared is not None:
        chosen = calendar(declared)
        return dict.fromkeys(symbols, (chosen, chosen.timezone))
    rows = _with_prices(arrived.frame, arrived.kind)
    moments = rows.select(SYMBOL, (pl.col(STAMP) - pl.duration(minutes=pl.col(OFFSET).fill_null(0))).alias(STAMP))
    return _calendars_of_moments(moments, is_zoned=arrived.is_zoned)


def _calendars_of_moments(moments: pl.DataFrame, *, is_zoned: bool) -> dict[str, tuple[Calendar, str]]:
    groups = moments.partition_by(SYMBOL, as_dict=True, maintain_order=True)
    if len(groups) > MOST_FITS // 10:
        fit = name_intraday_calendar(moments[STAMP], is_zoned=is_zoned)
        return {str(key[0]): (fit.calendar, fit.timezone) for key in groups} if fit else {}
    fits = {str(key[0]): name_intraday_calendar(group[STAMP], is_zoned=is_zoned) for key, group in groups.items()}
    return {symbol: (fit.calendar, fit.timezone) for symbol, fit in fits.items() if fit}


def _place_moments(
    arrived: Arrived, symbols: list[str], calendars: dict[str, Calendar], zones: dict[str, str], stamp: str = "start"
) -> pl.DataFrame:
    zone, names = _zone_expr(zones)
    placed = place(arrived, zone=zone, zones=names)
    step = step_minutes(arrived.frequency) or 0
    shift = timedelta(minutes=step) if stamp == "end" else timedelta(0)
    placed = placed.with_columns((pl.col(EVENT_AT) - shift).alias("begins_at"))
    by_name = {c.name: c for c in calendars.values()}
    if len(by_name) == 1 and len(zones) >= len(symbols):
        return with_session(placed, next(iter(by_name.values())))
    name = pl.col(SYMBOL).replace_strict({s: c.name for s, c in calendars.items()}, default="", return_dtype=pl.String)
    parts = placed.with_columns(name.alias("calendar")).partition_by("calendar", as_dict=True, maintain_order=True)
    placed_parts = [with_session(part, by_name.get(str(key[0]))) for key, part in parts.items()]
    return pl.concat(placed_parts)


def _local_dates(moments: pl.Series, zone: str) -> pl.Series:
    """Return the dates of moments in a zone; by plain addition where its offset does not change among them."""
    ends = pl.Series([moments.min(), moments.max()], dtype=moments.dtype)
    local = ends.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    offsets = local - ends.dt.replace_time_zone(None)
    short = ends.null_count() == 0 and ends[1] - ends[0] < ONE_OFFSET and offsets[0] == offsets[1]
    if not short:
        return moments.dt.convert_time_zone(zone).dt.date()
    shifted: pl.Series = moments.dt.replace_time_zone(None) + offsets[0]
    return shifted.dt.date()


def with_session(rows: pl.DataFrame, kept: Calendar | None) -> pl.DataFrame:
    """Give each row its session: the one it lies in, else the local day."""
    if kept is None:
        return rows.with_columns(pl.col("begins_at").dt.date().alias(SESSION))
    local = _local_dates(rows["begins_at"], kept.timezone)
    first, last = rows["begins_at"].min(), rows["begins_at"].max()
    if first is None or last is None:
        return rows.with_columns(pl.lit(None, dtype=pl.Date).alias(SESSION))
    schedule = kept.schedule(first.date() - timedelta(days=7), last.date() + timedelta(days=7))  # type: ignore[union-attr]
    opens_the_day_before = schedule.select(
        (pl.col("open_at").dt.convert_time_zone(kept.timezone).dt.date() < pl.col(SESSION)).any()
    ).item()
    if not opens_the_day_before:
        return rows.with_columns(local.alias(SESSION))
    ordered = rows.sort("begins_at", maintain_order=True)
    hours = schedule.select(pl.col(SESSION), "open_at", "close_at").sort("open_at")
    joined = ordered.join_asof(hours, left_on="begins_at", right_on="open_at", strategy="backward")
    inside = pl.col("begins_at") < pl.col("close_at")
    return joined.with_columns(pl.when(inside).then(pl.col(SESSION)).otherwise(local).alias(SESSION)).drop("open_at", "close_at")


def _stamps_mark_ends(frame: pl.DataFrame, calendars: dict[str, Calendar], frequency: str) -> bool:
    step = step_minutes(frequency)
    kept = next((c for c in calendars.values() if c.name not in ("24/7", "24/5")), None)
    days = frame[SESSION].drop_nulls()
    if step is None or kept is None or days.is_empty():
        return False
    return stamps_mark_ends(frame, kept.schedule(days.min(), days.max()), step)  # type: ignore[arg-type]
