"""Which calendar a series keeps: the one it contradicts least, well known ones first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from workbench.calendars.around_the_clock import AROUND_THE_CLOCK, weekdays
from workbench.calendars.calendar import Calendar, day_of, days_of
from workbench.calendars.learned import LEARNED, learn_calendar
from workbench.calendars.table import about, all_sessions, calendar
from workbench.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MISSING_COST = 3.0
EXTRA_COST = 4.0
HINT_WORTH = 3.0
OBSCURE = 6.0
FAME = {
    "XNYS": 0.0, "XLON": 1.0, "XETR": 1.5, "XTKS": 1.5, "XHKG": 1.5, "24/7": 2.0, "XPAR": 2.0, "XTSE": 2.0, "XASX": 2.0,
    "XSHG": 2.0, "XSWX": 2.2, "XAMS": 2.4, "XSTO": 2.5, "XMIL": 2.5, "XMAD": 2.5, "XBOM": 2.5, "XKRX": 2.5, "XTAI": 2.7,
    "24/5": 3.0, "XOSL": 3.0, "XCSE": 3.0, "XHEL": 3.0, "XBRU": 3.0, "XSES": 3.0, "BVMF": 3.0, "XJSE": 3.0, "XMEX": 3.5,
    "XNZE": 3.5, "XWBO": 3.5, "XLIS": 3.5, "XDUB": 3.5, "XWAR": 3.5, "XIST": 4.0, "XTAE": 4.0, "CMES": 4.0,
}  # fmt: skip
"""What it costs to believe in a calendar before the data speaks; others cost ``OBSCURE``."""

SUFFIXES = {
    "L": "XLON", "IL": "XLON", "DE": "XETR", "F": "XFRA", "HK": "XHKG", "T": "XTKS", "ST": "XSTO", "PA": "XPAR", "AS": "XAMS",
    "TO": "XTSE", "AX": "XASX", "SW": "XSWX", "MI": "XMIL", "MC": "XMAD", "BR": "XBRU", "OL": "XOSL", "CO": "XCSE", "HE": "XHEL",
    "SS": "XSHG", "SZ": "XSHG", "KS": "XKRX", "KQ": "XKRX", "TW": "XTAI", "NS": "XBOM", "BO": "XBOM", "SI": "XSES", "SA": "BVMF",
    "JO": "XJSE", "MX": "XMEX", "NZ": "XNZE", "VI": "XWBO", "LS": "XLIS", "IR": "XDUB", "WA": "XWAR", "IS": "XIST", "TA": "XTAE",
}  # fmt: skip
"""The ending vendors give to symbols of an exchange."""

LEARN_ABOVE = 0.003
LEARN_GAIN = 0.75
LEARN_FROM_DAYS = 250

SHORTEST = timedelta(hours=1)
MOST_DAYS = 40
BIN_MINUTES = 10
MINUTE = 60_000_000  # in microseconds
ROUND_THE_CLOCK_HOURS = 20
FILLED_WEIGHT = 1.5
LEAST_FIT = 1.6
NEW_YORK = "America/New_York"


@dataclass(frozen=True, slots=True)
class Fit:
    """The calendar daily data keeps, and how often it does not."""

    name: str
    calendar: Calendar
    missing: int
    extra: int
    is_learned: bool = False


@dataclass(frozen=True, slots=True)
class IntradayFit:
    """The calendar intraday data keeps, and the zone its naive stamps are in."""

    name: str
    calendar: Calendar
    timezone: str


def name_calendar(dates: pl.Series, *, offsets_minutes: pl.Series | None = None, symbol: str = "") -> Fit:
    """Name the calendar of daily data.

    Parameters
    ----------
    dates : Series of Date, shape (n,); n > 0
        Days that hold real values.
    offsets_minutes : Series of Int32, shape (n,), optional
        How far east of UTC each day's stamp says it lies.
    symbol : str
        Its ending is weak evidence: ``.L`` is London.

    Returns
    -------
    Fit

    Raises
    ------
    BadInput
        There is no date at all.

    Notes
    -----
    Days absent and days too many, between the first and the last, each have a price; so has being
    obscure. A calendar whose zone contradicts most offsets is out, unless all offsets are zero,
    as vendors write them who mean no zone at all.
    """
    days = np.unique(days_of(dates))
    if not len(days):
        raise BadInput("cannot name the calendar of a series without dates; give at least one")
    hinted = _hint(symbol)
    best: tuple[float, str, int, int] | None = None
    for name, sessions in _candidates(days):
        if not _agrees(name, dates, offsets_minutes):
            continue
        missing, extra = _mismatch(days, sessions)
        cost = MISSING_COST * missing + EXTRA_COST * extra + FAME.get(name, OBSCURE) - HINT_WORTH * (name == hinted)
        if best is None or cost < best[0]:
            best = (cost, name, missing, extra)
    if best is None:  # the offsets fit no zone at all: they cannot serve as evidence
        return name_calendar(dates, symbol=symbol)
    _, name, missing, extra = best
    return _or_learned(Fit(name, calendar(name), missing, extra), dates, days)


def _candidates(days: NDArray[np.int32]) -> Iterator[tuple[str, NDArray[np.int32]]]:
    first, last = int(days[0]), int(days[-1])
    for name, kept in AROUND_THE_CLOCK.items():
        yield name, kept.hours.days(day_of(first), day_of(last))
    for name, sessions in all_sessions().items():
        bound = about()["calendars"][name]["bound_first"]
        is_known = len(sessions) and sessions[-1] >= last and (bound is None or day_of(first) >= date.fromisoformat(bound))
        if name not in AROUND_THE_CLOCK and is_known:
            low, high = np.searchsorted(sessions, [first, last + 1])
            yield name, sessions[low:high]


def _mismatch(days: NDArray[np.int32], sessions: NDArray[np.int32]) -> tuple[int, int]:
    """Count sessions that are absent and days that are no session, where the calendar is known."""
    if not len(sessions):
        return 0, len(days)
    common = len(np.intersect1d(days, sessions, assume_unique=True))
    known = int(np.searchsorted(days, sessions[0]))
    before = known if sessions[0] - days[0] > 15 else 0
    return len(sessions) - common, len(days) - common - before


def _hint(symbol: str) -> str | None:
    tokens = re.split(r"[.\-_ ]", symbol.upper())[1:]
    return next((SUFFIXES[token] for token in tokens if token in SUFFIXES), None)


def _agrees(name: str, dates: pl.Series, offsets: pl.Series | None) -> bool:
    if offsets is None or not len(offsets) or bool((offsets == 0).all()):
        return True
    zone = "UTC" if name == "24/7" else _zone(name)
    noon = dates.cast(pl.Datetime("us")).dt.offset_by("12h").dt.replace_time_zone(zone)
    east = noon.dt.base_utc_offset().dt.total_minutes() + noon.dt.dst_offset().dt.total_minutes()
    return int((east == offsets).sum()) * 2 > len(offsets)


def _zone(name: str) -> str:
    return str(about()["calendars"][name]["timezone"]) if name in about()["calendars"] else AROUND_THE_CLOCK[name].timezone


def _or_learned(fit: Fit, dates: pl.Series, days: NDArray[np.int32]) -> Fit:
    """Learn the publisher's own calendar where no known one fits and its own is clearly better."""
    wrong = fit.missing + fit.extra
    if len(days) < LEARN_FROM_DAYS or wrong <= LEARN_ABOVE * len(days):
        return fit
    learned = learn_calendar(dates)
    missing, extra = _mismatch(days, days_of(learned.sessions(day_of(int(days[0])), day_of(int(days[-1])))))
    return Fit(LEARNED, learned, missing, extra, is_learned=True) if missing + extra < LEARN_GAIN * wrong else fit


