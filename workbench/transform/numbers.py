"""Numbers as people and vendors write them."""

from __future__ import annotations

import polars as pl

MISSING_WORDS = ("", ".", "-", "--", "n/a", "na", "nan", "null", "none", "#n/a", "nil", "<na>", "nat", "missing")
"""Cells that say: there is no value (compared in lower case, without blanks)."""

_PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$"
_INFINITE = r"^[+-]?inf(inity)?$"
_SCALES = {"k": 1e3, "m": 1e6, "b": 1e9}


def is_missing(text: pl.Expr) -> pl.Expr:
    """Return where a text cell states that it holds nothing."""
    return text.is_null() | text.str.strip_chars().str.to_lowercase().is_in(MISSING_WORDS)


def number(text: pl.Expr, *, decimal: str = ".") -> pl.Expr:
    """Read text as Float64; null where it is missing or no number.

    Parameters
    ----------
    text : Expr of String
    decimal : {".", ","}
        Which of the two separates decimals; the other one separates thousands.

    Notes
    -----
    Blanks and apostrophes separate thousands too; a currency sign in front, brackets for a
    negative number, and K, M, B behind it are understood. The first cast serves the plain numbers
    that nearly all cells are.
    """
    if decimal == ".":
        plain = text.str.strip_chars().cast(pl.Float64, strict=False)
        finite = pl.when(text.str.to_lowercase().str.contains("nan")).then(None).otherwise(plain)
        return finite.fill_null(_written_number(text, decimal=decimal))
    return _written_number(text, decimal=decimal)


def _written_number(text: pl.Expr, *, decimal: str) -> pl.Expr:
    thousands = "," if decimal == "." else "."
    bare = text.str.strip_chars().str.to_lowercase().str.replace_all(r"[\s' ]|^[$€£¥]", "")
    signed = bare.str.replace(r"^\((.*)\)$", "-${1}")
    dotted = signed.str.replace_all(thousands, "", literal=True).str.replace(decimal, ".", literal=True)
    digits = dotted.str.replace(r"[kmb]$", "")
    scale = dotted.str.extract(r"\d([kmb])$").replace_strict(_SCALES, default=1.0, return_dtype=pl.Float64)
    is_number = digits.str.contains(_PLAIN) | digits.str.contains(_INFINITE)
    return pl.when(is_number).then(digits.cast(pl.Float64, strict=False) * scale)


def decimal_mark(cells: pl.Series) -> str:
    """Tell which mark separates decimals in cells of text.

    Notes
    -----
    A cell with both marks decides by which comes last; a cell with a single comma that is not
    followed by exactly three digits can only be a decimal comma. Without such a cell: a dot.

    Examples
    --------
    >>> decimal_mark(pl.Series(["1.234,50", "12,5"]))
    ','
    >>> decimal_mark(pl.Series(["1,234.50", "12,500"]))
    '.'
    """
    text = cells.drop_nulls().str.strip_chars()
    comma = text.str.contains(r"^[+-]?[\d.\s]*,\d+$") & ~text.str.contains(r"^[+-]?\d{1,3},\d{3}$")
    dot = text.str.contains(r"^[+-]?[\d,\s]*\.\d+$") & ~text.str.contains(r"^[+-]?\d{1,3}\.\d{3}$")
    return "," if int(comma.sum()) > int(dot.sum()) else "."


def share_numeric(cells: pl.Series, *, decimal: str = ".") -> float:
    """Return the share of non-missing cells that read as numbers; 0.0 where all are missing."""
    if cells.dtype.is_numeric():
        return 1.0
    if cells.dtype != pl.String:
        return 0.0
    frame = cells.to_frame("cell").filter(~is_missing(pl.col("cell")))
    if frame.is_empty():
        return 0.0
    return 1.0 - float(frame.select(number(pl.col("cell"), decimal=decimal).null_count() / pl.len()).item())
