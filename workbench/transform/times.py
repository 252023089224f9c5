"""Times as vendors write them: text in any common form, epochs, typed columns, with zones or without."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import polars as pl

from workbench.transform.numbers import is_missing

SAMPLE_ROWS = 2000
FIRST_YEAR, LAST_YEAR = 1700, 2199
"""Between these lie all prices there are, and all that calendars know of."""

_OFFSET = r"(Z|[+-]\d{2}:?\d{2})$"
_TIME_TAILS = ("", " %H:%M:%S%.f", "T%H:%M:%S%.f", " %H:%M", "T%H:%M", " %H%M%S", " %H%M", " %I:%M:%S %p", " %I:%M %p", ";%H%M%S")
_DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%d.%m.%Y", "%m/%d/%y", "%d/%m/%y",
    "%d-%b-%y", "%d-%b-%Y", "%d %b %Y", "%b %d %Y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%b %d %y", "%Y%m%d", "%a %b %d %Y",
)  # fmt: skip
_MONTHS = ("%Y-%m", "%b %Y", "%B %Y", "%Y%m")
_EPOCH_UNITS = ((1e17, "ns"), (1e14, "us"), (1e11, "ms"), (1e8, "s"))


@dataclass(frozen=True, slots=True)
class Stamps:
    """Parsed times, one for each row.

    Attributes
    ----------
    local
        Wall-clock time as written, Datetime("us") without zone; null where unreadable.
    offset_minutes
        Int32, what the stamp says it lies east of UTC; null where it says nothing.
    form
        The form that was found, for people: ``%Y-%m-%d``, ``epoch ms``, ``datetime[us, UTC]``.
    """

    local: pl.Series
    offset_minutes: pl.Series
    form: str

    @property
    def is_zoned(self) -> bool:
        """Whether stamps say where they are."""
        return self.offset_minutes.null_count() < len(self.offset_minutes)


def looks_like_time(cells: pl.Series) -> bool:
    """Tell whether most cells of a column are dates or times."""
    if cells.dtype in (pl.Date, pl.Datetime):
        return True
    if cells.dtype.is_integer() or cells.dtype.is_float():
        return _epoch_unit(cells.cast(pl.Float64)) is not None or _is_compact_date(cells)
    if cells.dtype != pl.String:
        return False
    present = cells.to_frame("c").filter(~is_missing(pl.col("c")))["c"]
    if present.is_empty():
        return False
    return parse_times(present).local.null_count() * 2 < len(present)


def parse_times(cells: pl.Series) -> Stamps:
    """Read a column of times.

    Parameters
    ----------
    cells : Series, shape (n,)
        Text, numbers (epoch seconds to nanoseconds, or YYYYMMDD), Date or Datetime.

    Returns
    -------
    Stamps
        All null where nothing fits; null in rows of years before ``FIRST_YEAR`` and after ``LAST_YEAR``: 9999-12-31 and
        0001-01-01 are what vendors write for what they do not know.
    """
    stamps = _parsed(cells)
    inside = stamps.local.dt.year().is_between(FIRST_YEAR, LAST_YEAR)
    if inside.all():  # what is null is passed over
        return stamps
    return replace(stamps, local=stamps.local.set(~inside.fill_null(value=True), None))


def _parsed(cells: pl.Series) -> Stamps:
    if cells.dtype == pl.Date:
        return _naive(cells.cast(pl.Datetime("us")), "date")
    if isinstance(cells.dtype, pl.Datetime):
        return _from_typed(cells)
    if cells.dtype.is_integer() or cells.dtype.is_float():
        return _from_numbers(cells)
    if cells.dtype == pl.String:
        return _from_text(cells)
    return _naive(pl.Series([None] * len(cells), dtype=pl.Datetime("us")), "unreadable")


def _naive(local: pl.Series, form: str) -> Stamps:
    return Stamps(local.cast(pl.Datetime("us")), pl.Series([None] * len(local), dtype=pl.Int32), form)


def _from_typed(cells: pl.Series) -> Stamps:
    zone = cells.dtype.time_zone  # type: ignore[attr-defined]
    if zone is None:
        return _naive(cells, "datetime")
    local = cells.dt.replace_time_zone(None).cast(pl.Datetime("us"))
    utc = cells.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(pl.Datetime("us"))
    return Stamps(local, (local - utc).dt.total_minutes().cast(pl.Int32), f"datetime in {zone}")


def _epoch_unit(numbers: pl.Series) -> str | None:
    middle = numbers.drop_nulls().abs().median()
    if not isinstance(middle, float) or middle < 1e8 or middle > 1e20:
        return None
    return next(unit for least, unit in _EPOCH_UNITS if middle >= least)


def _is_compact_date(cells: pl.Series) -> bool:
    present = cells.drop_nulls()
    if present.is_empty():
        return False
    return bool(present.is_between(19_000_101, 21_001_231).all()) and parse_times(present).local.null_count() == 0


def _from_numbers(cells: pl.Series) -> Stamps:
    whole = cells.cast(pl.Float64).is_between(19_000_101, 21_001_231).all()
    if whole:
        return _from_text(cells.cast(pl.Int64).cast(pl.String))
    unit = _epoch_unit(cells.cast(pl.Float64))
    if unit is None:
        return _naive(pl.Series([None] * len(cells), dtype=pl.Datetime("us")), "unreadable")
    scale = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}[unit]
    exact = cells * int(scale) if scale >= 1 else cells // 1000
    micros = exact if cells.dtype.is_integer() else (cells * scale).round(0)
    local = micros.cast(pl.Int64, strict=False).cast(pl.Datetime("us"))
    return Stamps(local, pl.Series([0] * len(cells), dtype=pl.Int32), f"epoch {unit}")


def _from_text(cells: pl.Series) -> Stamps:
    text = cells.to_frame("t").select(pl.when(~is_missing(pl.col("t"))).then(pl.col("t").str.strip_chars()))["t"]
    sample = text.drop_nulls().head(SAMPLE_ROWS)
    if sample.is_empty():
        return _naive(pl.Series([None] * len(cells), dtype=pl.Datetime("us")), "unreadable")
    if (sample.str.contains(r"^[+-]?\d{9,19}(\.\d+)?$")).mean() > 0.5:  # type: ignore[operator]
        return _from_numbers(
            text.cast(pl.Int64, strict=False)
            if not sample.str.contains(".", literal=True).any()
            else text.cast(pl.Float64, strict=False)
        )
    has_offset = (sample.str.contains(r"\d{2}:\d{2}.*" + _OFFSET)).mean() > 0.5  # type: ignore[operator]
    wall = text.str.replace(r"\s*" + _OFFSET, "") if has_offset else text.str.replace(r"\s+(UTC|GMT)$", "")
    wall = _with_plain_fraction(wall)
    form = _form_of(wall)
    if form is None:
        return _naive(pl.Series([None] * len(cells), dtype=pl.Datetime("us")), "unreadable")
    local = _strptime(wall, form)
    if has_offset:
        return Stamps(local, _offsets(text), form + " with offset")
    if bool(sample.str.contains(r"\s+(UTC|GMT)$").all()):
        return Stamps(local, pl.Series([0] * len(cells), dtype=pl.Int32), form + " UTC")
    return _naive(local, form)


def _with_plain_fraction(wall: pl.Series) -> pl.Series:
    """Write ``20200101 170000065`` (time with glued milliseconds) as ``20200101 170000.065``."""
    glued = wall.drop_nulls().head(SAMPLE_ROWS).str.contains(r"^\d{8}[ T]\d{9}$")
    if len(glued) and glued.all():
        return wall.str.replace(r"^(\d{8})[ T](\d{2})(\d{2})(\d{2})(\d{3})$", "${1} ${2}:${3}:${4}.${5}")
    return wall


def _offsets(text: pl.Series) -> pl.Series:
    written = pl.col("text")
    size = written.str.extract(r"[+-](\d{2}):?\d{2}$").cast(pl.Int32) * 60 + written.str.extract(r"[+-]\d{2}:?(\d{2})$").cast(
        pl.Int32
    )
    signed = pl.when(written.str.contains(r"-\d{2}:?\d{2}$")).then(-size).otherwise(size)
    minutes = pl.when(written.str.ends_with("Z")).then(0).otherwise(signed)
    return text.to_frame("text").select(minutes.cast(pl.Int32).alias("offset_minutes"))["offset_minutes"]


def _form_of(wall: pl.Series) -> str | None:
    """Choose the form that reads most cells of a sample taken from all over the column.

    Notes
    -----
    Day and month are told apart by a number above 12 anywhere in the column; where there is none,
    by which reading keeps the column closest to ordered, steady steps; else the month comes first.
    """
    present = wall.drop_nulls()
    step = max(1, len(present) // SAMPLE_ROWS)
    sample = present.gather_every(step)
    best: tuple[float, str] | None = None
    for form in _candidates(str(sample[0]), str(sample[len(sample) // 2])):
        share = 1 - _strptime(sample, form).null_count() / len(sample)
        if share > 0.5 and (best is None or share > best[0]):
            best = (share, form)
    return _day_or_month(present, best[1]) if best else None


def _candidates(*examples: str) -> list[str]:
    has_clock = any(re.search(r"\d{1,2}:\d{2}|\d{8}[ T;]\d{4,6}$", example) for example in examples)
    tails = _TIME_TAILS[1:] if has_clock else _TIME_TAILS[:1]
    return [date + tail for date in _DATES for tail in tails] + ([] if has_clock else list(_MONTHS))


def _strptime(wall: pl.Series, form: str) -> pl.Series:
    if form in _MONTHS:
        return ("1 " + wall).str.to_datetime("%d " + form, strict=False, time_unit="us")
    if "%H" in form or "%I" in form:
        return wall.str.to_datetime(form, strict=False, time_unit="us")
    return wall.str.to_date(form, strict=False).cast(pl.Datetime("us"))


_SWAPS = (("%m/%d/", "%d/%m/"), ("%m-%d-", "%d-%m-"))


def _day_or_month(present: pl.Series, form: str) -> str:
    for month_first, day_first in _SWAPS:
        if form.startswith((month_first, day_first)):
            tail = form[len(month_first) :]
            forms = (month_first + tail, day_first + tail)
            read = [_strptime(present, f) for f in forms]
            nulls = [series.null_count() for series in read]
            if nulls[0] != nulls[1]:
                return forms[0] if nulls[0] < nulls[1] else forms[1]
            rough = [_roughness(series) for series in read]
            return forms[1] if rough[1] < rough[0] else forms[0]
    return form


def _roughness(stamps: pl.Series) -> float:
    """Return how unsteady the steps between rows are: total travel in days."""
    return float(stamps.diff().dt.total_days().abs().sum() or 0)