def name_intraday_calendar(stamps: pl.Series, *, is_zoned: bool) -> IntradayFit | None:
    """Name the calendar of intraday data, and the zone of its stamps.

    Parameters
    ----------
    stamps : Series of Datetime("us") without zone, shape (n,)
        In UTC if ``is_zoned``; else as they were written.
    is_zoned : bool

    Returns
    -------
    IntradayFit or None
        None where less than an hour, or nothing that resembles a market's hours, is there.

    Notes
    -----
    Rows on most Saturdays mean ``24/7``; a day and night of weekdays mean ``24/5``. Else regular
    hours are laid over a sample of days, in UTC and in the exchange's own zone, and the hours win
    that the rows fill best and leave least. Rows outside of them are no contradiction.
    """
    present = stamps.drop_nulls()
    if present.is_empty():
        return None
    bins = present.dt.truncate(f"{BIN_MINUTES}m").value_counts().rename({stamps.name: "at"} if stamps.name else {"": "at"})
    bins = bins.sort("at")
    round_the_clock = _round_the_clock(bins["at"], is_zoned=is_zoned)
    if round_the_clock is not None:
        return round_the_clock
    if present.max() - present.min() < SHORTEST:  # type: ignore[operator]
        return None
    return _exchange(bins, is_zoned=is_zoned)


def _round_the_clock(at: pl.Series, *, is_zoned: bool) -> IntradayFit | None:
    days = at.dt.date().unique().sort()
    numbers = days_of(days)
    if len(at) < 3 and at.filter((at.dt.weekday() == 6) | ((at.dt.weekday() == 7) & (at.dt.hour() < 20))).len():
        return IntradayFit("24/7", AROUND_THE_CLOCK["24/7"], "UTC")
    weekend = int((weekdays(numbers) == 5).sum())
    saturdays = int((weekdays(np.arange(numbers[0], numbers[-1] + 1, dtype=np.int32)) == 5).sum())
    hours = (
        at.to_frame("at")
        .filter(pl.col("at").dt.weekday() < 6)
        .group_by(pl.col("at").dt.date())
        .agg(pl.col("at").dt.hour().n_unique().alias("n"))
    )
    usual_hours = float(hours["n"].median() or 0) if len(hours) else 0.0  # type: ignore[arg-type]
    if saturdays and weekend * 2 > saturdays and at.filter(at.dt.weekday() == 6).dt.hour().n_unique() >= ROUND_THE_CLOCK_HOURS:
        return IntradayFit("24/7", AROUND_THE_CLOCK["24/7"], "UTC")
    if usual_hours >= ROUND_THE_CLOCK_HOURS:
        name = "24/5" if saturdays else "24/7"
        return IntradayFit(name, AROUND_THE_CLOCK[name], "UTC" if is_zoned or name == "24/7" else _forex_zone(at))
    return None


def _forex_zone(at: pl.Series) -> str:
    """Tell the clock of exchange rates from the hour their week opens on Sunday: 17 in New York, 21 or 22 in UTC."""
    sundays = at.filter(at.dt.weekday() == 7)
    if sundays.is_empty():
        return "UTC"
    opening = sundays.to_frame("at").group_by(pl.col("at").dt.date().alias("day")).agg(pl.col("at").min().dt.hour().alias("hour"))
    return NEW_YORK if int(opening["hour"].mode().min() or 0) in (17, 18) else "UTC"  # type: ignore[arg-type]


def _exchange(bins: pl.DataFrame, *, is_zoned: bool) -> IntradayFit | None:
    days = bins["at"].dt.date().unique().sort()
    sampled = bins.filter(pl.col("at").dt.date().is_in(days.gather_every(max(1, len(days) // MOST_DAYS)).implode()))
    best: tuple[float, str, str] | None = None
    in_zone: dict[str, Binned] = {}
    for name, obscurity in FAME.items():
        if name in AROUND_THE_CLOCK:
            continue
        kept = calendar(name)
        for zone in dict.fromkeys(["UTC"] if is_zoned else ["UTC", kept.timezone]):
            if zone not in in_zone:
                in_zone[zone] = _binned(sampled, zone)
            fit = _filled(in_zone[zone], kept) - obscurity / 100 - (0.02 if zone != "UTC" and not is_zoned else 0)
            if best is None or fit > best[0]:
                best = (fit, name, zone)
    if best is None or best[0] < LEAST_FIT:
        return None
    return IntradayFit(best[1], calendar(best[1]), best[2])


@dataclass(frozen=True, slots=True)
class Binned:
    """Stretches of time with rows, read in one zone.

    Attributes
    ----------
    at
        Where they begin, microseconds since 1970, UTC; sorted.
    counts
        Rows in each.
    full
        Rows in a stretch that is full.
    days
        The dates as they were written, as days since 1970; sorted.
    """

    at: NDArray[np.int64]
    counts: NDArray[np.float64]
    full: float
    days: NDArray[np.int32]


def _binned(bins: pl.DataFrame, zone: str) -> Binned:
    moment = pl.col("at").dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")
    utc = bins.with_columns(moment).drop_nulls().sort("at")
    counts = utc["count"].cast(pl.Float64)
    full = float(counts.quantile(0.75) or 1)
    return Binned(utc["at"].to_physical().to_numpy(), counts.to_numpy(), full, days_of(bins["at"].dt.date()))


def _filled(bins: Binned, kept: Calendar) -> float:
    """Return how fully regular hours are filled, weighted, plus the share of rows that lie within them."""
    if not len(bins.at):
        return 0.0
    schedule = kept.schedule(day_of(bins.days[0] - 1), day_of(bins.days[-1] + 1))
    session, opens, closes = (schedule[name].to_physical().to_numpy() for name in ("session", "open_at", "close_at"))
    before = np.searchsorted(opens, bins.at, side="right") - 1
    inside = (before >= 0) & (bins.at < closes[before]) if len(opens) else np.zeros(len(bins.at), dtype=bool)
    local = np.isin(session, bins.days)
    if not local.any() or not inside.any():
        return 0.0
    possible = float(((closes - opens)[local] // MINUTE).sum()) / BIN_MINUTES
    filled = float(np.minimum(bins.counts[inside] / bins.full, 1.0).sum()) / possible
    return float(FILLED_WEIGHT * min(1.0, filled) + bins.counts[inside].sum() / bins.counts.sum())
